"""What any store answers about search attributes in general: which there are, which are indexed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from continuum.model import AttributeIndex, AttributeKey, AttributeType, IndexProgress

Report: TypeAlias = Callable[[IndexProgress], None]


class AttributeStore(Protocol):
    """What the client's calls about attribute keys need."""

    async def keys(self, namespace: str | None, sample: int) -> Sequence[AttributeKey]:
        """Keys of about `sample` runs (namespace None: of all), the commonest first."""
        ...

    async def indexes(self) -> Sequence[AttributeIndex]:
        """Everything declared, built or not."""
        ...

    async def build(
        self, path: tuple[str, ...], type_: AttributeType, report: Report
    ) -> AttributeIndex:
        """Declare an index and build it without stopping writers; again after a crash.

        Waits for whoever is building the same one. Answers at once when it is there.
        """
        ...

    async def drop(self, path: tuple[str, ...], type_: AttributeType) -> bool:
        """Remove an index and its declaration; whether there was one."""
        ...
