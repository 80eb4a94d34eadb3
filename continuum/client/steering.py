"""Calls that steer a run: signal, cancel, search attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from continuum.client.calls import Calls
from continuum.client.identifiers import find_run_id, optional_namespace


class Steering(Calls):
    """The part of `Continuum` that talks to runs."""

    async def signal(
        self,
        run_id: UUID | str,
        name: str,
        payload: Any = None,
        *,
        namespace: str | None = None,
        delivery_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Post a signal: durable when this returns, delivered in order of arrival per name.

        Args:
            run_id: of a live run.
            name: what `wait_signal` waits for.
            payload: JSON types, dataclasses, datetimes and the like.
            namespace: only a run of this namespace.
            delivery_id: repeated calls with the same id for this run and name count once.
            reason: why an operator sends it. It is recorded in the operator journal then, as are
                all signals of a client that was opened with an `operator`.

        Raises:
            RunNotFound, RunTerminal, PayloadError, ReasonRequired.

        Example:
            await ct.signal(run_id, "fraud_review", "approved", delivery_id=request_id)
        """
        act = self._acting.named_act("signal", reason)
        within = optional_namespace(namespace)
        found = await find_run_id(self._reads, run_id, within)
        await self._controls.signal(found, name, payload, within, delivery_id, act)

    async def cancel(
        self,
        run_id: UUID | str,
        *,
        reason: str | None = None,
        force: bool = False,
        namespace: str | None = None,
    ) -> None:
        """Cancel a run: it sees `CancelledError` once and may clean up.

        Args:
            run_id: of a live run.
            reason: shown to people.
            force: end it at once instead, whoever owns it; no clean-up runs, and no
                compensation of a saga.
            namespace: only a run of this namespace.

        Raises:
            RunNotFound, RunTerminal, ReasonRequired.

        Example:
            await ct.cancel(run_id, reason="customer withdrew")
        """
        act = self._acting.act("cancel", reason)
        within = optional_namespace(namespace)
        found = await find_run_id(self._reads, run_id, within)
        await self._controls.cancel(found, within, act, force=force)

    async def set_attributes(
        self,
        run_id: UUID | str,
        attributes: Mapping[str, Any],
        *,
        unset: Iterable[str] = (),
        reason: str | None = None,
        namespace: str | None = None,
    ) -> None:
        """Merge top-level keys into a run's attributes, atomically, whatever its state.

        Args:
            run_id: of any run.
            attributes: keys to set.
            unset: keys to remove.
            reason: why an operator does it; it is recorded as for `signal`.
            namespace: only a run of this namespace.

        Raises:
            RunNotFound, AttributesError, ReasonRequired.

        Example:
            await ct.set_attributes(run_id, {"tier": 2}, unset=["trial"])
        """
        act = self._acting.named_act("attributes set", reason)
        within = optional_namespace(namespace)
        found = await find_run_id(self._reads, run_id, within)
        await self._controls.set_attributes(found, attributes, unset, within, act)
