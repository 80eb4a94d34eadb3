"""Loads the static SQL text: `sql/<concern>.sql`, each statement under a `-- name:` line."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_COMMENT = re.compile(r"\s*--[^\n]*")


@cache
def statements(concern: str) -> dict[str, bytes]:
    """Every statement of `sql/<concern>.sql` by its name, without comments.

    Bytes, because psycopg takes them as they are; nothing is ever put into the text.
    """
    text = files("continuum.store.postgres").joinpath("sql", f"{concern}.sql").read_text()
    parts = _NAME.split(text)
    names, bodies = parts[1::2], parts[2::2]
    return {
        name: _COMMENT.sub("", body).strip().removesuffix(";").encode()
        for name, body in zip(names, bodies, strict=True)
    }
