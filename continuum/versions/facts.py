"""What is known of the code of a version, as plain data for the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field


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
