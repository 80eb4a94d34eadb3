"""Tells runs that took the old branch of a patch from runs that have not come to it: by replay."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from continuum.audit.replay import ReplayCode, replay_run
from continuum.audit.replayed import Replayed
from continuum.audit.report import ReplaySummary, Split
from continuum.declare.registry import AnyWorkflow
from continuum.store.auditing import AuditStore
from continuum.store.journals import JournalStore
from continuum.system import monotonic

REPLAYED: Final = 1_000
"""So many runs are replayed unless somebody wants more; about a second."""

BREATH: Final = 8
"""After so many replays whatever else runs in this process gets a turn."""


class Replays:
    """What replays of live runs have shown, by version.

    Attributes:
        summary: None when nothing was replayed.
        drifted: the runs that the code did not replay, in the order of their ids.
    """

    def __init__(self) -> None:
        self.summary: ReplaySummary | None = None
        self.drifted: list[Replayed] = []
        self._by_version: dict[int, list[Replayed]] = {}

    async def read(
        self,
        audits: AuditStore,
        journals: JournalStore,
        flows: Iterable[AnyWorkflow],
        version_ids: frozenset[int],
        limit: int,
    ) -> None:
        """Replay up to `limit` live runs of these versions, the oldest first."""
        if not version_ids or limit < 1:
            return
        began = monotonic()
        found = await audits.oldest_runs(sorted(version_ids), limit)
        chosen = sorted(each.run_id for each in found)[:limit]
        code = ReplayCode(flows, await journals.registered())
        done = same = lost = 0
        async with aclosing(journals.journals(chosen)) as reading:
            async for journal in reading:
                replayed = await replay_run(journal, code)
                done += 1
                if done % BREATH == 0:
                    await asyncio.sleep(0)
                same += replayed.verdict == "same"
                lost += replayed.verdict == "not-loadable"
                if replayed.drift is not None:
                    self.drifted.append(replayed)
                self._by_version.setdefault(replayed.pin.version_id, []).append(replayed)
        self.summary = ReplaySummary(
            done, same, len(self.drifted), lost, round(monotonic() - began, 6)
        )

    def tell(self, split: Split, patch: str, needing: Iterable[int]) -> Split:
        """The split with its old and its waiting runs told apart, as far as they were replayed.

        Args:
            split: by hash.
            patch: name of the patch.
            needing: the versions of `old_or_not_reached`.
        """
        if self.summary is None:
            return split
        old = waiting = 0
        for version_id in needing:
            for run in self._by_version.get(version_id, ()):
                if run.verdict == "same":
                    taken = run.patches.get(patch)
                    old += taken is False
                    waiting += taken is None
        # What began after the snapshot was counted is in the replays, too, and does not count.
        old = min(old, split.old_or_not_reached)
        waiting = min(waiting, split.old_or_not_reached - old)
        return replace(
            split, took_old=old, not_reached=waiting,
            undetermined=split.old_or_not_reached - old - waiting,
        )  # fmt: skip
