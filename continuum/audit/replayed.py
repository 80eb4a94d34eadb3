"""What the replay of one live run has shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from continuum.engine.drift import Drift
from continuum.journal.turn import VersionPin

Verdict = Literal["same", "drift", "not-loadable"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One run, replayed against the loaded code.

    Attributes:
        workflow: its registered name; of a run that is not loadable the name that is missing.
        version_hash: of the code that it is bound to; empty for a run that never executed.
        verdict: "same": the loaded code did what the journal records. "drift": something else.
            "not-loadable": no workflow of that name is loaded.
        drift: the first difference, if the verdict is "drift".
        patches: what the code was answered; a name that is not in it was not reached yet.
        finished: the code came to its end, so that it reaches no further patch.
        origin: where the code that recorded the journal was declared, as far as is known.
        stamp: the version with which the loaded code would go on; None unless the verdict is
            "same", and for a run that has no version yet.
        taken: the patches that a run of that version has taken.
        next_seq: of its lease when it was read: it grows with every turn.
        owned: a worker had it.
        blocked: it waits for another build, since it drifted.
    """

    run_id: UUID
    workflow: str
    version_hash: str
    verdict: Verdict
    drift: Drift | None = None
    patches: Mapping[str, bool] = field(default_factory=dict[str, bool])
    finished: bool = False
    namespace: str = "default"
    version: int = 0
    runtime: str = ""
    origin: str | None = None
    stamp: VersionPin | None = None
    taken: frozenset[str] = frozenset()
    incarnation: int = 1
    next_seq: int = 1
    owned: bool = False
    blocked: bool = False

    @property
    def pin(self) -> VersionPin:
        """The code that it is bound to."""
        return VersionPin(self.workflow, self.version, self.version_hash, self.runtime)
