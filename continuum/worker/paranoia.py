"""`CONTINUUM_PARANOID=1`: after every turn, replay the whole journal and compare.

A development aid: it finds code whose second execution differs, at the turn that shows it. The
journals are kept in memory for it, in this mode only. A difference is logged and changes nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from uuid import UUID
from weakref import WeakKeyDictionary

from continuum.engine.execution import Execution
from continuum.engine.outcome import RunIdentity
from continuum.journal.events import Entry, Event
from continuum.worker.owned import OwnedRun

VARIABLE = "CONTINUUM_PARANOID"

log = logging.getLogger("continuum.worker.paranoia")


class Paranoia:
    """Journals of the runs in memory, replayed after each turn."""

    def __init__(self) -> None:
        self._journals: WeakKeyDictionary[OwnedRun, list[Event]] = WeakKeyDictionary()

    def loaded(self, run: OwnedRun, events: Sequence[Event]) -> None:
        """This much of a run's journal is in the database."""
        self._journals[run] = list(events)

    def stepped(self, run: OwnedRun, identity: RunIdentity, entries: Sequence[Entry]) -> None:
        """A run made a turn: replay everything up to here and log what differs."""
        journal = self._journals.setdefault(run, [])
        first = journal[-1].seq + 1 if journal else run.next_seq
        for seq, entry in enumerate(entries, first):
            journal.append(_stored(run.run_id, seq, identity.incarnation, entry))
        live = run.execution
        if not journal or live is None or live.drift is not None:
            return
        again = Execution(identity)
        try:
            again.replay(journal)
            for difference in differences(live, again):
                log.error(
                    "drift: run %s (%s) replayed differently after seq %s: %s",
                    run.run_id, run.workflow_name, journal[-1].seq, difference,
                )  # fmt: skip
        finally:
            again.drop()


def paranoia() -> Paranoia | None:
    """The mode, if the environment asks for it."""
    return Paranoia() if os.environ.get(VARIABLE) == "1" else None


def differences(live: Execution, again: Execution) -> list[str]:
    """What a replayed execution has otherwise than the live one, in words with both sides.

    Attempts in progress are a matter of the process: while there are some, the live run is
    running and waits for nothing, and the replayed one knows of no process that has them.
    """
    difference = again.drift or again.changed
    if difference is not None:
        return [difference.message]
    pairs: list[tuple[str, object, object]] = [
        ("commands issued", live.commands, again.commands),
        ("end", (live.ended_as, live.end), (again.ended_as, again.end)),
        ("what follows", live.continuation, again.continuation),
    ]
    if live.ended_as is None:
        replayed = again.picture
        pairs += [(what, value, replayed.get(what)) for what, value in live.picture.items()]
        missing = sorted(set(live.open_activities).difference(again.open_activities))
        pairs.append(("open activities that the other lacks", missing, []))
        if not live.busy:
            pairs.append(("state", live.state, again.state))
    return [
        f"{what}: {first!r} live, {second!r} in the replay"
        for what, first, second in pairs
        if first != second
    ]


def _stored(run_id: UUID, seq: int, incarnation: int, entry: Entry) -> Event:
    return Event(run_id, seq, incarnation, entry.kind, entry.command, entry.payload(), entry.at)
