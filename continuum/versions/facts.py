"""What is known of the code of a version, as plain data for the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from continuum.journal.turn import VersionPin


@dataclass(frozen=True, slots=True)
class CodePlace:
    """A patch, or something opaque, where it stands."""

    name: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What is known of the code of a version.

    Attributes:
        taken: patches that its runs have taken: the smallest set that gives its hash.
        patch_sites: where its code mentions patches.
        opaque: what decides and no hash can see.
        source: "file.py:12" of the workflow.
        also: patches of every set that gives its hash in this code; `taken` and more.
        elsewhere: likewise, in other code that is loaded beside it.
        below: ids of the versions whose runs come to this one by taking further patches.
        forms: name of every patch in its code to a digest of what it decides.
        codecs: label of a boundary to the type of its values, see `versions.schemas`.
        codec_fingerprint: of all of them; None when not known.
        retention: seconds for which its workflow keeps runs that have ended; None: for ever.
    """

    taken: Sequence[str] = ()
    patch_sites: Sequence[CodePlace] = ()
    opaque: Sequence[CodePlace] = ()
    source: str | None = None
    also: Set[str] = frozenset()
    elsewhere: Set[str] = frozenset()
    below: Set[int] = frozenset()
    forms: Mapping[str, str] = field(default_factory=dict[str, str])
    codecs: Mapping[str, str] = field(default_factory=dict[str, str])
    codec_fingerprint: str | None = None
    retention: float | None = None


def retentions(
    pins: Iterable[VersionPin], facts: Mapping[int, CodeFacts]
) -> dict[str, float | None]:
    """How long each workflow keeps ended runs, in order of names; its newest version says so."""
    said: dict[str, tuple[int, float | None]] = {}
    for pin in pins:
        known = facts.get(pin.version_id)
        if known is not None and pin.version >= said.get(pin.workflow, (0, None))[0]:
            said[pin.workflow] = (pin.version, known.retention)
    return {name: said[name][1] for name in sorted(said)}
