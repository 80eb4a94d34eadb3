"""Writes down what operators do, in the transaction in which it is done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from continuum.operators.acts import ACT_FIELDS, Act, OperatorAct
from continuum.store.operators import ActSkipped, reason_required
from continuum.store.postgres.session import Row, Session
from continuum.store.postgres.statements import statements

_SQL: Final = statements("operators")


class Record:
    """Gathers the acts of one transaction and writes them with one statement."""

    def __init__(self) -> None:
        self._acts: list[Mapping[str, Any]] = []

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
        self._acts.append({
            "n": len(self._acts), "operator": by.name, "host": by.host, "program": by.program,
            "act": act.kind, "namespace": namespace, "run_id": run_id, "reason": act.reason,
            "expression": act.expression, "plan_id": act.plan_id, "outcome": outcome,
            "detail": {**act.detail, **detail},
        })  # fmt: skip

    async def write(self, session: Session) -> None:
        """Write them all, in the transaction of what they say.

        Raises:
            ReasonRequired, ActSkipped: one is refused; the transaction must not go on.
        """
        if self.any:
            self.check(await session.rows(*self.statement()))

    @property
    def any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._acts)

    def statement(self) -> tuple[bytes, list[object]]:
        """What writes them all, for whoever has the connection; `check` its rows."""
        # Whole numbers may be longer than 64 bits, as those of attributes may.
        return _SQL["record"], [json.dumps(self._acts, default=str, ensure_ascii=False)]

    @staticmethod
    def check(rows: Sequence[Row]) -> None:
        """Raise what refuses them, as `write` does."""
        for run_id, namespace, unreasoned, settled, state in rows:
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
    return OperatorAct(**dict(zip(ACT_FIELDS, row, strict=True)))
