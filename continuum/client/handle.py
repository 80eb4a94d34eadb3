"""What `start` gives back: one run, with the calls that concern it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload
from uuid import UUID

if TYPE_CHECKING:
    from continuum.client.client import Continuum
    from continuum.declare.workflow import Workflow
    from continuum.model import Run

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class RunHandle(Generic[R_co]):
    """A started run.

    Attributes:
        id: of the run.
        new: whether this start inserted it; False when it answered one that was there.
    """

    __slots__ = ("_client", "_here", "_workflow", "id", "new")

    def __init__(
        self,
        client: Continuum,
        run_id: UUID,
        workflow: Workflow[..., R_co] | None,
        *,
        here: bool = False,
        new: bool = True,
    ) -> None:
        self.id = run_id
        self.new = new
        self._client = client
        self._workflow = workflow
        self._here = here

    def __repr__(self) -> str:
        return f"<run {self.id}>"

    async def result(self, timeout: float | None = None) -> R_co:
        """Wait for the end; the value as the workflow's return annotation has it.

        Without the workflow (started by name), the value is plain JSON.

        Args:
            timeout: seconds to wait; None is for ever.

        Raises:
            WorkflowFailed, WorkflowCancelled: it ended so.
            ResultTimeout: it goes on.

        Example:
            print(await run.result(timeout=30))
        """
        return await self._client.wait_result(self.id, self._workflow, timeout, here=self._here)

    async def signal(
        self, name: str, payload: Any = None, *, delivery_id: str | None = None
    ) -> None:
        """Send it a signal; see `Continuum.signal`."""
        await self._client.signal(self.id, name, payload, delivery_id=delivery_id)

    @overload
    async def ask(
        self,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        timeout: float | None = None,
    ) -> Any: ...
    @overload
    async def ask(
        self,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        type: type[T],
        timeout: float | None = None,
    ) -> T: ...
    @overload
    async def ask(
        self,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        type: Any = None,
        timeout: float | None = None,
    ) -> Any: ...
    async def ask(
        self,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,  # noqa: A002
        type: Any = None,  # noqa: A002
        timeout: float | None = None,
    ) -> Any:
        """Ask it something and wait for the answer; see `Continuum.ask`."""
        return await self._client.ask(self.id, name, payload, id=id, type=type, timeout=timeout)

    async def cancel(self, *, reason: str | None = None, force: bool = False) -> None:
        """Ask it to stop; see `Continuum.cancel`."""
        await self._client.cancel(self.id, reason=reason, force=force)

    async def get(self) -> Run:
        """A snapshot of it now."""
        return await self._client.get_run(self.id)
