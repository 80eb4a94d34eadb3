"""Types that the codec tests store and restore."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, NotRequired, TypedDict
from uuid import UUID

import attrs
import msgspec
import pydantic


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Item:
    price: Decimal
    weight: float | None = None


@dataclass
class Order:
    id: str
    items: list[Item]
    colour: Colour = Colour.RED


@dataclass(frozen=True)
class Point:
    x: int
    y: int


@dataclass(eq=False)
class Identity:
    """Compares by identity, so equality says nothing about its fields."""

    number: int
    ratio: float


@dataclass
class Tree:
    value: int
    children: list[Tree] = dataclass_field(default_factory=list["Tree"])


class Pair(NamedTuple):
    left: int
    right: float


class Options(TypedDict):
    name: str
    limit: NotRequired[int]


class Record(msgspec.Struct):
    id: UUID
    at: datetime
    day: date
    took: timedelta
    raw: bytes


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    name: str


class Customer(pydantic.BaseModel):
    name: str
    ratio: float = 1.0
    tags: set[str] = set()
    since: datetime | None = None


@attrs.frozen
class Parcel:
    """attrs, new style: frozen and slotted."""

    id: UUID
    grams: Decimal
    to: Point
    tags: frozenset[str] = frozenset()


@attrs.define
class Route:
    """attrs, mutable, nested, with a factory."""

    stops: list[Parcel] = attrs.field(factory=list)
    left_at: datetime | None = None
