"""Typed values: what survives the journal, and what is refused before it gets there."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.codec.annotations import MAX_PAYLOAD, DecodeFailure, ValueCodec
from continuum.errors import DefinitionError, PayloadError
from tests.unit.codec.shapes import (
    Cat,
    Colour,
    Customer,
    Dog,
    Identity,
    Item,
    Level,
    Options,
    Order,
    Pair,
    Parcel,
    Point,
    Record,
    Route,
    Tree,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBER | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=12,
)
ITEMS = st.builds(Item, st.decimals(allow_nan=False, allow_infinity=False), st.none() | NUMBER)
ORDERS = st.builds(Order, TEXT, st.lists(ITEMS, max_size=4), st.sampled_from(Colour))
ZONES = st.none() | st.builds(
    timezone, st.integers(-1439, 1439).map(lambda m: timedelta(minutes=m))
)
MOMENTS = st.datetimes(timezones=ZONES)
RECORDS = st.builds(Record, st.uuids(), MOMENTS, st.dates(), st.timedeltas(), st.binary())
PARCELS = st.builds(
    Parcel, st.uuids(), st.decimals(allow_nan=False, allow_infinity=False),
    st.builds(Point, st.integers(), st.integers()), st.frozensets(TEXT),
)  # fmt: skip
OPTIONS = st.fixed_dictionaries({"name": TEXT}, optional={"limit": st.integers()})
TYPED = st.one_of(
    st.tuples(st.just(Parcel), PARCELS),
    st.tuples(st.just(Route), st.builds(Route, st.lists(PARCELS, max_size=3), st.none() | MOMENTS)),
    st.tuples(
        st.just(Options), st.fixed_dictionaries({"name": TEXT}, optional={"limit": st.integers()})
    ),
    st.tuples(st.just(Decimal), st.decimals(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just(timedelta), st.timedeltas()),
    st.tuples(st.just(date), st.dates()),
    st.tuples(st.just(bytes), st.binary()),
    st.tuples(st.just(UUID), st.uuids()),
    st.tuples(st.just(Colour), st.sampled_from(Colour)),
    st.tuples(st.just(Any), JSON),
    st.tuples(st.just(Order), ORDERS),
    st.tuples(st.just(Record), RECORDS),
    st.tuples(st.just(int), st.integers()),
    st.tuples(st.just(set[Point]), st.sets(st.builds(Point, st.integers(), st.integers()))),
    st.tuples(st.just(tuple[int, str]), st.tuples(st.integers(), TEXT)),
    st.tuples(st.just(Pair), st.builds(Pair, st.integers(), NUMBER)),
    st.tuples(st.just(dict[int, Level]), st.dictionaries(st.integers(), st.sampled_from(Level))),
    st.tuples(st.just(Cat | Dog), st.builds(Cat, st.integers(-9, 9)) | st.builds(Dog, TEXT)),
    st.tuples(st.just(Customer), st.builds(Customer, name=TEXT, ratio=NUMBER, tags=st.sets(TEXT))),
    st.tuples(st.just(datetime), MOMENTS),
)


@given(TYPED)
def test_a_value_comes_back_as_it_was(typed: tuple[Any, Any]) -> None:
    """Every supported type round-trips to an equal value of the same type."""
    annotation, value = typed
    codec = ValueCodec(annotation, "value")
    data, live = codec.roundtrip(value)
    replayed = codec.decode(data)
    assert live == value
    assert replayed == value
    assert type(replayed) is type(value)


@given(TYPED)
def test_the_stored_form_is_plain_json(typed: tuple[Any, Any]) -> None:
    """The bytes are JSON that any other program reads, and stable under another round trip."""
    annotation, value = typed
    codec = ValueCodec(annotation, "value")
    data = codec.encode(value)
    json.loads(data)
    assert codec.encode(codec.decode(data)) == codec.encode(codec.decode(data))


@given(MOMENTS)
def test_naive_and_aware_datetimes_stay_so(moment: datetime) -> None:
    """A naive datetime does not become aware, nor the other way round."""
    codec = ValueCodec(datetime, "moment")
    assert codec.decode(codec.encode(moment)).utcoffset() == moment.utcoffset()


class EndOfSummer(tzinfo):
    """A zone in the hour that it repeats: the first time at +02:00, then at +01:00."""

    def utcoffset(self, dt: datetime | None) -> timedelta:
        return timedelta(hours=2 - (dt.fold if dt else 0))

    def dst(self, dt: datetime | None) -> timedelta:
        return timedelta(hours=1 - (dt.fold if dt else 0))

    def tzname(self, dt: datetime | None) -> str:
        return "summer"


@pytest.mark.parametrize("fold", [0, 1])
def test_the_hour_that_a_zone_repeats_survives(fold: int) -> None:
    """At the end of summer time 02:30 happens twice; each keeps its own offset."""
    moment = datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=EndOfSummer())
    _, live = ValueCodec(list[datetime], "moments").roundtrip([moment])
    assert live[0].utcoffset() == moment.utcoffset() == timedelta(hours=2 - fold)
    assert live[0].timestamp() == moment.timestamp()


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (Any, math.nan, "value: nan has no JSON form"),
        (Any, {"a": [1, math.inf]}, "value['a'][1]: inf has no JSON form"),
        (float | None, math.nan, "value: nan has no JSON form"),
        (float, math.nan, "value: nan has no JSON form"),
        (
            Order,
            Order("o", [Item(Decimal(1)), Item(Decimal("NaN"))]),
            "value.items[1].price: Decimal('NaN') is not a number",
        ),
        (Order, Order("o", [Item(Decimal(1), math.nan)]), "value.items[0].weight: nan has no JSON"),
        (Order, Order("\ud800", []), "value.id: '\\ud800' contains a lone surrogate"),
        (Any, {"a": {"\ud800": 1}}, "lone surrogate"),
        (Any, {"a": [object()]}, "value['a'][0]: <object object at"),
        (Any, {(1, 2): 3}, "has a key that is neither text nor a number"),
        (Any, {1: "a"}, "value[1]: 'a' has a key of type int; annotate the key type"),
        (Any, (1, 2), "value: (1, 2) would come back as list, not tuple; annotate it as tuple"),
        (Any, Point(1, 2), "would come back as dict, not Point; annotate it as Point"),
        (Any, date(2026, 1, 1), "would come back as str, not date"),
        (Any, Colour.RED, "would come back as str, not Colour"),
        (int, "1", "value: '1' does not fit: expected `int`, got `str`"),
        (int, True, "value: True does not fit"),
        (Colour, "red", "value: 'red' would come back as Colour, not str"),
        (str, Decimal(1), "would come back as str, not Decimal"),
        (float, 2**53 + 1, "value: 9007199254740993 would come back as 9007199254740992.0"),
        (Options, {"name": "a", "other": 1}, "value['other']: 1 would be lost"),
        (Options, {"name": 1}, "value['name']: 1 does not fit"),
        (Pair, Pair(1, math.nan), "value[1]: nan has no JSON form"),
        (Pair, Pair(1, "x"), "value[1]: 'x' does not fit: expected `float`, got `str`"),
        (Identity, Identity(1, math.nan), "value.ratio: nan has no JSON form"),
        (list[int], (1, 2), "value: (1, 2) would come back as list"),
        (Decimal, Decimal("sNaN"), "is not a number"),
        (datetime, date(2026, 1, 1), "does not fit"),
    ],
)
def test_a_value_that_would_not_come_back_is_refused(
    annotation: Any, value: Any, message: str
) -> None:
    """The error names the path of the part to blame, in one line."""
    with pytest.raises(PayloadError) as caught:
        ValueCodec(annotation, "value").encode(value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    str(caught.value).encode()


def test_a_subclass_is_not_silently_cut_down() -> None:
    """A subclass instance with more fields than the annotation is refused."""

    class Special(Order):
        pass

    with pytest.raises(PayloadError, match="would come back as Order"):
        ValueCodec(Order, "value").encode(Special("o", []))


def test_a_value_that_contains_itself_is_refused() -> None:
    """A cycle ends in an error, not in a recursion limit or a crash."""
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(PayloadError, match="nested too deeply or contains itself"):
        ValueCodec(Any, "value").encode(cycle)


def test_integers_of_any_size_survive() -> None:
    """Integers beyond 64 bits are exact."""
    codec = ValueCodec(dict[str, int], "value")
    assert codec.decode(codec.encode({"n": 2**200, "m": -(2**100)})) == {
        "n": 2**200,
        "m": -(2**100),
    }


def test_integers_that_python_itself_cannot_print_are_refused() -> None:
    """Beyond Python's limit of 4,300 digits there is no text form; the error still has one."""
    with pytest.raises(PayloadError, match="value: <int> cannot be stored: Exceeds the limit"):
        ValueCodec(int, "value").encode(10**5000)


