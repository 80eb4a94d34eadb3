"""Calls about search attributes in general: which keys there are, and indexes on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from continuum.client.calls import Calls
from continuum.client.identifiers import check_limit, optional_namespace
from continuum.codec.attributes import check_attributes
from continuum.errors import AttributesError
from continuum.model import AttributeIndex, AttributeKey, AttributeType, IndexProgress

SAMPLE: Final = 10_000
MAX_SAMPLE: Final = 100_000
MAX_PATH: Final = 32
_TYPE_OF_JSON: Final = {
    "string": AttributeType.TEXT,
    "number": AttributeType.NUMBER,
    "boolean": AttributeType.BOOLEAN,
}


class Attributes(Calls):
    """The part of `Continuum` that knows attribute keys."""

    async def attribute_keys(
        self, *, namespace: str | None = "default", sample: int = SAMPLE
    ) -> list[AttributeKey]:
        """The attribute keys that runs have, the commonest first.

        Types, shares and numbers of different values are those of a sample, so this takes the same
        time however many runs there are; a key that hardly any run has may be missing.

        Args:
            namespace: where to look; None is everywhere.
            sample: runs to look at, at most 100,000.

        Example:
            for key in await ct.attribute_keys():
                print(key.path, key.share, key.distinct)
        """
        within = optional_namespace(namespace)
        check_limit(sample, MAX_SAMPLE)
        return list(await self._backend.attributes.keys(within, sample))

    async def attribute_indexes(self) -> list[AttributeIndex]:
        """Every declared index, built or not."""
        return list(await self._backend.attributes.indexes())

    async def index_attribute(
        self,
        key: str | Sequence[str],
        *,
        value_type: str | None = None,
        on_progress: Callable[[IndexProgress], None] | None = None,
    ) -> AttributeIndex:
        """Build an index on an attribute, while runs go on starting and finishing.

        Queries that compare or order by the attribute then answer in the same time however many
        runs match. Ending this call in the middle leaves something that the next one replaces.

        Args:
            key: a key, or the path to a nested one.
            value_type: "text", "number" or "boolean": the values to index; default: the
                commonest in a sample of all runs.
            on_progress: called a few times a second while the server works.

        Raises:
            AttributesError: no such type, the sample has no value to tell it by, or the role may
                not create indexes.

        Example:
            await ct.index_attribute("plan")
            await ct.index_attribute(["device", "version"], value_type="number")
        """
        path = _path(key)
        chosen = await self._commonest(path) if value_type is None else _type(value_type)
        return await self._backend.attributes.build(path, chosen, on_progress or _ignore)

    async def drop_attribute_index(
        self, key: str | Sequence[str], *, value_type: str | None = None
    ) -> list[AttributeIndex]:
        """Remove the indexes on an attribute; answers those there were.

        Args:
            key: a key, or the path to a nested one.
            value_type: only the index of this type.

        Raises:
            AttributesError: no such type, or the role may not drop indexes.

        Example:
            await ct.drop_attribute_index("plan")
        """
        path = _path(key)
        types = set(AttributeType) if value_type is None else {_type(value_type)}
        found = [
            i
            for i in await self._backend.attributes.indexes()
            if i.path == path and i.type in types
        ]
        return [i for i in found if await self._backend.attributes.drop(i.path, i.type)]

    async def _commonest(self, path: tuple[str, ...]) -> AttributeType:
        keys = await self._backend.attributes.keys(None, SAMPLE)
        types = next((key.types for key in keys if key.path == path), dict[str, float]())
        known = {name: share for name, share in types.items() if name in _TYPE_OF_JSON}
        if not known:
            found = f"only {' and '.join(types)} values" if types else "no such key"
            raise AttributesError(
                f"a sample of the runs has {found}: which values shall be indexed?",
                hint="name the type: text, number or boolean",
            )
        return _TYPE_OF_JSON[max(known, key=lambda name: known[name])]


def _path(key: str | Sequence[str]) -> tuple[str, ...]:
    path = (key,) if isinstance(key, str) else tuple(key)
    if not 0 < len(path) <= MAX_PATH:
        raise AttributesError(f"a path has 1 to {MAX_PATH} keys, not {len(path)}")
    check_attributes(dict.fromkeys(path))
    return path


def _type(name: str) -> AttributeType:
    try:
        return AttributeType(name)
    except ValueError:
        raise AttributesError(
            f"no such type: {name!r}", hint="an index is of type text, number or boolean"
        ) from None


def _ignore(progress: IndexProgress) -> None:
    """Nobody wants to know."""
