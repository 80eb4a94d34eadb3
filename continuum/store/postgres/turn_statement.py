"""Joins the parts of the turn statement that a batch needs (`sql/turn.sql`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from continuum.store.postgres.statements import statements

_PARTS: Final = statements("turn")
_ORDER: Final = (
    "held", "made", "owned", "leased", "journaled", "read", "kept", "changed", "dropped", "ended",
)  # fmt: skip
_NAME: Final = re.compile(r"\$([a-z_]+)")


class TurnStatement:
    """One variant: its text, and the names of its parameters in their order."""

    __slots__ = ("names", "text")

    def __init__(self, text: bytes, names: tuple[str, ...]) -> None:
        self.text = text
        self.names = names

    def arrange(self, values: Mapping[str, bytes]) -> list[bytes]:
        """The parameters of this variant from all values by name."""
        return [values[name] for name in self.names]


@cache
def turn_statement(parts: frozenset[str]) -> TurnStatement:
    """The statement of these parts; `owned` and the outcome are always in it."""
    heads = "both" if {"held", "made"} <= parts else "held" if "held" in parts else "made"
    chosen = {name: _PARTS[name].decode() for name in parts}
    chosen["owned"] = _PARTS[f"owned_{heads}"].decode()
    bodies = [
        f"{name} AS {'MATERIALIZED ' if name == 'held' else ''}(\n{chosen[name]}\n)"
        for name in _ORDER
        if name in chosen
    ]
    text = f"WITH {', '.join(bodies)}\n{_PARTS['outcome'].decode()}"
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${names.setdefault(match[1], len(names) + 1)}"

    return TurnStatement(_NAME.sub(number, text).encode(), tuple(names))
