"""Code under an assignment of its patches: what is left when some are true and others false.

Nothing is changed in place: one parsed tree is looked at under many assignments.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Final

Decide = Callable[[ast.Call], bool | None]
_ENDS: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Folding:
    """Reduces statements and expressions one level at a time.

    Args:
        decide: the value of a call when it is that of a decided patch, else None.
        is_bound: whether reading a name can neither fail nor do anything.
    """

    def __init__(self, decide: Decide, is_bound: Callable[[str], bool]) -> None:
        self._decide = decide
        self._is_bound = is_bound

    # statements

    def body(self, statements: Iterable[ast.stmt]) -> list[ast.stmt]:
        """What is left of a block: no `pass`, no bare constants, nothing behind its end."""
        kept: list[ast.stmt] = []
        for statement in statements:
            for each in self._statement(statement):
                kept.append(each)
                if self._ends(each):
                    return kept
        return kept

    def _statement(self, node: ast.stmt) -> Iterable[ast.stmt]:
        if isinstance(node, ast.Pass):
            return ()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return ()
        if isinstance(node, ast.If):
            test = self.test(node.test)
            known = truth(test)
            if known is not None:
                return self.body(node.body if known else node.orelse)
            return (ast.If(test, node.body, node.orelse),)
        if isinstance(node, ast.While):
            test = self.test(node.test)
            if truth(test) is False:
                return self.body(node.orelse)
            return (ast.While(test, node.body, node.orelse),)
        if isinstance(node, ast.Match):
            return (ast.Match(node.subject, list(self._cases(node.cases))),)
        return (node,)

    def _cases(self, cases: list[ast.match_case]) -> Iterator[ast.match_case]:
        for case in cases:
            if case.guard is None:
                yield case
                continue
            guard = self.test(case.guard)
            known = truth(guard)
            if known is not False:
                yield ast.match_case(case.pattern, None if known else guard, case.body)

    def _ends(self, node: ast.stmt) -> bool:
        """Whether nothing behind this statement is ever executed."""
        if isinstance(node, _ENDS):
            return True
        if isinstance(node, ast.If):
            return self._block_ends(node.body) and self._block_ends(node.orelse)
        if isinstance(node, ast.Try | ast.TryStar):
            handled = all(self._block_ends(each.body) for each in node.handlers)
            done = self._block_ends(node.body) or self._block_ends(node.orelse)
            return self._block_ends(node.finalbody) or (handled and done)
        if isinstance(node, ast.While):
            return truth(node.test) is True and not self._breaks(node.body)
        return False

    def _block_ends(self, statements: list[ast.stmt]) -> bool:
        kept = self.body(statements)
        return bool(kept) and self._ends(kept[-1])

    def _breaks(self, statements: list[ast.stmt]) -> bool:
        """Whether a `break` of this loop is left in its body."""
        todo: list[ast.AST] = list(self.body(statements))
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Break):
                return True
            if isinstance(node, ast.For | ast.AsyncFor | ast.While):
                todo += self.body(node.orelse)
            elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case) and not isinstance(
                node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            ):
                for field in ("body", "orelse", "finalbody"):
                    todo += self.body(getattr(node, field, ()))
                todo += [*getattr(node, "handlers", ()), *getattr(node, "cases", ())]
        return False

    # expressions

    def expression(self, node: ast.expr) -> ast.expr:
        """An expression whose value counts."""
        if isinstance(node, ast.Call):
            known = self._decide(node)
            return node if known is None else ast.Constant(known)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self._negation(node)
        if isinstance(node, ast.BoolOp):
            return self._junction(node, [self.expression(each) for each in node.values], False)
        if isinstance(node, ast.IfExp):
            test = self.test(node.test)
            known = truth(test)
            if known is None:
                return ast.IfExp(test, node.body, node.orelse)
            return self.expression(node.body if known else node.orelse)
        return node

    def test(self, node: ast.expr) -> ast.expr:
        """An expression of which only the truth counts."""
        if isinstance(node, ast.BoolOp):
            return self._junction(node, [self.test(each) for each in node.values], True)
        return self.expression(node)

    def _negation(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.test(node.operand)
        known = truth(operand)
        return ast.UnaryOp(node.op, operand) if known is None else ast.Constant(not known)

    def _junction(self, node: ast.BoolOp, parts: list[ast.expr], as_test: bool) -> ast.expr:
        """`and` and `or`: neutral parts go, and everything behind a deciding one."""
        neutral = isinstance(node.op, ast.And)
        kept: list[ast.expr] = []
        for index, each in enumerate(parts):
            known = truth(each)
            if known is neutral and (as_test or index < len(parts) - 1):
                continue
            kept.append(each)
            if known is (not neutral):
                break
        if not kept:
            return ast.Constant(neutral)
        if as_test and truth(kept[-1]) is (not neutral) and all(map(self._is_silent, kept)):
            return kept[-1]
        return kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)

    def _is_silent(self, node: ast.expr) -> bool:
        """Whether evaluating it can do nothing, so that it may be left out."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self._is_silent(node.operand)
        if isinstance(node, ast.BoolOp):
            return all(map(self._is_silent, node.values))
        if isinstance(node, ast.Compare):
            identity = all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops)
            return identity and all(map(self._is_silent, (node.left, *node.comparators)))
        if isinstance(node, ast.Name):
            return self._is_bound(node.id)
        return isinstance(node, ast.Constant)


def truth(node: ast.expr) -> bool | None:
    """The truth of a literal True or False; None for everything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, bool) else None
