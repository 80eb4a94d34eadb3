"""Trace contexts and the span ids that follow from runs."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.journal.trace import (
    TraceContext,
    attempt_span,
    context_of_run,
    decode_context,
    encode_context,
    parse_context,
    run_span,
    signal_span,
)

RUN = UUID("01a20315-3d0a-71a3-972b-4747caa3612a")


@given(
    st.builds(
        TraceContext,
        st.integers(1, 2**128 - 1),
        st.integers(0, 2**64 - 1),
        st.integers(0, 255),
    )
)
def test_a_context_survives_its_text(context: TraceContext) -> None:
    """Of any ids and flags."""
    assert parse_context(str(context)) == context
    assert decode_context(encode_context(str(context))) == str(context)


@pytest.mark.parametrize(
    "text",
    [None, "", "x", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "ff-" + "1" * 32 + "-" + "1" * 16,
     "00-" + "1" * 32 + "-" + "1" * 16 + "-01-more", "00-" + "A" * 32 + "-" + "1" * 16 + "-01"],
)  # fmt: skip
def test_what_is_no_context_is_none(text: str | None) -> None:
    """A run goes on without a trace, whatever it was given."""
    assert parse_context(text) is None
    assert context_of_run(text, RUN) is None


def test_unreadable_messages_bring_no_context() -> None:
    """Neither do those of a later release."""
    assert decode_context(b"{}") is None
    assert decode_context(b"\xff") is None


def test_span_ids_are_golden() -> None:
    """Workers of all releases compute the same: a takeover may come from another one."""
    assert f"{run_span(RUN):016x}" == "831aeb37186818b3"
    assert f"{run_span(RUN, 1):016x}" == "d63b6198e96101a5"
    assert f"{attempt_span(RUN, 1, 2, 3):016x}" == "c18f5318ec638995"
    assert f"{signal_span(RUN, 4):016x}" == "23694246b214a869"


def test_span_ids_differ() -> None:
    """By run, kind, incarnation, command, attempt and message."""
    other = uuid4()
    ids = [run_span(RUN), run_span(RUN, 1), run_span(other), signal_span(RUN, 1)]
    ids += [attempt_span(RUN, *n) for n in [(1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (1, 11, 1)]]
    assert len(set(ids)) == len(ids)
