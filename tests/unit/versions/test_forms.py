"""The form of a patch: what tells it from another one with its name."""

from __future__ import annotations

import pytest

from tests.unit.versions.loading import code

FORMED = """
from continuum import patched
import asyncio

def helper(x): return x + 1

async def flow(x):
    before = x
    {patch}
    return before
"""
PATCH = "if patched('p'): before += helper(x)\n    else: before -= 1"


def form(source: str, name: str = "p") -> str:
    """The digest of what a patch decides."""
    return code(source).forms[name]


@pytest.mark.parametrize(
    "change",
    [
        ("before = x", "before = x + 1"),
        ("return before", "return before + 1"),
        ("x + 1", "x + 2"),
        ("import asyncio", "import asyncio  # why"),
        ("-= 1", "-= 1  # why"),
        ("async def flow", "async def other(): ...\n\nasync def flow"),
        ("{patch}", "pass\n    {patch}"),
    ],
)
def test_the_form_of_a_patch_is_what_it_decides(change: tuple[str, str]) -> None:
    """Edits around it, in what it calls, and of what does not count leave it as it is."""
    source = FORMED.replace("{patch}", PATCH)
    changed = FORMED.replace(*change).replace("{patch}", PATCH).replace(*change)
    assert form(changed) == form(source)


@pytest.mark.parametrize(
    "patch",
    [
        "if patched('p'): before += helper(x)",
        "if patched('p'): before += x\n    else: before -= 1",
        "if patched('p'): before += helper(x)\n    else: before -= 2",
        "if not patched('p'): before += helper(x)\n    else: before -= 1",
        "if patched('p') and x: before += helper(x)\n    else: before -= 1",
        "before = helper(x) if patched('p') else 1",
        "while patched('p'): before += helper(x)",
        f"{PATCH}\n    x = 2 if patched('p') else 3",
    ],
)
def test_another_branch_is_another_form(patch: str) -> None:
    """Of either side, of the condition, of the kind, or one place more."""
    assert form(FORMED.replace("{patch}", patch)) != form(FORMED.replace("{patch}", PATCH))


def test_each_patch_has_a_form_of_its_own() -> None:
    """Also where one stands within the other, or decides nothing that can be folded."""
    source = FORMED.replace(
        "{patch}",
        "if patched('p'):\n        before = 1 if patched('q') else 2\n    y = patched('r')",
    )
    forms = code(source).forms
    assert forms.keys() == {"p", "q", "r"}
    assert len(set(forms.values())) == 3
