"""The runtime tag: the part of a run's pin that is not the user's code."""

from __future__ import annotations

import sys
from typing import Final

LOOP_SEMANTICS: Final = 1
"""Raised whenever the deterministic loop may order the same code's commands differently."""


def runtime_tag() -> str:
    """Loop semantics and Python minor: runs go on only where both are equal.

    asyncio's own TaskGroup, wait_for and locks change between Python minors, so equal source
    does not mean equal command order across them.
    """
    return f"{LOOP_SEMANTICS}-py{sys.version_info.major}.{sys.version_info.minor}"