def test_objects_that_compare_by_identity_are_compared_by_field() -> None:
    """`eq=False` does not make a sound value look changed."""
    restored = ValueCodec(Identity, "value").roundtrip(Identity(1, 2.5))[1]
    assert (restored.number, restored.ratio) == (1, 2.5)


def test_an_abstract_sequence_takes_lists_and_tuples() -> None:
    """`Sequence[int]` promises neither, so both fit, and live code sees what a replay sees."""
    codec = ValueCodec(Sequence[int], "value")
    data, live = codec.roundtrip((1, 2))
    assert live == codec.decode(data) == [1, 2]


def test_recursive_types_are_restored() -> None:
    """A dataclass may contain itself."""
    tree = Tree(1, [Tree(2), Tree(3, [Tree(4)])])
    codec = ValueCodec(Tree, "value")
    assert codec.decode(codec.encode(tree)) == tree


def test_size_is_limited() -> None:
    """The limit is exact, and the error gives the size."""
    codec = ValueCodec(str, "result of activity m:f")
    assert len(codec.encode("x" * (MAX_PAYLOAD - 2))) == MAX_PAYLOAD
    with pytest.raises(PayloadError, match=r"result of activity m:f: 2,097,153 bytes"):
        codec.encode("x" * (MAX_PAYLOAD - 1))


