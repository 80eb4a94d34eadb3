"""The versions that a worker has loaded: which runs each continues, and what they have decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Final

from continuum.declare.registry import AnyWorkflow, resolve_workflows
from continuum.journal.turn import VersionPin

ALL_SETS: Final = 8
"""Up to so many patches in a workflow, a worker takes runs with any set of them."""


class LoadedVersions:
    """The workflows of a worker, by name and by version id.

    Attributes:
        newest: by name, what a run without a version begins with.
        pins: every version that the loaded code can run.
        patches: version id to the patches that a run of it has taken.

    Raises:
        DefinitionError: two workflows have one name and one version.
    """

    def __init__(self, workflows: Iterable[AnyWorkflow]) -> None:
        workflows = list(workflows)
        self.newest: Mapping[str, AnyWorkflow] = resolve_workflows(workflows)
        self.pins: list[VersionPin] = []
        self.patches: dict[int, frozenset[str]] = {}
        self._loaded: dict[int, AnyWorkflow] = {}
        for workflow in sorted(workflows, key=lambda each: -each.version):
            for taken in recipes(workflow.code.patches):
                pin = workflow.pin_of(taken)
                if pin.version_id not in self._loaded:  # the newest code, the smallest set
                    self._loaded[pin.version_id] = workflow
                    self.patches[pin.version_id] = taken
                    self.pins.append(pin)

    def of(self, pin: VersionPin) -> tuple[AnyWorkflow, frozenset[str]]:
        """The code that continues a run with this pin, and the patches that the run has taken."""
        if not pin.version_hash:
            return self.newest[pin.workflow], frozenset()
        version_id = pin.version_id
        return self._loaded[version_id], self.patches[version_id]


def recipes(patches: frozenset[str]) -> Iterator[frozenset[str]]:
    """The sets of patches whose runs code takes, smaller ones first.

    With many patches only those are left with which few are taken, or few are not: it is a
    warning to come there.
    """
    names = sorted(patches)
    for size in range(len(names) + 1):
        if len(names) <= ALL_SETS or size <= 2 or size >= len(names) - 2:
            yield from map(frozenset, combinations(names, size))
