"""Binding live runs to other code, after a replay has shown that it goes on with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from continuum.journal.events import RunAdopted
from continuum.journal.turn import VersionPin
from continuum.operators.acts import Act
from continuum.versions.facts import CodeFacts


@dataclass(frozen=True, slots=True)
class Adoption:
    """One run, as it was replayed, and the version it is to have.

    Attributes:
        former: its version in that moment, part of the fence like `next_seq`.
        released: it waits for another build since it drifted, and is to be ready again.
    """

    run_id: UUID
    incarnation: int
    next_seq: int
    former: VersionPin
    pin: VersionPin
    released: bool

    @property
    def event(self) -> RunAdopted:
        """What the journal says of it."""
        return RunAdopted(
            self.pin.version, self.pin.version_hash, self.pin.runtime, self.former.version_hash,
            self.former.runtime, self.released,
        )  # fmt: skip


class AdoptionStatus(StrEnum):
    """What became of an adoption."""

    ADOPTED = "adopted"
    OWNED = "owned"
    """A worker has the run; nothing was written."""
    MOVED_ON = "moved-on"
    """It has another journal or version than when it was replayed; nothing was written."""
    ENDED = "ended"


def with_former(
    facts: Mapping[int, CodeFacts], adoptions: Iterable[Adoption]
) -> dict[int, CodeFacts]:
    """These facts, and that runs of the versions before come to those after (rule 16).

    So a patch that adopted runs have taken is known as taken by runs of their new version.
    """
    found = dict(facts)
    for each in adoptions:
        known = found.get(each.pin.version_id, CodeFacts())
        below = known.below | {each.former.version_id}
        found[each.pin.version_id] = replace(known, below=below)
    return found


class AdoptionStore(Protocol):
    """What `adopt` needs."""

    async def adopt(
        self,
        adoptions: Sequence[Adoption],
        facts: Mapping[int, CodeFacts],
        act: Act | None = None,
    ) -> Mapping[UUID, AdoptionStatus]:
        """Give runs other versions, all in one transaction, under the locks of their lease rows.

        Only a run that nobody owns, with the same next_seq and version as when it was replayed, is
        changed: it gets a new token, an event in its journal, and its version. `facts` is what is
        known of each version by id; the registry keeps it, as for a worker that has it loaded.
        """
        ...
