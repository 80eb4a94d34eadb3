"""The fingerprint of codecs: what it covers, what it leaves out, and that every Python agrees."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict, Union

import attrs
import msgspec
import pydantic
import pytest

from continuum.versions.schemas import Boundary, CodecSchema, codec_schema
from tests.pythons import ask, every_python
from tests.unit.versions.loading import load

HERE = Path(__file__).parent
SCHEMA_FIXTURE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import fixture_types
from continuum.versions.schemas import Boundary, codec_schema
print(json.dumps(codec_schema(Boundary(*each) for each in fixture_types.BOUNDARIES)))
"""
GOLDEN = "c14b7471619ebb2d9597bae8afea48c3ae68111af153b006efceadfecd0f8df1"
PARTS = {
    "activity pack arguments": "tuple[types.Point, ...], set[types.Level], Any",
    "activity pack result": "None",
    "signal go": "None | bytes | dict[str, types.Size]",
    "type types.Level": "enum[HIGH=2, LOW=1, TOP=2]",
    "type types.Line": "object(article: str, count: int = default, price: int)",
    "type types.Options": "object(colour: str = default, sizes: list[types.Size] = default)",
    "type types.Order": (
        "object(id: uuid.UUID, lines: list[types.Line], options: types.Options = default, parent:"
        " None | types.Order = default, placed_at: datetime.datetime, rates: collections.Mapping["
        "str, None | decimal.Decimal] = default)"
    ),
    "type types.Page": (
        "object(items: collections.Sequence[~T], next: None | types.Page[~T] = default)"
    ),
    "type types.Point": "array(int, float = default)",
    "type types.Size": "enum[LARGE='l', SMALL='s']",
    "workflow arguments": "types.Order, Literal['a', 'b'], int = default",
    "workflow result": "types.Page[types.Line]",
}


@pytest.mark.parametrize("python", every_python())
def test_golden_fingerprints_on_every_python(python: str) -> None:
    """A release, or a Python, that changed these would report changes that nobody made."""
    answer = ask(python, "-c", SCHEMA_FIXTURE, HERE)
    parts, fingerprint = json.loads(answer.replace("fixture_types.", "types."))
    assert (parts, fingerprint) == (PARTS, GOLDEN)


def fingerprint(annotation: Any) -> str:
    """Of a boundary where values of this type cross."""
    return codec_schema([Boundary("signal go", [annotation])]).fingerprint


def order(**fields: Any) -> type:
    """A dataclass with these fields."""
    namespace: dict[str, Any] = {"__annotations__": fields, "__module__": __name__}
    return dataclass(type("Order", (), namespace))


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


class Tagged(msgspec.Struct, tag="x"):
    n: int = 0


class Renamed(msgspec.Struct, tag="y"):
    n: int = 0


class Plain(msgspec.Struct):
    n: int = 0


class Rows(msgspec.Struct, array_like=True):
    n: int = 0


class Model(pydantic.BaseModel):
    n: int = 0


class Required(pydantic.BaseModel):
    n: int


@attrs.define
class Attrs:
    n: int = 0


@dataclass
class Tree:
    n: int
    parts: list[Tree] = field(default_factory=list)


@dataclass
class Bush:
    n: int
    parts: list[Bush] = field(default_factory=list)


@dataclass
class Pair:
    one: Tree
    other: Tree


@dataclass
class Mixed:
    one: Tree
    other: Bush


@dataclass
class Even:
    odd: Odd | None


@dataclass
class Odd:
    even: Even | None


Id = NewType("Id", str)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Optional[int], int | None),  # noqa: UP045
        (Union[int, str], str | int),  # noqa: UP007
        (Id, str),
        (Literal["a", "b"], Literal["b", "a"]),
        (Annotated[int, "a note"], int),
        (order(a=int, b=str), order(b=str, a=int)),
        (Tree, Bush),
        (Pair, Mixed),
        (Attrs, dataclass(type("X", (), {"__annotations__": {"n": int}, "n": 1}))),
        (Plain, Attrs),
        (None, type(None)),
    ],
)
def test_what_restores_the_same_values_has_one_fingerprint(one: Any, other: Any) -> None:
    """The order of alternatives and of named fields, and what types are called."""
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (int, float),
        (int, int | None),
        (list[int], tuple[int, ...]),
        (list[int], list[str]),
        (order(a=int), order(a=str)),
        (order(a=int), order(b=int)),
        (order(a=int), order(a=int, b=int)),
        (order(a=list[order(b=int)]), order(a=list[order(b=str)])),
        (Colour, enum.Enum("Colour", {"RED": "r"})),
        (Colour, enum.Enum("Colour", {"RED": "r", "BLUE": "c"})),
        (Colour, enum.Enum("Colour", {"RED": "r", "GREEN": "b"})),
        (NamedTuple("P", [("x", int), ("y", str)]), NamedTuple("P", [("y", str), ("x", int)])),
        (TypedDict("D", {"x": int}), TypedDict("D", {"x": int}, total=False)),
        (Tagged, Renamed),
        (Tagged, Plain),
        (Plain, Rows),
        (Model, Required),
        (Annotated[int, msgspec.Meta(gt=1)], Annotated[int, msgspec.Meta(gt=2)]),
        (Tree, Even),
        (Even, Odd | None),
    ],
)
def test_what_restores_other_values_has_another(one: Any, other: Any) -> None:
    """Types, fields, members, defaults, tags and constraints, also deep inside."""
    assert fingerprint(one) != fingerprint(other)


