# Types whose codec fingerprints are compared between Pythons; only Python itself is imported.
from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    TypedDict,
    TypeVar,
)
from uuid import UUID

T = TypeVar("T")
Cents = NewType("Cents", int)


class Size(enum.StrEnum):
    SMALL = "s"
    LARGE = "l"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2
    TOP = 2


class Point(NamedTuple):
    x: int
    y: float = 0.0


class Options(TypedDict, total=False):
    colour: str
    sizes: list[Size]


@dataclass(frozen=True)
class Line:
    article: str
    price: Cents
    count: int = 1


@dataclass
class Order:
    id: UUID
    lines: list[Line]
    placed_at: dt.datetime
    parent: Optional[Order] = None  # noqa: UP045
    options: Options = field(default_factory=dict)
    rates: Mapping[str, Decimal | None] = field(default_factory=dict)


@dataclass
class Page(Generic[T]):
    items: Sequence[T]
    next: Page[T] | None = None


BOUNDARIES = [
    ("workflow arguments", [Order, Literal["b", "a"], Annotated[int, "note"]], 1),
    ("workflow result", [Page[Line]], 0),
    ("activity pack arguments", [tuple[Point, ...], set[Level], Any], 0),
    ("activity pack result", [None], 0),
    ("signal go", [dict[str, Size] | bytes | None], 0),
]
