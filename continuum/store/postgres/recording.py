"""Writes down what operators do, in the transaction in which it is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from continuum.operators.acts import Act, OperatorAct
from continuum.store.operators import ActSkipped, reason_required
from continuum.store.postgres.session import Row, Session
from continuum.store.postgres.statements import statements

_SQL: Final = statements("operators")


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """One act with what the store knows of it; `namespace` None is the run's."""

    n: int
    operator: str
    host: str
    program: str
    act: str
    namespace: str | None
    run_id: UUID | None
    reason: str | None
    expression: str | None
    plan_id: UUID | None
    outcome: str
    detail: Mapping[str, Any]


class Record:
    """Gathers the acts of one transaction and writes them with one statement."""

    def __init__(self) -> None:
        self._acts: list[Recorded] = []

    def add(
        self,
        act: Act | None,
        outcome: str,
        *,
        run_id: UUID | None = None,
        namespace: str | None = None,
        **detail: Any,
    ) -> None:
        """One more act, unless no operator did it."""
        if act is None:
            return
        by = act.operator
        self._acts.append(
            Recorded(
                len(self._acts), by.name, by.host, by.program, act.kind, namespace, run_id,
                act.reason, act.expression, act.plan_id, outcome, {**act.detail, **detail},
            )
        )  # fmt: skip

    async def write(self, session: Session) -> None:
        """Write them all, in the transaction of what they say.

        Raises:
            ReasonRequired, ActSkipped: one is refused; the transaction must not go on.
        """
        if not self._acts:
            return
        text = msgspec.json.encode(self._acts).decode()
        for run_id, namespace, unreasoned, settled, state in await session.rows(
            _SQL["record"], [text]
        ):
            if unreasoned:
                raise reason_required(namespace)
            raise ActSkipped(run_id, None if settled else state)


async def record(
    session: Session,
    act: Act | None,
    outcome: str,
    *,
    run_id: UUID | None = None,
    namespace: str | None = None,
    **detail: Any,
) -> None:
    """`Record.write` of a single act."""
    one = Record()
    one.add(act, outcome, run_id=run_id, namespace=namespace, **detail)
    await one.write(session)


def act_of(row: Row) -> OperatorAct:
    """An entry from its columns, in the order of its fields."""
    names = (
        "id", "at", "operator", "host", "program", "act", "namespace", "run_id", "reason",
        "expression", "plan_id", "outcome", "detail",
    )  # fmt: skip
    return OperatorAct(**dict(zip(names, row, strict=True)))
