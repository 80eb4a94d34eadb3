"""The reference part of docs/cli.md: the help of every command, as it is.

`python -m tests.cli.reference` writes it anew; a test compares it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from continuum.cli.catalogue import COMMANDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
BEGIN = "<!-- help of every command: python -m tests.cli.reference writes it -->\n"


def help_text(words: list[str]) -> str:
    """What `continuum WORDS --help` prints on a terminal of 90 columns."""
    done = subprocess.run(
        [sys.executable, "-m", "continuum.cli", *words, "--help"],
        env=os.environ | {"COLUMNS": "90", "TERMINAL_WIDTH": "90"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rstrip()


def reference() -> str:
    """Everything below the marker of docs/cli.md."""
    sections = (
        f"\n### `continuum {name}`\n\n```text\n{help_text(name.split())}\n```\n"
        for name in COMMANDS
    )
    return BEGIN + "".join(sections)


def described_commands() -> set[str]:
    """The commands that the hand-written part of the document explains."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[0]
    return {name for name in COMMANDS if re.search(rf"`continuum {name}[ `]", text)}


def main() -> None:
    """Write the reference into the document."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[0]
    DOCUMENT.write_text(text + reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
