"""Marked runs: by id, so that nothing that comes or goes in the list changes what is meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from uuid import UUID


class Marks:
    """Some runs, or every run of the query; `in` says whether a run is marked."""

    def __init__(self) -> None:
        self._ids: dict[UUID, None] = {}
        self.everything = False
        self._last: UUID | None = None

    def __bool__(self) -> bool:
        return self.everything or bool(self._ids)

    def __contains__(self, run_id: object) -> bool:
        return self.everything or run_id in self._ids

    def __iter__(self) -> Iterator[UUID]:
        """The marked runs, in the order in which they were marked; none for everything."""
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def toggle(self, run_id: UUID) -> None:
        """Mark a run, or take its mark; after everything it is the only one."""
        self.everything = False
        if run_id in self._ids:
            del self._ids[run_id]
        else:
            self._ids[run_id] = None
            self._last = run_id

    def to(self, run_id: UUID, rows: list[UUID]) -> None:
        """Mark what stands between the run that was marked last and this one, both included."""
        self.everything = False
        end = rows.index(run_id)
        last = self._last
        begin = rows.index(last) if last is not None and last in rows else end
        for each in rows[min(begin, end) : max(begin, end) + 1]:
            self._ids[each] = None
        self._last = run_id

    def all(self) -> None:
        """Every run of the query, whether it is in the list or not."""
        self.clear()
        self.everything = True

    def clear(self) -> None:
        """None."""
        self._ids.clear()
        self.everything, self._last = False, None

    def drop(self, gone: Iterable[UUID]) -> int:
        """Take the marks of runs that left the answer; says how many that were."""
        found = [run_id for run_id in gone if run_id in self._ids]
        for run_id in found:
            del self._ids[run_id]
        return len(found)

    def hidden(self, rows: Collection[UUID]) -> int:
        """How many marked runs are not among these."""
        return sum(run_id not in rows for run_id in self._ids)
