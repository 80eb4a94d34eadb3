"""The calls about schedules for synchronous code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from continuum.client.blocking_calls import BlockingCalls

if TYPE_CHECKING:
    from continuum.declare.workflow import Workflow
    from continuum.schedules.model import Schedule, ScheduleFiring


class BlockingSchedules(BlockingCalls):
    """The part of `BlockingContinuum` that knows schedules."""

    def create_schedule(
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
        """Start runs by themselves from now on; see `Continuum.create_schedule`."""
        return self.call(
            self._client.create_schedule(
                name, flow, *args, cron=cron, every=every, offset=offset, timezone=timezone,
                jitter=jitter, starts_at=starts_at, ends_at=ends_at, overlap=overlap,
                catch_up=catch_up, back_off=back_off, paused=paused, note=note,
                namespace=namespace, attributes=attributes, replace=replace, reason=reason,
            )
        )  # fmt: skip

    def schedules(self, *, namespace: str | None = "default") -> list[Schedule]:
        """The schedules of a namespace, or with None of all."""
        return self.call(self._client.schedules(namespace=namespace))

    def get_schedule(self, name: str, *, namespace: str = "default") -> Schedule:
        """A snapshot of a schedule; see `Continuum.get_schedule`."""
        return self.call(self._client.get_schedule(name, namespace=namespace))

    def pause_schedule(
        self, name: str, *, note: str | None = None, namespace: str = "default"
    ) -> Schedule:
        """Start nothing until it is resumed; see `Continuum.pause_schedule`."""
        return self.call(self._client.pause_schedule(name, note=note, namespace=namespace))

    def resume_schedule(
        self, name: str, *, note: str | None = None, namespace: str = "default"
    ) -> Schedule:
        """Be due again from now on; see `Continuum.resume_schedule`."""
        return self.call(self._client.resume_schedule(name, note=note, namespace=namespace))

    def trigger_schedule(
        self, name: str, *, namespace: str = "default", reason: str | None = None
    ) -> UUID:
        """Start a run now; see `Continuum.trigger_schedule`."""
        return self.call(self._client.trigger_schedule(name, namespace=namespace, reason=reason))

    def delete_schedule(
        self, name: str, *, namespace: str = "default", reason: str | None = None
    ) -> None:
        """Remove a schedule; its runs stay."""
        self.call(self._client.delete_schedule(name, namespace=namespace, reason=reason))

    def schedule_firings(
        self, name: str, *, namespace: str = "default", limit: int = 20
    ) -> list[ScheduleFiring]:
        """Its latest times; see `Continuum.schedule_firings`."""
        return self.call(self._client.schedule_firings(name, namespace=namespace, limit=limit))
