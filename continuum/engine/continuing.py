"""`continue_as_new`: what one incarnation leaves to the next."""

from __future__ import annotations

from datetime import datetime

from msgspec import Raw

from continuum.engine.children import Children
from continuum.engine.mail import Mail
from continuum.journal.events import Entry, EventKind, RunContinued
from continuum.journal.turn import Continuation


def continuation_of(
    data: bytes, mail: Mail, children: Children, at: datetime
) -> tuple[EventKind, RunContinued, Continuation]:
    """The end of the incarnation and the first events of the next (rule 6).

    Signals that were delivered and that no code has seen are journaled again, for the row that
    brought them is gone; so are questions without an answer. Children go on: their parent-close
    policy binds the run, not one of its incarnations; so do ends of children that no code has seen.
    """
    carried = [Entry(kind, None, body, at) for kind, body in children.carried()]
    carried += mail.carried(at)
    return EventKind.RUN_CONTINUED, RunContinued(Raw(data)), Continuation(data, carried)
