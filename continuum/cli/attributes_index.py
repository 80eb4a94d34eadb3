"""`continuum attributes index`: an index on one attribute, built beside running work."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from continuum.cli import connection
from continuum.cli.attribute_paths import format_path, parse_path
from continuum.cli.command import Options, application, note
from continuum.cli.failures import UsageError
from continuum.cli.output import Rows
from continuum.cli.table import Column

if TYPE_CHECKING:
    from continuum.model import AttributeIndex, IndexProgress

_FIELDS: Final = ("key", "type", "valid", "bytes")


class IndexType(enum.StrEnum):
    """Which values of the attribute."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"


async def index_attribute(
    options: Options,
    key: Annotated[str | None, typer.Argument(metavar="KEY", hidden=True)] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Remove it.")] = False,
    value_type: Annotated[
        IndexType | None, typer.Option("--type", help="Values to index; else the commonest.")
    ] = None,
) -> None:
    """Build an index on an attribute, or drop it; without KEY list all of them.

    KEY is a key, device.os a nested one, '"a.b"' one with a dot. Runs go on starting and finishing
    while the index is built; progress goes to stderr. Called again after an interruption, it builds
    the index anew; called while it is being built elsewhere, it waits for that.
    """
    options.without_effect("attributes index")
    if key is None:
        if drop or value_type is not None:
            raise UsageError("--drop and --type need a KEY")
        async with connection.connect(options) as client:
            _print(options, await client.attribute_indexes())
        return
    path = parse_path(key)
    async with connection.connect(options) as client:
        if drop:
            found = await client.drop_attribute_index(path, value_type=value_type)
            note(f"dropped {len(found)} index{'' if len(found) == 1 else 'es'} on {key}")
            return
        index = await client.index_attribute(path, value_type=value_type, on_progress=_Progress())
        _print(options, [index])


class _Progress:
    """Says on stderr what the server does, once for each tenth."""

    def __init__(self) -> None:
        self._said: tuple[str, int] | None = None

    def __call__(self, progress: IndexProgress) -> None:
        tenths = 10 * progress.done // progress.total if progress.total else 0
        if (progress.phase, tenths) != self._said:
            self._said = (progress.phase, tenths)
            share = f" {100 * progress.done // progress.total} %" if progress.total else ""
            note(f"{progress.phase}{share}")


def _print(options: Options, indexes: list[AttributeIndex]) -> None:
    rows = Rows(options.shape, [Column(name) for name in _FIELDS], fields=_FIELDS, key="key")
    for index in indexes:
        rows.add(_record(index))
    rows.close()


def _record(index: AttributeIndex) -> dict[str, Any]:
    return {
        "key": format_path(index.path), "type": str(index.type), "valid": index.valid,
        "bytes": index.size,
    }  # fmt: skip


app = application(index_attribute, usage="[OPTIONS] [KEY]", writes=True)
