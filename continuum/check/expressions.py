"""What each kind of expression means."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from continuum.check.forbidden import SEEDED, SET_TYPES, canonical
from continuum.check.names import Scope
from continuum.check.values import (
    LIST,
    SET,
    Class,
    Declared,
    External,
    Function,
    Instance,
    Value,
    is_import_time,
)

if TYPE_CHECKING:
    from continuum.check.resolve import Resolver

_MAKES: Final = {
    "continuum.now": "datetime.datetime", "continuum.today": "datetime.date",
    "datetime.datetime.combine": "datetime.datetime", "datetime.datetime.astimezone":
    "datetime.datetime", "datetime.datetime.fromisoformat": "datetime.datetime",
    "datetime.datetime.now": "datetime.datetime", "datetime.datetime.replace": "datetime.datetime",
    "datetime.datetime.date": "datetime.date", "datetime.datetime": "datetime.datetime",
    "datetime.date": "datetime.date", "logging.getLogger": "logging.Logger",
    "asyncio.get_running_loop": "asyncio.AbstractEventLoop",
    "asyncio.get_event_loop": "asyncio.AbstractEventLoop",
    **{f"pathlib.Path.{name}": "pathlib.Path" for name in (
        "joinpath", "with_suffix", "with_name", "with_stem", "relative_to", "cwd", "home",
        "resolve", "absolute", "expanduser")},
}  # fmt: skip
_SET_METHODS: Final = frozenset({
    "union", "intersection", "difference", "symmetric_difference", "copy",
})  # fmt: skip
_CONTAINERS: Final = frozenset({
    "builtins.list", "builtins.dict", "builtins.bytearray", "collections.defaultdict",
    "collections.deque", "collections.Counter", "collections.OrderedDict", "builtins.sorted",
})  # fmt: skip
_CONVERSIONS: Final = frozenset({f"builtins.{n}" for n in ("int", "float", "str", "bool")})
_SPAWNERS: Final = frozenset({"create_task", "ensure_future"})
"""A set of tasks iterates in creation order on the run's loop."""


def _name(self: Resolver, node: ast.Name, scope: Scope) -> list[Value]:
    return self.lookup(node.id, scope)


def _attribute(self: Resolver, node: ast.Attribute, scope: Scope) -> list[Value]:
    return [
        found for value in self.value(node.value, scope)
        for found in self.attribute(value, node.attr)
    ]  # fmt: skip


def _call(self: Resolver, node: ast.Call, scope: Scope) -> list[Value]:
    made: list[Value] = []
    for value in self.value(node.func, scope):
        if isinstance(value, External):
            made += _call_external(self, canonical(value.name), node, scope)
        elif isinstance(value, Class):
            made.append(Instance(value))
        elif isinstance(value, Function) and not isinstance(value.node, ast.Lambda):
            made += self.typed(value.node.returns, value.scope)
        elif isinstance(value, Declared):
            made += [value] if getattr(node.func, "attr", "") == "options" else []
    if (
        not made
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _SET_METHODS
        and (SET in self.value(node.func.value, scope))
    ):
        return [SET]
    return made


