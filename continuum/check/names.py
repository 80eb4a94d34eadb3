"""Scopes: which names a module, class or function binds, and to what."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from continuum.check.modules import Module

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class Binding:
    """One way in which a name gets its value.

    Attributes:
        kind: "import" (of module `name`), "from" (`name` of the module that `node` names), "def",
            "value" (an expression), "enter" (of a `with`), "typed" and "parameter" (an annotation
            and a value or default, either may be missing), "self", or "unknown".
    """

    kind: str
    node: Any = None
    name: str = ""
    other: Any = None


UNKNOWN: Final = Binding("unknown")


@dataclass(eq=False, slots=True)
class Scope:
    """The names of one module, class, function or comprehension.

    Attributes:
        owner: of a method, the scope of its class.
        known: what names were found to mean, filled by the resolver.
    """

    module: Module
    node: ast.AST
    parent: Scope | None = None
    kind: str = "function"
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)
    stars: list[Binding] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)
    owner: ast.ClassDef | None = None

    def bind(self, name: str, binding: Binding) -> None:
        """Add a binding."""
        self.bindings.setdefault(name, []).append(binding)


def module_scope(module: Module, tree: ast.Module) -> Scope:
    """The globals of a module."""
    scope = Scope(module, tree, None, "module")
    _bind_all(scope, tree.body)
    return scope


def class_scope(parent: Scope, node: ast.ClassDef) -> Scope:
    """The body of a class."""
    scope = Scope(parent.module, node, parent, "class")
    _bind_all(scope, node.body)
    return scope


def function_scope(parent: Scope, node: FunctionNode, owner: ast.ClassDef | None = None) -> Scope:
    """Parameters and locals of a function. `owner` is the class whose method it is."""
    scope = Scope(parent.module, node, parent, owner=owner)
    _bind_parameters(scope, node.args, owner is not None and not _is_static(node))
    _bind_all(scope, [node.body] if isinstance(node, ast.Lambda) else node.body)
    for name in scope.outer:
        scope.bindings.pop(name, None)
    return scope


def comprehension_scope(parent: Scope, generators: list[ast.comprehension], node: ast.AST) -> Scope:
    """The targets of a comprehension."""
    scope = Scope(parent.module, node, parent, "comprehension", owner=parent.owner)
    for generator in generators:
        _bind_target(scope, generator.target, UNKNOWN)
    return scope


def decorator_calls(node: Any) -> Iterator[ast.expr]:
    """The decorators of a function, without their arguments."""
    for each in getattr(node, "decorator_list", ()):
        yield each.func if isinstance(each, ast.Call) else each


def stored_names(node: ast.AST) -> set[str]:
    """The names that are assigned anywhere inside."""
    return {
        each.id for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store | ast.Del)
    }  # fmt: skip


def _is_static(node: FunctionNode) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in decorator_calls(node))


def _bind_parameters(scope: Scope, args: ast.arguments, is_method: bool) -> None:
    positional = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
    defaults += args.defaults
    for index, (argument, default) in enumerate(zip(positional, defaults, strict=True)):
        if is_method and index == 0:
            scope.bind(argument.arg, Binding("self"))
        else:
            scope.bind(argument.arg, Binding("parameter", argument.annotation, other=default))
    for argument, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        scope.bind(argument.arg, Binding("parameter", argument.annotation, other=default))
    for rest in filter(None, (args.vararg, args.kwarg)):
        scope.bind(rest.arg, UNKNOWN)


def _bind_all(scope: Scope, body: Iterable[ast.AST]) -> None:
    """Bind what statements bind, without entering the scopes inside them."""
    todo = list(body)[::-1]
    while todo:
        node = todo.pop()
        handler = _BINDERS.get(type(node))
        if handler is not None:
            handler(scope, node)
        if isinstance(node, _SCOPES):
            todo.extend(node.decorator_list if hasattr(node, "decorator_list") else ())  # type: ignore[union-attr]
            continue
        if isinstance(node, COMPREHENSIONS):  # only a walrus gets out of these
            todo.extend(each for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
            continue
        todo.extend(list(ast.iter_child_nodes(node))[::-1])


def _bind_import(scope: Scope, node: ast.Import) -> None:
    for alias in node.names:
        if alias.asname:
            scope.bind(alias.asname, Binding("import", node, alias.name))
        else:
            top = alias.name.partition(".")[0]
            scope.bind(top, Binding("import", node, top))


def _bind_import_from(scope: Scope, node: ast.ImportFrom) -> None:
    for alias in node.names:
        binding = Binding("from", node, alias.name)
        if alias.name == "*":
            scope.stars.append(binding)
        else:
            scope.bind(alias.asname or alias.name, binding)


def _bind_target(scope: Scope, target: ast.AST, binding: Binding) -> None:
    if isinstance(target, ast.Name):
        scope.bind(target.id, binding)
    elif isinstance(target, ast.Starred):
        _bind_target(scope, target.value, UNKNOWN)
    elif isinstance(target, ast.Tuple | ast.List):
        value = binding.node if binding.kind == "value" else None
        elements = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        if len(elements) != len(target.elts) or any(isinstance(e, ast.Starred) for e in elements):
            elements = [None] * len(target.elts)
        for each, element in zip(target.elts, elements, strict=True):
            _bind_target(scope, each, UNKNOWN if element is None else Binding("value", element))


def _bind_assign(scope: Scope, node: ast.Assign) -> None:
    for target in node.targets:
        _bind_target(scope, target, Binding("value", node.value))


def _bind_annotated(scope: Scope, node: ast.AnnAssign) -> None:
    _bind_target(scope, node.target, Binding("typed", node.annotation, other=node.value))


def _bind_walrus(scope: Scope, node: ast.NamedExpr) -> None:
    _bind_target(scope, node.target, Binding("value", node.value))


def _bind_unknown_target(scope: Scope, node: Any) -> None:
    _bind_target(scope, node.target, UNKNOWN)


def _bind_with(scope: Scope, node: ast.With | ast.AsyncWith) -> None:
    for item in node.items:
        if item.optional_vars is not None:
            _bind_target(scope, item.optional_vars, Binding("enter", item.context_expr))


def _bind_named(scope: Scope, node: Any) -> None:
    if node.name:
        scope.bind(node.name, UNKNOWN)


def _bind_definition(scope: Scope, node: Any) -> None:
    scope.bind(node.name, Binding("def", node))


def _bind_rest(scope: Scope, node: ast.MatchMapping) -> None:
    if node.rest:
        scope.bind(node.rest, UNKNOWN)


def _bind_outer(scope: Scope, node: ast.Global | ast.Nonlocal) -> None:
    scope.outer.update(node.names)


_BINDERS: Final[dict[type[ast.AST], Any]] = {
    ast.Import: _bind_import,
    ast.ImportFrom: _bind_import_from,
    ast.Assign: _bind_assign,
    ast.AnnAssign: _bind_annotated,
    ast.NamedExpr: _bind_walrus,
    ast.AugAssign: _bind_unknown_target,
    ast.For: _bind_unknown_target,
    ast.AsyncFor: _bind_unknown_target,
    ast.With: _bind_with,
    ast.AsyncWith: _bind_with,
    ast.ExceptHandler: _bind_named,
    ast.FunctionDef: _bind_definition,
    ast.AsyncFunctionDef: _bind_definition,
    ast.ClassDef: _bind_definition,
    ast.MatchAs: _bind_named,
    ast.MatchStar: _bind_named,
    ast.MatchMapping: _bind_rest,
    ast.Global: _bind_outer,
    ast.Nonlocal: _bind_outer,
}
