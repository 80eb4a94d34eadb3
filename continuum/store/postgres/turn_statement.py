"""Joins the parts of the turn statement that a batch needs (`sql/turn.sql`).

The rows of a batch come as one array a column, through `unnest`. A batch of one turn, which is
what a quiet node writes, gives its few rows as plain parameters instead: setting up a function
scan over ten arrays takes the server longer than writing the row. If that turn also concerns no
other run, `lone_statement` leaves out what only sets need (decision 034).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from continuum.store.postgres.arrays import NULL, Element, pack
from continuum.store.postgres.statements import statements

_PARTS: Final = statements("turn")
_ORDER: Final = (
    "locked", "held", "made", "owned", "leased", "journaled", "read", "kept", "changed", "amended",
    "dropped", "ended", "published", "answered", "born", "nursed", "targets", "posted", "woken",
)  # fmt: skip
_HEADS: Final = ("locked", "held")
_POSTING: Final = {
    "locked": "locked", "held": "held_of_locked", "targets": "targets", "woken": "woken",
}  # fmt: skip
"""Parts of a batch that posts to other runs, and their text."""

_ROWS: Final = re.compile(r"@([a-z]+) AS ([a-z])")
_FROM_ROWS: Final = re.compile(r"\s(?:FROM|USING) @([a-z]+) AS ([a-z])\b")
_FENCED: Final = re.compile(
    r"\([a-z]\.run_id IN \(SELECT run_id FROM (?:owned|held|made)\)\) IS TRUE"
)
_ENDING: Final = re.compile(r"(?:NOT )?h\.ending")
_NAME: Final = re.compile(r"\$([a-z_0-9]+)")
_TYPES: Final = {
    Element.BOOL: "bool", Element.BYTEA: "bytea", Element.INT8: "bigint", Element.INT4: "int",
    Element.TEXT: "text", Element.TIMESTAMPTZ: "timestamptz", Element.UUID: "uuid",
    Element.JSONB: "jsonb",
}  # fmt: skip

MANY: Final = 0
"""Stands for a number of rows that is not part of the statement's shape: they come as arrays."""

Row = tuple[bytes, ...]
Shape = tuple[tuple[str, int], ...]
"""For each part of the statement that has rows of its own, how many; see `MANY`."""


class Table:
    """The rows of one part: names and types of their columns."""

    __slots__ = ("columns", "part")

    def __init__(self, part: str, **columns: Element) -> None:
        self.part = part
        self.columns = columns

    def source(self, alias: str, count: int) -> str:
        """What stands in the FROM clause."""
        part, columns = self.part, self.columns
        if count is MANY:
            arrays = ", ".join(
                f"${part}_{c}::{_TYPES[e]}[]" for c, e in enumerate(columns.values())
            )
            return f"unnest({arrays}) AS {alias} ({', '.join(columns)})"
        rows = ", ".join(
            f"({', '.join(self.parameter(column, row) for column in columns)})"
            for row in range(count)
        )
        return f"(VALUES {rows}) AS {alias} ({', '.join(columns)})"

    def parameter(self, column: str, row: int) -> str:
        """One value of a row that goes as plain parameters."""
        place = list(self.columns).index(column)
        return f"${self.part}_{place}_{row}::{_TYPES[self.columns[column]]}"


_HELD: Final = Table(
    "held", run_id=Element.UUID, token=Element.INT8, next_seq=Element.INT8,
    appended=Element.INT4, wake_at=Element.TIMESTAMPTZ, waiting_on=Element.TEXT,
    parked=Element.BOOL, cancelling=Element.BOOL, ending=Element.BOOL, version_id=Element.INT8,
)  # fmt: skip
_MADE: Final = Table(
    "made", run_id=Element.UUID, namespace=Element.TEXT, workflow=Element.TEXT,
    input=Element.BYTEA, attributes=Element.JSONB, idempotency_key=Element.TEXT,
    parent_id=Element.UUID, version=Element.INT4, version_hash=Element.TEXT,
    runtime=Element.TEXT, state=Element.TEXT, started_at=Element.TIMESTAMPTZ,
    ended=Element.BOOL, result=Element.BYTEA, error_type=Element.TEXT,
    error_message=Element.TEXT, error_details=Element.TEXT, incarnation=Element.INT4,
)  # fmt: skip
_LEASED: Final = Table(
    "leased", run_id=Element.UUID, version_id=Element.INT8, token=Element.INT8,
    next_seq=Element.INT8, wake_at=Element.TIMESTAMPTZ, waiting_on=Element.TEXT,
    parked=Element.BOOL,
)  # fmt: skip
_JOURNALED: Final = Table(
    "journaled", run_id=Element.UUID, seq=Element.INT8, incarnation=Element.INT4,
    type=Element.TEXT, command=Element.INT4, payload=Element.BYTEA, at=Element.TIMESTAMPTZ,
)  # fmt: skip
_READ: Final = Table("read", id=Element.INT8, run_id=Element.UUID)
_CHANGED: Final = Table(
    "changed", run_id=Element.UUID, state=Element.TEXT, version=Element.INT4,
    version_hash=Element.TEXT, runtime=Element.TEXT,
)  # fmt: skip
_AMENDED: Final = Table(
    "amended", run_id=Element.UUID, state=Element.TEXT, version=Element.INT4,
    version_hash=Element.TEXT, runtime=Element.TEXT, attributes=Element.JSONB,
    incarnation=Element.INT4, input=Element.BYTEA,
)  # fmt: skip
_BORN: Final = Table(
    "born", run_id=Element.UUID, parent_id=Element.UUID, namespace=Element.TEXT,
    workflow=Element.TEXT, input=Element.BYTEA, attributes=Element.JSONB, depth=Element.INT4,
    parent_close=Element.TEXT,
)  # fmt: skip
_NURSED: Final = Table("nursed", run_id=Element.UUID, version_id=Element.INT8)
_POSTED: Final = Table(
    "posted", n=Element.INT4, sender=Element.UUID, run_id=Element.UUID, kind=Element.TEXT,
    name=Element.TEXT, payload=Element.BYTEA,
)  # fmt: skip
_ENDED: Final = Table(
    "ended", run_id=Element.UUID, state=Element.TEXT, result=Element.BYTEA,
    error_type=Element.TEXT, error_message=Element.TEXT, error_details=Element.TEXT,
    version=Element.INT4, version_hash=Element.TEXT, runtime=Element.TEXT,
    attributes=Element.JSONB,
)  # fmt: skip
_PUBLISHED: Final = Table(
    "published", run_id=Element.UUID, name=Element.TEXT, value=Element.BYTEA,
    incarnation=Element.INT4,
)  # fmt: skip
_ANSWERED: Final = Table(
    "answered", run_id=Element.UUID, question_id=Element.TEXT, answer=Element.BYTEA,
    refused=Element.TEXT,
)  # fmt: skip
_TABLES: Final = {
    t.part: t
    for t in (
        _HELD, _MADE, _LEASED, _JOURNALED, _READ, _CHANGED, _AMENDED, _ENDED, _BORN, _NURSED,
        _POSTED, _PUBLISHED, _ANSWERED,
    )
}  # fmt: skip


