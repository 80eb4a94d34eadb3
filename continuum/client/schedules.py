"""Calls about schedules: runs that start by themselves, by a cron expression or an interval."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from uuid import UUID

from continuum.client.calls import Calls
from continuum.client.identifiers import check_limit, optional_namespace
from continuum.codec.attributes import check_name, check_namespace, check_reason

if TYPE_CHECKING:
    from continuum.declare.workflow import Workflow
    from continuum.schedules.model import Schedule, ScheduleFiring

R = TypeVar("R")
MAX_FIRINGS: Final = 100


class Schedules(Calls):
    """The part of `Continuum` that knows schedules."""

    async def create_schedule(
        self,
        name: str,
        flow: Workflow[..., Any] | str,
        *args: Any,
        cron: str | None = None,
        every: timedelta | float | None = None,
        offset: timedelta | float = 0,
        timezone: str = "UTC",
        jitter: timedelta | float = 0,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        overlap: Literal["skip", "buffer", "cancel", "allow"] = "skip",
        catch_up: timedelta | float = timedelta(hours=1),
        back_off: bool = True,
        paused: bool = False,
        note: str | None = None,
        namespace: str = "default",
        attributes: Mapping[str, Any] | None = None,
        replace: bool = False,
        reason: str | None = None,
    ) -> Schedule:
        """Start runs of a workflow by themselves from now on, each time exactly once.

        Any worker starts them, and any worker that has loaded the workflow executes them.

        Args:
            name: tells schedules of a namespace apart.
            flow: a workflow, or the name of one that a live worker has loaded.
            args: its positional arguments; `continuum.SCHEDULED_AT` stands for the time at which
                the run was due, which the workflow gets as a `datetime`.
            cron: five fields, or six with seconds in front. An hour that is skipped in spring is
                made up for, and one that comes twice in autumn counts once, as with cron.
            every, offset: instead of `cron` an interval, at least a second, counted from 1970 UTC
                plus `offset`.
            timezone: in which the cron expression is read, as "Europe/Berlin".
            jitter: start later by up to this much, evenly spread.
            starts_at, ends_at: aware datetimes; not due before and after.
            overlap: when the run before is still live: "skip" this time, "buffer" one start until
                it has ended, "cancel" it and start then, or "allow" both.
            catch_up: times that nobody was there for are made up for if they are no longer ago.
            back_off: after runs that failed in a row wait longer and longer, up to an hour.
            paused: start nothing until `resume_schedule`.
            note: shown to people.
            namespace, attributes: of its runs.
            replace: change the schedule of that name if there is one.
            reason: why, for the operator journal.

        Raises:
            ScheduleExists, ScheduleError, PayloadError, AttributesError, NamespaceError,
            WorkflowNotFound, ReasonRequired: nothing was written.

        Example:
            await ct.create_schedule("nightly", report_flow, cron="0 3 * * *",
                                     timezone="Europe/Berlin", overlap="buffer")
        """
        from continuum.client.prepared import resolve_flow
        from continuum.client.starting import prepare
        from continuum.errors import ScheduleError, ScheduleExists
        from continuum.schedules.deciding import Overlap
        from continuum.schedules.model import SCHEDULED_AT, NewSchedule
        from continuum.schedules.times import check_seconds, checked_times

        check_name(name, "schedule name")
        times = checked_times(
            cron=cron, every=every, offset=offset, zone=timezone, jitter=jitter,
            starts_at=starts_at, ends_at=ends_at,
        )  # fmt: skip
        if overlap not in set(Overlap):
            raise ScheduleError(
                f"overlap cannot be {overlap!r:.80}", hint="skip, buffer, cancel or allow"
            )
        flow = await resolve_flow(self._backend, flow)
        first = prepare(flow, args, namespace=namespace, attributes=attributes).run
        new = NewSchedule(
            first.namespace, name, first.workflow, first.input,
            [place for place, value in enumerate(args) if value is SCHEDULED_AT],
            first.attributes, times, Overlap(overlap),
            timedelta(seconds=check_seconds("catch_up time", catch_up)),
            back_off, paused, None if note is None else check_reason(note),
        )  # fmt: skip
        act = self._acting.act("schedules create", reason)
        schedule = await self._backend.schedules.put(new, replace=replace, act=act)
        if schedule is None:
            raise ScheduleExists(f"namespace {namespace} has a schedule {name!r}")
        self._backend.hints.poll_now()
        return schedule

    async def schedules(self, *, namespace: str | None = "default") -> list[Schedule]:
        """The schedules of a namespace, or with None of all, by namespace and name.

        Example:
            for schedule in await ct.schedules():
                print(schedule.name, schedule.status, schedule.next_at)
        """
        return list(await self._backend.schedules.list(optional_namespace(namespace)))

    async def get_schedule(self, name: str, *, namespace: str = "default") -> Schedule:
        """A snapshot of a schedule.

        Raises:
            ScheduleNotFound.

        Example:
            print((await ct.get_schedule("nightly")).next_times(3))
        """
        found = await self._backend.schedules.get(check_namespace(namespace), name)
        return _found(found, name, namespace)

    async def pause_schedule(
        self, name: str, *, note: str | None = None, namespace: str = "default"
    ) -> Schedule:
        """Start nothing until `resume_schedule`; the times in between are not made up for.

        Args:
            name: of the schedule.
            note: shown to people: why. It is the reason in the operator journal, too.
            namespace: of the schedule.

        Raises:
            ScheduleNotFound, ReasonRequired.

        Example:
            await ct.pause_schedule("nightly", note="the warehouse moves")
        """
        act = self._acting.act("schedules pause", note)
        store = self._backend.schedules
        found = await store.pause(check_namespace(namespace), name, note, act)
        return _found(found, name, namespace)

    async def resume_schedule(
        self, name: str, *, note: str | None = None, namespace: str = "default"
    ) -> Schedule:
        """Be due again from now on; forgives failures, so it also ends a back-off.

        Raises:
            ScheduleNotFound, ReasonRequired.

        Example:
            await ct.resume_schedule("nightly")
        """
        act = self._acting.act("schedules resume", note)
        store = self._backend.schedules
        found = await store.resume(check_namespace(namespace), name, note, act)
        self._backend.hints.poll_now()
        return _found(found, name, namespace)

    async def trigger_schedule(
        self, name: str, *, namespace: str = "default", reason: str | None = None
    ) -> UUID:
        """Start a run now, whatever the times and the run before say; answers its id.

        Raises:
            ScheduleNotFound, ReasonRequired.

        Example:
            run_id = await ct.trigger_schedule("nightly")
        """
        store = self._backend.schedules
        act = self._acting.act("schedules trigger", reason)
        started = await store.trigger(check_namespace(namespace), name, act)
        run_id = _found(started, name, namespace)
        self._backend.hints.runs_changed([run_id])
        return run_id

    async def delete_schedule(
        self, name: str, *, namespace: str = "default", reason: str | None = None
    ) -> None:
        """Remove a schedule; its runs stay.

        Raises:
            ScheduleNotFound, ReasonRequired.

        Example:
            await ct.delete_schedule("nightly")
        """
        act = self._acting.act("schedules delete", reason)
        if not await self._backend.schedules.delete(check_namespace(namespace), name, act):
            _found(None, name, namespace)

    async def schedule_firings(
        self, name: str, *, namespace: str = "default", limit: int = 20
    ) -> list[ScheduleFiring]:
        """The latest times of a schedule and what became of them, the newest first.

        Args:
            name: of the schedule.
            namespace: of the schedule.
            limit: at most 100, and so many are kept.

        Raises:
            ScheduleNotFound.

        Example:
            for firing in await ct.schedule_firings("nightly"):
                print(firing.due_at, firing.outcome, firing.state)
        """
        check_limit(limit, MAX_FIRINGS)
        await self.get_schedule(name, namespace=namespace)
        return list(await self._backend.schedules.firings(namespace, name, limit))


def _found(answer: R | None, name: str, namespace: str) -> R:
    if answer is None:
        from continuum.errors import ScheduleNotFound

        raise ScheduleNotFound(f"namespace {namespace} has no schedule {name!r:.80}")
    return answer
