"""What a node cannot open concerns the run that it belongs to, and none read along with it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from continuum.codec.hooks import PayloadCodec
from continuum.codec.opening import cause, open_payload
from continuum.errors import PayloadSealed
from continuum.store.mail import InboxMessage

UNREADABLE: Final = "unreadable"
"""The kind of a message that could not be opened; its name says which it is. Also what stands in
place of a build in the lease of a run that is parked for it: no build has that name, so that every
node tries again once the run has rested, also one of the same code with another codec."""


class Opening:
    """Opens what is read together.

    Attributes:
        unreadable: of runs that something could not be opened of, what that is.
    """

    def __init__(self, codec: PayloadCodec) -> None:
        self.unreadable: dict[UUID, str] = {}
        self._codec = codec

    def payload(self, run_id: UUID, data: bytes, what: str, *names: object) -> bytes:
        """The payload, or JSON null when it cannot be opened.

        Args:
            run_id: the run that it belongs to.
            data: as stored.
            what: what it is, for people; with places for `names`.
            names: put into `what`, if it is needed.
        """
        try:
            return open_payload(self._codec, data)
        except PayloadSealed as error:
            self.unreadable.setdefault(run_id, f"{what.format(*names)} ({cause(error.__cause__)})")
            return b"null"


def open_message(codec: PayloadCodec, message: InboxMessage) -> InboxMessage:
    """A stored message as it was posted, or one of kind `UNREADABLE` in its place."""
    try:
        value = open_payload(codec, message.value)
    except PayloadSealed as error:
        which = f"{message.kind} {message.name!r}" if message.name else f"a {message.kind}"
        name = f"{which} in its inbox ({cause(error.__cause__)})"
        return InboxMessage(message.id, message.run_id, UNREADABLE, name, b"null")
    return InboxMessage(message.id, message.run_id, message.kind, message.name, value)
