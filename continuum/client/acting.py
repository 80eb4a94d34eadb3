"""Who acts through a client, and why: what every act of it is recorded with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from continuum.codec.attributes import check_reason
from continuum.operators.acts import Act, Operator
from continuum.operators.identity import local_user, named_operator, operator_here


@dataclass(frozen=True, slots=True)
class Acting:
    """An operator at work.

    Attributes:
        operator: who.
        named: whether somebody said who; if not, signals and attributes are those of an
            application, and are not recorded.
        reason: of acts for which no other is given.
        plan_id: the plan that is worked off.
    """

    operator: Operator
    named: bool
    reason: str | None = None
    plan_id: UUID | None = None

    @classmethod
    def resolve(cls, operator: str | None, reason: str | None) -> Acting:
        """From what a client was opened with, the environment, and this process.

        Raises:
            PayloadError: the name or the reason is not storable text.
        """
        name = named_operator(operator)
        if reason is not None:
            check_reason(reason)
        return cls(operator_here(name or local_user()), name is not None, reason)

    def for_plan(self, plan_id: UUID, reason: str | None) -> Acting:
        """The same operator, working off a plan."""
        return replace(self, named=True, reason=reason or self.reason, plan_id=plan_id)

    def act(
        self,
        kind: str,
        reason: str | None = None,
        *,
        expression: str | None = None,
        **detail: Any,
    ) -> Act:
        """What is recorded of an act.

        Raises:
            PayloadError: the reason is not storable text.
        """
        if reason is not None:
            check_reason(reason)
        return Act(
            self.operator, kind, reason or self.reason, expression, self.plan_id, detail
        )  # fmt: skip

    def named_act(self, kind: str, reason: str | None = None) -> Act | None:
        """As `act`, for what applications do all the time: None unless an operator does it."""
        return self.act(kind, reason) if self.named or reason is not None else None
