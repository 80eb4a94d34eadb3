"""The registry of versions, on every store."""

from __future__ import annotations

from continuum.journal.turn import VersionPin
from continuum.versions.facts import CodeFacts
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
