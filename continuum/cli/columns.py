"""Which fields of a run a list shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from continuum.cli.attribute_paths import column_path
from continuum.cli.failures import UsageError
from continuum.cli.records import RUN_FIELDS
from continuum.cli.table import Column

_NAME: Final = re.compile(r'(?:^|,)((?:[^,"]|"[^"]*"?)*)')
"""What stands between commas that are not in quotes."""
_COLUMNS: Final = (*RUN_FIELDS, "key", "paused")
_FLEXIBLE: Final = {
    "workflow": 12, "waiting_on": 12, "error": 12, "attributes": 12, "input": 8, "output": 8,
    "version_hash": 8, "namespace": 8,
}  # fmt: skip
_DEFAULT: Final = (
    Column("state"),
    Column("id"),
    Column("workflow", 12),
    Column("waiting_on", 12, droppable=True),
    Column("started_at", droppable=True),
    Column("duration", droppable=True),
)


def parse_columns(text: str | None) -> tuple[str, ...] | None:
    """The fields named in `--columns a,b,attributes.plan`; None when not given.

    Raises:
        UsageError: a name is not a run field or attribute path.
    """
    if text is None:
        return None
    names: list[str] = [name.strip() for name in _NAME.findall(text)]
    for name in names:
        if name in _COLUMNS:
            continue
        if name.startswith("attributes.") and all(column_path(name)):
            continue
        from difflib import get_close_matches

        near = get_close_matches(name, _COLUMNS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"columns are {', '.join(_COLUMNS)}"
        raise UsageError(f"no column {name!r}", hint=f"{hint}; an attribute is attributes.KEY")
    return tuple(dict.fromkeys(names))


def table_columns(chosen: Sequence[str] | None, *, namespaces: bool) -> list[Column]:
    """The columns of a table of runs.

    Args:
        chosen: from `--columns`; None for the usual ones.
        namespaces: whether several namespaces are in view.
    """
    if chosen is not None:
        return [Column(name, _FLEXIBLE.get(name.partition(".")[0])) for name in chosen]
    columns = list(_DEFAULT)
    if namespaces:
        columns.insert(2, Column("namespace", 8))
    return columns
