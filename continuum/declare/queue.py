"""Named queues: what a worker says about one that it serves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from continuum.declare.functions import MAX_NAME
from continuum.errors import ConfigurationError

MAX_CONCURRENCY: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Queue:
    """A named queue that a worker serves, and its limits.

    The two limits of the fleet are kept in the database and hold for all workers, whichever of
    them serve the queue; a worker that names them sets them, one that does not leaves them.

    Args:
        name: as in `@activity(queue=...)`.
        concurrency: attempts of this queue that this worker runs at once; None: as many as the
            worker has slots.
        fleet_concurrency: attempts of this queue that all workers together run at once.
        rate: attempts of this queue that all workers together start, per second.

    Raises:
        ConfigurationError: a value out of bounds.

    Example:
        ct.worker([], activities=[render], queues=[Queue("gpu", concurrency=1, rate=20)])
    """

    name: str
    concurrency: int | None = None
    fleet_concurrency: int | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        for what in ("concurrency", "fleet_concurrency"):
            value = getattr(self, what)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (whole and 1 <= value <= MAX_CONCURRENCY):
                raise ConfigurationError(
                    f"Queue {self.name}: {what} is a whole number from 1, not {value!r}"
                )
        rate = self.rate
        number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
        if rate is not None and not (number and 0.001 <= rate <= 1_000_000):
            raise ConfigurationError(
                f"Queue {self.name}: rate is attempts per second, from 0.001, not {rate!r}"
            )


def resolve_queues(queues: Iterable[str | Queue]) -> dict[str, Queue]:
    """Queues by name.

    Raises:
        ConfigurationError: a queue named twice, or a name that is none.
    """
    if isinstance(queues, str):
        queues = (queues,)
    found: dict[str, Queue] = {}
    for given in queues:
        queue = given if isinstance(given, Queue) else Queue(given)
        if queue.name in found:
            raise ConfigurationError(f"queue {queue.name} is named twice")
        found[queue.name] = queue
    return found


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise ConfigurationError(
            f"a queue name is 1 to {MAX_NAME} printable characters, not {name!r:.80}"
        )
