"""The real program on a terminal: a pty that `pyte` draws, or a pane of tmux."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from uuid import uuid4

import pyte

PATIENCE = 60.0
ROOT = Path(__file__).parents[2]
COPIED = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")
CODES = {
    "Enter": "\r", "Esc": "\x1b", "Tab": "\t", "Shift+Tab": "\x1b[Z", "Space": " ",
    "End": "\x1b[F", "Home": "\x1b[H", "PgDn": "\x1b[6~", "PgUp": "\x1b[5~",
    "↑": "\x1b[A", "↓": "\x1b[B", "→": "\x1b[C", "←": "\x1b[D", "Backspace": "\x7f",
}  # fmt: skip
"""What a terminal sends for the keys that are not a character."""


def console_command(*words: str) -> list[str]:
    """The real program."""
    return [sys.executable, "-m", "console", *words]


class Terminal:
    """What somebody in front of a terminal can do: press keys and look."""

    def __init__(self) -> None:
        self.presses = 0

    async def press(self, keys: Sequence[str]) -> None:
        """All of them at once: the program must not need time between them."""
        self.presses += len(keys)
        await self.send("".join(CODES.get(key, key) for key in keys))

    async def shows(self, *words: str) -> str:
        """Wait until the words are on screen; the screen."""
        until = monotonic() + PATIENCE
        while True:
            text = await self.text()
            if all(each in text for each in words):
                return text
            assert monotonic() < until, f"waited for {words} on\n{text}"
            await asyncio.sleep(0.02)

    async def until(self, holds: Callable[[str], bool]) -> str:
        """Wait until the screen is so: it may be painted in pieces; the screen."""
        until = monotonic() + PATIENCE
        while not holds(text := await self.text()):
            assert monotonic() < until, f"waited on\n{text}"
            await asyncio.sleep(0.02)
        return text

    @abstractmethod
    async def send(self, text: str) -> None:
        """Type."""

    @abstractmethod
    async def text(self) -> str:
        """The screen, line by line."""

    @abstractmethod
    async def copied(self) -> str:
        """What the program put on the clipboard last."""


class PtyTerminal(Terminal):
    """A pty; the screen is what `pyte` makes of the program's bytes."""

    def __init__(self, descriptor: int, size: tuple[int, int]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._written = b""
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            part = os.read(self._descriptor, 65536)
        except OSError:
            part = b""
        if not part:
            self.close()
            return
        self._written += part
        # pyte knows neither the queries of private modes nor the keyboard protocol of kitty
        self._stream.feed(re.sub(rb"\x1b\[[<>=?][0-9;]*[$u]p?", b"", part))

    async def send(self, text: str) -> None:
        """Type."""
        os.write(self._descriptor, text.encode())

    async def text(self) -> str:
        """The screen, line by line."""
        return "\n".join(self._screen.display)

    async def copied(self) -> str:
        """The last OSC 52."""
        until = monotonic() + PATIENCE
        while not (found := COPIED.findall(self._written)):
            assert monotonic() < until, "nothing was copied"
            await asyncio.sleep(0.02)
        return base64.b64decode(found[-1]).decode()

    def close(self) -> None:
        """Look no more."""
        asyncio.get_running_loop().remove_reader(self._descriptor)


class TmuxTerminal(Terminal):
    """A pane of a tmux server of its own."""

    def __init__(self, socket: Path) -> None:
        super().__init__()
        self._socket = socket

    async def command(self, *words: str) -> str:
        """One command for the server."""
        process = await asyncio.create_subprocess_exec(
            "tmux", "-S", str(self._socket), "-f", "/dev/null", *words,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await process.communicate()
        assert process.returncode == 0, (words, errors)
        return out.decode()

    async def send(self, text: str) -> None:
        """Type; tmux is given the bytes as they are."""
        await self.command("send-keys", "-H", *(f"{byte:02x}" for byte in text.encode()))

    async def text(self) -> str:
        """The pane."""
        return await self.command("capture-pane", "-p")

    async def copied(self) -> str:
        """The newest buffer of tmux, which takes OSC 52."""
        until = monotonic() + PATIENCE
        while not await self.command("list-buffers"):
            assert monotonic() < until, "nothing was copied"
            await asyncio.sleep(0.02)
        return await self.command("show-buffer")


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """That of a person at a terminal with colours, and no more of ours than is needed."""
    kept = ("PATH", "HOME", "VIRTUAL_ENV", "CONTINUUM_EMBEDDED_DIR")
    own = {name: os.environ[name] for name in kept if name in os.environ}
    shown = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "TZ": "UTC"}
    return own | shown | dict(given)


@asynccontextmanager
async def on_pty(
    command: Sequence[str], size: tuple[int, int], given: Mapping[str, str]
) -> AsyncGenerator[PtyTerminal]:
    """The program on a pty of this size; it is ended by SIGTERM."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(given), stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    terminal = PtyTerminal(ours, size)
    try:
        yield terminal
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, 20)
        process.kill()
        process.wait()
        terminal.close()
        os.close(ours)


@asynccontextmanager
async def on_tmux(
    command: Sequence[str], size: tuple[int, int], given: Mapping[str, str], directory: Path
) -> AsyncGenerator[TmuxTerminal]:
    """The program in a pane of this size; the server goes with it."""
    terminal = TmuxTerminal(directory / f"tmux-{uuid4().hex[:8]}")
    own = [f"{name}={value}" for name, value in environment(given).items() if name != "TERM"]
    await terminal.command(
        "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", str(ROOT),
        "env", *own, *command,
    )  # fmt: skip
    await terminal.command("set-option", "-g", "set-clipboard", "on")
    try:
        yield terminal
    finally:
        await terminal.command("kill-server")


def tmux_is_here() -> bool:
    """Whether there is a tmux."""
    return shutil.which("tmux") is not None