@pytest.mark.parametrize(
    "annotation",
    [complex, list[complex], Exception, Callable[[int], int], Iterable[int], Point | Order,
     datetime | str, dict[str, range], object.__class__],
)  # fmt: skip
def test_annotations_that_cannot_be_restored_are_refused_at_once(annotation: Any) -> None:
    """What plain JSON cannot tell apart or hold is an error at definition, naming the place."""
    with pytest.raises(DefinitionError, match=r"shop\.py:3"):
        ValueCodec(annotation, "value", declared_at="shop.py:3")


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(object, {"a": 1}), (NoReturn, None), (None, None), (list, [1]), (dict, {"a": [1]}),
     (UUID | None, None), (bytes, b"\0\xff"), (timedelta, timedelta(-1, 1, 1))],
)  # fmt: skip
def test_loose_annotations_mean_json_types(annotation: Any, value: Any) -> None:
    """`object`, bare containers and results that never come are plain JSON."""
    codec = ValueCodec(annotation, "value")
    assert codec.decode(codec.encode(value)) == value


@pytest.mark.parametrize("data", [b"", b"{", b'"a"', b"null", b"1.5", b"[1]", b"\xff"])
def test_bytes_of_another_type_are_a_decode_failure(data: bytes) -> None:
    """A journaled value that no longer fits is told apart from every user error."""
    with pytest.raises(DecodeFailure, match="value: "):
        ValueCodec(int, "value").decode(data)


def test_a_model_that_refuses_the_stored_value_is_a_decode_failure() -> None:
    """Errors of a pydantic model's own validation are decode failures too."""
    with pytest.raises(DecodeFailure):
        ValueCodec(Customer, "value").decode(b'{"name": 1}')


def test_pydantic_values_lose_nothing() -> None:
    """Sets and datetimes inside a model come back as such, also inside other types."""
    customer = Customer(name="a", tags={"x", "y"}, since=datetime(2026, 1, 1, tzinfo=UTC))
    codec = ValueCodec(dict[str, Customer], "value")
    assert codec.decode(codec.encode({"c": customer})) == {"c": customer}
    with pytest.raises(PayloadError):
        codec.encode({"c": customer.model_copy(update={"ratio": math.nan})})
