"""What screens ask of the app, so that they need not know each other."""

from __future__ import annotations

from uuid import UUID

from textual.message import Message

from console.source import RunsQuery
from console.verbs import Order


class ShowMode(Message):
    """Go to a screen at the top, as it was left."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__()


class ShowRuns(Message):
    """List the runs behind something, and come back from there.

    Args:
        query: which runs.
        crumb: what they are, in a few words.
        origin: the mode to go back to.
    """

    def __init__(self, query: RunsQuery, crumb: str, origin: str) -> None:
        self.query = query
        self.crumb = crumb
        self.origin = origin
        super().__init__()


class ScopeChanged(Message):
    """Another namespace is looked at."""


class ReadAgain(Message):
    """What is not of the screen, the header's numbers, is to be read now as well."""


class TimesChanged(Message):
    """Times are told in another way: everything is to be drawn anew."""


class Ordered(Message):
    """A command that the screen on top does not obey itself."""

    def __init__(self, order: Order) -> None:
        self.order = order
        super().__init__()


class ShowActs(Message):
    """What operators did to a run, in the journal."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        super().__init__()


class OpenRun(Message):
    """Show this run."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        super().__init__()
