"""The query form without widgets: rows make the tree they are made of, edits do as they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import expressions
from console.form import edits, rows
from console.form.rows import ORDER, Form, Group, Joint, Path, Row
from continuum.errors import QueryError
from continuum.query.text import parse_text
from continuum.query.tree import (
    NEWEST_FIRST,
    All,
    Attribute,
    Condition,
    Exists,
    Field,
    Not,
    Order,
    all_of,
    any_of,
)
from tests.unit.query.grammar import conditions, operands, orders


def meaning(form: Form, path: Path = ()) -> Condition:
    """What a part of a finished form means."""
    found = rows.condition(edits.at(form, path))
    assert found is not None
    return found


def paths(form: Form) -> list[Path]:
    """Of all rows and groups."""
    return [line.path for line in rows.lines(form) if line.path != ORDER]


forms = st.builds(rows.opened, conditions, st.none() | orders)
placed = forms.flatmap(lambda form: st.tuples(st.just(form), st.sampled_from(paths(form))))


@given(conditions, st.none() | orders)
def test_rows_make_the_tree_they_were_made_of(condition: Condition, order: Order | None) -> None:
    """Of the whole grammar: rows, tree, text, and the text parses to an equal tree."""
    form = rows.opened(condition, order)
    assert rows.condition(form.root) == condition
    assert rows.order(form) == (order or NEWEST_FIRST)
    assert rows.unfinished(form) is None
    parsed, ordered = parse_text(rows.text(form))
    assert (parsed, ordered or NEWEST_FIRST) == (condition, order or NEWEST_FIRST)
    again = rows.read(rows.text(form))
    assert again.root == form.root


@given(conditions)
def test_what_a_row_writes_is_what_it_means(condition: Condition) -> None:
    """Field, operator and value of each row, read again, are its condition."""
    for line in rows.lines(rows.opened(condition)):
        if isinstance(line.node, Row) and (line.node.value or line.node.sign not in rows.LISTS):
            assert rows.filled(replace(line.node, condition=None)) == line.node


@given(placed)
def test_negated_is_the_opposite(place: tuple[Form, Path]) -> None:
    """Of a row as of a group; twice is as before."""
    form, path = place
    other = edits.negated(form, path)
    before, after = meaning(form, path), meaning(other, path)
    assert after == Not(before) or before == Not(after)
    assert edits.negated(other, path) == form


@given(placed, conditions)
def test_added_is_one_more(place: tuple[Form, Path], more: Condition) -> None:
    """In the group it was added to, behind the row it was added at, and nothing else changes."""
    form, path = place
    node = rows.opened(more).root
    changed, where = edits.added(form, path, node)
    assert edits.at(changed, where) == node
    if getattr(edits.at(changed, where[:-1]), "parts", ())[1:]:
        assert edits.removed(changed, where) == form
    inside = isinstance(edits.at(form, path), Group)
    assert where[:-1] == (path if inside else path[:-1])


@given(placed)
def test_removed_is_gone(place: tuple[Form, Path]) -> None:
    """With the groups that it leaves empty; the other parts stay as they are."""
    form, path = place
    changed = edits.removed(form, path)
    assert changed.order == form.order
    if not path:
        assert meaning(changed) == All()
        return
    around = edits.at(form, path[:-1])
    assert isinstance(around, Group)
    rest = (*around.parts[: path[-1]], *around.parts[path[-1] + 1 :])
    if rest:
        assert edits.at(changed, path[:-1]) == replace(around, parts=rest)
    else:
        assert changed == edits.removed(form, path[:-1])


@given(placed, st.sampled_from(Joint))
def test_a_head_says_how_its_parts_count(place: tuple[Form, Path], joint: Joint) -> None:
    """In each of the four ways, and `all` for `any` and back."""
    form, path = place
    node = edits.at(form, path)
    if not isinstance(node, Group):
        with pytest.raises(KeyError):
            edits.joined(form, path, joint)
        around = edits.turned(form, path[:-1])
        assert edits.turned(form, path) == around
        return
    parts = [meaning(form, (*path, number)) for number in range(len(node.parts))]
    wanted = {
        Joint.ALL: all_of(parts), Joint.ANY: any_of(parts),
        Joint.NONE: Not(any_of(parts)), Joint.NOT_ALL: Not(all_of(parts)),
    }  # fmt: skip
    assert meaning(edits.joined(form, path, joint), path) == wanted[joint]
    assert edits.turned(edits.turned(form, path), path) == form


@given(placed, operands)
def test_another_field_keeps_what_fits(
    place: tuple[Form, Path], operand: Field | Attribute
) -> None:
    """The row is about it, and is finished only if its value fits."""
    form, path = place
    if not isinstance(edits.at(form, path), Row):
        return
    changed = edits.at(edits.with_operand(form, path, operand, ("=", "is null")), path)
    assert isinstance(changed, Row)
    assert changed.operand == operand
    assert changed.sign in ("=", "is null", "")
    if changed.condition is not None:
        head = rows.before(changed)
        assert expressions.parse(head + changed.value).condition == changed.condition
    else:
        assert rows.lack(changed) is not None


def test_a_row_is_filled_cell_by_cell() -> None:
    """It says what it lacks, stands in no text until it lacks nothing, then the text has it."""
    form = rows.read("state = 'failed'")
    form, path = edits.added(form, (), Row())
    said = rows.unfinished(form)
    assert said is not None
    assert (said[0], said[1].said) == (path, "no field is chosen")
    form = edits.with_operand(form, path, Attribute(("region",)), ("in",))
    said = rows.unfinished(form)
    assert said is not None
    assert said[1].said == "no operator is chosen"
    form = edits.with_sign(form, path, "in")
    said = rows.unfinished(form)
    assert said is not None
    assert said[1].said == "a value is missing"
    assert rows.text(form) == "state = 'failed'"
    form = edits.with_value(form, path, "'eu', 'us'")
    assert rows.unfinished(form) is None
    assert rows.text(form) == "state = 'failed' and attributes.region in ('eu', 'us')"


@pytest.mark.parametrize(
    ("start", "value", "said", "at"),
    [
        ("state = 'failed'", "'faild'", "no state 'faild'", 0),
        ("workflow = 'x'", "order_flow", "unknown field", 0),
        ("workflow = 'x'", "'open", "the string has no end", 0),
        ("workflow in ('x')", "'a', b", "unknown field", 5),
        ("workflow = 'x'", "'a' or state = 'failed'", "more than a value", 0),
        ("workflow in ('x')", "'a') or state in ('failed'", "more than a value", 0),
        ("workflow = 'x'", "'a' order by id", "more than a value", 0),
        ("version > 3", "3 and", "the expression ends wrongly", 2),
    ],
)
def test_a_wrong_value_is_told_with_its_place(start: str, value: str, said: str, at: int) -> None:
    """In the words of the language, counted from the value; nothing can be smuggled in."""
    form = edits.with_value(rows.read(start), (0,), value)
    found = rows.unfinished(form)
    assert found is not None
    error = found[1].error
    assert isinstance(error, QueryError)
    assert said in error.message
    assert error.position == at
    assert rows.text(form) == ""


def test_missing_values_make_the_opposite_of_less_no_more() -> None:
    """The opposite of `<` is `not <`."""
    form = edits.negated(rows.read("attributes.tier < 3"), (0,))
    assert rows.text(form) == "not attributes.tier < 3"
    assert rows.text(edits.negated(form, (0,))) == "attributes.tier < 3"


def test_operators_keep_the_value_that_they_take() -> None:
    """One value becomes a list of one, a list of one a value; a longer one goes."""
    form = edits.with_sign(rows.read("workflow = 'a'"), (0,), "in")
    assert rows.text(form) == "workflow in ('a')"
    assert rows.text(edits.with_sign(form, (0,), "!=")) == "workflow != 'a'"
    form = edits.with_value(form, (0,), "'a', 'b'")
    row = edits.at(edits.with_sign(form, (0,), "="), (0,))
    assert isinstance(row, Row)
    assert row.value == ""
    form = edits.with_sign(rows.read("owner = 'a'"), (0,), "is null")
    assert meaning(form) == Not(Exists(Field("owner")))


def test_the_order_is_a_row_too() -> None:
    """It gets another field, turns round, and goes."""
    form = rows.read("stuck order by duration")
    form = edits.with_operand(form, ORDER, Attribute(("tier",)), ())
    form = edits.turned(form, ORDER)
    assert rows.text(form) == "stuck = true order by attributes.tier desc"
    assert rows.text(edits.removed(form, ORDER)) == "stuck = true"


def test_a_new_group_makes_a_difference() -> None:
    """`any of` inside `all of`, and the other way round; its last row takes it along."""
    form = rows.read("stuck and paused")
    group = edits.group_for(form, (0,))
    assert group.joint is Joint.ANY
    form, path = edits.added(form, (0,), group)
    assert path == (1,)
    assert edits.group_for(form, (1, 0)).joint is Joint.ALL
    assert edits.removed(form, (1, 0)) == rows.read("stuck and paused")
