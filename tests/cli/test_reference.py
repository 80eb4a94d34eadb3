"""docs/cli.md says what the commands say of themselves."""

from __future__ import annotations

from continuum.cli.catalogue import COMMANDS
from tests.cli.reference import BEGIN, DOCUMENT, described_commands, reference


def test_reference_is_the_real_help() -> None:
    """The reference equals the help of every command, character by character."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert BEGIN + text.partition(BEGIN)[2] == reference()


def test_every_command_is_explained() -> None:
    """The hand-written part mentions every command."""
    assert described_commands() == set(COMMANDS)
