"""Which branches of the workflows' code the replays came through.

The functions that the loaded workflows reach are given code of the same source with a probe at the
beginning of each branch. A trace function would cost many times as much as the replay itself, and
an interpreter's own monitoring exists from Python 3.12 on only.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final, TypeVar

from continuum.declare.registry import AnyWorkflow

PROBE: Final = "__continuum_branch_reached__"
"""The name by which instrumented code calls the probe, in the globals of its module."""

_Function = TypeVar("_Function", ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True, order=True)
class Branch:
    """A place where code goes one way or another.

    Attributes:
        line: where it begins; of a branch that skips a block, the line of the condition.
        what: "def", "if", "else", "skip", "loop", "except", "case".
    """

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.what})"


class Coverage:
    """Counts branches while it is installed; a context manager.

    Functions without source are left out. A function that is called by other code meanwhile
    behaves as ever.

    Args:
        flows: every loaded workflow.

    Example:
        with Coverage([order_flow]) as coverage:
            replay(run)
            coverage.credit("order_flow")
        print(coverage.missed("order_flow"))
    """

    def __init__(self, flows: Iterable[AnyWorkflow]) -> None:
        self.branches: list[Branch] = []
        self._own: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._codes: list[tuple[FunctionType, CodeType]] = []
        self._instrumented: list[tuple[FunctionType, CodeType]] = []
        files: dict[str, _File] = {}
        known: dict[FunctionType, int] = {}
        for flow in sorted(flows, key=lambda each: (each.name, each.version)):
            mask = 0
            for fn in _functions(flow):
                if fn not in known:
                    known[fn] = self._add(fn, files)
                mask |= known[fn]
            self._own[flow.name] = self._own.get(flow.name, 0) | mask
        self._hits = bytearray(len(self.branches))
        self._none = bytes(len(self.branches))

    def __enter__(self) -> Coverage:
        hits = self._hits

        def reached(number: int) -> None:
            hits[number] = 1

        for fn, code in self._instrumented:
            self._codes.append((fn, fn.__code__))
            fn.__globals__[PROBE] = reached
            fn.__code__ = code
        return self

    def __exit__(self, *_: object) -> None:
        for fn, code in self._codes:
            fn.__code__ = code
            fn.__globals__.pop(PROBE, None)
        self._codes.clear()

    def credit(self, workflow: str) -> None:
        """What was reached since the last time was reached by a run of this workflow."""
        hits = self._hits
        self._seen[workflow] = self._seen.get(workflow, 0) | int.from_bytes(hits, "little")
        hits[:] = self._none

    def take(self) -> Mapping[str, int]:
        """What was credited since the last time, for another process to `add`."""
        seen, self._seen = self._seen, {}
        return seen

    def add(self, seen: Mapping[str, int]) -> None:
        """Credit what a coverage of the same code in another process has taken."""
        for workflow, mask in seen.items():
            self._seen[workflow] = self._seen.get(workflow, 0) | mask

    def reached(self, workflow: str) -> list[Branch]:
        """Branches that runs of a workflow came through, in order of file and line."""
        return self._of(self._seen.get(workflow, 0) & self._own.get(workflow, 0))

    def missed(self, workflow: str) -> list[Branch]:
        """Branches that they could come through and did not."""
        return self._of(self._own.get(workflow, 0) & ~self._seen.get(workflow, 0))

    def _of(self, mask: int) -> list[Branch]:
        return sorted({b for n, b in enumerate(self.branches) if mask >> 8 * n & 1})

    def _add(self, fn: FunctionType, files: dict[str, _File]) -> int:
        """Instrument a function; answers its branches as a mask."""
        name = fn.__code__.co_filename
        file = files.get(name)
        if file is None:
            file = files[name] = _File(name, fn.__globals__, self.branches)
        code = file.codes.get((fn.__code__.co_qualname, fn.__code__.co_firstlineno))
        if code is None or code.co_freevars != fn.__code__.co_freevars:
            return 0
        self._instrumented.append((fn, code))
        return sum(1 << 8 * number for number in file.numbers_in(code))


def _functions(flow: AnyWorkflow) -> Iterator[FunctionType]:
    """Every function and method with source that a workflow reaches."""
    for definition in flow.code.reached:
        value = definition.value
        if isinstance(value, FunctionType):
            yield value
        elif isinstance(value, type):
            for member in vars(value).values():
                inner = getattr(member, "__func__", getattr(member, "fget", member))
                if isinstance(inner, FunctionType) and _is_written_in(inner, definition.names.file):
                    yield inner


def _is_written_in(fn: FunctionType, file: str | None) -> bool:
    """Not what a decorator made, such as the methods of a dataclass."""
    return fn.__code__.co_filename == file


class _File:
    """One instrumented source file.

    Attributes:
        codes: its functions by qualified name and first line.
    """

    def __init__(self, name: str, values: Mapping[str, Any], branches: list[Branch]) -> None:
        self.codes: dict[tuple[str, int], CodeType] = {}
        self._spans: dict[tuple[str, int], Sequence[int]] = {}
        lines = linecache.getlines(name, dict(values))
        try:
            tree = ast.parse("".join(lines))
            writer = _Writer(_shown(name), branches, self._spans)
            code = compile(writer.visit(tree), name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):  # changed since it was loaded
            return
        todo = [code]
        while todo:
            for each in todo.pop().co_consts:
                if isinstance(each, CodeType):
                    self.codes[each.co_qualname, each.co_firstlineno] = each
                    todo.append(each)

    def numbers_in(self, code: CodeType) -> Sequence[int]:
        """The branches within a function, those of nested functions included."""
        return self._spans.get((code.co_name, code.co_firstlineno), ())


def _shown(name: str) -> str:
    file, here = Path(name), Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


class _Writer(ast.NodeTransformer):
    """Puts a probe at the beginning of every branch."""

    def __init__(
        self, file: str, branches: list[Branch], spans: dict[tuple[str, int], Sequence[int]]
    ) -> None:
        self._file = file
        self._branches = branches
        self._spans = spans

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return self._function(node)

    def visit_If(self, node: ast.If) -> ast.If:
        condition = node.lineno
        is_elif = len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
        self.generic_visit(node)
        self._begin(node.body, "if")
        if not node.orelse:
            node.orelse = [self._probe(node.test, Branch(self._file, condition, "skip"))]
        elif not is_elif:
            self._begin(node.orelse, "else")
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.IfExp:
        self.generic_visit(node)
        node.body, node.orelse = self._value(node.body, "if"), self._value(node.orelse, "else")
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        self.generic_visit(node)
        self._begin(node.body, "except")
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        self.generic_visit(node)
        self._begin(node.body, "case")
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            self._begin(node.body, "loop")
            if node.orelse:
                self._begin(node.orelse, "else")
        return node

    def _function(self, node: _Function) -> _Function:
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        begin = len(self._branches)
        self.generic_visit(node)
        self._begin(node.body, "def", Branch(self._file, node.lineno, "def"))
        self._spans[node.name, first] = range(begin, len(self._branches))
        return node

    def _begin(self, body: list[ast.stmt], what: str, branch: Branch | None = None) -> None:
        at = 1 if what == "def" and _is_docstring(body[0]) else 0
        beside = body[min(at, len(body) - 1)]
        body.insert(at, self._probe(beside, branch or Branch(self._file, beside.lineno, what)))

    def _probe(self, beside: ast.AST, branch: Branch) -> ast.stmt:
        return ast.copy_location(ast.Expr(self._call(beside, branch)), beside)

    def _value(self, node: ast.expr, what: str) -> ast.expr:
        """The probe answers None, so the value is that of the expression."""
        branch = Branch(self._file, node.lineno, what)
        either = ast.BoolOp(ast.Or(), [self._call(node, branch), node])
        return ast.copy_location(either, node)

    def _call(self, beside: ast.AST, branch: Branch) -> ast.Call:
        self._branches.append(branch)
        call = ast.Call(
            ast.Name(PROBE, ast.Load()), [ast.Constant(len(self._branches) - 1)], []
        )  # fmt: skip
        for node in ast.walk(call):
            ast.copy_location(node, beside)
        return call


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
