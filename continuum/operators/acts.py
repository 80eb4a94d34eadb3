"""What operators do: who acts, what is recorded of it, and how it reads afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from continuum.model import HistoryEvent, StoredValue

OPERATOR_EVENT: Final = "operator_"
"""How the types of entries that operators made begin in a run's history."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts, and from where.

    Attributes:
        name: of a person or a job.
        host: the machine's.
        program: the name of the executable.
    """

    name: str
    host: str
    program: str


@dataclass(frozen=True, slots=True)
class Act:
    """One act, as a store records it together with what it does.

    Attributes:
        kind: the command that does the same: "cancel", "attributes set".
        expression: which runs it was meant for, when it was for many; plans have their own.
        plan_id: of the plan whose runs it works off. The store then also checks that the run is
            still as the plan expects, and marks it as done.
        detail: what else is to be known, as JSON.
    """

    operator: Operator
    kind: str
    reason: str | None = None
    expression: str | None = None
    plan_id: UUID | None = None
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAct:
    """One entry of the operator journal. Entries are never changed.

    Attributes:
        id: grows from entry to entry.
        at: by the database's clock.
        operator: who.
        host, program: from where.
        act: what, as the command that does the same: "cancel", "signal", "attributes set".
        namespace: of the run or schedule; None for acts upon no namespace, such as "gc-versions".
        run_id: None for acts upon no single run. The run may be gone meanwhile.
        reason: why.
        expression: which runs it was meant for.
        plan_id: the plan that it belongs to.
        outcome: what came of it: "cancel requested", "signalled", "repeated".
        detail: the name of a signal, whether it was by force, and the like.
    """

    id: int
    at: datetime
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

    def as_event(self, seq: int, incarnation: int) -> HistoryEvent:
        """The entry in the run's history; its type is such as "operator_cancel"."""
        told = {
            "operator": self.operator, "host": self.host, "program": self.program,
            "outcome": self.outcome, "reason": self.reason, "plan_id": self.plan_id,
            "expression": self.expression, "detail": dict(self.detail), "id": self.id,
        }  # fmt: skip
        given = {name: each for name, each in told.items() if each is not None}
        # Whole numbers may be longer than 64 bits, as those of attributes may.
        data = json.dumps(given, default=str, ensure_ascii=False).encode()
        kind = OPERATOR_EVENT + self.act.replace(" ", "_").replace("-", "_")
        stored = StoredValue(data, len(data))
        return HistoryEvent(seq, incarnation, kind, None, stored, self.at, self.operator)


ACT_FIELDS: Final = tuple(each.name for each in fields(OperatorAct))
"""What an entry says, in the order of its columns."""


def with_acts(
    events: Sequence[HistoryEvent], acts: Iterable[tuple[int, OperatorAct]]
) -> list[HistoryEvent]:
    """Events with acts between them, each behind the event whose seq it has.

    Args:
        events: a page of a journal, by seq.
        acts: in the order in which they were done.
    """
    incarnations = {event.seq: event.incarnation for event in events}
    first = events[0].incarnation if events else 1
    entries = [act.as_event(seq, incarnations.get(seq, first)) for seq, act in acts]
    # Sorting keeps the order of equals: the event first, then the acts after it.
    return sorted([*events, *entries], key=lambda entry: entry.seq)


def acts_range(events: Sequence[HistoryEvent], after: int) -> tuple[int, int]:
    """The seqs whose acts belong on a page of what follows `after`, the last one included.

    A page from the end of a journal begins later than that.
    """
    before = events[0].seq - 1 if events else after
    return (before + 1 if before else 0), (events[-1].seq if events else before)
