"""Decisions of `patched`: one a name and incarnation, journaled, whatever the code around it does.

A decision is no numbered command, so code with a patch replays a journal made before it, and code
from which it was removed replays one made with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from continuum.engine.commands import CommandLog, read_body
from continuum.engine.drift import Drift
from continuum.journal.events import Event, EventKind, PatchDecided


class Patches:
    """What each name means in this incarnation.

    Args:
        log: tells whether code is being replayed, and takes the decisions.
        stamped: patches that the version of the run has taken.

    Attributes:
        has_news: whether one more is taken, so that the version changes.
        reached: what the code was answered so far.
    """

    __slots__ = ("_decided", "_late", "_log", "_stamped", "has_news", "reached")

    def __init__(self, log: CommandLog, stamped: frozenset[str]) -> None:
        self.has_news = False
        self.reached: dict[str, bool] = {}
        self._log = log
        self._stamped = stamped
        self._decided: dict[str, bool] = {}
        self._late: list[PatchDecided] = []

    def recall(self, events: Sequence[Event], incarnation: int) -> None:
        """Learn what was decided, before the first of these events is replayed."""
        for event in events:
            if event.kind is EventKind.PATCH_DECIDED and event.incarnation == incarnation:
                body = read_body(event)
                if isinstance(body, Drift):
                    self._log.fail(body)
                    return
                self._decided.setdefault(body.name, body.taken)

    def taken(self, name: str) -> bool:
        """Whether the new branch is taken.

        A patch of the run's version is taken, also if code wrote the journal from which the patch
        was removed. While the journal is replayed another undecided name is False: what follows
        was made by code without it. That includes the last interval: the turn that wrote it wrote
        all commands it caused.
        """
        known = self._decided.get(name)
        if known is not None:
            self.reached[name] = known
            return known
        log = self._log
        stamped = name in self._stamped
        taken = self._decided[name] = self.reached[name] = stamped or not log.replaying
        self.has_news |= taken and not stamped
        body = PatchDecided(name, taken, log.count)
        if log.replaying:
            self._late.append(body)
        else:
            log.record(EventKind.PATCH_DECIDED, None, body, log.now)
        return taken

    @property
    def decided(self) -> dict[str, bool]:
        """Every patch that was decided upon, whether or not this process has come by it."""
        return dict(self._decided)

    def news(self) -> frozenset[str]:
        """Every patch that is taken, which is then no news any more."""
        self.has_news = False
        return self.all_taken

    @property
    def all_taken(self) -> frozenset[str]:
        """Every patch that is taken."""
        return self._stamped.union(name for name, taken in self._decided.items() if taken)

    def flush(self) -> None:
        """After a replay: what it decided goes with the next turn."""
        late, self._late = self._late, []
        if self._log.drift is None:
            for body in late:
                self._log.record(EventKind.PATCH_DECIDED, None, body, self._log.last)
