"""What is known of the code of a version, as plain data for the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
        taken: patches that its runs have taken.
        patch_sites: where its code mentions patches.
        opaque: what decides and no hash can see.
    """

    taken: Sequence[str] = ()
    patch_sites: Sequence[CodePlace] = ()
    opaque: Sequence[CodePlace] = ()
