"""The versions that are loaded: which runs each continues, and what these have decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Final

from continuum.declare.registry import AnyWorkflow, resolve_workflows
from continuum.journal.turn import VersionPin
from continuum.versions.facts import CodeFacts, CodePlace
from continuum.versions.text import Site

ALL_SETS: Final = 5
"""Up to so many patches, a workflow's versions are those of all their sets. With more they are
those that runs have come to; the registry tells."""


class LoadedVersions:
    """Loaded workflows, by name and by version id.

    Attributes:
        newest: by name, what a run without a version begins with.
        pins: every version that the loaded code is known to run.
        sources: workflow name to "file:line".
        facts: version id to what is known of its code.
        many: names of workflows with so many patches that not all sets are tried.
        unregistered: versions that runs came to and the registry does not know.

    Raises:
        DefinitionError: two workflows have one name and one version.
    """

    def __init__(self, workflows: Iterable[AnyWorkflow]) -> None:
        workflows = list(workflows)
        self.newest: Mapping[str, AnyWorkflow] = resolve_workflows(workflows)
        self.pins: list[VersionPin] = []
        self.sources = {name: workflow.source for name, workflow in self.newest.items()}
        self.facts: dict[int, CodeFacts] = {}
        self.unregistered: list[VersionPin] = []
        self._loaded: dict[int, AnyWorkflow] = {}
        self._tried: dict[AnyWorkflow, dict[frozenset[str], int]] = {}
        self._general: dict[AnyWorkflow, CodeFacts] = {}
        self._workflows = sorted(workflows, key=lambda each: -each.version)
        for workflow in self._workflows:
            for taken in sets_of(workflow.code.patches):
                self._add(workflow, taken)
        self.many = sorted(
            {each.name for each in workflows if len(each.code.patches) > ALL_SETS}
        )  # fmt: skip

    def of(self, pin: VersionPin) -> tuple[AnyWorkflow, frozenset[str]]:
        """The code that continues a run with this pin, and the patches that the run has taken."""
        if not pin.version_hash:
            return self.newest[pin.workflow], frozenset()
        version_id = pin.version_id
        return self._loaded[version_id], frozenset(self.facts[version_id].taken)

    def has(self, pin: VersionPin) -> bool:
        """Whether some of the code continues a run with this pin."""
        return pin.version_id in self._loaded

    def called(self, name: str) -> list[AnyWorkflow]:
        """The workflows of this name, the newest version first."""
        return [each for each in self._workflows if each.name == name]

    def learn(self, name: str, taken: frozenset[str]) -> None:
        """Some runs of a workflow have taken these patches: be able to continue such runs."""
        for workflow in self._workflows:
            if workflow.name == name:
                self.unregistered += self._add(workflow, taken & workflow.code.patches)

    def _add(self, workflow: AnyWorkflow, taken: frozenset[str]) -> list[VersionPin]:
        pin = workflow.pin_of(taken)
        version_id = pin.version_id
        tried = self._tried.setdefault(workflow, {})
        below = {other for names, other in tried.items() if names < taken and other != version_id}
        tried[taken] = version_id
        known = self.facts.get(version_id)
        if known is None:
            self._loaded[version_id] = workflow
            self.facts[version_id] = self._describe(workflow, taken, below)
            self.pins.append(pin)
            return [pin]
        if self._loaded[version_id] is workflow:  # with fewer patches
            more = replace(known, also=known.also | taken, below=known.below | below)
        else:  # of newer code
            more = replace(known, elsewhere=known.elsewhere | taken)
        self.facts[version_id] = more
        return []

    def _describe(self, workflow: AnyWorkflow, taken: frozenset[str], below: set[int]) -> CodeFacts:
        code = workflow.code
        general = self._general.get(workflow)
        if general is None:
            general = CodeFacts(
                patch_sites=[*map(place_of, code.sites)],
                opaque=[*map(place_of, code.opaque)],
                source=workflow.source,
                forms=code.forms,
                retention=workflow.retention,
            )
            self._general[workflow] = general
        schema = code.codecs(workflow, taken)
        return replace(
            general, taken=sorted(taken), also=taken, below=frozenset(below),
            codecs=schema.parts, codec_fingerprint=schema.fingerprint,
        )  # fmt: skip


def sets_of(patches: frozenset[str]) -> Iterator[frozenset[str]]:
    """The sets of patches to begin with, smaller ones first."""
    if len(patches) > ALL_SETS:
        yield frozenset()
        yield patches
        return
    for size in range(len(patches) + 1):
        yield from map(frozenset, combinations(sorted(patches), size))


def place_of(site: Site) -> CodePlace:
    """A place in the source, below the current directory where it is."""
    file, here = Path(site.file), Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    return CodePlace(site.name, str(shown), site.line)
