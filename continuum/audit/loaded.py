"""What the audited code can run, and which versions need a patch not taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from continuum.declare.loaded import place_of, sets_of
from continuum.declare.registry import AnyWorkflow, resolve_workflows
from continuum.journal.turn import VersionPin
from continuum.store.auditing import CodecChange, KnownVersion, differing
from continuum.versions.facts import CodePlace


class LoadedCode:
    """One workflow function: the versions that it is, by the patches that are taken.

    Args:
        flow: the workflow.
        learnt: sets of patches that runs of it have taken, beyond those that are tried anyway.

    Attributes:
        sites: where it mentions patches.
        opaque: what in it decides and no hash can see.
    """

    def __init__(self, flow: AnyWorkflow, learnt: Iterable[frozenset[str]] = ()) -> None:
        self.flow = flow
        self.patches = flow.code.patches
        sets = {*sets_of(self.patches), *(taken & self.patches for taken in learnt)}
        self._ids = {taken: self._id_of(taken) for taken in sets}

    @cached_property
    def sites(self) -> Sequence[CodePlace]:
        """Where it mentions patches."""
        return [place_of(site) for site in self.flow.code.sites]

    @cached_property
    def opaque(self) -> Sequence[CodePlace]:
        """What in it decides and no hash can see."""
        return [place_of(site) for site in self.flow.code.opaque]

    @cached_property
    def ids(self) -> frozenset[int]:
        """Every version that it is."""
        return frozenset(self._ids.values())

    def codec_change(self, known: KnownVersion) -> CodecChange | None:
        """How it restores the values of a registered version otherwise; None if it does not."""
        taken = min((t for t, each in self._ids.items() if each == known.version_id), key=len)
        schema = self.flow.code.codecs(self.flow, taken)
        if known.codec_fingerprint in (None, schema.fingerprint):
            return None
        labels = differing(known.codecs, schema.parts)
        return CodecChange(
            None,
            self.flow.source,
            {label: known.codecs.get(label) for label in labels},
            {label: schema.parts.get(label) for label in labels},
        )

    def with_patch(self, name: str) -> frozenset[int]:
        """The versions that are left when the patch is removed and its new branch kept."""
        return frozenset(self._id_of(taken | {name}) for taken in self._ids)

    def without_patch(self, name: str) -> frozenset[int]:
        """The versions that it is where the patch is not taken."""
        return frozenset(self._id_of(taken - {name}) for taken in self._ids)

    def _id_of(self, taken: frozenset[str]) -> int:
        return self.flow.pin_of(taken).version_id


class LoadedApplication:
    """All workflows that are audited.

    Args:
        flows: of one name several versions may be given.
        registry: tells sets of patches that runs have taken.

    Raises:
        DefinitionError: something is no workflow, or two have one name and one version.

    Attributes:
        codes: the newest version first.
        names: of its workflows.
        ids: every version that it can run; also that of runs that have not begun.
    """

    def __init__(self, flows: Iterable[AnyWorkflow], registry: Iterable[KnownVersion]) -> None:
        flows = list(flows)
        self.names = frozenset(resolve_workflows(flows))
        learnt: dict[str, set[frozenset[str]]] = {}
        for known in registry:
            sets = learnt.setdefault(known.pin.workflow, set())
            sets.update((frozenset(known.taken), frozenset(known.decided)))
        self.codes = [
            LoadedCode(flow, learnt.get(flow.name, ()))
            for flow in sorted(flows, key=lambda each: -each.version)
        ]
        unpinned = {VersionPin(name).version_id for name in self.names}
        self.ids = frozenset(unpinned).union(*(code.ids for code in self.codes))

    def codes_of(self, version_id: int) -> list[LoadedCode]:
        """The code that runs a version; the newest first."""
        return [code for code in self.codes if version_id in code.ids]

    def needs_untaken(self, code: LoadedCode, patch: str) -> frozenset[int]:
        """The versions that nothing could run any more, were this patch removed from that code."""
        others = frozenset[int]().union(*(each.ids for each in self.codes if each is not code))
        return code.without_patch(patch) - code.with_patch(patch) - others

    def patches_of(self, workflow: str) -> frozenset[str]:
        """Every patch that loaded code of this name mentions."""
        return frozenset[str]().union(
            *(code.patches for code in self.codes if code.flow.name == workflow)
        )
