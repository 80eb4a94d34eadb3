"""Calls that ask a run something, for synchronous code."""

from __future__ import annotations

from typing import Any, TypeVar, overload
from uuid import UUID

from continuum.client.blocking_calls import BlockingCalls

T = TypeVar("T")


class BlockingAsking(BlockingCalls):
    """The part of `BlockingContinuum` that asks."""

    @overload
    def ask(
        self,
        run_id: UUID | str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        timeout: float | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> Any: ...
    @overload
    def ask(
        self,
        run_id: UUID | str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        type: type[T],
        timeout: float | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> T: ...
    @overload
    def ask(
        self,
        run_id: UUID | str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        type: Any = None,
        timeout: float | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> Any: ...
    def ask(
        self,
        run_id: UUID | str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,  # noqa: A002
        type: Any = None,  # noqa: A002
        timeout: float | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> Any:
        """Ask a run something and wait for its answer; see `Continuum.ask`."""
        ask = self._client.ask
        return self.call(
            ask(
                run_id, name, payload, id=id, type=type, timeout=timeout, reason=reason,
                namespace=namespace,
            )
        )  # fmt: skip
