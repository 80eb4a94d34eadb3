"""What loading workflows costs, and which sets of patches a worker can tell."""

from __future__ import annotations

import pytest

from continuum import workflow
from continuum.declare.loaded import ALL_SETS, LoadedVersions
from continuum.versions.hashing import VersionedCode
from tests.unit.versions.loading import load


def loaded(patches: int, source: str = "") -> LoadedVersions:
    """A workflow with so many patches, loaded by a worker."""
    lines = [f"    if patched('p{n}'): x += {n}" for n in range(patches)]
    head = ["from continuum import patched", "async def flow(x):"]
    flow = "\n".join([*head, *lines, "    return x"])
    return LoadedVersions([workflow(name="flow")(load(source or flow).flow)])


def some(*numbers: int) -> frozenset[str]:
    """The names of these patches."""
    return frozenset(f"p{n}" for n in numbers)


@pytest.mark.parametrize("patches", [0, 1, 3, 5, 6, 12, 16, 40])
def test_rule_20_the_cost_is_linear_in_the_versions_that_exist(
    patches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hash for every set that was met, at most a constant number before any was."""
    hashed: list[frozenset[str]] = []
    hash_of = VersionedCode.hash

    def counted(self: VersionedCode, taken: frozenset[str] = frozenset()) -> str:
        hashed.append(frozenset(taken))
        return hash_of(self, taken)

    monkeypatch.setattr(VersionedCode, "hash", counted)
    versions = loaded(patches)
    at_first = 2**patches if patches <= ALL_SETS else 2
    assert len(versions.pins) == len(hashed) == at_first <= 32
    met = [some(*range(n)) for n in range(patches + 1)]
    for taken in (*met, *met):
        versions.learn("flow", taken)
    further = 0 if patches <= ALL_SETS else patches - 1
    assert len(hashed) == len(versions.pins) == at_first + further
    assert len(versions.unregistered) == further


def test_sets_of_other_codes_are_tried_as_far_as_they_are_its_own() -> None:
    """Names that this code does not mention are left out, and unknown workflows are ignored."""
    versions = loaded(7)
    versions.learn("flow", some(1, 2) | {"gone"})
    versions.learn("other", some(1))
    flow = versions.newest["flow"]
    assert versions.unregistered == [flow.pin_of(some(1, 2))]
    assert versions.of(flow.pin_of(some(1, 2))) == (flow, some(1, 2))


def test_facts_tell_all_sets_of_one_hash_and_from_where_runs_come() -> None:
    """Either of two patches does: both count as taken, the smallest set is what a run has."""
    versions = loaded(
        0,
        "from continuum import patched\nasync def flow(x):\n"
        "    if patched('a') or patched('b'):\n        return 1\n    return 2",
    )
    old, new = versions.pins
    assert versions.facts[new.version_id].taken == ["a"]
    assert versions.facts[new.version_id].also == {"a", "b"}
    assert versions.facts[new.version_id].below == {old.version_id}
    assert versions.facts[old.version_id].also == set()
    assert versions.facts[old.version_id].forms.keys() == {"a", "b"}
