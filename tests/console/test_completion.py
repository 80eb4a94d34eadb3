"""What can follow in an expression, from its text alone and from what is known of the runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.completion import (
    Expected,
    Known,
    Offer,
    Take,
    accept,
    expected,
    offers,
    worth_counting,
)
from console.source import Counts
from continuum.model import AttributeKey
from continuum.query.lexer import unfinished
from continuum.query.text import parse_text
from continuum.query.tree import Attribute, Field

PLAN = Attribute(("plan",))
KNOWN = Known(
    [
        AttributeKey(("plan",), {"string": 0.98}, 3),
        AttributeKey(("tier",), {"number": 0.5}, 4),
        AttributeKey(("vip",), {"boolean": 0.1}, 2),
        AttributeKey(("odd key",), {"string": 0.4}, 9),
    ],
    {
        Field("state"): Counts({"completed": 1204, "failed": 2}),
        PLAN: Counts({"pro": 10, "it's": 2, "prepaid": 1, None: 7}, exact=False),
        Attribute(("tier",)): Counts({4: 3, 1.5: 1}),
    },
)


def place(text: str) -> Expected:
    """What the end of the text takes."""
    found = expected(text)
    assert found is not None
    return found


def texts(text: str) -> list[str]:
    """What is offered behind the text."""
    return [offer.text for offer in offers(place(text), KNOWN)]


@pytest.mark.parametrize(
    ("text", "take", "typed"),
    [
        ("", Take.CONDITION, ""),
        ("sta", Take.CONDITION, "sta"),
        ("not (", Take.CONDITION, ""),
        ("state ", Take.OPERATOR, ""),
        ("state no", Take.OPERATOR, "no"),
        ("state not ", Take.NEGATED, ""),
        ("state in ", Take.OPENING, ""),
        ("state in (", Take.VALUE, ""),
        ("state in ('failed' ", Take.COMMA, ""),
        ("state in ('failed',", Take.VALUE, ""),
        ("state in ('failed') ", Take.JOINT, ""),
        ("state='fai", Take.VALUE, "'fai"),
        ("state = 'failed' ", Take.JOINT, ""),
        ("error like ", Take.PATTERN, ""),
        ("error is ", Take.NULL, ""),
        ("error is not ", Take.NOT_NULL, ""),
        ("error is not null ", Take.JOINT, ""),
        ("started_at between ", Take.LOW, ""),
        ("started_at between -2h ", Take.RANGE, ""),
        ("started_at between -2h and ", Take.VALUE, ""),
        ("started_at between -2h and -1h ", Take.JOINT, ""),
        ("started_at > -2", Take.VALUE, "-2"),
        ("started_at > now() ", Take.JOINT, ""),
        ("stuck and ", Take.CONDITION, ""),
        ("(stuck) or attributes.", Take.CONDITION, "attributes."),
        ('attributes.a."b c', Take.CONDITION, 'attributes.a."b c'),
        ("order ", Take.BY, ""),
        ("stuck order by ", Take.ORDER, ""),
        ("order by duration ", Take.DIRECTION, ""),
        ("order by duration desc ", Take.NOTHING, ""),
        ("state state ", Take.NOTHING, ""),
    ],
)
def test_what_a_place_takes(text: str, take: Take, typed: str) -> None:
    """By the words before it, whatever is half typed at the end."""
    found = place(text)
    assert (found.take, found.typed) == (take, typed)


@pytest.mark.parametrize("text", ["bogus = 1 and ", "a;b ", "state = 'x' -- ", "f() "])
def test_behind_a_mistake_nothing_is_offered(text: str) -> None:
    """The mistake is to be told when it is entered, not built upon."""
    assert expected(text) is None


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("st", ["state", "started_at", "stuck"]),
        ("attributes.", ["attributes.plan", "attributes.tier", "attributes.vip"]),
        ("attributes.od", ['attributes."odd key"']),
        ('attributes."od', ['attributes."odd key"']),
        ("tie", ["attributes.tier"]),
        ("state ", ["=", "!=", "in (", "not in ("]),
        ("started_at ", [">", ">=", "<", "<=", "between"]),
        ("completed_at ", [">", ">=", "<", "<=", "between", "is null", "is not null"]),
        ("attributes.plan ", ["=", "!=", "in (", "not in (", "like", "ilike", "is null"]),
        ("attributes.tier ", ["=", "!=", ">", ">="]),
        ("attributes.vip ", ["=", "is null", "is not null"]),
        ("state = ", ["'completed'", "'failed'"]),
        ("state = 'f", ["'failed'"]),
        ("state = fai", ["'failed'"]),
        ("attributes.plan = 'PR", ["'pro'", "'prepaid'"]),
        ("attributes.plan = 'it''", ["'it''s'"]),
        ("attributes.plan = 'paid", ["'prepaid'"]),
        ("attributes.tier = ", ["4", "1.5"]),
        ("attributes.vip = ", ["true", "false"]),
        ("started_at > ", ["-15m", "-1h", "-24h", "-7d", "today()", "now()"]),
        ("started_at > -1", ["-15m", "-1h"]),
        ("started_at > n", ["now()"]),
        ("duration > 6", ["60"]),
        ("stuck ", ["=", "and", "or"]),
        ("not stuck and (state = 'failed' ", ["and", "or", ")"]),
        ("state = 'failed' ", ["and", "or", "order by"]),
        ("state = 'failed' o", ["or", "order by"]),
        ("state in ('failed' ", [",", ")"]),
        ("order by dur", ["duration"]),
        ("order by duration ", ["desc", "asc"]),
        ("error is not ", ["null"]),
    ],
)
def test_what_is_offered(text: str, first: list[str]) -> None:
    """What fits, the likeliest first; quotes may be left out, and a key's `attributes.`."""
    assert texts(text)[: len(first)] == first


