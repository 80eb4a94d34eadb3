"""Where to look: one namespace, or all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """A choice of namespace; a name of None means all."""

    name: str | None
