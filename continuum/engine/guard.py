"""Refuses real effects while workflow code steps, wherever in the process they are written.

An audit hook sees what a linter cannot: a file opened by a third-party helper three calls down.
The hook is installed with the first run and can never be removed. It costs a step nothing: which
run is executing is read from the running loop, and only when an event of interest occurs. All
other audit events of the process cost one look into a set.

Two things are let through, because Python itself does them on behalf of pure code: what the
import machinery, tracebacks, logging and time zones read, and what a `side_effect` function does,
whose value is journaled.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Final, Protocol, cast

from continuum.current import current_run
from continuum.engine.unaudited import report_unaudited
from continuum.errors import NonDeterminismError, NotInWorkflow

_EFFECTS: Final = frozenset({
    # files
    "open", "os", "shutil", "glob", "pathlib", "tempfile", "fcntl", "mmap", "sqlite3",
    # network
    "socket", "urllib", "http", "ftplib", "imaplib", "poplib", "smtplib", "nntplib", "telnetlib",
    # processes, threads, waiting
    "subprocess", "signal", "pty", "webbrowser", "_thread", "time", "ctypes",
    # the terminal and the system log
    "syslog", "msvcrt", "winreg", "winapi",
})  # fmt: skip
"""First parts of the names of refused audit events (https://docs.python.org/3/library/audit_events.html)."""

_BUILTINS: Final = frozenset({"builtins.input", "builtins.breakpoint"})

_TRUSTED_FRAMES: Final = (
    "importlib.", "zipimport", "zoneinfo", "linecache", "tokenize", "traceback", "gettext",
)  # fmt: skip
"""Modules that read files for code that is pure: imports, tracebacks, time zones."""

_LOGGING: Final = frozenset({"handle", "callHandlers"})
_SHOWN_FRAMES: Final = 6
_ARGUMENT: Final = 80


class _Run(Protocol):
    """What the guard asks of the run that is executing."""

    @property
    def dropped(self) -> bool: ...
    @property
    def in_side_effect(self) -> bool: ...


class _Guard:
    """The hook, and whether it is installed."""

    def __init__(self) -> None:
        self.installed = False

    def install(self) -> None:
        """Install the audit hook, once in a process."""
        if not self.installed:
            self.installed = True
            sys.addaudithook(hook)
            report_unaudited(hook)


kept: Final[list[Any]] = []
"""What must outlive every module: code that went on after being closed, and would go on again."""


def hook(
    event: str,
    args: tuple[Any, ...],
    # bound here, because an audit hook outlives its module's names
    effects: frozenset[str] = _EFFECTS,
    builtins: frozenset[str] = _BUILTINS,
    _kept: list[Any] = kept,
) -> None:
    """The audit hook: refuse an effect if workflow code is executing on this thread."""
    if event.partition(".")[0] in effects or event in builtins:
        run = current_run()
        if run is not None:
            _refuse(cast("_Run", run), event, args)


guard: Final = _Guard()


def _refuse(run: _Run, event: str, args: tuple[Any, ...]) -> None:
    """Raise unless this effect may happen.

    Raises:
        NotInWorkflow: the run is being dropped; its `finally` blocks may compute only.
        NonDeterminismError: it is executing.
    """
    frame = sys._getframe(2)
    if _is_trusted(frame) or (event == "open" and _is_time_zone(args)):
        return
    if run.dropped:
        raise NotInWorkflow(f"{event} in a run that was dropped from memory")
    if run.in_side_effect:
        return
    raise NonDeterminismError(
        f"{run}: workflow code did {_described(event, args)}\n{_stack(frame)}",
        hint="move it into an activity",
    )


def _is_trusted(frame: FrameType | None) -> bool:
    """Whether Python's own machinery asks, for something that changes no result."""
    while frame is not None:
        module: str = frame.f_globals.get("__name__") or ""
        if module.startswith(_TRUSTED_FRAMES):
            return True
        if module == "logging" and frame.f_code.co_name in _LOGGING:
            return True
        if module == "continuum.engine.loop" and frame.f_code.co_name in _LOOP:
            return False
        frame = frame.f_back
    return False


_LOOP: Final = frozenset({"_run_ready", "close_coroutines", "step"})
"""Where the worker's frames begin: what called the loop does not count."""


def _is_time_zone(args: tuple[Any, ...]) -> bool:
    """`ZoneInfo` is written in C and opens its data without a frame of its own."""
    zoneinfo = sys.modules.get("zoneinfo")
    path = args[0] if args else None
    if zoneinfo is None or not isinstance(path, str):
        return False
    return path.startswith(tuple(f"{folder}/" for folder in zoneinfo.TZPATH)) and ".." not in path


def _described(event: str, args: tuple[Any, ...]) -> str:
    """`open('/etc/hosts')`: the event with the argument that tells most."""
    for each in args:
        if isinstance(each, str | bytes | int | float):
            return f"{event}({each!r:.{_ARGUMENT}})"
    return event


def _stack(frame: FrameType | None) -> str:
    """The innermost frames between the loop and the effect, one a line, outermost first."""
    lines: list[str] = []
    while frame is not None and len(lines) < _SHOWN_FRAMES:
        code = frame.f_code
        module: str = frame.f_globals.get("__name__") or ""
        if module == "continuum.engine.unaudited":
            frame = frame.f_back
            continue
        if module.startswith("continuum.engine."):
            break
        lines.append(f"  {code.co_filename}:{frame.f_lineno} in {code.co_name}")
        frame = frame.f_back
    return "\n".join(reversed(lines))
