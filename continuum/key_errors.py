"""Errors about the keys of runs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from continuum.errors import DuplicateRun, RunNotFound


class AmbiguousKey(RunNotFound):
    """Runs of several workflows or namespaces have this key.

    Attributes:
        run_ids: of those runs.
    """

    def __init__(self, key: str, run_ids: Sequence[UUID], told: Sequence[str]) -> None:
        super().__init__(key)
        self.run_ids = tuple(run_ids)
        self.message = f"key {key!r} is that of several runs: {', '.join(told)}"
        self.hint = "name one by its id, as workflow/key, or with a namespace"


class KeyTaken(DuplicateRun):
    """A run of the workflow has this key, and the start was not to find one.

    Attributes:
        key: of both.
        run_id: of the run that has it.
        state: of that run.
    """

    def __init__(self, key: str, workflow: str, run_id: UUID, state: str, hint: str) -> None:
        self.key = key
        self.run_id = run_id
        self.state = state
        super().__init__(f"key {key!r} of {workflow} is that of run {run_id}, {state}", hint=hint)
