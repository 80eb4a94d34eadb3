"""The screens look as they did when somebody last looked at them."""

from __future__ import annotations

import re

import pytest

from tests.console.snapshots import PICTURES, SIZES, path, picture


def steady(text: str) -> str:
    """Without the count-down of a banner, which tells how fast the machine is."""
    return re.sub(r"unreachable \d+s|retry in \d+s|trying now", "", text)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(("screen", "state"), PICTURES)
async def test_the_screen_is_as_it_was(screen: str, size: tuple[int, int], state: str) -> None:
    """In three sizes, with data, without any, and without an answer; to accept what is new:

    python -m tests.console.snapshots
    """
    text = await picture(screen, size, state)
    assert steady(text) == steady(path(screen, size, state).read_text(encoding="utf-8"))
    assert max(len(line) for line in text.splitlines()) <= size[0]
