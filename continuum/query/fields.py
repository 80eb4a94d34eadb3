"""The allow-list: which run fields can be queried, and what values fit them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from functools import lru_cache
from typing import Final, cast
from uuid import UUID

from continuum.errors import QueryError
from continuum.model import RunState
from continuum.query.limits import MAX_INTEGER, MAX_TEXT
from continuum.query.times import parse_relative
from continuum.query.tree import Attribute, Field, FieldValue, Operand, Relative

MAX_SCALE: Final = 100
"""Digits after the point that seconds may have."""


class Kind(Enum):
    """What sort of value a field holds."""

    TEXT = auto()
    STATE = auto()
    UUID = auto()
    INTEGER = auto()
    TIME = auto()
    SECONDS = auto()
    BOOLEAN = auto()


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One queryable field; `nullable` ones may be missing."""

    name: str
    kind: Kind
    nullable: bool = False


FIELDS: Final = {
    spec.name: spec
    for spec in (
        FieldSpec("id", Kind.UUID),
        FieldSpec("namespace", Kind.TEXT),
        FieldSpec("key", Kind.TEXT, nullable=True),
        FieldSpec("workflow", Kind.TEXT),
        FieldSpec("version", Kind.INTEGER),
        FieldSpec("version_hash", Kind.TEXT),
        FieldSpec("state", Kind.STATE),
        FieldSpec("started_at", Kind.TIME),
        FieldSpec("updated_at", Kind.TIME),
        FieldSpec("completed_at", Kind.TIME, nullable=True),
        FieldSpec("duration", Kind.SECONDS),
        FieldSpec("parent_id", Kind.UUID, nullable=True),
        FieldSpec("owner", Kind.TEXT, nullable=True),
        FieldSpec("waiting_on", Kind.TEXT, nullable=True),
        FieldSpec("error", Kind.TEXT, nullable=True),
        FieldSpec("error_type", Kind.TEXT, nullable=True),
        FieldSpec("error_family", Kind.TEXT, nullable=True),
        FieldSpec("incarnation", Kind.INTEGER),
        FieldSpec("stuck", Kind.BOOLEAN),
        FieldSpec("paused", Kind.BOOLEAN),
    )
}
ALIASES: Final = {"run_id": "id"}


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The most similar of `names`, when one is similar enough."""
    return _nearest(name[:100], tuple(names))


@lru_cache(maxsize=1024)
def _nearest(name: str, names: tuple[str, ...]) -> str | None:
    close = difflib.get_close_matches(name, names, n=1)  # most of what a refusal costs
    return close[0] if close else None


def find_field(name: str) -> FieldSpec:
    """The field of that name or alias.

    Raises:
        QueryError: there is none; carries the nearest name.
    """
    spec = FIELDS.get(ALIASES.get(name, name))
    if spec is None:
        if name.startswith("attributes"):
            keys = [key for key in name.split(".")[1:] if key] or ["<key>"]
            hint = f"an attribute is attributes.key in text, a path here: {['attributes', *keys]!r}"
            raise QueryError(f"unknown field {name[:100]!r}", hint=hint)
        suggestion = nearest(name, [*FIELDS, *ALIASES])
        hint = None if suggestion else f"fields are {', '.join(FIELDS)}"
        raise QueryError(f"unknown field {name[:100]!r}", suggestion=suggestion, hint=hint)
    return spec


def nullable(operand: Operand) -> bool:
    """Whether runs may lack it, and come last in an order by it."""
    return isinstance(operand, Attribute) or FIELDS[operand.name].nullable


def check_groupable(operand: Operand) -> None:
    """Refuse to group by what nearly every run has a value of its own of.

    Raises:
        QueryError: a time, a duration or the run id.
    """
    if isinstance(operand, Field) and (
        FIELDS[operand.name].kind in (Kind.TIME, Kind.SECONDS) or operand.name == "id"
    ):
        raise QueryError(
            f"cannot group by {operand.name}",
            hint="group by state, workflow, namespace or an attribute",
        )


def check_text(value: str, where: str) -> str:
    """`value`, when PostgreSQL could hold it.

    Raises:
        QueryError: a NUL character, a lone surrogate, or longer than 16 KiB.
    """
    if len(value) > MAX_TEXT:
        raise QueryError(f"{where}: text longer than {MAX_TEXT} characters")
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise QueryError(f"{where}: text with a NUL or a lone surrogate never matches")
    return value


def fit(spec: FieldSpec, value: object) -> FieldValue | Relative:
    """`value` as the field's kind of value.

    Times are `datetime`, ISO 8601 text (UTC when it names no offset) or relative to now, as
    `-2h`; a duration is a `timedelta` or seconds, ids are `UUID` or text.

    Raises:
        QueryError: it does not fit; names the field, what it takes and what it got.
    """
    fitted = _FITTERS[spec.kind](spec.name, value)
    if fitted is None:
        got = f"{type(value).__name__} {str(value)[:60]!r}"
        hint = (
            f"null is never equal to anything; use exists or missing on {spec.name}"
            if value is None
            else None
        )
        raise QueryError(f"{spec.name} takes {_EXPECTED[spec.kind]}, not {got}", hint=hint)
    return fitted


def _fit_text(name: str, value: object) -> str | None:
    return check_text(value, name) if isinstance(value, str) else None


def _fit_state(name: str, value: object) -> str | None:
    if not isinstance(value, str):
        return None
    states = [state.value for state in RunState]
    if value not in states:
        suggestion = nearest(value, states)
        hint = None if suggestion else f"states are {', '.join(states)}"
        raise QueryError(f"no state {value[:60]!r}", suggestion=suggestion, hint=hint)
    return str(value)


def _fit_uuid(name: str, value: object) -> UUID | None:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _fit_integer(name: str, value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_INTEGER:
        return None
    return value


def _fit_time(name: str, value: object) -> datetime | Relative | None:
    if isinstance(value, Relative):
        return value
    if isinstance(value, str):
        relative = parse_relative(value)
        if relative is not None:
            return relative
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None


def _fit_seconds(name: str, value: object) -> Decimal | None:
    if isinstance(value, timedelta):
        return Decimal(value // timedelta(microseconds=1)) / 1_000_000
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if not math.isfinite(value) or abs(value) > MAX_INTEGER:
        return None
    seconds = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return seconds if cast("int", seconds.as_tuple().exponent) >= -MAX_SCALE else None


def _fit_boolean(name: str, value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_FITTERS: Final = {
    Kind.TEXT: _fit_text,
    Kind.STATE: _fit_state,
    Kind.UUID: _fit_uuid,
    Kind.INTEGER: _fit_integer,
    Kind.TIME: _fit_time,
    Kind.SECONDS: _fit_seconds,
    Kind.BOOLEAN: _fit_boolean,
}
_EXPECTED: Final = {
    Kind.TEXT: "text",
    Kind.STATE: "a state",
    Kind.UUID: "a run id",
    Kind.INTEGER: "a whole number",
    Kind.TIME: "a time (ISO 8601, now, today or -2h)",
    Kind.SECONDS: "seconds or a timedelta",
    Kind.BOOLEAN: "true or false",
}
