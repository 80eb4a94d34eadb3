"""Attribute keys in memory (`AttributeStore`): all runs are looked at, indexes change nothing."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, cast

from continuum.model import AttributeIndex, AttributeKey, AttributeType
from continuum.store.attributes import Report
from continuum.store.memory.tables import Tables

_MAX_NESTING = 4


class MemoryAttributes:
    """What the runs in memory have, and what was declared."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._ids = count(1)
        self._declared: dict[tuple[tuple[str, ...], AttributeType], AttributeIndex] = {}

    async def keys(self, namespace: str | None, sample: int) -> Sequence[AttributeKey]:
        """See `AttributeStore.keys`."""
        rows = [r for r in self._tables.runs.values() if namespace in (None, r.namespace)]
        types: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        values: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        for row in rows:
            for path, value in _walk(row.attributes, ()):
                types[path][_type_of(value)] += 1
                values[path].add(json.dumps(value, sort_keys=True))
        ranked = sorted(types.items(), key=lambda item: (-item[1].total(), item[0]))
        return [
            AttributeKey(
                path,
                {name: number / len(rows) for name, number in counted.most_common()},
                len(values[path]),
                tuple(index for index in self._declared.values() if index.path == path),
            )
            for path, counted in ranked
        ]

    async def indexes(self) -> Sequence[AttributeIndex]:
        """See `AttributeStore.indexes`."""
        return [self._declared[key] for key in sorted(self._declared)]

    async def build(
        self, path: tuple[str, ...], type_: AttributeType, report: Report
    ) -> AttributeIndex:
        """See `AttributeStore.build`."""
        key = (path, type_)
        if key not in self._declared:
            self._declared[key] = AttributeIndex(next(self._ids), path, type_, valid=True)
        return self._declared[key]

    async def drop(self, path: tuple[str, ...], type_: AttributeType) -> bool:
        """See `AttributeStore.drop`."""
        return self._declared.pop((path, type_), None) is not None


def _walk(
    attributes: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in attributes.items():
        yield (*path, key), value
        if isinstance(value, dict) and len(path) + 1 < _MAX_NESTING:
            yield from _walk(cast("dict[str, Any]", value), (*path, key))


def _type_of(value: Any) -> str:
    """The JSON type, by PostgreSQL's name."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
