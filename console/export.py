"""The whole answer of a query as a file: written beside its place, and put there when complete."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from console.yank import plain_value
from continuum.model import Run

FIELDS: Final = (
    "id", "namespace", "workflow", "version", "version_hash", "state", "attributes",
    "started_at", "updated_at", "completed_at", "duration", "waiting_on", "owner", "parent_id",
    "incarnation", "error",
)  # fmt: skip
"""Those of `continuum query`, in its order."""
FORMATS: Final[Mapping[str, str]] = {".csv": "csv", ".jsonl": "jsonl", ".json": "json",
                                     ".ids": "ids"}  # fmt: skip
"""Ending of a file's name -> format."""
CHUNK: Final = 500
"""Runs that are written at once."""


class ExportError(Exception):
    """The file cannot be written; the text says why and what to do."""


def format_of(path: Path) -> str:
    """What the name of a file asks for. Raises `ExportError`."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise ExportError(f"the name ends in one of {', '.join(FORMATS)}")
    return found


def place_of(text: str) -> Path:
    """The file that was typed, if it can be one.

    Raises:
        ExportError: no name, no such folder, a folder, or an ending that says no format.
    """
    if not text.strip():
        raise ExportError("the file needs a name")
    if "\0" in text:
        raise ExportError("a name has no zero byte")
    try:
        path = Path(text.strip()).expanduser()
        format_of(path)
        if path.is_dir():
            raise ExportError("that is a folder")
        if not path.absolute().parent.is_dir():
            raise ExportError(f"there is no folder {path.absolute().parent}")
    except (OSError, RuntimeError) as error:
        raise ExportError(f"not a name of a file: {error}") from None
    return path


async def export(
    runs: AsyncIterator[Run],
    path: Path,
    on_progress: Callable[[int, int], None],
    *,
    overwrite: bool = False,
) -> int:
    """Write all runs to a file and answer how many. What ends early leaves no file behind.

    Args:
        runs: in the order in which they are written.
        path: its ending says the format.
        on_progress: told the runs and the bytes so far.
        overwrite: whether a file that is there already gives way.

    Raises:
        ExportError: the file cannot be written, or is there already.
    """
    shape = format_of(path)
    file, part = _begin(path)
    try:
        with file:
            count = await _write(runs, file, shape, on_progress)
        _put(part, path, overwrite=overwrite)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from error
    finally:
        _drop(part)
    return count


def _begin(path: Path) -> tuple[io.TextIOWrapper, Path]:
    """A new file beside the one that is wanted, which only this user can read."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.absolute().parent)
    except OSError as error:
        raise ExportError(f"cannot write there: {error.strerror}") from error
    return io.TextIOWrapper(os.fdopen(handle, "wb"), encoding="utf-8", newline=""), Path(name)


def _drop(part: Path) -> None:
    with suppress(FileNotFoundError):
        part.unlink()


async def _write(
    runs: AsyncIterator[Run],
    file: io.TextIOWrapper,
    shape: str,
    on_progress: Callable[[int, int], None],
) -> int:
    count, size, chunk = 0, 0, list[Run]()

    async def flush(*, last: bool) -> None:
        nonlocal size
        text = _text(chunk, shape, first=count == len(chunk), last=last)
        size += len(text)
        chunk.clear()
        await asyncio.to_thread(file.write, text)
        on_progress(count, size)

    async for run in runs:
        chunk.append(run)
        count += 1
        if len(chunk) == CHUNK:
            await flush(last=False)
    await flush(last=True)
    return count


def _text(runs: Sequence[Run], shape: str, *, first: bool, last: bool) -> str:
    """A piece of the file, which is complete after the last one."""
    if shape == "ids":
        return "".join(f"{run.id}\n" for run in runs)
    records = [record(run) for run in runs]
    if shape == "csv":
        lines = io.StringIO(newline="")
        writer = csv.writer(lines, lineterminator="\n")
        if first:
            writer.writerow(FIELDS)
        writer.writerows([_cell(value) for value in each.values()] for each in records)
        return lines.getvalue()
    parts = [json.dumps(each, ensure_ascii=False) for each in records]
    if shape == "jsonl":
        return "".join(f"{part}\n" for part in parts)
    start = "[\n" if first else (",\n" if parts else "")
    return start + ",\n".join(parts) + ("\n]\n" if last else "")


def record(run: Run) -> dict[str, Any]:
    """A run as `continuum query --format jsonl` prints it."""
    return {name: plain_value(getattr(run, name)) for name in FIELDS}


def _cell(value: object) -> object:
    nested = isinstance(value, dict | list | bool | float)
    return json.dumps(value, ensure_ascii=False) if nested else value


def _put(part: Path, path: Path, *, overwrite: bool) -> None:
    """At its place, in one step; a file that came there meanwhile does not give way unasked."""
    if overwrite:
        part.replace(path)
        return
    try:
        os.link(part, path)
    except FileExistsError:
        raise ExportError(f"{path} is there already") from None
    except OSError:  # a file system without links
        if path.exists():
            raise ExportError(f"{path} is there already") from None
        part.replace(path)