def _call_external(self: Resolver, name: str, node: ast.Call, scope: Scope) -> list[Value]:
    first = node.args[0] if node.args else None
    if name in SET_TYPES:
        return [LIST] if first is not None and _spawns(first) else [SET]
    if name in _CONTAINERS:
        return [LIST]
    if name in ("functools.partial", "builtins.staticmethod", "builtins.classmethod",
                "functools.wraps", "continuum.pure", "typing.cast"):  # fmt: skip
        return self.value(node.args[-1] if name == "typing.cast" else first, scope)
    if name in ("continuum.activity", "continuum.workflow"):
        functions = self.value(first, scope) if first is not None else []
        return [Declared(each) for each in functions if isinstance(each, Function)] or (
            [External(name)] if first is None else []
        )
    if name == "builtins.type" and len(node.args) == 1:
        return [
            External(v.name) if isinstance(v, External) else v.of if isinstance(v, Instance) else v
            for v in self.value(first, scope)
        ]
    if name == "builtins.getattr" and len(node.args) > 1:
        key = node.args[1]
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            return [f for v in self.value(first, scope) for f in self.attribute(v, key.value)]
        return []
    if name == "builtins.super" and scope.owner is not None:
        at = scope
        while at.parent is not None and at.node is not scope.owner and at.owner is scope.owner:
            at = at.parent
        return [
            Instance(b) if isinstance(b, Class) else b for b in self.bases(Class(at, scope.owner))
        ]
    if name in ("builtins.__import__", "importlib.import_module"):
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return [self.module(first.value)]
        return []
    if name in _CONVERSIONS and scope.kind == "module":
        return [v for each in node.args for v in self.value(each, scope) if is_import_time(v)]
    if scope.kind == "function" and name in SEEDED and node.args:
        return []
    if name in _MAKES:
        return [External(_MAKES[name], made=True)]
    last = name.rpartition(".")[2]
    if last[:1].isupper() or scope.kind in ("module", "class"):
        return [] if name.startswith("builtins.") else [External(name, made=True)]
    return []


def _spawns(node: ast.AST) -> bool:
    """Whether it makes tasks."""
    return any(
        isinstance(each, ast.Call)
        and getattr(each.func, "attr", getattr(each.func, "id", "")) in _SPAWNERS
        for each in ast.walk(node)
    )


def _set(self: Resolver, node: ast.Set | ast.SetComp, scope: Scope) -> list[Value]:
    return [LIST] if _spawns(node) else [SET]


def _list(self: Resolver, node: Any, scope: Scope) -> list[Value]:
    return [LIST]


def _either(self: Resolver, node: Any, scope: Scope) -> list[Value]:
    parts = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
    return [value for part in parts for value in self.value(part, scope)]


def _inner(self: Resolver, node: Any, scope: Scope) -> list[Value]:
    return self.value(node.value, scope)


def _lambda(self: Resolver, node: ast.Lambda, scope: Scope) -> list[Value]:
    return [Function(scope, node)]


def _operation(self: Resolver, node: ast.BinOp, scope: Scope) -> list[Value]:
    left = self.value(node.left, scope)
    if isinstance(node.op, ast.Div):
        return [v for v in left if isinstance(v, External) and v.made]
    if isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        if (
            SET in left
            or SET in self.value(node.right, scope)
            or (isinstance(node.left, ast.Call) and getattr(node.left.func, "attr", "") == "keys")
        ):
            return [SET]
        return [v for v in left if isinstance(v, External) and v.made]
    return []


def _subscript(self: Resolver, node: ast.Subscript, scope: Scope) -> list[Value]:
    key = node.slice
    if isinstance(node.value, ast.Dict) and isinstance(key, ast.Constant):
        return [
            v
            for k, each in zip(node.value.keys, node.value.values, strict=True)
            if isinstance(k, ast.Constant) and k.value == key.value
            for v in self.value(each, scope)
        ]
    held = self.value(node.value, scope)
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        names = [v.name for v in held if isinstance(v, External)]
        if "sys.modules" in names:
            return [self.module(key.value)]
    if scope.kind == "module":
        return [External(v.name, made=True) for v in held if isinstance(v, External)]
    return []


EXPRESSIONS: Final[dict[type[ast.AST], Any]] = {
    ast.Name: _name, ast.Attribute: _attribute, ast.Call: _call, ast.Set: _set,
    ast.SetComp: _set, ast.List: _list, ast.Dict: _list, ast.ListComp: _list,
    ast.DictComp: _list, ast.IfExp: _either, ast.BoolOp: _either, ast.NamedExpr: _inner,
    ast.Await: _inner, ast.Starred: _inner, ast.Lambda: _lambda, ast.BinOp: _operation,
    ast.Subscript: _subscript,
}  # fmt: skip
