"""Follows a Markdown document as a reader would: Python blocks and console sessions, in order.

- ```` ```python name.py ```` is saved as that file, next to the others of the document;
- ```` ```python ```` is run;
- ```` ```console ```` holds commands after `$ ` and, optionally, what they print. `...` in the
  expected output stands for anything. A command ending in ` &` goes on until the document ends.

Every other block (`text`, `toml`, `sql`) is not run. What cannot run in a test is checked in
another way: a `make` target must exist, and a `pip install` must name this project.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TIMEOUT = 60

BLOCK = re.compile(r"^```(\w+)?[ \t]*([^\n`]*)\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
RUNNABLE = {"python", "console"}
NOT_RUN = {"text", "toml", "sql", "json", "mermaid", "ini"}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block and where it starts."""

    language: str
    title: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a console block, and the output that the document promises (None: any)."""

    text: str
    output: str | None


def blocks(markdown: str) -> list[Block]:
    """The fenced blocks of a document."""
    return [
        Block(match[1] or "", match[2].strip(), match[3], markdown[: match.start()].count("\n") + 1)
        for match in BLOCK.finditer(markdown)
    ]


def commands(console: str) -> Iterator[Command]:
    """The commands of a console block; a line ending in a backslash goes on."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        command = lines.pop(0)
        while command.endswith("\\"):
            command = command[:-1] + lines.pop(0).lstrip("> ")
        output = "\n".join(lines).strip()
        yield Command(command.strip(), output or None)


def matches(expected: str, actual: str) -> bool:
    """Whether output is as promised; `...` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, actual.strip(), re.DOTALL) is not None


@dataclass(slots=True)
class Reader:
    """Follows a document in a directory of its own, against a database of its own."""

    directory: Path
    dsn: str
    background: list[subprocess.Popen[str]] = field(default_factory=list)

    def follow(self, document: Path) -> None:
        """Do everything the document says; an assertion names the line that does not hold."""
        try:
            for block in blocks(document.read_text(encoding="utf-8")):
                where = f"{document.name}:{block.line}"
                assert block.language in RUNNABLE | NOT_RUN, f"{where}: unknown block language"
                if block.language == "python":
                    self._python(block, where)
                elif block.language == "console":
                    for command in commands(block.text):
                        self._command(command, where)
        finally:
            self._end_background()

    def _python(self, block: Block, where: str) -> None:
        if block.title:
            (self.directory / block.title).write_text(block.text)
            compile(block.text, block.title, "exec")
            return
        path = self.directory / "_block.py"
        path.write_text(block.text)
        self._run(f"'{sys.executable}' {path.name}", where)

    def _command(self, command: Command, where: str) -> None:
        text = command.text
        if text.startswith("make "):
            done = subprocess.run(
                ["make", "--dry-run", *shlex.split(text)[1:]], cwd=REPOSITORY, capture_output=True
            )
            assert done.returncode == 0, f"{where}: no such target: {text}"
        elif text.startswith("pip install "):
            assert installs_this_project(text), f"{where}: {text}"
        elif text.endswith("&"):
            self._start(text[:-1].strip())
        else:
            output = self._run(text, where)
            if command.output is not None:
                assert matches(command.output, output), f"{where}: $ {text}\n{output}"

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "CONTINUUM_DSN": self.dsn,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{self.directory}{os.pathsep}{REPOSITORY}",
            "COLUMNS": "100",
        }

    def _run(self, command: str, where: str) -> str:
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command],
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, f"{where}: $ {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _start(self, command: str) -> None:
        log = (self.directory / f"background-{len(self.background)}.log").open("w")
        with log:
            self.background.append(
                subprocess.Popen(
                    ["bash", "-c", f"exec {command}"],
                    cwd=self.directory,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    text=True,
                )
            )

    def _end_background(self) -> None:
        for process in self.background:
            process.send_signal(signal.SIGTERM)
        for process in self.background:
            process.wait(timeout=TIMEOUT)


def installs_this_project(command: str) -> bool:
    """Whether a `pip install` line names this distribution and extras that it has."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    match = re.search(r"continuum-engine(?:\[([\w,]+)\])?'?$", command)
    if match is None:
        return False
    extras = set((match[1] or "").split(",")) - {""}
    return project["name"] == "continuum-engine" and extras <= set(project["optional-dependencies"])
