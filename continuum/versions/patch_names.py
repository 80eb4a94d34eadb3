"""Whether names of patches are used again: what a worker must not register (rule 16).

A patch is decided by its name, once per incarnation, and the journal keeps the decision. Another
patch with the name of a removed one would be decided by it. `docs/decisions/039` defines the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from continuum.errors import PatchNameReused
from continuum.versions.facts import CodeFacts, CodePlace


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """A version that is to be registered."""

    version_id: int
    workflow: str
    facts: CodeFacts


@dataclass(frozen=True, slots=True)
class PatchForm:
    """One form that a patch of a workflow had, and where it was last seen."""

    workflow: str
    name: str
    form: str
    place: CodePlace
    last_seen_at: datetime | None = None
    removed_at: datetime | None = None
    removed_by: str | None = None


@dataclass(frozen=True, slots=True)
class PatchChanges:
    """What a registration says about patches.

    Attributes:
        decided: version id to the patches that its runs may have taken, in any code.
        forms: every patch that the code mentions.
        removed: workflow and patch to the source of the code from which it is gone, although it
            continues runs that have taken it.
    """

    decided: Mapping[int, Set[str]]
    forms: Sequence[PatchForm]
    removed: Mapping[tuple[str, str], str]


def patch_changes(
    versions: Iterable[VersionFacts],
    decided: Mapping[int, Set[str]],
    known: Iterable[PatchForm],
) -> PatchChanges:
    """What is new about patches, if these versions may be registered.

    Args:
        versions: to be registered.
        decided: of the versions in the registry, what `PatchChanges.decided` said.
        known: every form of the patches of these workflows.

    Raises:
        PatchNameReused: a patch has the name of one that was removed, or that runs of a version
            have taken which this code would continue as if they had not.
    """
    versions = list(versions)
    total = _decided(versions, decided)
    spent: dict[tuple[str, str], list[PatchForm]] = {}
    for each in known:
        spent.setdefault((each.workflow, each.name), []).append(each)
    removed: dict[tuple[str, str], str] = {}
    for version in versions:
        facts = version.facts
        for name in sorted(total[version.version_id] - facts.also):
            if name in facts.forms:
                _refuse(version, name, spent.get((version.workflow, name), ()))
            removed.setdefault((version.workflow, name), facts.source or version.workflow)
    for version in versions:
        for name, form in version.facts.forms.items():
            former = spent.get((version.workflow, name), ())
            if any(each.removed_at for each in former) and all(e.form != form for e in former):
                _refuse(version, name, former)
    return PatchChanges(total, list(_forms(versions)), removed)


def _decided(
    versions: list[VersionFacts], before: Mapping[int, Set[str]]
) -> dict[int, frozenset[str]]:
    """Taken in this code, or said of the version before, or of one from which runs come here."""
    own = {
        each.version_id: frozenset(before.get(each.version_id, ()))
        | each.facts.also
        | each.facts.elsewhere
        for each in versions
    }
    return {
        each.version_id: own[each.version_id].union(
            *(own.get(below, before.get(below, frozenset())) for below in each.facts.below)
        )
        for each in versions
    }


def _forms(versions: Iterable[VersionFacts]) -> Iterator[PatchForm]:
    seen: set[tuple[str, str, str]] = set()
    for version in versions:
        places = {each.name: each for each in reversed(version.facts.patch_sites)}
        for name, form in sorted(version.facts.forms.items()):
            key = (version.workflow, name, form)
            if key not in seen and name in places:
                seen.add(key)
                yield PatchForm(*key, places[name])


def _refuse(version: VersionFacts, name: str, former: Iterable[PatchForm]) -> None:
    here = next((each for each in version.facts.patch_sites if each.name == name), None)
    at = "" if here is None else f"{here.file}:{here.line}: "
    message = f"{at}patch {name!r} of workflow {version.workflow} has a name that was used before"
    former = sorted(former, key=lambda each: (each.last_seen_at is not None, each.last_seen_at))
    for last in former[-1:]:
        message += f": by {last.place.file}:{last.place.line}"
        message += _at(", last seen", last.last_seen_at)
    for gone in [each for each in former if each.removed_at is not None][-1:]:
        message += f"{_at(', removed', gone.removed_at)} by {gone.removed_by}"
    raise PatchNameReused(message)


def _at(what: str, when: datetime | None) -> str:
    return "" if when is None else f"{what} at {when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
