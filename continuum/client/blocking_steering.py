"""The calls that steer a run, for synchronous code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from continuum.client.blocking_calls import BlockingCalls


class BlockingSteering(BlockingCalls):
    """The part of `BlockingContinuum` that talks to runs."""

    def signal(
        self,
        run_id: UUID | str,
        name: str,
        payload: Any = None,
        *,
        namespace: str | None = None,
        delivery_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Post a signal; see `Continuum.signal`."""
        self.call(
            self._client.signal(
                run_id, name, payload, namespace=namespace, delivery_id=delivery_id, reason=reason
            )
        )

    def cancel(
        self,
        run_id: UUID | str,
        *,
        reason: str | None = None,
        force: bool = False,
        namespace: str | None = None,
    ) -> None:
        """Cancel a run; see `Continuum.cancel`."""
        self.call(self._client.cancel(run_id, reason=reason, force=force, namespace=namespace))

    def set_attributes(
        self,
        run_id: UUID | str,
        attributes: Mapping[str, Any],
        *,
        unset: Iterable[str] = (),
        reason: str | None = None,
        namespace: str | None = None,
    ) -> None:
        """Merge attributes; see `Continuum.set_attributes`."""
        call = self._client.set_attributes
        self.call(call(run_id, attributes, unset=unset, reason=reason, namespace=namespace))
