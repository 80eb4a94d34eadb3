"""README and docs do what they say: every command and every Python block is run."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from continuum.cli.catalogue import COMMANDS
from tests.docs.documents import (
    REPOSITORY,
    RUNNABLE,
    Block,
    Command,
    Reader,
    blocks,
    commands,
    installs_this_project,
    matches,
)

DOCUMENTS = [
    path
    for path in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
    if path.name != "CHANGELOG.md"
]
RUNNING = [
    path for path in DOCUMENTS if {block.language for block in blocks(path.read_text())} & RUNNABLE
]
INLINE_COMMAND = re.compile(r"`(continuum [^`]+)`")


def name(path: Path) -> str:
    """A document's path as a test id."""
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("document", RUNNING, ids=name)
def test_document_runs(document: Path, tmp_path: Path, dsn: str) -> None:
    """A reader who types what the document says sees what the document shows."""
    Reader(tmp_path, dsn).follow(document)


@cache
def help_of(command: str) -> str:
    """What `continuum COMMAND --help` prints."""
    return subprocess.run(
        [sys.executable, "-m", "continuum.cli", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    ).stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_commands_in_the_text_exist(document: Path) -> None:
    """Every `continuum ...` in running text names a command, and options that it has."""
    for text in INLINE_COMMAND.findall(document.read_text()):
        words = text.split()[1:]
        if words[0].startswith("-"):
            continue
        command = next((c for c in (" ".join(words[:2]), words[0]) if c in COMMANDS), None)
        assert command is not None, text
        for option in re.findall(r"--[\w-]+", text):
            assert option in help_of(command), text


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link points to a file of the project."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_readme_lists_every_command() -> None:
    """The README's table has each command of the command line once, and no other."""
    listed = re.findall(
        r"^\| `continuum ([a-z][a-z -]*)", (REPOSITORY / "README.md").read_text(), re.M
    )
    assert sorted(command.strip() for command in listed) == sorted(COMMANDS)


def test_blocks_and_commands_are_found() -> None:
    """The runner sees blocks with their titles and lines, commands with their output."""
    text = "# T\n\n```python shop.py\nx = 1\n```\n\n```console\n$ a \\\n>   b\nout\n$ c &\n```\n"
    first, second = blocks(text)
    assert first == Block("python", "shop.py", "x = 1\n", 3)
    assert list(commands(second.text)) == [Command("a b", "out"), Command("c &", None)]


def test_output_is_compared() -> None:
    """`...` stands for anything; all else must be printed exactly."""
    assert matches("a ... c", "a 1\n2 c\n")
    assert not matches("a ... c", "a 1 d")
    assert not matches("a.c", "abc")


def test_failing_documents_fail(tmp_path: Path) -> None:
    """A wrong output, a failing command, a failing block and an unknown target are all found."""
    document = tmp_path / "wrong.md"
    for body in (
        "```console\n$ echo yes\nno\n```\n",
        "```console\n$ false\n```\n",
        "```python\nraise SystemExit(1)\n```\n",
        "```console\n$ make no-such-target\n```\n",
        "```console\n$ pip install something-else\n```\n",
        "```bash\necho not run\n```\n",
    ):
        document.write_text(body)
        with pytest.raises(AssertionError, match=r"wrong\.md:1"):
            Reader(tmp_path, "postgresql://nowhere").follow(document)


def test_install_lines_name_this_project() -> None:
    """An install line with an extra that does not exist is found."""
    assert installs_this_project("pip install 'continuum-engine[embedded]'")
    assert installs_this_project("pip install continuum-engine")
    assert not installs_this_project("pip install 'continuum-engine[embeded]'")
