"""What any store answers about versions: the registry, who has loaded what, which runs need what.

Everything is read from the live set, the registry and the node rows, and from samples of bounded
size of the runs that have ended; so an answer costs the same however many those are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from continuum.journal.turn import VersionPin
from continuum.operators.acts import Act
from continuum.versions.facts import CodePlace


@dataclass(frozen=True, slots=True)
class CodecChange:
    """Code with the same hash that restores journaled values by other types.

    Attributes:
        at: when a worker with it joined; None for code that none has registered yet.
        source: "shop.py:12" of the workflow in it.
        was, now: what differs: label of a boundary to its type before and since, None for none.
    """

    at: datetime | None
    source: str | None
    was: Mapping[str, str | None]
    now: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A version of the registry.

    Attributes:
        pin: workflow, label, hash and runtime; without a hash it stands for runs that have not
            begun yet.
        source: "shop.py:12" of the workflow in the code that registered it last.
        taken: patches that its runs have taken, by any code that registered it.
        decided: likewise, also those that this code does not mention any more.
        patch_sites: where the code that registered it last mentions patches.
        opaque: what in that code decides and no hash can see.
        codecs: label of a boundary to the type of its values, in that code.
        codec_fingerprint: of all of them; None when not known.
        codec_changes: how they have changed since the version was first registered.
    """

    version_id: int
    pin: VersionPin
    source: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    taken: Sequence[str] = ()
    decided: Sequence[str] = ()
    patch_sites: Sequence[CodePlace] = ()
    opaque: Sequence[CodePlace] = ()
    codecs: Mapping[str, str] = field(default_factory=dict[str, str])
    codec_fingerprint: str | None = None
    codec_changes: Sequence[CodecChange] = ()


@dataclass(frozen=True, slots=True)
class LiveGroup:
    """How many live runs of one version one node owns (`owner` None: nobody does).

    Attributes:
        blocked: those of them that drifted and wait for another build.
        quarantined: those that took four owners down and that nobody claims any more.
    """

    version_id: int
    owner: UUID | None
    runs: int
    blocked: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class LoadingNode:
    """A registered worker process.

    Attributes:
        alive: whether it is neither dead nor past its TTL.
        ttl: seconds.
        expired_for: seconds since its leases expired; 0 while it is alive.
        version_ids: what it can run.
    """

    id: UUID
    alive: bool
    ttl: float
    expired_for: float
    version_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """One snapshot: the registry, the live set in groups, and the nodes. `now` is its moment."""

    now: datetime
    versions: Sequence[KnownVersion]
    groups: Sequence[LiveGroup]
    nodes: Sequence[LoadingNode]


@dataclass(frozen=True, slots=True)
class RunExample:
    """A live run as an example of its version."""

    version_id: int
    run_id: UUID
    namespace: str
    pin: VersionPin
    started_at: datetime
    waiting_on: str | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of the ends of the live runs of one version.

    Attributes:
        runs: how many there are.
        last_started_at: the newest start; None when there are too many to look at each.
        last_wake_at: the latest moment at which one of them, or a child that it waits for, is
            woken by a timer or deadline; None when none is.
        endless: how many may never end by themselves: they wait for a signal without a deadline,
            for a child that does, for another build, or are in quarantine.
        examples: some of those.
    """

    version_id: int
    runs: int
    last_started_at: datetime | None
    last_wake_at: datetime | None
    endless: int
    examples: Sequence[RunExample]


@dataclass(frozen=True, slots=True)
class PastRuns:
    """How long completed runs of a workflow took: the longest of 99 in 100 of a sample.

    Attributes:
        sample: how many were looked at.
        p99: seconds from start to end; None without a sample.
    """

    workflow: str
    sample: int
    p99: float | None


def differing(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Labels of the boundaries whose types differ, or that only one of them has."""
    return sorted(each for each in was.keys() | now.keys() if was.get(each) != now.get(each))


class AuditStore(Protocol):
    """What the audit reads, and the one thing that cleaning the registry writes."""

    async def facts(self) -> AuditFacts:
        """One snapshot of everything that is counted."""
        ...

    async def oldest_runs(self, version_ids: Sequence[int], limit: int) -> Sequence[RunExample]:
        """Up to `limit` live runs of each of these versions, those with the lowest ids first."""
        ...

    async def last_starts(self, workflows: Sequence[str]) -> dict[int, datetime]:
        """Version id to the newest start, as far as the newest runs of these workflows show it."""
        ...

    async def outlooks(
        self, version_ids: Sequence[int], exact: int, examples: int
    ) -> Sequence[Outlook]:
        """What is known of the ends of the live runs of these versions.

        Args:
            version_ids: versions; one without live runs is left out.
            exact: up to so many runs of a version are looked at one by one.
            examples: how many of its endless runs to name.
        """
        ...

    async def past_runs(self, workflows: Sequence[str]) -> Sequence[PastRuns]:
        """How long runs of these workflows took, from a bounded sample of the newest."""
        ...

    async def delete_versions(
        self, version_ids: Sequence[int], act: Act | None = None
    ) -> Sequence[int]:
        """Delete those of these versions that no living node has loaded and no live run needs.

        Safe against a worker that registers them at the same time: either it is seen, or it
        registers anew. Answers what was deleted.
        """
        ...
