"""The documented keys and commands are the registry's."""

from __future__ import annotations

import pytest

from tests.console.reference import PAGE, TABLES, shown


@pytest.mark.parametrize("name", TABLES)
def test_the_page_shows_what_the_registry_holds(name: str) -> None:
    """docs/console.md holds exactly its keys, commands and sentences; else write it anew:

    python -m tests.console.reference
    """
    assert shown(PAGE.read_text(encoding="utf-8"), name) == TABLES[name]()
