"""Live state: values that a run shows while it goes on."""

from __future__ import annotations

from typing import Any, Final

from continuum.codec.attributes import check_json, check_name
from continuum.engine.context import context_of
from continuum.errors import PayloadError

MAX_PUBLISHED: Final = 64 * 1024
"""Bytes of one value: it is written anew each time."""


def publish(name: str, value: Any) -> None:
    """Show a value to everybody who looks at this run, from this turn on.

    The last value of each name is kept, also when the run has ended, and is read with
    `Continuum.published`. It becomes durable together with everything that the code did in the
    same turn, so what somebody saw is never taken back. To find runs by what they are at there is
    `set_attributes`.

    Args:
        name: 1 to 255 characters.
        value: JSON types, dataclasses, datetimes and the like; at most 64 KiB.

    Raises:
        PayloadError: a bad name, not storable, or too large; nothing was published.
        NotInWorkflow: outside a workflow.

    Example:
        continuum.publish("progress", {"done": 40, "of": 100})
    """
    run = context_of("publish")
    check_name(name, "the name of a published value")
    data = check_json(value, f"published value {name}")
    if len(data) > MAX_PUBLISHED:
        raise PayloadError(
            f"published value {name}: {len(data):,} bytes are more than the limit of"
            f" {MAX_PUBLISHED:,}",
            hint="publish a summary, or the name of where the rest is",
        )
    run.publish(name, data)
