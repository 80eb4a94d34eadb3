"""Attributes, namespaces and signal payloads."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.codec.attributes import check_attributes, check_json, check_namespace
from continuum.errors import AttributesError, NamespaceError, PayloadError
from tests.unit.codec.shapes import Colour, Item, Level, Order

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_storable_attributes_are_unchanged(attributes: dict[str, Any]) -> None:
    """Any JSON object that jsonb can hold is accepted as it is."""
    assert check_attributes(attributes) == attributes


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (None, "must be an object, not NoneType"),
        ([], "must be an object, not list"),
        ("plan", "must be an object, not str"),
        ({1: "a"}, "attributes: key 1 is not text"),
        ({"a": {2: 1}}, "attributes.a: key 2 is not text"),
        ({"a\0": 1}, "contains \\u0000"),
        ({"a": ["x", "\0"]}, "attributes.a[1]: '\\x00' contains \\u0000"),
        ({"a": math.nan}, "attributes.a: nan has no JSON form"),
        ({"a": [-math.inf]}, "attributes.a[0]: -inf has no JSON form"),
        ({"a": "\ud800"}, "lone surrogate"),
        ({"\ud800": 1}, "lone surrogate"),
        ({"a b": object()}, "attributes['a b']: <object object at"),
        ({"a": Item(1)}, "is of type Item, not a JSON value"),
        ({"a": b"x"}, "is of type bytes"),
        pytest.param({"a": [-(10**4300)]}, "attributes.a[0]: an integer has", id="digits"),
        ({"a": "x" * 65_530}, "65,538 bytes are more than the limit of 65,536"),
    ],
)
def test_other_attributes_are_refused(attributes: Any, message: str) -> None:
    """One line that names the path, and can be printed."""
    with pytest.raises(AttributesError) as caught:
        check_attributes(attributes)
    assert message in str(caught.value)
    str(caught.value).encode()


def test_attributes_nested_too_deeply_are_refused() -> None:
    """PostgreSQL's parser has a stack, so depth is bounded here."""
    nested: Any = 1
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(AttributesError, match="levels deep"):
        check_attributes({"a": nested})


def test_attributes_become_plain_values() -> None:
    """Enums of text and number are stored as such, tuples as lists, and nothing is shared."""
    inner = {"b": 1}
    checked = check_attributes({"a": inner, "level": Level.HIGH, "t": (1, 2)})
    inner["b"] = 2
    assert checked == {"a": {"b": 1}, "level": 2, "t": [1, 2]}
    assert type(checked["level"]) is int


@pytest.mark.parametrize("name", ["default", "a", "Ä 名前", "x" * 255])
def test_namespaces_of_printable_text(name: str) -> None:
    """1 to 255 printable characters of any script."""
    assert check_namespace(name) == name


@pytest.mark.parametrize("name", ["", "x" * 256, "x" * 300, "a\nb", "\0", "\ud800", None, 3])
def test_other_namespaces_are_refused(name: Any) -> None:
    """Empty, too long, unprintable or no text at all."""
    with pytest.raises(NamespaceError) as caught:
        check_namespace(name)
    str(caught.value).encode()


@given(JSON)
def test_signal_payloads_are_json(value: Any) -> None:
    """The stored bytes hold the same value."""
    assert json.loads(check_json(value, "payload")) == value


def test_signal_payloads_may_be_typed() -> None:
    """The receiver names the type, so the sender may pass a dataclass."""
    data = check_json(Order("o", [], Colour.BLUE), "payload")
    assert json.loads(data) == {"id": "o", "items": [], "colour": "blue"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [math.nan]}, "signal go['a'][0]: nan has no JSON form"),
        (Order("o", [Item(1, math.inf)]), "signal go.items[0].weight: inf has no JSON form"),
        ("\ud800", "lone surrogate"),
        ({"a": object()}, "signal go['a']: <object object at"),
        ("x" * (2 * 1024 * 1024), "bytes are more than the limit"),
    ],
)
def test_other_signal_payloads_are_refused(value: Any, message: str) -> None:
    """NaN would silently become null; everything else names its path too."""
    with pytest.raises(PayloadError) as caught:
        check_json(value, "signal go")
    assert message in str(caught.value)
