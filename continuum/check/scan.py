"""Walks workflow functions and the helpers they reach, and collects findings."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from continuum.check.forbidden import is_visible
from continuum.check.installed import Installed
from continuum.check.modules import Module, Project
from continuum.check.names import Scope, class_scope, function_scope, stored_names
from continuum.check.patch_sites import MANY, PatchSites
from continuum.check.resolve import Resolver
from continuum.check.rules import RULES, Finding
from continuum.check.values import External, Function, Value
from continuum.check.walk import Walker

_WORKFLOW: Final = frozenset({"continuum.workflow"})
_PURE: Final = frozenset({"continuum.pure"})


@dataclass(frozen=True, slots=True)
class Reached:
    """A function to be walked, and how workflow code comes to it."""

    function: Function
    root: str
    pure: bool


class Scanner:
    """Checks functions and everything they reach, each function once.

    Args:
        project: finds the application's modules.
        trusted: dotted names (modules or functions) that need not be visible.
        installed: where marked functions of other packages are looked up; default nowhere.
        resolver: of the project's names; default a new one.
    """

    def __init__(
        self,
        project: Project,
        trusted: Iterable[str] = (),
        installed: Installed | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self.project = project
        self.resolver = resolver or Resolver(project)
        self._installed = installed
        self.findings: set[Finding] = set()
        self._trusted = tuple(trusted)
        self._reached: dict[int, bool] = {}
        self._todo: list[Reached] = []
        self._mutated: dict[int, frozenset[str]] = {}
        self._patches = PatchSites()
        self._walked = 0

    def check_module(self, module: Module) -> None:
        """Check every workflow and every `@continuum.pure` function of a module."""
        for function in workflow_functions(module, self.resolver):
            self.check(function)

    def check(self, function: Function, *, pure: bool | None = None) -> None:
        """Check one function and what it reaches."""
        if pure is None:
            pure = bool(self.resolver.decorated(function, set(_PURE)))
        kind = "pure function" if pure else "workflow"
        root = f"{kind} {getattr(function.node, 'name', 'lambda')}"
        self._walked = 0
        self.reach(function, root, pure)
        while self._todo:
            reached = self._todo.pop()
            self._walked = id(reached.function.node)
            Walker(self, reached.root, reached.pure).walk(reached.function)
        patches = len(self._patches.names_below(id(function.node)))
        if patches > MANY:
            what = f"{root} has {patches}, more than {MANY}: {RULES['CTM103'].name}"
            self.report(function.scope.module, function.node, "CTM103", what)

    # what walkers ask and tell

    def reach(self, function: Function, root: str, pure: bool) -> None:
        """Walk this function, too; one seen as pure only is seen again for its opaque calls."""
        pure = pure or bool(self.resolver.decorated(function, set(_PURE)))
        key = id(function.node)
        self._patches.add_call(self._walked, key)
        if self._reached.get(key, True) and not (pure and key in self._reached):
            self._reached[key] = pure
            self._todo.append(Reached(function, root, pure))

    def add_patch(self, name: str) -> None:
        """The function that is being walked mentions a patch."""
        self._patches.add_name(self._walked, name)

    def report(self, module: Module, node: Any, code: str, message: str) -> None:
        """Add a finding, unless it is silenced."""
        if not module.silences(code, node.lineno, node.end_lineno or node.lineno):
            place = (module.path, node.lineno, node.col_offset + 1)
            self.findings.add(Finding(*place, code, message))

    def is_opaque(self, value: Value) -> bool:
        """Whether nothing is known about a function outside the application."""
        if not isinstance(value, External) or value.made or is_visible(value.name):
            return False
        name = value.name
        if any(name == each or name.startswith(f"{each}.") for each in self._trusted):
            return False
        return not self._is_marked(name)

    def _is_marked(self, name: str) -> bool:
        """Whether a function of an installed package is `@continuum.pure`; it is checked, too."""
        found = None if self._installed is None else self._installed.pure_function(name)
        if found is None:
            return False
        resolver, function = found
        if id(function.node) not in self._reached:
            self._reached[id(function.node)] = True
            inner = Scanner(resolver.project, resolver=resolver)
            inner.check(function, pure=True)
            self.findings |= inner.findings
        return True

    def mutated_globals(self, module: Module) -> frozenset[str]:
        """The globals of a module that its functions change."""
        key = id(module)
        if key not in self._mutated:
            names: set[str] = set()
            tree = (
                module.tree
                if any("global " in line for line in module.lines)
                else ast.Module([], [])
            )
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    for inner in ast.walk(node):
                        if isinstance(inner, ast.Global):
                            names.update(set(inner.names) & stored_names(node))
            self._mutated[key] = frozenset(names)
        return self._mutated[key]


def workflow_functions(module: Module, resolver: Resolver) -> Iterator[Function]:
    """The workflows and pure functions that a module declares, by decorator or by call."""
    wanted = set(_WORKFLOW | _PURE)
    for function in definitions(module):
        if function.node.decorator_list and resolver.decorated(function, wanted):
            yield function
    for bindings in list(module.scope.bindings.values()):
        for binding in bindings:
            if binding.kind == "value" and isinstance(binding.node, ast.Call):
                yield from _wrapped(binding.node, module.scope, resolver)


def _wrapped(call: ast.Call, scope: Scope, resolver: Resolver) -> Iterator[Function]:
    """`flow = workflow(fn)` and `flow = workflow(version=2)(fn)`."""
    called = call.func.func if isinstance(call.func, ast.Call) else call.func
    if External("continuum.workflow") in resolver.value(called, scope) and call.args:
        for value in resolver.value(call.args[0], scope):
            if isinstance(value, Function):
                yield value


def definitions(module: Module) -> Iterator[Function]:
    """Every function of a module, also those inside functions and classes."""
    todo: list[tuple[Scope, Any, Any]] = [(module.scope, each, None) for each in module.tree.body]
    while todo:
        scope, node, owner = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = Function(scope, node, owner)
            yield function
            if _has_definitions(node):
                inner = function_scope(scope, node, owner)
                todo += [(inner, each, None) for each in node.body]
        elif isinstance(node, ast.ClassDef):
            body = class_scope(scope, node)
            todo += [(body, each, node) for each in node.body]
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            todo += [(scope, each, owner) for each in ast.iter_child_nodes(node)]


def _has_definitions(node: ast.AST) -> bool:
    return any(
        isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for each in ast.walk(node) if each is not node
    )  # fmt: skip
