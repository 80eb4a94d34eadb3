"""The calls about operators' acts for synchronous code."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from continuum.client.blocking_calls import BlockingCalls
from continuum.model import Page

if TYPE_CHECKING:
    from continuum.operators.acts import OperatorAct


class BlockingJournaling(BlockingCalls):
    """The part of `BlockingContinuum` that knows the operator journal."""

    def operator_journal(
        self,
        *,
        run_id: UUID | str | None = None,
        operator: str | None = None,
        namespace: str | None = None,
        act: str | None = None,
        plan_id: UUID | str | None = None,
        since: datetime | timedelta | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[OperatorAct]:
        """One page of what operators did; see `Continuum.operator_journal`."""
        return self.call(
            self._client.operator_journal(
                run_id=run_id, operator=operator, namespace=namespace, act=act, plan_id=plan_id,
                since=since, limit=limit, cursor=cursor,
            )
        )  # fmt: skip

    def reasons_required(self) -> list[str]:
        """Namespaces in which operators must say why they act."""
        return self.call(self._client.reasons_required())

    def require_reasons(
        self, namespace: str, *, required: bool = True, reason: str | None = None
    ) -> None:
        """Refuse acts without a reason there; see `Continuum.require_reasons`."""
        call = self._client.require_reasons
        self.call(call(namespace, required=required, reason=reason))
