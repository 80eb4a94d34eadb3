"""Cleaning the registry: versions that no worker has loaded and no live run needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from continuum.operators.acts import Act
from continuum.store.auditing import AuditStore


@dataclass(frozen=True, slots=True)
class UnusedVersion:
    """A row of the registry that nothing needs.

    Attributes:
        version_hash: empty for the row that stands for runs which have not begun.
        deleted: whether it is gone now. False in a dry run, and for one that a worker loaded or a
            run came to in the meantime.
    """

    workflow: str
    version: int
    version_hash: str
    runtime: str
    source: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    deleted: bool = False


async def gc_versions(store: AuditStore, act: Act | None = None) -> Sequence[UnusedVersion]:
    """List, and with an act delete, what is neither loaded by a live worker nor needed.

    What a live run needs, or a worker registers at the same moment, stays: the store looks again
    under the locks of the rows.

    Args:
        store: where to look.
        act: what is recorded of the deletion; None deletes nothing.
    """
    facts = await store.facts()
    needed = {group.version_id for group in facts.groups}
    for node in facts.nodes:
        if node.alive:
            needed |= node.version_ids
    unused = [each for each in facts.versions if each.version_id not in needed]
    deleted: set[int] = set()
    if act is not None and unused:
        deleted.update(await store.delete_versions([each.version_id for each in unused], act))
    return [
        UnusedVersion(
            each.pin.workflow, each.pin.version, each.pin.version_hash, each.pin.runtime,
            each.source, each.first_seen_at, each.last_seen_at, each.version_id in deleted,
        )
        for each in unused
    ]  # fmt: skip
