"""Failures can always be stored, whatever the exception holds."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.codec.failures import MAX_TEXT, MAX_TOTAL, capture_failure


class OrderRejected(Exception):
    """A user's own exception."""


class Hostile(Exception):
    """Cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def recurse(depth: int) -> None:
    """Fail at the bottom of a deep stack."""
    if depth == 0:
        raise OrderRejected("deep")
    recurse(depth - 1)


def reject() -> None:
    """Raise one exception because of another."""
    try:
        raise KeyError("o1")
    except KeyError as error:
        raise OrderRejected("o1 is bad") from error


def test_type_message_and_traceback() -> None:
    """A failure tells type, text and where it was raised, with its cause."""
    with pytest.raises(OrderRejected) as caught:
        reject()
    failure = capture_failure(caught.value)
    assert failure.type == f"{__name__}.OrderRejected"
    assert failure.message == "o1 is bad"
    assert failure.details is not None
    assert "KeyError: 'o1'" in failure.details
    assert "in reject" in failure.details


def test_builtin_exceptions_have_no_module() -> None:
    """`ValueError`, not `builtins.ValueError`."""
    assert capture_failure(ValueError("x")).type == "ValueError"


@given(st.text() | st.text("\0\ud800\udfff\x1b\"'\\\n"))
def test_any_text_can_be_stored(text: str) -> None:
    """No NUL, no other control, no lone surrogate reaches the database."""
    failure = capture_failure(ValueError(text))
    stored = msgspec.json.encode(failure)
    assert b"\\u0000" not in stored
    json.loads(stored)
    assert all(character >= " " or character in "\n\t" for character in failure.message)


@pytest.mark.parametrize("filler", ["x", "ü", "\0", '"', "\U0001f600", "\ud800"])
def test_huge_texts_are_cut(filler: str) -> None:
    """The bounds hold for every character, also counted as stored JSON."""
    failure = capture_failure(ValueError(filler * 1_000_000))
    assert len(failure.message.encode()) <= MAX_TEXT
    assert failure.message.endswith("(shortened)")
    assert len(msgspec.json.encode(failure)) <= MAX_TOTAL


def test_deep_stacks_keep_the_last_frames() -> None:
    """Twenty frames, the ones next to the error."""
    with pytest.raises(OrderRejected) as caught:
        recurse(200)
    details = capture_failure(caught.value).details or ""
    assert details.count("File ") <= 20
    assert "raise OrderRejected" in details


def test_an_exception_that_cannot_be_printed_is_stored() -> None:
    """A broken `__str__` does not break the failure path."""
    failure = capture_failure(Hostile())
    assert failure.type.endswith("Hostile")
    assert failure.message == "<the exception's __str__ failed>"


def test_exception_groups_are_stored() -> None:
    """The members of a group are in the details."""
    failure = capture_failure(ExceptionGroup("two", [ValueError("a"), KeyError("b")]))
    assert "ValueError: a" in (failure.details or "")
