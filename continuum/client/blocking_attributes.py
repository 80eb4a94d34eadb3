"""The calls about attribute keys for synchronous code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from continuum.client.attributes import SAMPLE
from continuum.client.blocking_calls import BlockingCalls
from continuum.model import AttributeIndex, AttributeKey, IndexProgress


class BlockingAttributes(BlockingCalls):
    """The part of `BlockingContinuum` that knows attribute keys."""

    def attribute_keys(
        self, *, namespace: str | None = "default", sample: int = SAMPLE
    ) -> list[AttributeKey]:
        """The attribute keys that runs have; see `Continuum.attribute_keys`."""
        return self.call(self._client.attribute_keys(namespace=namespace, sample=sample))

    def attribute_indexes(self) -> list[AttributeIndex]:
        """Every declared index, built or not."""
        return self.call(self._client.attribute_indexes())

    def index_attribute(
        self,
        key: str | Sequence[str],
        *,
        value_type: str | None = None,
        on_progress: Callable[[IndexProgress], None] | None = None,
    ) -> AttributeIndex:
        """Build an index on an attribute; see `Continuum.index_attribute`."""
        call = self._client.index_attribute
        return self.call(call(key, value_type=value_type, on_progress=on_progress))

    def drop_attribute_index(
        self, key: str | Sequence[str], *, value_type: str | None = None
    ) -> list[AttributeIndex]:
        """Remove the indexes on an attribute; see `Continuum.drop_attribute_index`."""
        return self.call(self._client.drop_attribute_index(key, value_type=value_type))
