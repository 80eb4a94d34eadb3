"""A syntax tree in a text form that is the same on every Python and for every formatting.

Left out: positions, comments, docstrings, annotations, the name of the function itself.
`ast.dump` is of no use: its text changes between Python releases. Names that the code does not
bind itself are written as what they mean, and patches as what they were decided to be.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any, Final, cast

from continuum.check.names import (
    COMPREHENSIONS,
    class_scope,
    comprehension_scope,
    function_scope,
)
from continuum.versions.belonging import ENGINE
from continuum.versions.boundaries import boundary_of_call
from continuum.versions.describing import found_pieces, value_pieces, wrapped
from continuum.versions.dispatch import classes_of, has_code
from continuum.versions.folding import Folding
from continuum.versions.naming import Found, Names, kind_of
from continuum.versions.scoping import Scoping
from continuum.versions.source import FunctionNode
from continuum.versions.text import Site, Text, of_function

_PATCHED: Final = frozenset({"continuum.patched", "continuum.engine.api.patched"})
_SKIPPED: Final = frozenset({
    "ctx", "kind", "type_comment", "type_ignores", "type_params", "decorator_list", "returns",
    "annotation", "simple",
})  # fmt: skip
_BODIES: Final = frozenset({"body", "orelse", "finalbody"})
_TESTS: Final[dict[type[ast.AST], str]] = {
    ast.If: "test", ast.While: "test", ast.IfExp: "test", ast.match_case: "guard",
}  # fmt: skip


class Writer:
    """Writes one definition.

    Args:
        names: what the names mean that it does not bind.
        patches: what each patch is taken to be; one that is missing stays undecided.
    """

    def __init__(self, names: Names, patches: Mapping[str, bool]) -> None:
        self.text = Text()
        self._names = names
        self._patches = patches
        self._scoping = Scoping(names)
        self._folding = Folding(self._decided, self._scoping.is_bound)

    # definitions

    def function(self, node: FunctionNode | ast.Lambda, fn: FunctionType) -> None:
        """A function as it was loaded: defaults by value, and what it wraps."""
        values = [*(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values()]
        given = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        for index, each in enumerate(values):
            known = value_pieces(each, self._names.module)
            if known is None and index < len(given):
                self._write("default ")
                self.node(given[index])
            else:
                self.text.pieces += ["default ", *(known or ["unknown"]), "\n"]
        inner = wrapped(fn)
        if isinstance(inner, FunctionType):
            self.text.pieces += ["wraps ", *(value_pieces(inner, self._names.module) or ())]
        self._function(node, defaults=False)

    def class_(self, node: ast.ClassDef) -> None:
        """A class with everything in its body."""
        self._write(f"name {node.name!r}")
        self._class(node)

    def unseen(self, text: str, name: str) -> None:
        """What has no source."""
        self._write(text)
        self.text.opaque.append(Site(f"{name}, which has no source", self._names.file or "", 0))

    def node(self, part: Any) -> None:
        """A node, a list of nodes, or a plain value inside a node."""
        if isinstance(part, list):
            self._list(cast("list[Any]", part))
        elif not isinstance(part, ast.AST):
            self._write(f"{type(part).__name__}:{part!r}")
        else:
            if isinstance(part, ast.expr):
                part = self._folding.expression(part)
            names, start = self._decide(part), len(self.text.pieces)
            writer = _WRITERS.get(cast("type[ast.AST]", type(part)))
            if writer is None:
                self._fields(part)
            else:
                writer(self, part)
            for name in names:
                self.text.branched.setdefault(name, []).append(self.text.pieces[start:])

    def _function(self, node: Any, defaults: bool = True, owner: Any = None) -> None:
        self._decorators(node)
        kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        outer = self._scoping.scope
        self._scoping.scope = function_scope(outer, node, owner)
        self._write(f"{kind} generator" if _yields(node) else kind)
        self._write(_parameters(node.args))
        if defaults:
            inner, self._scoping.scope = self._scoping.scope, outer
            self._list([*node.args.defaults, *filter(None, node.args.kw_defaults)])
            self._scoping.scope = inner
        body = [ast.Return(node.body)] if isinstance(node, ast.Lambda) else node.body
        self._body(body)
        self._scoping.scope = outer

    def _nested(self, node: Any) -> None:
        self._write(f"name={getattr(node, 'name', '')!r} ")
        self._function(node)

    def _class(self, node: ast.ClassDef) -> None:
        self._decorators(node)
        self._write("class")
        self._list(node.bases)
        self._list(node.keywords)
        outer = self._scoping.scope
        self._scoping.scope = class_scope(outer, node)
        for each in node.body:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                self._write(f"\nmethod {each.name!r} ")
                inner, self._scoping.scope = self._scoping.scope, outer
                self._function(each, owner=node)
                self._scoping.scope = inner
            elif isinstance(each, ast.AnnAssign) and each.value is None:
                self._write("\nfield ")
                self.node(each.target)
            else:
                self._body([each])
        self._scoping.scope = outer

    def _nested_class(self, node: ast.ClassDef) -> None:
        self._write(f"name={node.name!r} ")
        self._class(node)

    def _decorators(self, node: Any) -> None:
        """Those that the engine does not bring: `@workflow` and `@pure` change nothing."""
        for each in getattr(node, "decorator_list", ()):
            called = each.func if isinstance(each, ast.Call) else each
            found = self._scoping.resolve(called)
            dotted = None if found is None else found[0].dotted
            if dotted is None or dotted.partition(".")[0] != ENGINE:
                self._write("@")
                self.node(each)

    # statements

    def _body(self, statements: Iterable[ast.stmt]) -> None:
        self._write("[")
        for each in self._folding.body(statements):
            if isinstance(each, ast.AnnAssign) and each.value is None:
                continue
            self.node(each)
            self._write(",")
        self._write("]")

    def _annotated(self, node: ast.AnnAssign) -> None:
        """`x: int = 1` is `x = 1`."""
        self.node(ast.Assign([node.target], cast("ast.expr", node.value)))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        """The names say what it brings, whatever it is called here."""
        self._write("Import()")

    # expressions

    def _reference(self, node: ast.Name | ast.Attribute) -> None:
        resolved = self._scoping.resolve(node)
        if resolved is not None:
            self._found(*resolved, node)
        elif isinstance(node, ast.Name):
            stored = isinstance(node.ctx, ast.Store | ast.Del)
            if self._scoping.home(node.id) is None:
                if not stored:
                    self.text.complete = False
                    self._opaque(f"{node.id}, which has no value", node)
                self._write("Global")
            self._write(f"Name({node.id!r})")
        else:
            self._member(node)

    def _found(self, found: Found, rest: list[str], node: ast.expr) -> None:
        if found.dotted in _PATCHED:
            self._opaque("patched() without a literal name", node)
        pieces, opaque = found_pieces(found, self._names.module)
        if opaque is not None:
            self._opaque(f"{ast.unparse(_without(node, len(rest)))}, {opaque}", node)
        self._write("Attribute(value=" * len(rest))
        self.text.pieces += pieces
        for attribute in rest:
            self._write(f",attr={attribute!r})")

    def _member(self, node: ast.Attribute) -> None:
        """An attribute of an object: of a method the class is told, if it is known."""
        self._fields(node)
        home = self._scoping.home(node.value.id) if isinstance(node.value, ast.Name) else None
        bindings = [] if home is None else home.bindings[cast("ast.Name", node.value).id]
        known = [cls for each in bindings for cls in classes_of(each, self._scoping.resolve)]
        near = self._names.module
        for cls in dict.fromkeys(known):
            if has_code(cls, node.attr, near):
                self.text.pieces += [" of ", *(value_pieces(cls, near) or ())]
        told = known or any(each.kind == "self" for each in bindings) or _is_super(node.value)
        if not told or len(bindings) > 1:
            self.text.unknown.append(Site(node.attr, self._names.file or "", node.lineno))

    def _call(self, node: ast.Call) -> None:
        site = self._patch(node)
        if site is not None:
            self.text.sites.append(site)
            self._write(f"patched({site.name!r})")
            return
        resolved = self._scoping.resolve(node.func)
        called = None if resolved is None or resolved[1] else resolved[0]
        typed = boundary_of_call(node, called and called.dotted, self._scoping.resolve)
        if typed is not None:
            self.text.typed.append(typed)
        value = None if called is None else called.value
        if kind_of(value) == "workflow":  # called directly, its code is part of this code
            self.text.pieces += ["Call of ", of_function(cast("Any", value).fn)]
            self._list(node.args)
            self._list(node.keywords)
            return
        self._fields(node)

    def _comprehension(self, node: Any) -> None:
        outer = self._scoping.scope
        inner = comprehension_scope(outer, node.generators, node)
        self._write(f"{type(node).__name__}(")
        for index, each in enumerate(node.generators):
            self._scoping.scope = inner if index else outer
            self.node(each.iter)
            self._scoping.scope = inner
            self._write(f" async={each.is_async} ")
            self.node(each.target)
            self._list(each.ifs)
        for field in ("key", "elt", "value"):
            if hasattr(node, field):
                self.node(getattr(node, field))
                self._write(";")
        self._scoping.scope = outer
        self._write(")")

    def _formatted_string(self, node: ast.JoinedStr) -> None:
        """Releases split the literal text of f-strings differently: join it again."""
        self._write("JoinedStr(")
        text = ""
        for value in node.values:
            if isinstance(value, ast.Constant):
                text += str(value.value)
                continue
            if text:
                self._write(f"str:{text!r},")
                text = ""
            self.node(value)
            self._write(",")
        self._write(f"str:{text!r})" if text else ")")

    def _constant(self, node: ast.Constant) -> None:
        self._write(f"{type(node.value).__name__}:{node.value!r}")

    def _fields(self, node: ast.AST) -> None:
        self._write(f"{type(node).__name__}(")
        for field in node._fields:
            value: Any = getattr(node, field, None)
            if field in _SKIPPED or value is None or value == []:
                continue
            self._write(f"{field}=")
            if field in _BODIES and isinstance(value, list):
                self._body(cast("list[ast.stmt]", value))
            else:
                self.node(value)
            self._write(",")
        self._write(")")

    def _list(self, parts: Iterable[Any]) -> None:
        self._write("[")
        for each in parts:
            self.node(each)
            self._write(",")
        self._write("]")

    # patches

    def _patch(self, node: ast.Call) -> Site | None:
        resolved = self._scoping.resolve(node.func)
        if resolved is None or resolved[0].dotted not in _PATCHED or resolved[1]:
            return None
        given = [*node.args, *(each.value for each in node.keywords)]
        if len(given) == 1 and isinstance(given[0], ast.Constant):
            name = given[0].value
            if isinstance(name, str):
                return Site(name, self._names.file or "", node.lineno)
        return None

    def _decide(self, node: ast.AST) -> set[str]:
        """Undecided patches that decide which part of a node is executed."""
        test = getattr(node, _TESTS.get(type(node), ""), None)
        calls = [each for each in ast.walk(test) if isinstance(each, ast.Call)] if test else []
        return {site.name for site in map(self._patch, calls) if site is not None}

    def _decided(self, node: ast.Call) -> bool | None:
        site = self._patch(node)
        return None if site is None else self._patches.get(site.name)

    # text

    def _write(self, text: str) -> None:
        self.text.pieces.append(text)

    def _opaque(self, what: str, node: Any) -> None:
        self.text.opaque.append(Site(what, self._names.file or "", getattr(node, "lineno", 0)))


def _without(node: ast.expr, attributes: int) -> ast.expr:
    for _ in range(attributes):
        node = cast("ast.Attribute", node).value
    return node


def _parameters(args: ast.arguments) -> str:
    groups = [
        [each.arg for each in group]
        for group in (args.posonlyargs, args.args, args.kwonlyargs)
    ]  # fmt: skip
    rest = [None if each is None else each.arg for each in (args.vararg, args.kwarg)]
    required = [each is None for each in args.kw_defaults]
    return f"{groups}{rest}{len(args.defaults)}{required}"


def _yields(node: Any) -> bool:
    """Whether it is a generator, also if the `yield` is never reached."""
    todo: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    while todo:
        each = todo.pop()
        if isinstance(each, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(
            each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
        ) and not isinstance(each, COMPREHENSIONS):
            todo += ast.iter_child_nodes(each)
    return False


def _is_super(node: ast.expr) -> bool:
    """Whether it is `super()`: the bases are part of the class."""
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and (node.func.id == "super")
    )


_WRITERS: Final[dict[type[ast.AST], Any]] = {
    ast.Constant: Writer._constant, ast.AnnAssign: Writer._annotated,
    ast.JoinedStr: Writer._formatted_string, ast.Name: Writer._reference,
    ast.Attribute: Writer._reference, ast.Call: Writer._call, ast.Import: Writer._import,
    ast.ImportFrom: Writer._import, ast.FunctionDef: Writer._nested,
    ast.AsyncFunctionDef: Writer._nested, ast.Lambda: Writer._nested,
    ast.ClassDef: Writer._nested_class,
    **dict.fromkeys(COMPREHENSIONS, Writer._comprehension),
}  # fmt: skip
