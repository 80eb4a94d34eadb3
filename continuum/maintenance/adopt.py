"""`adopt`: lets the loaded code go on with live runs that it replays without a difference.

Two sorts of runs wait for nobody else: those whose version differs from the loaded one's although
the code does the same (a refactoring, another Python), and those that drifted in a build that is
gone. Each is replayed first; it is then changed only if nothing has happened to it since.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from continuum.audit.replayed import Replayed
from continuum.declare.loaded import LoadedVersions
from continuum.operators.acts import Act
from continuum.store.adopting import Adoption, AdoptionStatus, AdoptionStore
from continuum.versions.facts import CodeFacts

AdoptOutcome = Literal[
    "adopted", "released", "current", "drift", "not-loadable", "owned", "moved-on", "ended"
]
BATCH: Final = 100

_OUTCOMES: Final[dict[AdoptionStatus, AdoptOutcome]] = {
    AdoptionStatus.OWNED: "owned",
    AdoptionStatus.MOVED_ON: "moved-on",
    AdoptionStatus.ENDED: "ended",
}


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became, or would become, of one run.

    Attributes:
        outcome: "adopted": it has the loaded version now. "released": it had it already, and is
            free to go on. "current": nothing was to do. "drift", "not-loadable": as the replay
            said. "owned": a worker has it. "moved-on", "ended": something happened to it between
            the replay and the adoption. All but the first two left it as it was.
        detail: for people: the difference, or what is missing.
        version_hash: of the version it has now, or would have.
    """

    run_id: UUID
    workflow: str
    outcome: AdoptOutcome
    detail: str | None = None
    version_hash: str = ""

    @property
    def changed(self) -> bool:
        """Whether it was, or would be, changed."""
        return self.outcome in ("adopted", "released")

    @property
    def refused(self) -> bool:
        """Whether the loaded code cannot go on with it."""
        return self.outcome in ("drift", "not-loadable")


async def adopt_replayed(
    store: AdoptionStore,
    versions: LoadedVersions,
    replayed: AsyncIterator[Replayed],
    act: Act | None,
    *,
    on_adopted: Callable[[Sequence[UUID]], None],
) -> AsyncGenerator[Adopted]:
    """Adopt the replayed runs that can be, a batch at a time.

    Args:
        store: where they are.
        versions: the code that they were replayed against.
        replayed: the runs.
        act: what is recorded of each; None only tells what would become of it.
        on_adopted: told which runs were changed, to wake workers.

    Raises:
        StoreUnavailable: what was answered so far is done.
    """
    batch: list[tuple[Replayed, Adoption]] = []
    async for run in replayed:
        adoption = _adoption(run)
        if adoption is None or act is None:
            yield _without(run, adoption)
            continue
        batch.append((run, adoption))
        if len(batch) == BATCH:
            for each in await _adopt(store, versions, batch, act, on_adopted):
                yield each
            batch = []
    if batch:
        for each in await _adopt(store, versions, batch, act, on_adopted):
            yield each


def _adoption(run: Replayed) -> Adoption | None:
    stamp = run.stamp or (run.pin if run.blocked else None)
    if run.verdict != "same" or run.owned or stamp is None:
        return None
    if stamp.version_id == run.pin.version_id and not run.blocked:
        return None
    return Adoption(
        run.run_id, run.incarnation, run.next_seq, run.pin, stamp, released=run.blocked
    )  # fmt: skip


def _without(run: Replayed, adoption: Adoption | None) -> Adopted:
    """What is known without asking the store."""
    if adoption is not None:
        return _adopted(run, adoption)
    if run.verdict == "drift":
        detail = None if run.drift is None else run.drift.message
        return Adopted(run.run_id, run.workflow, "drift", detail, run.version_hash)
    if run.verdict == "not-loadable":
        detail = f"no workflow {run.workflow} is loaded"
        return Adopted(run.run_id, run.workflow, "not-loadable", detail, run.version_hash)
    differs = run.stamp is not None and run.stamp.version_id != run.pin.version_id
    if run.owned and (differs or run.blocked):
        return Adopted(run.run_id, run.workflow, "owned", "a worker has it", run.version_hash)
    return Adopted(run.run_id, run.workflow, "current", None, run.version_hash)


def _adopted(run: Replayed, adoption: Adoption) -> Adopted:
    same = adoption.pin.version_id == adoption.former.version_id
    return Adopted(
        run.run_id, run.workflow, "released" if same else "adopted", None,
        adoption.pin.version_hash,
    )  # fmt: skip


async def _adopt(
    store: AdoptionStore,
    versions: LoadedVersions,
    batch: Sequence[tuple[Replayed, Adoption]],
    act: Act | None,
    on_adopted: Callable[[Sequence[UUID]], None],
) -> list[Adopted]:
    facts: dict[int, CodeFacts] = {}
    for run, adoption in batch:
        version_id = adoption.pin.version_id
        if not versions.has(adoption.pin):
            versions.learn(run.workflow, run.taken)
        if version_id in versions.facts:
            facts[version_id] = versions.facts[version_id]
    statuses = await store.adopt([adoption for _, adoption in batch], facts, act)
    on_adopted([run_id for run_id, status in statuses.items() if status == "adopted"])
    return [_done(run, adoption, statuses) for run, adoption in batch]


def _done(run: Replayed, adoption: Adoption, statuses: Mapping[UUID, AdoptionStatus]) -> Adopted:
    status = statuses[run.run_id]
    if status is AdoptionStatus.ADOPTED:
        return _adopted(run, adoption)
    detail = "skipped: it is not as it was when it was replayed"
    return Adopted(run.run_id, run.workflow, _OUTCOMES[status], detail, run.version_hash)
