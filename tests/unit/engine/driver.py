"""Drives an execution by hand, as a worker would, and keeps its journal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Raw
from msgspec.structs import replace

from continuum.engine.children import Child
from continuum.engine.execution import ActivityCall, Execution, RunIdentity
from continuum.engine.picture import Picture
from continuum.journal.events import (
    COMMANDS,
    STIMULI,
    ChildEnded,
    Entry,
    Event,
    EventKind,
    Failure,
)
from continuum.journal.questions import PostedQuestion
from continuum.journal.turn import Answer, NewRun, Post

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
RUN_ID = UUID("01930000-0000-7000-8000-00000000abcd")


@dataclass
class Snapshot:
    """What an execution looks like after a stimulus."""

    events: int
    picture: Picture
    ended: bool


class Driver:
    """One run under test.

    Args:
        flow: a workflow.
        args: its arguments.
    """

    def __init__(self, flow: Any, *args: Any, run_id: UUID = RUN_ID, incarnation: int = 1) -> None:
        data = flow.signature.encode(args, {})
        self.identity = RunIdentity(run_id, "default", flow, incarnation, data, START)
        self.execution = Execution(self.identity)
        self.journal: list[Event] = []
        self.calls: dict[int, ActivityCall] = {}
        self.stopped: list[int] = []
        self.children: list[NewRun] = []
        self.posts: list[Post] = []
        self.attributes: dict[str, Any] = {}
        self.published: dict[str, bytes] = {}
        self.answers: list[Answer] = []
        self.snapshots: list[Snapshot] = []
        self.now = START
        self.messages = 0
        self.seq = 0

    # what a worker does

    def start(self) -> Driver:
        """Begin the run."""
        self.execution.start(self.now)
        return self.commit()

    def commit(self) -> Driver:
        """Collect and append to the journal, as a committed turn."""
        collected = self.execution.collect()
        self.seq = len(self.journal)
        self.journal.extend(self._stored(entry) for entry in collected.entries)
        for call in collected.start:
            self.calls[call.command] = call
        self.stopped.extend(collected.stop)
        self.children.extend(collected.children)
        self.posts.extend(collected.posts)
        self.attributes.update(collected.attributes or {})
        self.published.update(collected.published or {})
        self.answers.extend(collected.answers)
        execution = self.execution
        self.snapshots.append(
            Snapshot(len(self.journal), execution.picture, execution.ended_as is not None)
        )
        return self

    def _stored(self, entry: Entry) -> Event:
        self.seq += 1
        who = self.identity
        return Event(
            who.run_id, self.seq, who.incarnation, entry.kind, entry.command, entry.payload(),
            entry.at,
        )  # fmt: skip

    def event(self, kind: EventKind, body: Any) -> Event:
        """An event of this run that no turn has written, behind its journal."""
        self.seq = len(self.journal)
        return self._stored(Entry(kind, None, body, self.now))

    def complete(self, command: int, value: Any = None) -> Driver:
        """The current attempt of a command returns a value, by default one that fits."""
        call = self.calls[command]
        if value is None and call.activity.returns.annotation is not type(None):
            value = "ok"
        self.execution.attempt_begun(command, call.attempt)
        data = json.dumps(value).encode()
        self.execution.attempt_completed(command, call.attempt, data, self.now)
        return self.commit()

    def fail(
        self, command: int, text: str = "boom", *, reason: str = "raised", retryable: bool = True,
        kind: str = "ValueError",
    ) -> Driver:  # fmt: skip
        """The current attempt of a command fails."""
        call = self.calls[command]
        failure = Failure(kind, text)
        self.execution.attempt_failed(
            command, call.attempt, failure, reason, retryable, 0.0, self.now
        )
        return self.commit()

    def signal(self, name: str, value: Any = None) -> Driver:
        """A signal arrives."""
        self.messages += 1
        self.execution.signal(self.messages, name, json.dumps(value).encode(), self.now)
        return self.commit()

    def ask(self, name: str, value: Any = None, question: str = "q") -> Driver:
        """A question arrives."""
        self.messages += 1
        posted = PostedQuestion(question, Raw(json.dumps(value).encode()))
        self.execution.question(self.messages, name, posted, self.now)
        return self.commit()

    def cancel(self, reason: str | None = None) -> Driver:
        """A cancel request arrives."""
        self.messages += 1
        self.execution.cancel(self.messages, reason, self.now)
        return self.commit()

    def advance(self, seconds: float) -> Driver:
        """Time passes and due timers fire."""
        self.now += timedelta(seconds=seconds)
        self.execution.fire_due(self.now)
        return self.commit()

    # what happens to workers

    def crashed(self, *, events: int | None = None, flow: Any = None) -> Driver:
        """A new owner has replayed the (first `events` of the) journal; not yet recovered."""
        other = object.__new__(Driver)
        other.__dict__.update(self.__dict__)
        who = self.identity
        other.identity = replace(who, workflow=flow or who.workflow)
        other.execution = Execution(other.identity)
        other.journal = list(self.journal[:events])
        other.calls, other.stopped, other.snapshots = {}, [], []
        other.children, other.posts, other.attributes, other.published = [], [], {}, {}
        other.answers = []
        other.execution.replay(other.journal)
        return other

    def recover(self) -> Driver:
        """The new owner settles what it found."""
        self.execution.recover(self.now)
        return self.commit()

    def continued(self, *, crash: bool = False) -> Driver:
        """The next incarnation has begun, here or (crash) at a new owner."""
        follows = self.execution.continuation
        assert follows is not None, f"not continued: {self.execution.waiting_on}"
        other = object.__new__(Driver)
        other.__dict__.update(self.__dict__)
        other.identity = replace(
            self.identity, incarnation=self.identity.incarnation + 1, input=follows.input
        )
        if not crash:
            self.execution.drop()
        other.execution = Execution(other.identity)
        other.journal, other.seq = list(self.journal), len(self.journal)
        other.journal.extend(other._stored(entry) for entry in follows.carried)
        other.calls, other.stopped, other.snapshots = {}, [], []
        other.children, other.posts, other.attributes, other.published = [], [], {}, {}
        other.answers = []
        other.execution.replay(other.journal)
        assert other.execution.drift is None, other.drift
        return other.start()

    def child_ends(
        self, child: NewRun | Child, value: Any = None, error: Failure | None = None
    ) -> Driver:
        """A child completes, or fails with an error (or is cancelled, when it says so)."""
        state = "completed"
        if error is not None:
            state = "cancelled" if error.type == "cancelled" else "failed"
        body = ChildEnded(child.run_id, state, Raw(json.dumps(value).encode()), error)
        self.execution.child_ended(body, self.now)
        return self.commit()

    # what tests look at

    @property
    def result(self) -> Any:
        """The decoded result of a completed run."""
        end = self.execution.end
        assert end is not None, f"not ended: {self.execution.waiting_on}"
        assert end.error is None, end.error
        assert end.result is not None
        return json.loads(end.result)

    @property
    def error(self) -> Failure:
        """What a run failed with."""
        end = self.execution.end
        assert end is not None
        assert end.error is not None
        return end.error

    @property
    def drift(self) -> str:
        """The text of the drift."""
        assert self.execution.drift is not None
        return self.execution.drift.message

    def kinds(self) -> list[str]:
        """The journal as `kind#command` texts."""
        return [f"{e.kind}#{e.command}" if e.command else str(e.kind) for e in self.journal]

    def commands(self) -> list[str]:
        """The commands of the journal, with names."""
        return [_text(e) for e in self.journal if e.kind in COMMANDS]

    def check_replays(self) -> Driver:
        """Replay at every stimulus boundary: no drift, and all is as it was live."""
        mine = self.identity.incarnation
        boundaries = [
            i for i, e in enumerate(self.journal) if e.kind in STIMULI and e.incarnation == mine
        ][1:]
        for cut in [*boundaries, len(self.journal)]:
            again = self.crashed(events=cut)
            assert again.execution.drift is None, f"after {cut} events: {again.drift}"
            collected = again.execution.collect()
            assert (collected.entries, list(collected.answers)) == ([], [])
            for live in self.snapshots:
                if live.events == cut and not live.ended:
                    picture = again.execution.picture
                    assert {what: picture.get(what) for what in live.picture} == live.picture
            again.execution.drop()
        return self


def _text(event: Event) -> str:
    body = event.body()
    name = getattr(body, "name", None) or getattr(body, "target", "")
    return f"{event.kind} {name}".strip()
