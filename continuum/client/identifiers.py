"""Checks the names and ids that callers hand in, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from uuid import UUID

from continuum.codec.attributes import check_name, check_namespace
from continuum.errors import (
    AmbiguousKey,
    ConfigurationError,
    MalformedRunId,
    PayloadError,
    QueryError,
    RunNotFound,
)
from continuum.model import RUN_FIELDS
from continuum.store.reading import ReadStore


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


def parse_run(run: UUID | str) -> UUID | str:
    """What names a run: its id, or else its key.

    Raises:
        MalformedRunId: it is neither.
    """
    try:
        return parse_run_id(run)
    except MalformedRunId:
        try:
            return check_name(run, "a key")
        except PayloadError:
            raise MalformedRunId(run) from None


async def find_run_id(reads: ReadStore, run: UUID | str, namespace: str | None) -> UUID:
    """The id of the run that is named by its id or its key; an id is not looked up.

    Raises:
        MalformedRunId, AmbiguousKey.
        RunNotFound: no run has the key (there).
    """
    named = parse_run(run)
    if isinstance(named, UUID):
        return named
    matches = await reads.find_key(named, namespace)
    if not matches:
        raise RunNotFound(named)
    live = [match for match in matches if not match.state.terminal]
    chosen = live if len(live) == 1 else matches
    if len(chosen) == 1:
        return chosen[0].run_id
    told = [f"{m.run_id} ({m.workflow} in {m.namespace}, {m.state})" for m in chosen[:5]]
    raise AmbiguousKey(named, [match.run_id for match in chosen], told)


def check_key(key: str) -> str:
    """A business key: 1 to 255 characters that are no run id.

    Raises:
        PayloadError: it is not.
    """
    try:
        UUID(check_name(key, "key"))
    except ValueError:
        return key
    raise PayloadError(f"key {key!r} looks like a run id", hint="put a word before it")


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
