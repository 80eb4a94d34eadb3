"""What the audit answers, as frozen data; `report.schema.json` fixes how it is written as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from continuum.audit.selecting import live_runs_of
from continuum.store.auditing import CodecChange
from continuum.versions.facts import CodePlace

Verdict = Literal["still-in-use", "safe-to-remove"]
Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A live run and what it waits for."""

    run_id: UUID
    workflow: str
    namespace: str
    started_at: datetime
    waiting_on: str | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the live runs of some versions can have ended.

    Attributes:
        runs: how many there are.
        ends_at: an estimate for those that end by themselves: the latest of their next deadlines
            and of start plus the time that 99 in 100 past runs took. None when nothing tells.
        endless: how many may never end by themselves.
        examples: some of those, the oldest first.
        past_runs: how many completed runs the time is taken from.
        p99: that time in seconds; None without such runs.
    """

    runs: int
    ends_at: datetime | None
    endless: int = 0
    examples: Sequence[WaitingRun] = ()
    past_runs: int = 0
    p99: float | None = None

    @property
    def done_at(self) -> datetime | None:
        """When the last of all can have ended; None when some may never do."""
        return None if self.endless else self.ends_at


@dataclass(frozen=True, slots=True)
class Split:
    """How the live runs of a workflow stand to one of its patches.

    The hash of a run tells the new branch from all else. Whether the others took the old branch or
    have not come to the patch yet, only a replay can tell.

    Attributes:
        took_new: are on the new branch, and no code without it can run them.
        old_or_not_reached: need the code before the patch.
        cannot_reach: have the same code with and without the patch.
        took_old, not_reached: the two sorts of `old_or_not_reached`; None without a replay.
        undetermined: those of them that could not be replayed; None without a replay.
    """

    took_new: int
    old_or_not_reached: int
    cannot_reach: int
    took_old: int | None = None
    not_reached: int | None = None
    undetermined: int | None = None


@dataclass(frozen=True, slots=True)
class PatchSite:
    """A mention of `patched` in the loaded code.

    Attributes:
        place: name of the patch, file and line.
        version: the label of the workflow whose code it is.
        verdict: "safe-to-remove" when no live run needs the code before the patch.
        split: how the live runs stand to it; all sites of one name share it.
        first_seen_at: when a worker with this patch first joined; None if none has.
        forecast: of the runs that need the code before the patch.
        opaque: so many references no hash can see; with none of them the verdict is proved.
        where: an expression for the runs that need the code before the patch; None without any.
    """

    place: CodePlace
    version: int
    verdict: Verdict
    split: Split
    first_seen_at: datetime | None
    forecast: Forecast
    opaque: int
    where: str | None = None

    @property
    def proof(self) -> str:
        """What the verdict is worth."""
        return proof_text(self.opaque)


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """A version of a workflow: one that a worker has registered, or one that is only loaded here.

    Attributes:
        version: the label of its author.
        loaded: whether the audited code can run it.
        live_runs: how many have this hash and runtime.
        nodes: live nodes that can run it.
        first_seen_at, last_seen_at: when a worker first and last joined with it; None if none has.
        last_started_at: start of its newest run, as far as recent runs show.
        taken: patches that its runs have taken.
        known_sites: where the code that a worker registered last mentions patches.
        patch_sites: those of the audited code that runs it.
        opaque: what in that code decides and no hash can see.
        codec_changes: code that restores the values of its live runs by other types than the code
            before it; one that is only loaded here has no time.
    """

    workflow: str
    version: int
    version_hash: str
    runtime: str
    loaded: bool
    live_runs: int
    nodes: Sequence[UUID]
    source: str | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    last_started_at: datetime | None
    taken: Sequence[str] = ()
    known_sites: Sequence[CodePlace] = ()
    patch_sites: Sequence[PatchSite] = ()
    opaque: Sequence[CodePlace] = ()
    codec_changes: Sequence[CodecChange] = ()

    @property
    def where(self) -> str:
        """An expression for its live runs, in any namespace."""
        return live_runs_of(self.workflow, [self.version_hash])


@dataclass(frozen=True, slots=True)
class UnknownVersion:
    """Live runs that no audited code can run.

    Attributes:
        version_hash: empty for runs that have not begun: their workflow is not loaded at all.
        reason: "version", "workflow" (no code of that name) or "runtime" (another Python).
        oldest_started_at: start of the oldest, by run id.
        last_known_source: where the code was that registered the version last.
        lost_patches: places of patches that this code had and the audited code lacks.
        taken: patches that the runs have taken.
        nodes: live nodes that can run them.
    """

    workflow: str
    version: int
    version_hash: str
    runtime: str
    reason: Literal["version", "workflow", "runtime"]
    live_runs: int
    oldest_started_at: datetime | None
    last_known_source: str | None
    sample_run_ids: Sequence[UUID]
    lost_patches: Sequence[CodePlace] = ()
    taken: Sequence[str] = ()
    nodes: Sequence[UUID] = ()

    @property
    def where(self) -> str:
        """An expression for these runs, in any namespace."""
        return live_runs_of(self.workflow, [self.version_hash])


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know or to do.

    Attributes:
        code: names the sort of finding; documented in docs/audit.md.
        fix: what to do about it.
        strict: whether it makes a strict audit say no.
        where: an expression for the runs that it is about, in any namespace (of very many, some);
            None where none finds them.
    """

    severity: Severity
    code: str
    message: str
    fix: str
    strict: bool = False
    where: str | None = None


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """What was replayed to tell the old branch from a patch not reached yet.

    Attributes:
        runs: how many journals.
        same, drift, not_loadable: what became of them.
        seconds: it took.
    """

    runs: int
    same: int
    drift: int
    not_loadable: int
    seconds: float


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The whole answer, of one moment.

    Attributes:
        generated_at: that moment, by the clock of the database.
        audited: "application" when code was given, "nodes" when what live workers have loaded is
            the measure.
        live_runs: all of them, in every namespace.
        expired_leases: live runs whose owner is dead or past its TTL, and that nobody took over.
        abandoned_leases: those of them for which that is so for more than ten TTLs.
        blocked_runs: live runs that drifted and wait for another build.
        quarantined_runs: live runs that took four owners down and that nobody claims any more.
        replay: None when nothing was replayed.
        elapsed: seconds the audit took.
    """

    generated_at: datetime
    audited: Literal["application", "nodes"]
    live_runs: int
    workflows: Sequence[VersionEntry]
    unknown_versions: Sequence[UnknownVersion]
    expired_leases: int
    abandoned_leases: int
    blocked_runs: int
    quarantined_runs: int
    findings: Sequence[Finding]
    replay: ReplaySummary | None
    elapsed: float

    @property
    def strict_ok(self) -> bool:
        """Whether a strict audit says yes."""
        return not any(finding.strict for finding in self.findings)


def proof_text(opaque: int) -> str:
    """What a proof by hash is worth where so many references are opaque.

    Example:
        >>> proof_text(0), proof_text(2)
        ('proved', 'proved except for 2 opaque references')
    """
    if not opaque:
        return "proved"
    return f"proved except for {opaque} opaque reference{'' if opaque == 1 else 's'}"
