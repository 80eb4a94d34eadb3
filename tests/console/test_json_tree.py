"""JSON as a tree."""

from __future__ import annotations

from typing import Any

import pytest

from console.present.json_tree import MEMBERS, MORE, JsonTree, TreeRows
from console.themes import DARK, Palette
from continuum.model import Omitted

PALETTE = Palette.from_variables(DARK.to_color_system().generate())


def tree_of(**roots: Any) -> JsonTree:
    """A tree with these roots."""
    tree = JsonTree()
    tree.set_roots(roots)
    return tree


def shown(tree: JsonTree) -> list[str]:
    """Its lines."""
    rows = TreeRows(tree)
    column = rows.columns(200)[0]
    return [rows.cell(node, column, PALETTE, changed=False).plain for node in tree.nodes()]


def test_roots_are_open_and_branches_open_one_by_one() -> None:
    """A closed branch says how many members it has and how they begin."""
    tree = tree_of(input=[{"id": "o-1", "items": [1, 2]}], result=None)
    assert shown(tree) == [
        "- input  1 in all",
        '  + 0: 2 fields  {"id": "o-1", "items": [1, 2]}',
        "  result  null",
    ]
    assert tree.toggle(tree.nodes()[1])
    assert shown(tree)[2:4] == ['      id: "o-1"', "    + items: 2 in all  [1, 2]"]
    assert not tree.toggle(tree.nodes()[2])
    tree.set_roots({"input": [{"id": "o-2", "items": []}], "result": 3})
    assert '      id: "o-2"' in shown(tree)


def test_a_large_branch_is_shown_in_parts() -> None:
    """The rest is counted, and comes when it is asked for."""
    tree = tree_of(input=list(range(MEMBERS * 2 + 5)))
    assert len(tree.nodes()) == MEMBERS + 2
    rest = tree.nodes()[-1]
    assert rest.path[-1] is MORE
    assert shown(tree)[-1] == f"  … {MEMBERS + 5} more, Enter shows them"
    tree.toggle(rest)
    tree.toggle(tree.nodes()[-1])
    assert len(tree.nodes()) == MEMBERS * 2 + 6


def test_long_and_absent_values_say_their_size() -> None:
    """A megabyte of text is cut; what was not fetched can be."""
    tree = tree_of(input="x" * 1_000_000, result=Omitted(50_000_000))
    long, left = shown(tree)
    assert "1,000,000 characters" in long
    assert len(long) < 600
    assert left == "  result  47.7 MiB, not loaded: Enter loads it"


@pytest.mark.parametrize("text", ["[/]", "[red]", "\x1b[31m", "\u202eabc", "a\nb", "\x00"])
def test_hostile_text_is_harmless(text: str) -> None:
    """In keys and in values."""
    assert all(line.isprintable() for line in shown(tree_of(input={text: text})))


def test_a_search_goes_from_place_to_place_and_around() -> None:
    """Keys and scalars, in closed branches and beyond what is shown of a long one."""
    tree = tree_of(
        input=[{"order": "A-17"}, *range(MEMBERS), {"order": "B"}], result={"Order": "a-17"}
    )
    first = tree.search("a-17", None)
    second = tree.search("a-17", first)
    assert (first, second) == (("input", 0, "order"), ("result", "Order"))
    assert tree.search("a-17", second) == first
    assert tree.search("order", first) == ("input", MEMBERS + 1, "order")
    assert tree.found in {node.path for node in tree.nodes()}
    assert tree.search("nowhere", None) is None