class TurnStatement:
    """One variant of the statement, and where each of its parameters comes from."""

    __slots__ = ("_sources", "text")

    def __init__(self, text: str) -> None:
        numbers: dict[str, int] = {}

        def number(match: re.Match[str]) -> str:
            return f"${numbers.setdefault(match[1], len(numbers) + 1)}"

        self.text = _NAME.sub(number, text).encode()
        self._sources = [_source(name) for name in numbers]

    def parameters(
        self, tables: Mapping[str, Sequence[Row]], node: bytes, total: bytes
    ) -> list[bytes | None]:
        """In the order of the placeholders. Items carry their length, plain parameters do not."""
        found: list[bytes | None] = []
        for part, column, row, element in self._sources:
            if row >= 0:
                item = tables[part][row][column]
                found.append(None if item is NULL else item[4:])
            elif element is not None:
                found.append(pack(element, [items[column] for items in tables[part]]))
            else:
                found.append(node if part == "node" else total)
        return found


def _source(name: str) -> tuple[str, int, int, Element | None]:
    """Part, column, row (-1 for a whole column) and element type of a placeholder's name."""
    part, *place = name.split("_")
    if not place:
        return part, 0, -1, None
    column = int(place[0])
    element = list(_TABLES[part].columns.values())[column]
    return part, column, int(place[1]) if len(place) > 1 else -1, element


@cache
def turn_statement(shape: Shape, extra: frozenset[str]) -> TurnStatement:
    """The statement of one shape of batch.

    Args:
        shape: the tables that have rows.
        extra: further parts, without rows of their own.
    """
    counts = dict(shape)
    chosen = {name: _PARTS[name].decode() for name in (*counts, *extra)}
    heads = "both" if {"held", "made"} <= counts.keys() else "held" if "held" in counts else "made"
    chosen["owned"] = _PARTS[f"owned_{heads}"].decode()
    if "posted" in counts:
        for name, part in _POSTING.items():
            chosen[name] = _PARTS[part].decode()
        if "born" in counts:
            chosen["targets"] = _PARTS["targets_and_born"].decode()
    bodies = [
        f"{name} AS {'MATERIALIZED ' if name in _HEADS else ''}(\n{chosen[name]}\n)"
        for name in _ORDER
        if name in chosen
    ]
    return TurnStatement(_with_rows(bodies, counts, "outcome"))


@cache
def lone_statement(shape: Shape, extra: frozenset[str]) -> TurnStatement:
    """`turn_statement` for one turn that sends nothing to other runs.

    Its text is made of the same parts. The change of the lease row is also what locks it and
    checks the fence, rows are written where they are used instead of being joined, and whether the
    fence held is asked once a part instead of once a row.
    """
    counts = dict(shape)
    if "held" in counts:
        [change] = extra
        head = _PARTS[change].decode().replace("held h", "@held AS h")
        head = f"{_ENDING.sub(_PARTS['fence'].decode(), head)}\nRETURNING l.run_id"
    else:
        head = _PARTS["made"].decode()
    chosen = {name: _PARTS[name].decode() for name in counts if name not in ("held", "made")}
    bodies = [
        f"{name} AS (\n{_inlined(_FENCED.sub('EXISTS (SELECT FROM owned)', text), counts)}\n)"
        for name, text in {"owned": head, **chosen}.items()
    ]
    return TurnStatement(_with_rows(bodies, counts, "lone_outcome"))


def _inlined(text: str, counts: Mapping[str, int]) -> str:
    """The part with its row, if it is one, as parameters in place of a table."""
    found = _FROM_ROWS.search(text)
    if found is None or counts[found[1]] != 1:
        return text
    table = _TABLES[found[1]]
    text = text.replace(found[0], "", 1)
    return re.sub(rf"\b{found[2]}\.([a-z_]+)", lambda match: table.parameter(match[1], 0), text)


def _with_rows(bodies: Sequence[str], counts: Mapping[str, int], outcome: str) -> str:
    text = f"WITH {', '.join(bodies)}\n{_PARTS[outcome].decode()}"
    return _ROWS.sub(lambda match: _TABLES[match[1]].source(match[2], counts[match[1]]), text)
