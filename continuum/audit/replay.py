"""Replays live runs against the loaded code, and writes nothing.

A run whose version is loaded is replayed as a worker would. For one of another version every loaded
code of its workflow is tried: first that with the same version label, then the newest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from continuum.audit.coverage import Coverage
from continuum.audit.replay_selection import Selection
from continuum.audit.replayed import Replayed
from continuum.declare.loaded import LoadedVersions
from continuum.declare.registry import AnyWorkflow
from continuum.engine.drift import Drift
from continuum.engine.execution import Execution
from continuum.engine.loop import give_generators_back, take_generators
from continuum.engine.outcome import RunIdentity
from continuum.journal.turn import VersionPin
from continuum.query.tree import Query
from continuum.store.journals import RegisteredVersion, ReplaySource, RunJournal

Progress = Callable[[int, int], None]
"""Called with how many runs were replayed, and how many there are."""

Candidate = tuple[AnyWorkflow, frozenset[str]]

_NOTHING: Final[frozenset[str]] = frozenset()


class ReplayCode:
    """The loaded code, and what the registry knows of the code before it.

    Args:
        flows: every loaded workflow, also older versions.
        registered: the registry.

    Raises:
        DefinitionError: two workflows have one name and one version.
    """

    def __init__(
        self, flows: Iterable[AnyWorkflow], registered: Iterable[RegisteredVersion] = ()
    ) -> None:
        self.versions = LoadedVersions(flows)
        self._taken: dict[tuple[str, str], frozenset[str]] = {}
        self._origins: dict[tuple[str, str], str] = {}
        self._candidates: dict[VersionPin, Sequence[Candidate]] = {}
        for each in registered:
            key = (each.pin.workflow, each.pin.version_hash)
            self._taken[key] = self._taken.get(key, _NOTHING) | each.taken
            if each.source is not None:
                self._origins[key] = each.source
            self.versions.learn(each.pin.workflow, each.taken)

    def candidates(self, pin: VersionPin) -> Sequence[Candidate]:
        """Code that may go on with a run, best first, and the patches that the run has taken."""
        found = self._candidates.get(pin)
        if found is None:
            found = self._candidates[pin] = self._find(pin)
        return found

    def _find(self, pin: VersionPin) -> Sequence[Candidate]:
        versions = self.versions
        if pin.workflow not in versions.newest:
            return []
        if not pin.version_hash or versions.has(pin):
            return [versions.of(pin)]
        same = [p for p in versions.pins if (p.workflow, p.version_hash) == _key(pin)]
        if same:  # of another Python, or another release of the engine
            return [versions.of(same[0])]
        taken = self._taken.get(_key(pin), _NOTHING)
        flows = versions.called(pin.workflow)
        flows.sort(key=lambda flow: flow.version != pin.version)
        return [(flow, taken & flow.code.patches) for flow in flows]

    def origin(self, pin: VersionPin) -> str | None:
        """Where code of this version was declared, as the registry knows."""
        return self._origins.get(_key(pin))


def _key(pin: VersionPin) -> tuple[str, str]:
    return pin.workflow, pin.version_hash


async def replay_run(journal: RunJournal, code: ReplayCode) -> Replayed:
    """Replay one run; other tasks get a turn first."""
    await asyncio.sleep(0)
    return replay_journal(journal, code)


def replay_journal(journal: RunJournal, code: ReplayCode) -> Replayed:
    """Replay one run."""
    pin = journal.pin
    unknown = Replayed(
        journal.run_id, pin.workflow, pin.version_hash, "not-loadable",
        namespace=journal.namespace, version=pin.version, runtime=pin.runtime,
        origin=code.origin(pin), incarnation=journal.incarnation, next_seq=journal.next_seq,
        owned=journal.owned, blocked=journal.blocked_build is not None,
    )  # fmt: skip
    first: Replayed | None = None
    for flow, taken in code.candidates(pin):
        replayed = _replay_as_adopted(unknown, journal, code, flow, taken)
        if replayed.drift is None:
            return replayed
        first = first or replayed
    return first or unknown


def _replay_as_adopted(
    unknown: Replayed,
    journal: RunJournal,
    code: ReplayCode,
    flow: AnyWorkflow,
    taken: frozenset[str],
) -> Replayed:
    """As a worker would once the run was stamped with the version that the replay gives it."""
    replayed = _replay(unknown, journal, flow, taken)
    stamp, versions = replayed.stamp, code.versions
    if stamp is None or stamp == journal.pin or versions.has(journal.pin):
        return replayed
    if not versions.has(stamp):
        versions.learn(flow.name, replayed.taken)
    theirs = versions.of(stamp)
    if theirs == (flow, taken):
        return replayed
    return _replay(unknown, journal, *theirs)


def _replay(
    unknown: Replayed, journal: RunJournal, flow: AnyWorkflow, taken: frozenset[str]
) -> Replayed:
    identity = RunIdentity(
        journal.run_id, journal.namespace, flow, journal.incarnation, journal.input,
        journal.started_at, journal.parent_id, journal.depth, taken,
    )  # fmt: skip
    execution = Execution(identity)
    hooks = take_generators()
    try:
        if journal.events:
            execution.replay(journal.events)
        drift = execution.drift or execution.changed
        patches = dict(execution.patches.reached)
        all_taken = execution.patches.all_taken & flow.code.patches
        finished = execution.ended_as is not None
    except Exception as error:
        return replace(unknown, verdict="drift", drift=Drift(f"internal error: {error!r}"))
    finally:
        execution.drop()
        give_generators_back(hooks)
    if drift is not None:
        return replace(
            unknown, verdict="drift", drift=drift, patches=patches, finished=finished
        )  # fmt: skip
    stamp = flow.pin_of(all_taken) if journal.pin.version_hash else None
    return replace(
        unknown, verdict="same", patches=patches, finished=finished, stamp=stamp, taken=all_taken
    )


async def replay_live(
    source: ReplaySource,
    flows: Iterable[AnyWorkflow],
    *,
    where: Query | None = None,
    sample: int | None = None,
    per_version: bool = False,
    progress: Progress | None = None,
    coverage: Coverage | None = None,
) -> AsyncGenerator[Replayed]:
    """Replay live runs, in this process.

    Args:
        source: where the runs are.
        flows: every loaded workflow, also older versions.
        where: only runs that match.
        sample: only so many; the same ones each time, as far as they are still live.
        per_version: so many of each version instead.
        progress: called after every few runs.
        coverage: of the same workflows, installed; told which branches each run came through.

    Raises:
        DefinitionError: two workflows have one name and one version.
        QueryError, StoreUnavailable.
    """
    code = ReplayCode(flows, await source.journals.registered())
    selection = Selection(source, where, sample, per_version=per_version)
    total = 0 if progress is None else await selection.total()
    done = 0
    async with aclosing(selection.batches()) as batches:
        async for batch in batches:
            async with aclosing(source.journals.journals(batch)) as journals:
                async for journal in journals:
                    replayed = await replay_run(journal, code)
                    del journal  # or two of them are in memory while the next one comes
                    if coverage is not None:
                        coverage.credit(replayed.workflow)
                    yield replayed
            done += len(batch)
            if progress is not None:
                progress(done, total)
