"""How much the statements of a page may look at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one statement may look at.

    Attributes:
        first: rows of the first window of a walk; each further one has four times as many.
        largest: rows of the largest window.
        probe: the largest set of candidates that is fetched as a whole.
        known: the same, of an index that is read without an estimate.
        near: rows that are walked sooner than other ways are looked for, if they fill the page.
    """

    first: int = 500
    largest: int = 128_000
    probe: int = 20_000
    known: int = 2_000
    near: int = 4_000