def test_what_is_typed_already_is_no_choice() -> None:
    """A complete word is not offered again."""
    assert "state" not in texts("state")
    assert texts("state = 'failed'") == []


def test_frequencies_are_told_and_whether_they_are_exact() -> None:
    """A count cut short is at least so many, never told as all."""
    found = {offer.text: offer.note for offer in offers(place("state = "), KNOWN)}
    assert found["'completed'"] == "1,204"
    found = {offer.text: offer.note for offer in offers(place("attributes.plan = "), KNOWN)}
    assert found == {"'pro'": "10 or more", "'it''s'": "2 or more", "'prepaid'": "1 or more"}
    keys = {offer.text: offer.note for offer in offers(place("attributes."), KNOWN)}
    assert keys["attributes.plan"] == "98% text"


@pytest.mark.parametrize(
    ("before", "behind", "text", "made"),
    [
        ("sta", "", "state", "state |"),
        ("tie", " >= 4", "attributes.tier", "attributes.tier |>= 4"),
        ("state = 'fai", "", "'failed'", "state = 'failed' |"),
        ("state = 'fai", "'", "'failed'", "state = 'failed' |"),
        ("state = fai", " and stuck", "'failed'", "state = 'failed' |and stuck"),
        ("state =", "", "'failed'", "state = 'failed' |"),
        ("state", "", "in (", "in (|"),
        ("state in (", "", "'failed'", "state in ('failed'|"),
        ("state in ('failed' ", "", ",", "state in ('failed' , |"),
        ("started_at > -", "", "-1h", "started_at > -1h |"),
    ],
)
def test_a_choice_takes_the_place_of_what_was_typed(
    before: str, behind: str, text: str, made: str
) -> None:
    """The cursor stands behind it, where one would go on typing."""
    closed = not text.endswith("(") and "(" not in before
    offer = Offer(text, closed=closed or text == ",")
    text_after, cursor = accept(before + behind, len(before), place(before), offer)
    assert f"{text_after[:cursor]}|{text_after[cursor:]}" == made


@given(st.data())
def test_taking_choices_never_makes_a_mistake(data: st.DataObject) -> None:
    """Whatever is taken one after the other, the text can be read as far as it goes."""
    text = ""
    for _ in range(data.draw(st.integers(1, 14))):
        found = expected(text)
        assert found is not None, text
        choices = offers(found, KNOWN)
        if not choices:
            break
        text, cursor = accept(text, len(text), found, data.draw(st.sampled_from(choices)))
        assert cursor == len(text)
    found = expected(text)
    assert found is not None, text
    if found.take is Take.JOINT and not found.brackets:
        parse_text(text)


def test_values_are_read_only_where_they_help() -> None:
    """Not for times, not twice, and only when a value is being typed."""
    assert worth_counting(place("workflow = "), KNOWN) == Field("workflow")
    assert worth_counting(place("attributes.region = 'e"), KNOWN) == Attribute(("region",))
    assert worth_counting(place("attributes.plan = "), KNOWN) is None
    assert worth_counting(place("started_at > "), KNOWN) is None
    assert worth_counting(place("workflow "), KNOWN) is None


@given(st.text("ab.'\"=( )1-", max_size=20))
def test_the_word_being_typed_lies_within_the_text(text: str) -> None:
    """Whatever is typed, the lexer says where its last word begins."""
    assert 0 <= unfinished(text) <= len(text)
