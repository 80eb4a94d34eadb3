"""What the paranoid mode (CONTINUUM_PARANOID=1) finds while something is executed."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager


class _Drifts(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def drifts() -> Generator[list[str]]:
    """Inside, the list grows by what is found; outside of the mode nothing is."""
    found = _Drifts()
    logger = logging.getLogger("continuum.worker.paranoia")
    logger.addHandler(found)
    try:
        yield found.messages
    finally:
        logger.removeHandler(found)
