"""Calls about what operators did, and whether they must say why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from continuum.client.calls import Calls
from continuum.client.cursors import page_of, read_number
from continuum.client.identifiers import (
    check_limit,
    find_run_id,
    optional_namespace,
    parse_run_id,
)
from continuum.codec.attributes import check_namespace
from continuum.errors import ConfigurationError

if TYPE_CHECKING:
    from continuum.model import Page
    from continuum.operators.acts import OperatorAct

MAX_ACTS: Final = 1000


class Journaling(Calls):
    """The part of `Continuum` that knows the operator journal."""

    async def operator_journal(
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
        """One page of what operators did, newest first.

        Recorded is every cancellation, retry, restart, release, adoption, plan and change of a
        schedule, whoever made it, each in the same transaction as what it did; and signals and
        attributes of clients with an `operator`, such as those of the command line.

        Args:
            run_id: only acts upon this run; it may be gone.
            operator: only this one's, by the whole name.
            namespace: only acts there; None is everywhere.
            act: only such acts, as "cancel" or "schedules pause".
            plan_id: only what belongs to this plan.
            since: an aware datetime, or how long ago, at most.
            limit: entries on a page, at most 1,000.
            cursor: `next_cursor` of the previous page.

        Raises:
            QueryError: not a cursor, or the answer took too long.

        Example:
            for entry in (await ct.operator_journal(since=timedelta(hours=2))).entries:
                print(entry.at, entry.operator, entry.act, entry.run_id, entry.reason)
        """
        from continuum.store.operators import ActFilter

        if isinstance(since, datetime) and since.tzinfo is None:
            raise ConfigurationError("since must be an aware datetime, or a timedelta")
        within = optional_namespace(namespace)
        reads = self._backend.reads
        wanted = ActFilter(
            run_id=None if run_id is None else await find_run_id(reads, run_id, within),
            operator=operator,
            namespace=within,
            act=act,
            plan_id=None if plan_id is None else parse_run_id(plan_id),
            since=since if isinstance(since, datetime) else None,
            within=since if isinstance(since, timedelta) else None,
        )
        check_limit(limit, MAX_ACTS)
        store = self._backend.operators
        found, now = await store.acts(wanted, read_number(cursor), limit + 1)
        return page_of(found, limit, lambda entry: str(entry.id), now)

    async def reasons_required(self) -> list[str]:
        """Namespaces in which operators must say why they act.

        Example:
            print("billing" in await ct.reasons_required())
        """
        return list(await self._backend.operators.reasons_required())

    async def require_reasons(
        self, namespace: str, *, required: bool = True, reason: str | None = None
    ) -> None:
        """Refuse acts without a reason in a namespace from now on, or no longer.

        It holds for every client and program: an act without a reason raises `ReasonRequired`, and
        nothing is changed. Signals and attributes of applications need none.

        Args:
            namespace: which one; it may have no runs yet.
            required: False accepts acts without a reason again.
            reason: why, for the operator journal.

        Raises:
            NamespaceError.
            ReasonRequired: reasons are wanted there, also for this.

        Example:
            await ct.require_reasons("billing")
        """
        act = self._acting.act("reasons", reason)
        store = self._backend.operators
        await store.require_reasons(check_namespace(namespace), act, required=required)