def test_where_a_value_crosses_counts() -> None:
    """The same types at other boundaries, in another order, or with other defaults."""
    schemas = [
        [Boundary("a", [int, str])],
        [Boundary("a", [str, int])],
        [Boundary("b", [int, str])],
        [Boundary("a", [int]), Boundary("a", [str])],
        [Boundary("a", [int, str], 1)],
    ]
    assert len({codec_schema(each).fingerprint for each in schemas}) == len(schemas)
    assert codec_schema(schemas[3]).parts == {"a": "int; str"}
    assert codec_schema(schemas[3]) == codec_schema(schemas[3][::-1])


SHOP = """
from __future__ import annotations
import continuum
from dataclasses import dataclass
from continuum import activity, wait_signal, workflow
from typing import Annotated

@dataclass
class Line:
    price: int

@dataclass
class Order:
    lines: list[Line]

@activity(name="charge")
async def charge(order: Order, note: str = "") -> str: ...

@activity(name="refund")
async def refund(order: Order) -> None: ...

@activity(name="unreached")
async def unreached(order: Order) -> bytes: ...

@workflow(name="child")
async def child(order: Order) -> int: return 1

async def helper(order):
    return await continuum.run_child(child, order)

def region() -> str: return "eu"

@workflow(name="flow")
async def flow(order: Order, copies: int = 1) -> dict[str, Line]:
    async with continuum.saga() as saga:
        saga.undo(refund, order)
        name = "late"
        await wait_signal("go", type=Annotated[dict[str, Line] | None, "x"])
        await wait_signal(name, type=bool)
        await wait_signal("raw")
        where = continuum.side_effect(region)
        if continuum.patched("p"):
            await charge.options(timeout=1)(order)
        await helper(order)
"""


def shop(*changes: tuple[str, str], taken: tuple[str, ...] = ("p",)) -> CodecSchema:
    """The schema of the shop's workflow after these changes."""
    source = SHOP
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    flow: Any = load(dedent(source), "shop_of_types").flow
    return flow.code.codecs(flow, taken)


def test_every_boundary_of_a_workflow_is_there() -> None:
    """Its own, those of activities and children, signals, side effects, and the classes."""
    assert shop().parts == {
        "activity charge arguments": "shop_of_types.Order, str = default",
        "activity charge result": "str",
        "activity refund arguments": "shop_of_types.Order",
        "activity refund result": "None",
        "child child arguments": "shop_of_types.Order",
        "child child result": "int",
        "side effects": "str",
        "signal go": "None | dict[str, shop_of_types.Line]",
        "signal raw": "Any",
        "signals of computed names": "bool",
        "type shop_of_types.Line": "object(price: int)",
        "type shop_of_types.Order": "object(lines: list[shop_of_types.Line])",
        "workflow arguments": "shop_of_types.Order, int = default",
        "workflow result": "dict[str, shop_of_types.Line]",
    }


def test_questions_are_boundaries_as_signals_are() -> None:
    """By their name, or together where it is computed."""
    waits = 'await wait_signal("raw")\n'
    asks = (
        'await continuum.wait_question("raw", type=Line)\n'
        "        await continuum.wait_question(name, type=int)\n"
    )
    parts = shop((waits, asks)).parts
    assert parts["question raw"] == "shop_of_types.Line"
    assert parts["questions of computed names"] == "int"
    assert "signal raw" not in parts


def test_a_branch_that_is_not_taken_has_no_boundaries() -> None:
    """A run that has not taken the patch never meets the activity behind it."""
    without = shop(taken=())
    assert {*shop().parts} - {*without.parts} == {
        "activity charge arguments", "activity charge result"
    }  # fmt: skip
    assert without.fingerprint != shop().fingerprint


@pytest.mark.parametrize(
    "change",
    [
        ("price: int", "price: float"),
        ("lines: list[Line]", "lines: list[Line] = ()"),
        ("lines: list[Line]", "lines: list[Line]\n    tax: int = 0"),
        (") -> str: ...", ") -> bytes: ..."),
        ("async def refund(order: Order) -> None", "async def refund(order: Order) -> bool"),
        ("(order: Order) -> int: return 1", "(order: Order) -> str: return 1"),
        ("region() -> str", "region() -> int"),
        ("copies: int = 1", "copies: float = 1"),
    ],
)
def test_a_change_of_annotations_is_seen_though_the_hash_is_the_same(
    change: tuple[str, str],
) -> None:
    """This is what the hash cannot tell."""
    before: Any = load(dedent(SHOP), "shop_of_types").flow
    pin, fingerprint = before.pin, shop().fingerprint
    assert shop(change).fingerprint != fingerprint
    after: Any = load(dedent(SHOP.replace(*change)), "shop_of_types").flow
    assert after.pin == pin


def test_the_names_of_types_do_not_matter() -> None:
    """Renaming a class or moving it is no finding."""
    assert shop(("Line", "Position")).fingerprint == shop().fingerprint
    assert shop(("unreached(order: Order) -> bytes", "unreached() -> int")) == shop()


def test_what_cannot_be_told_is_kept_as_it_is_written() -> None:
    """A signal's type that is computed, and names that do not exist."""
    computed = shop(("type=bool", "type=[bool][0]")).parts
    assert computed["signals of computed names"] == "not known: [bool][0]"
    missing = shop(("order: Order, note", "order: Missing, note")).parts
    assert "'Missing', which does not exist" in missing["activity charge"]
    assert json.dumps(missing)


def test_a_chain_of_types_costs_no_more_than_its_length() -> None:
    """Classes that mention others twice are followed once."""
    last: type = order(n=int)
    for _ in range(60):
        last = order(one=last, other=last)
    assert len(codec_schema([Boundary("a", [last])]).parts) == 2
