"""The registry of versions, on every store."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from continuum.errors import PatchNameReused
from continuum.journal.turn import VersionPin
from continuum.versions.facts import CodeFacts, CodePlace
from tests.conformance.stage import Stage


async def test_taken_patches_are_kept_over_codes_and_nodes(stage: Stage) -> None:
    """What any code said that runs of a version have taken; other workflows are left out."""
    await stage.register()
    one, other = VersionPin("flow", 1, "h1", "r"), VersionPin("flow", 1, "h2", "r")
    foreign = VersionPin("foreign", 1, "h1", "r")
    for pins, taken in (([one], ["b", "a"]), ([one, other], []), ([one, foreign], ["c"])):
        facts = {pin.version_id: CodeFacts(taken) for pin in pins}
        await stage.store.register_versions(stage.node, pins, {}, facts)
    assert await stage.store.taken_patches(["flow"]) == [("flow", frozenset("abc"))]
    assert await stage.store.taken_patches([]) == []


def code(*, form: str | None = None, line: int = 1, **sets: frozenset[str]) -> dict[int, CodeFacts]:
    """Facts of code whose versions have taken these patches; it mentions `p` if it has a form."""
    site = [] if form is None else [CodePlace("p", "flow.py", line)]
    ids = {name: VersionPin("flow", 1, name, "r").version_id for name in sets}
    return {
        ids[name]: CodeFacts(
            sorted(taken), site, also=taken, source=f"flow.py:{line}",
            below={ids[n] for n, smaller in sets.items() if smaller < taken},
            forms={} if form is None else {"p": form},
        )
        for name, taken in sets.items()
    }  # fmt: skip


async def register(stage: Stage, facts: dict[int, CodeFacts]) -> None:
    """Register the versions of one code."""
    pins = [VersionPin("flow", 1, name, "r") for name in ("old", "middle", "new", "next")]
    await stage.store.register_versions(
        stage.node, [pin for pin in pins if pin.version_id in facts], {}, facts
    )


NONE, P, Q = frozenset[str](), frozenset("p"), frozenset("q")
BEFORE = code(old=NONE)
BETWEEN = code(form="f", line=2, old=NONE, middle=P)
AFTER = code(line=3, middle=NONE)


async def test_the_legal_life_of_a_patch_is_registered(stage: Stage) -> None:
    """Deployed, rolled back, deployed again, removed, brought back, in any order."""
    await stage.register()
    for each in (BEFORE, BETWEEN, BEFORE, BETWEEN, AFTER, BETWEEN, AFTER, BEFORE, BETWEEN):
        await register(stage, each)


async def test_another_form_is_legal_until_the_patch_is_removed(stage: Stage) -> None:
    """A first try may be rolled back and mended; once the patch is gone its name is spent."""
    await stage.register()
    mended = code(form="g", line=4, old=NONE, new=P)
    for each in (BEFORE, BETWEEN, BEFORE, mended, BETWEEN, AFTER, BETWEEN, mended):
        await register(stage, each)
    with pytest.raises(PatchNameReused) as raised:
        await register(stage, code(form="h", line=5, old=NONE, next=P))
    assert re.fullmatch(
        r"flow\.py:5: patch 'p' of workflow flow has a name that was used before: by flow\.py:4,"
        r" last seen at \d{4}-\S+Z, removed at \d{4}-\S+Z by flow\.py:3",
        raised.value.message,
    )
    await register(stage, BETWEEN)


async def test_a_removal_and_another_patch_of_the_name_in_one_step_are_refused(
    stage: Stage,
) -> None:
    """Runs that took the one would be continued as if they had not taken the other."""
    await stage.register()
    await register(stage, BETWEEN)
    with pytest.raises(PatchNameReused):
        await register(stage, code(form="f", line=2, middle=NONE, new=P))
    assert await stage.store.taken_patches(["flow"]) == [("flow", P)]


async def test_a_name_is_spent_for_the_descendants_of_its_runs(stage: Stage) -> None:
    """Also where a further patch was taken and removed since, and the form is the old one."""
    await stage.register()
    await register(stage, BETWEEN)
    further = {
        each: replace(facts, forms={"q": "f"}, patch_sites=[CodePlace("q", "flow.py", 6)])
        for each, facts in code(line=6, middle=NONE, new=Q).items()
    }
    await register(stage, further)
    await register(stage, code(line=7, new=NONE))
    with pytest.raises(PatchNameReused):
        await register(stage, code(form="f", line=8, new=NONE, next=P))
    assert set(await stage.store.taken_patches(["flow"])) == {
        ("flow", P), ("flow", Q), ("flow", P | Q)
    }  # fmt: skip


async def test_patches_of_other_workflows_do_not_matter(stage: Stage) -> None:
    """A name belongs to one workflow."""
    await stage.register()
    for each in (BETWEEN, AFTER):
        await register(stage, each)
    pin = VersionPin("foreign", 1, "h", "r")
    site = [CodePlace("p", "foreign.py", 1)]
    facts = CodeFacts(["p"], site, also=P, forms={"p": "other"})
    await stage.store.register_versions(stage.node, [pin], {}, {pin.version_id: facts})


async def test_two_sets_may_have_one_hash(stage: Stage) -> None:
    """Either of two patches does: neither is taken for another's."""
    await stage.register()
    either = {
        each: replace(
            facts, forms={"p": "f", "q": "f"}, also=facts.also and P | Q,
            patch_sites=[CodePlace("p", "flow.py", 1), CodePlace("q", "flow.py", 1)],
        )
        for each, facts in code(old=NONE, middle=P).items()
    }  # fmt: skip
    only_q = {
        each: replace(facts, forms={"q": "f"}, patch_sites=[CodePlace("q", "flow.py", 2)])
        for each, facts in code(line=2, old=NONE, middle=Q).items()
    }
    for each in (either, only_q, either, AFTER, only_q):
        await register(stage, each)
