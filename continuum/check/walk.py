"""Walks the body of one function in the order of its source."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from continuum.check import cancellation, patch_sites, sets
from continuum.check.forbidden import canonical, code_of, code_of_call, is_called_by_need
from continuum.check.names import (
    COMPREHENSIONS,
    FunctionNode,
    Scope,
    class_scope,
    comprehension_scope,
    function_scope,
    stored_names,
)
from continuum.check.rules import RULES
from continuum.check.values import (
    Class,
    Container,
    External,
    Function,
    Instance,
    Package,
    is_import_time,
)

if TYPE_CHECKING:
    from continuum.check.scan import Scanner

_CHANGES: Final = frozenset({
    "append", "extend", "insert", "remove", "pop", "popitem", "clear", "update", "setdefault",
    "add", "discard", "sort", "reverse", "appendleft", "popleft", "extendleft", "subtract",
    "difference_update", "intersection_update", "symmetric_difference_update",
})  # fmt: skip
_FACTORIES: Final = frozenset({"default_factory", "factory"})
_RAISED: Final = ("Error", "Exception", "Warning")
_CONSTRUCTORS: Final = ("__new__", "__init__", "__post_init__")


class Walker:
    """One function on its way from a workflow.

    Args:
        scanner: takes findings and further functions.
        root: "workflow order_flow", for messages.
        pure: whether its author vouches for what cannot be seen.
    """

    def __init__(self, scanner: Scanner, root: str, pure: bool) -> None:
        self._scanner = scanner
        self._resolver = scanner.resolver
        self._root = root
        self._pure = pure
        self._within = ""
        self._foldable: set[int] = set()

    def walk(self, function: Function) -> None:
        """Check a function of the application."""
        node = function.node
        name = getattr(node, "name", "lambda")
        if not self._root.endswith(f" {name}"):
            self._within = f" in {name}(), reached from {self._root}"
        self._function(node, function.scope, function.owner)

    def report(self, scope: Scope, node: Any, code: str, what: str) -> None:
        """Add a finding."""
        message = f"{what}: {RULES[code].name}{self._within}"
        self._scanner.report(scope.module, node, code, message)

    # definitions

    def _function(self, node: FunctionNode, outer: Scope, owner: Any = None) -> None:
        scope = function_scope(outer, node, owner)
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            values = self._resolver.value(default, outer)
            if any(isinstance(v, Container) for v in values) and not isinstance(default, ast.Name):
                self.report(outer, default, "CTM008", "a mutable default argument")
            if isinstance(default, ast.Call):
                self.visit(default, outer)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        for each in body:
            self.visit(each, scope)

    def visit(self, node: ast.AST, scope: Scope) -> None:
        """Check a node and everything below it."""
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            handler(self, node, scope)
        else:
            self.visit_children(node, scope)

    def visit_children(self, node: ast.AST, scope: Scope) -> None:
        """Check everything below a node."""
        for child in ast.iter_child_nodes(node):
            self.visit(child, scope)

    def _definition(self, node: Any, scope: Scope) -> None:
        function = Function(scope, node)
        if not isinstance(node, ast.Lambda):
            for decorator in node.decorator_list:
                self.visit(decorator, scope)
            if self._resolver.declared(function):
                return
        self._function(node, scope)

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        body = class_scope(scope, node)
        for each in node.body:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                self._function(each, scope, node)
            else:
                self.visit(each, body)

    def _comprehension(self, node: Any, scope: Scope, unordered: bool = False) -> None:
        inner = comprehension_scope(scope, node.generators, node)
        for index, generator in enumerate(node.generators):
            at = inner if index else scope
            if not unordered and not isinstance(node, ast.SetComp):
                self._iterated(generator.iter, at)
            self.visit(generator.iter, at)
            for condition in generator.ifs:
                self.visit(condition, inner)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for part in parts:
            self.visit(part, inner)

    # mentions

    def _mention(self, node: Any, scope: Scope) -> None:
        """A name or attribute that is read."""
        if not isinstance(node.ctx, ast.Load):
            if isinstance(node, ast.Attribute):
                self._stored(node, scope)
                self.visit(node.value, scope)
            return
        values = self._resolver.value(node, scope)
        shared = self._mutated(node, scope)
        if shared:
            self.report(scope, node, "CTM008", f"{shared}, which other code changes")
        for value in values:
            if isinstance(value, Function):
                self._scanner.reach(value, self._root, self._pure)
            elif isinstance(value, External):
                self._mention_external(value, node, scope)
        if isinstance(node, ast.Attribute) and not (values and _is_chain(node.value)):
            self.visit(node.value, scope)

    def _mention_external(self, value: External, node: Any, scope: Scope) -> None:
        name = canonical(value.name)
        code = "CTM016" if name == "continuum.patched" else code_of(name)
        if code is None or (is_called_by_need(name) and not value.made):
            return
        last = name.rpartition(".")[2]
        if last[:1].isupper() or (value.made and not is_import_time(value)):
            return
        what = f"{shown(name)}"
        if value.made:
            if scope.module.scope is not self._resolver.home(_root_name(node), scope):
                return
            what = f"{_root_name(node)}, read from {shown(name)} when it was imported"
        self.report(scope, node, code, what)

    def _mutated(self, node: Any, scope: Scope) -> str | None:
        if isinstance(node, ast.Name):
            home = self._resolver.home(node.id, scope)
            if home is None or home.kind != "module":
                return None
            for binding in home.bindings[node.id]:
                if binding.kind == "from":
                    base = self._resolver.project.absolute(home.module, binding.node)
                    module = self._resolver.project.find(base)
                    if module and binding.name in self._scanner.mutated_globals(module):
                        return node.id
            return node.id if node.id in self._scanner.mutated_globals(home.module) else None
        for value in self._resolver.value(node.value, scope):
            if (
                isinstance(value, Package)
                and value.module is not None
                and (node.attr in self._scanner.mutated_globals(value.module))
            ):
                return node.attr
        return None

    # calls

    def _call(self, node: ast.Call, scope: Scope) -> None:
        values = self._resolver.value(node.func, scope)
        names = [canonical(v.name) for v in values if isinstance(v, External)]
        count = len(node.args) + len(node.keywords)
        flagged = False
        for value in values:
            if isinstance(value, External):
                code = code_of_call(value.name, count)
                if code is not None and not flagged:
                    flagged = True
                    self.report(scope, node, code, f"{shown(canonical(value.name))}()")
            else:
                self._called(value, node, scope)
        opaque = values and all(map(self._scanner.is_opaque, values))
        if opaque and not self._pure and not flagged and not names[0].endswith(_RAISED):
            self.report(scope, node, "CTM101", f"{names[0]}() is outside the application")
        if not values or not isinstance(node.func, ast.Name | ast.Attribute):
            self.visit(node.func, scope)
        elif isinstance(node.func, ast.Attribute) and not _is_chain(node.func.value):
            self.visit(node.func.value, scope)
        self._special(names, node, scope)
        sets.check_call(self._resolver, node, names, scope, self.report)
        if "continuum.side_effect" in names:
            return
        unordered = bool(sets.UNORDERED & set(names))
        for argument in [*node.args, *(each.value for each in node.keywords)]:
            if unordered and isinstance(argument, COMPREHENSIONS):
                self._comprehension(argument, scope, unordered=True)
            else:
                self.visit(argument, scope)

    def _called(self, value: Any, node: ast.Call, scope: Scope) -> None:
        reach = self._scanner.reach
        if isinstance(value, Function):
            reach(value, self._root, self._pure)
        elif isinstance(value, Class | Instance):
            cls = value if isinstance(value, Class) else value.of
            methods = _CONSTRUCTORS if isinstance(value, Class) else ("__call__",)
            for method in methods:
                for found in self._resolver.member_of_class(cls, method):
                    if isinstance(found, Function):
                        reach(found, self._root, self._pure)
            if isinstance(value, Class):
                self._factories(value, node)

    def _factories(self, cls: Class, node: ast.Call) -> None:
        """Default factories of a dataclass run when it is constructed."""
        given = {keyword.arg for keyword in node.keywords}
        body = self._resolver.scope_of(cls)
        fields = [each for each in cls.node.body if isinstance(each, ast.AnnAssign)]
        for index, each in enumerate(fields):
            if index < len(node.args) or getattr(each.target, "id", None) in given or None in given:
                continue
            if isinstance(each.value, ast.Call):
                for keyword in each.value.keywords:
                    if keyword.arg in _FACTORIES:
                        self.visit(keyword.value, body)

    def _special(self, names: list[str], node: ast.Call, scope: Scope) -> None:
        """Calls whose arguments decide."""
        first = self._resolver.value(node.args[0], scope) if node.args else []
        static = any(
            isinstance(v, Class | Package) or (isinstance(v, External) and not v.made)
            for v in first
        )
        if "builtins.setattr" in names and (static or self._is_shared(node.args[0], scope)):
            self.report(scope, node, "CTM008", "setattr() on a module or class")
        computed = len(node.args) > 1 and not isinstance(node.args[1], ast.Constant)
        if "builtins.getattr" in names and static and computed:
            self.report(scope, node, "CTM009", "getattr() with a computed name")
        if "continuum.patched" in names:
            foldable = id(node) in self._foldable
            patch = patch_sites.check_call(node, foldable, scope, self.report)
            if patch is not None:
                self._scanner.add_patch(patch)
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in _CHANGES:
            values = self._resolver.value(function.value, scope)
            if any(isinstance(v, Container) for v in values) and (
                self._is_shared(function.value, scope)
            ):
                what = f"{ast.unparse(function)}() changes a global"
                self.report(scope, node, "CTM008", what)

    # statements

    def _stored(self, node: Any, scope: Scope) -> None:
        """An attribute or item that is assigned or deleted."""
        values = self._resolver.value(node.value, scope)
        static = isinstance(node, ast.Attribute) and any(
            isinstance(v, Class | Package) or (isinstance(v, External) and not v.made)
            for v in values
        )
        if static or self._is_shared(node.value, scope):
            self.report(scope, node, "CTM008", f"{ast.unparse(node)} is assigned")

    def _is_shared(self, node: Any, scope: Scope) -> bool:
        """Whether an object belongs to a module or class, not to this call."""
        if isinstance(node, ast.Name):
            home = self._resolver.home(node.id, scope)
            return home is not None and home.kind == "module"
        if isinstance(node, ast.Attribute):
            held = self._resolver.value(node.value, scope)
            if any(isinstance(v, Package | Class) for v in held):
                return True
        if isinstance(node, ast.Attribute | ast.Subscript):
            return self._is_shared(node.value, scope)
        return False

    def _subscript(self, node: ast.Subscript, scope: Scope) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._stored(node, scope)
        self.visit_children(node, scope)

    def _global(self, node: ast.Global, scope: Scope) -> None:
        changed = sorted(set(node.names) & stored_names(scope.node))
        if changed:
            self.report(scope, node, "CTM008", f"global {', '.join(changed)} is assigned")

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        self.visit(node.target, scope)
        if node.value is not None:
            self.visit(node.value, scope)

    def _iterated(self, node: ast.AST, scope: Scope) -> None:
        sets.check_iteration(self._resolver, node, scope, self.report)

    def _for(self, node: Any, scope: Scope) -> None:
        self._iterated(node.iter, scope)
        self.visit_children(node, scope)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        if any(isinstance(target, ast.Tuple | ast.List) for target in node.targets):
            self._iterated(node.value, scope)
        self.visit_children(node, scope)

    def _star(self, node: ast.Starred, scope: Scope) -> None:
        if isinstance(node.ctx, ast.Load):
            self._iterated(node.value, scope)
        self.visit_children(node, scope)

    def _formatted(self, node: ast.FormattedValue, scope: Scope) -> None:
        self._iterated(node.value, scope)
        self.visit_children(node, scope)

    def _condition(self, node: Any, scope: Scope) -> None:
        todo = [node.test]
        while todo:
            test = todo.pop()
            self._foldable.add(id(test))
            if isinstance(test, ast.BoolOp):
                todo += test.values
            elif isinstance(test, ast.UnaryOp):
                todo.append(test.operand)
        self.visit_children(node, scope)

    def _try(self, node: Any, scope: Scope) -> None:
        cancellation.check_try(self._resolver, node, scope, self.report)
        for part in (node.body, node.orelse, node.finalbody, *(h.body for h in node.handlers)):
            for each in part:
                self.visit(each, scope)

    def _with(self, node: Any, scope: Scope) -> None:
        cancellation.check_with(self._resolver, node, scope, self.report)
        self.visit_children(node, scope)


def shown(name: str) -> str:
    """A dotted name as people write it."""
    return name.removeprefix("builtins.")


def _is_chain(node: ast.AST) -> bool:
    """Whether a resolved name ends here: nothing below it can be a finding of its own."""
    return isinstance(node, ast.Name | ast.Attribute)


def _root_name(node: Any) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return getattr(node, "id", "")


def _nothing(self: Walker, node: ast.AST, scope: Scope) -> None:
    """Not executed."""


_HANDLERS: Final[dict[type[ast.AST], Any]] = {
    ast.FunctionDef: Walker._definition, ast.AsyncFunctionDef: Walker._definition,
    ast.Lambda: Walker._definition, ast.ClassDef: Walker._class,
    **dict.fromkeys(COMPREHENSIONS, Walker._comprehension),
    ast.Name: Walker._mention, ast.Attribute: Walker._mention, ast.Call: Walker._call,
    ast.Subscript: Walker._subscript, ast.Global: Walker._global, ast.AnnAssign: Walker._annotated,
    ast.For: Walker._for, ast.AsyncFor: Walker._for, ast.Assign: Walker._assign,
    ast.Starred: Walker._star, ast.FormattedValue: Walker._formatted, ast.If: Walker._condition,
    ast.IfExp: Walker._condition, ast.Try: Walker._try, ast.TryStar: Walker._try,
    ast.With: Walker._with, ast.AsyncWith: Walker._with, ast.Constant: _nothing,
    ast.Import: _nothing, ast.ImportFrom: _nothing, ast.arguments: _nothing,
}  # fmt: skip
