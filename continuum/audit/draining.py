"""The versions that there are, and when one of them will have no live run any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Final

from continuum.audit.entries import Entries, Samples
from continuum.audit.forecast import Forecasts, longest
from continuum.audit.report import Forecast, VersionEntry
from continuum.audit.splitting import Replays
from continuum.audit.view import View
from continuum.errors import VersionNotFound
from continuum.journal.turn import VersionPin
from continuum.store.auditing import AuditStore

SHORTEST: Final = 4
"""A hash may be cut to so many characters, as long as only one begins so."""


@dataclass(frozen=True, slots=True)
class Drain:
    """When a version will have drained.

    Attributes:
        generated_at: the moment of the answer, by the clock of the database.
        version_hash: the whole hash.
        versions: the workflows and runtimes that have it.
        forecast: of their live runs; new ones are not foreseen.
    """

    generated_at: datetime
    version_hash: str
    versions: Sequence[VersionEntry]
    forecast: Forecast

    @property
    def drained(self) -> bool:
        """Whether it has no live run now."""
        return not self.forecast.runs

    def will_have_drained(self, by: datetime) -> bool:
        """Whether the forecast has every run ended by then."""
        done = self.forecast.done_at
        return self.drained or (done is not None and done <= by)


async def list_versions(store: AuditStore) -> list[VersionEntry]:
    """Every version that is registered or that a live run has; the newest of a workflow first.

    `loaded` says whether a live worker can run it.
    """
    entries, _ = await _look(store)
    return entries


async def drain(store: AuditStore, version_hash: str) -> Drain:
    """When the live runs of a version can have ended.

    Args:
        store: where to look.
        version_hash: of the version, or how it begins (four characters or more).

    Raises:
        VersionNotFound: none or several begin so; names the nearest.
    """
    entries, view = await _look(store)
    whole = _resolve(version_hash, {each.version_hash for each in entries if each.version_hash})
    found = [each for each in entries if each.version_hash == whole]
    wanted: dict[str, frozenset[int]] = {}
    for each in found:
        pin = VersionPin(each.workflow, each.version, each.version_hash, each.runtime)
        wanted[each.workflow] = wanted.get(each.workflow, frozenset()) | {pin.version_id}
    forecasts = Forecasts(store, view.facts.now)
    await forecasts.read(wanted)
    forecast = longest([forecasts.of(name, ids) for name, ids in wanted.items()])
    return Drain(view.facts.now, whole, found, forecast)


async def _look(store: AuditStore) -> tuple[list[VersionEntry], View]:
    facts = await store.facts()
    view = View(facts, None)
    strange = sorted(view.live.keys() - view.known.keys())
    starts = await store.last_starts(sorted(view.workflows))
    entries = Entries(view, Samples(starts, {}, Forecasts(store, facts.now), Replays()))
    found = entries.all()
    for run in await store.oldest_runs(strange, 1):
        found.append(entries.of(run.version_id, run.pin))
    for known in facts.versions:  # runs that have not begun
        if not known.pin.version_hash and view.live[known.version_id]:
            found.append(entries.of(known.version_id, known.pin))
    return sorted(found, key=lambda each: (each.workflow, -each.version)), view


def _resolve(typed: str, hashes: Iterable[str]) -> str:
    given, known = typed.strip().lower(), sorted(hashes)
    if given in known:
        return given
    fitting = [each for each in known if len(given) >= SHORTEST and each.startswith(given)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise VersionNotFound(
            f"{len(fitting)} versions begin with {typed}",
            hint=f"write more of it: {', '.join(_enough(each, fitting) for each in fitting[:5])}",
        )
    if not known:
        raise VersionNotFound(f"no version {typed:.70}", hint="no worker has registered any yet")
    nearest = max(known, key=lambda each: _likeness(given, each))
    raise VersionNotFound(
        f"no version {typed:.70}", hint=f"the nearest is {nearest[:12]}; see: continuum versions"
    )


def _enough(version_hash: str, others: Sequence[str]) -> str:
    """So much of a hash that it is no other's."""
    for length in range(12, len(version_hash)):
        if sum(each.startswith(version_hash[:length]) for each in others) == 1:
            return version_hash[:length]
    return version_hash


def _likeness(typed: str, version_hash: str) -> float:
    start = version_hash[: max(len(typed), 1)]
    return SequenceMatcher(None, typed, start, autojunk=False).ratio()
