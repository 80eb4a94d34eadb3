"""`continuum attributes keys`: what runs can be found by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from continuum.cli import connection
from continuum.cli.attribute_paths import format_path
from continuum.cli.command import Format, Options, application
from continuum.cli.output import Rows
from continuum.cli.table import Column

if TYPE_CHECKING:
    from continuum.model import AttributeIndex, AttributeKey

_FIELDS: Final = ("key", "share", "types", "distinct", "indexes")


async def attribute_keys(
    options: Options,
    sample: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="Runs to look at.")
    ] = 10_000,
) -> None:
    """List the attribute keys that runs have, the commonest first.

    Looks at a sample, so shares and numbers of different values are estimates and a key that hardly
    any run has may be missing. An index is named by its type; one that is not built yet says so.
    """
    options.without_effect("attributes keys", namespace=False)
    async with connection.connect(options) as client:
        found = await client.attribute_keys(namespace=options.searched, sample=sample)
    shape = options.shape
    rows = Rows(shape, [Column(name) for name in _FIELDS], fields=_FIELDS, key="key")
    for key in found:
        rows.add(_table_record(key) if shape is Format.TABLE else _record(key))
    rows.close()


def _record(key: AttributeKey) -> dict[str, Any]:
    return {
        "key": format_path(key.path),
        "share": round(key.share, 4),
        "types": {name: round(share, 4) for name, share in key.types.items()},
        "distinct": key.distinct,
        "indexes": [{"type": i.type, "valid": i.valid, "bytes": i.size} for i in key.indexes],
    }


def _table_record(key: AttributeKey) -> dict[str, Any]:
    return {
        "key": format_path(key.path),
        "share": _percent(key.share),
        "types": ", ".join(
            name if len(key.types) == 1 else f"{name} {_percent(share)}"
            for name, share in key.types.items()
        ),
        "distinct": f"{key.distinct:,}",
        "indexes": ", ".join(map(_index, key.indexes)),
    }


def _index(index: AttributeIndex) -> str:
    return str(index.type) if index.valid else f"{index.type} (not built)"


def _percent(share: float) -> str:
    return "<0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


app = application(attribute_keys)
