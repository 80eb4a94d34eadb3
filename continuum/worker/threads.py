"""Threads for synchronous activities.

Not a `ThreadPoolExecutor`: the interpreter joins its threads at exit, so one hanging activity
would keep a drained process from ending. These are daemon threads.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Job = Callable[[], None]


class DaemonThreads:
    """Runs jobs on up to `limit` threads, started when needed and kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._busy = 0

    def submit(self, job: Job) -> None:
        """Run `job`, which must not raise, on a thread of its own for its whole time."""
        with self._lock:
            self._busy += 1
            grow = self._busy > self._started and self._started < self._limit
            self._started += grow
            name = f"continuum-activity-{self._started}"
        self._jobs.put(job)
        if grow:
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def close(self) -> None:
        """Let idle threads end; busy ones end with their job."""
        with self._lock:
            for _ in range(self._started):
                self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            finally:
                with self._lock:
                    self._busy -= 1
                del job
