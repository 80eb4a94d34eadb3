"""Checks the names and ids that callers hand in, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from uuid import UUID

from continuum.codec.attributes import check_namespace
from continuum.errors import ConfigurationError, MalformedRunId, QueryError
from continuum.model import RUN_FIELDS


def parse_run_id(run_id: UUID | str) -> UUID:
    """A run id from itself or its text.

    Raises:
        MalformedRunId: it is neither.
    """
    if isinstance(run_id, UUID):
        return run_id
    try:
        return UUID(run_id)
    except (ValueError, AttributeError, TypeError):
        raise MalformedRunId(run_id) from None


def optional_namespace(namespace: str | None) -> str | None:
    """A namespace, or None for any."""
    return None if namespace is None else check_namespace(namespace)


def check_timeout(timeout: float | None, name: str = "timeout") -> float | None:
    """Seconds to wait, given as the argument `name`; None is for ever.

    Raises:
        ConfigurationError: negative or not a number.
    """
    if timeout is not None and not timeout >= 0:
        raise ConfigurationError(f"{name} must be 0 or more seconds, not {timeout!r}")
    return timeout


def check_fields(fields: Sequence[str]) -> tuple[str, ...]:
    """Names of fields of a run.

    Raises:
        QueryError: there are none, or one is unknown; carries the nearest name.
    """
    names = tuple(fields)
    if isinstance(fields, str) or not names:
        raise QueryError("fields is a list of at least one name", hint='as in ["id", "state"]')
    for name in names:
        if name not in RUN_FIELDS:
            near = get_close_matches(str(name)[:100], RUN_FIELDS, n=1)
            hint = None if near else f"fields are {', '.join(RUN_FIELDS)}"
            raise QueryError(
                f"a run has no field {name!r}", suggestion=near[0] if near else None, hint=hint
            )
    return names


def check_limit(limit: int, largest: int) -> int:
    """How many entries a page may have.

    Raises:
        ConfigurationError: not from 1 to `largest`.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= largest:
        raise ConfigurationError(f"limit is a number from 1 to {largest}, not {limit!r}")
    return limit


def check_payload_size(size: int) -> int:
    """The largest payload to fetch, in bytes.

    Raises:
        ConfigurationError: negative, or not a whole number.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ConfigurationError(f"max_payload is a number of bytes, 0 or more, not {size!r}")
    return size
