"""Arguments: binding, defaults, names in errors, annotations that come later."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.codec.annotations import DecodeFailure, SignatureCodec, ValueCodec
from continuum.codec.hints import Hints
from continuum.errors import DefinitionError, PayloadError
from tests.unit.codec.shapes import Item, Order

if TYPE_CHECKING:
    from fractions import Fraction as OnlyForCheckers


def ship(order: Order, copies: int = 1, note: str | None = None) -> None:
    """Three parameters, two with defaults."""


def nothing() -> None:
    """No parameters."""


def codec_of(fn: Any) -> SignatureCodec:
    return SignatureCodec(fn, f"activity m:{fn.__name__}")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(), st.booleans())
def test_arguments_come_back_in_order(order_id: str, copies: int, by_name: bool) -> None:
    """Positional and keyword calls store the same and restore the same."""
    order = Order(order_id, [])
    codec = codec_of(ship)
    args, kwargs = ((order,), {"copies": copies}) if by_name else ((order, copies, None), {})
    data, live = codec.roundtrip(args, kwargs)
    assert live == codec.decode(data) == (order, copies, None)


def test_no_arguments_is_an_empty_array() -> None:
    """A function without parameters stores []."""
    codec = codec_of(nothing)
    assert codec.encode((), {}) == b"[]"
    assert codec.decode(b"[]") == ()
    assert codec.names == ()


def test_defaults_fill_what_a_caller_without_the_code_left_out() -> None:
    """A shorter stored array takes the declared defaults; a longer or too short one does not."""
    codec = codec_of(ship)
    assert codec.decode(b'[{"id":"o","items":[]}]') == (Order("o", []), 1, None)
    assert codec.decode(b'[{"id":"o","items":[]},5]') == (Order("o", []), 5, None)
    for data in (b"[]", b'[{"id":"o","items":[]},5,null,7]', b"{}", b"nonsense"):
        with pytest.raises(DecodeFailure):
            codec.decode(data)


def test_a_decode_failure_names_the_parameter() -> None:
    """Not `$[0]`, but the argument's own name and path."""
    with pytest.raises(DecodeFailure, match=r"argument order\.items: Expected `array`, got `int`"):
        codec_of(ship).decode(b'[{"id":"o","items":3},1,null]')


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "missing a required argument: 'order'"),
        ((1, 2, 3, 4), {}, "too many positional arguments"),
        ((Order("o", []),), {"colour": 1}, "unexpected keyword argument 'colour'"),
        ((Order("o", []), "1"), {}, "argument copies: '1' does not fit: expected `int`"),
        ((Order("o", []), 1, math.nan), {}, "argument note: nan has no JSON form"),
        ((Order("o", [Item(1, math.inf)]),), {}, "argument order.items[0].weight: inf has no JSON"),
        ((object(),), {}, "argument order: <object object at"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_is_written(
    args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    """The error names activity, argument and path."""
    with pytest.raises(PayloadError) as caught:
        codec_of(ship).encode(args, kwargs)
    assert str(caught.value).startswith("activity m:ship")
    assert message in str(caught.value)


def test_only_positional_parameters() -> None:
    """Keyword-only, *args and **kwargs are refused with file and line."""

    def keyword_only(*, a: int) -> None: ...
    def variadic(*args: int) -> None: ...
    def options(**kwargs: int) -> None: ...

    for fn in (keyword_only, variadic, options):
        with pytest.raises(DefinitionError, match=r"test_signatures\.py:\d+: .*not positional"):
            codec_of(fn)


@pytest.mark.parametrize("default", [[], {}, set(), bytearray()])
def test_mutable_defaults_are_refused(default: Any) -> None:
    """A default shared by all runs of a process would differ between live and replay."""

    def mutable(a: Any = default) -> None: ...

    with pytest.raises(DefinitionError, match="parameter a has a mutable default"):
        codec_of(mutable)


def test_a_default_must_fit_its_annotation() -> None:
    """`limit: int = None` would fail at the first call; it fails at definition instead."""

    def wrong(limit: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    with pytest.raises(DefinitionError, match=r"test_signatures\.py:\d+: default of limit: None"):
        codec_of(wrong)


def test_a_local_name_that_comes_too_late_is_explained() -> None:
    """What the enclosing function defines after the declaration is out of reach."""

    def later(value: Later) -> Later: ...

    hints = Hints(later, "m.py:1")
    signature = SignatureCodec(later, "m:later", hints)
    result = ValueCodec.of_result(hints, "result of m:later")

    class Later(Item):
        pass

    with pytest.raises(DefinitionError, match="annotation names 'Later', which does not exist"):
        signature.encode((Later(1),), {})
    with pytest.raises(DefinitionError):
        result.encode(1)


def test_local_types_are_found() -> None:
    """A type defined in the same function before the declaration is restored."""
    from dataclasses import dataclass

    @dataclass
    class Local:
        a: int

    def uses(value: Local) -> None: ...

    codec = codec_of(uses)
    assert codec.decode(codec.encode((Local(1),), {})) == (Local(1),)


def later_in_module(value: LaterInModule) -> LaterInModule:
    return value


EARLY_HINTS = Hints(later_in_module, "m.py:1")
EARLY = SignatureCodec(later_in_module, "m:later", EARLY_HINTS)
EARLY_RESULT = ValueCodec.of_result(EARLY_HINTS, "result of m:later")


class LaterInModule(Order):
    """Defined after the function that names it."""


def test_annotations_of_later_module_names_are_found_at_first_use() -> None:
    """A forward reference to a module-level type works in arguments and result."""
    value = LaterInModule("o", [])
    assert EARLY.decode(EARLY.encode((value,), {})) == (value,)
    assert EARLY_RESULT.decode(EARLY_RESULT.encode(value)) == value
    assert EARLY_RESULT.annotation is LaterInModule


def test_names_for_type_checkers_only_are_explained() -> None:
    """An import under TYPE_CHECKING cannot restore anything; the error says what to do."""

    def checked(value: OnlyForCheckers) -> None: ...

    with pytest.raises(DefinitionError, match=r"'OnlyForCheckers'.*not only under TYPE_CHECKING"):
        codec_of(checked).encode((1,), {})


def test_unions_that_json_cannot_tell_apart_name_the_parameter() -> None:
    """The declaration's file, line and parameter are in the error."""

    def ambiguous(a: int, b: Order | Item) -> None: ...

    with pytest.raises(DefinitionError, match=r"test_signatures\.py:\d+: parameter b: "):
        codec_of(ambiguous)
