"""The cycle collector while a worker is at work."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from continuum.worker import collection
from continuum.worker.collection import YOUNG, relax_collection, restore_collection


@pytest.fixture(autouse=True)
def _thresholds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Other tests abandon workers on purpose, as a killed process does.
    monkeypatch.setattr(collection._relaxed, "workers", 0)
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_collection_is_rarer_until_the_last_worker_has_left() -> None:
    """Two workers raise the threshold once; the host's number returns with the second leaving."""
    gc.set_threshold(700, 11, 12)
    relax_collection()
    relax_collection()
    assert gc.get_threshold() == (YOUNG, 11, 12)
    restore_collection()
    assert gc.get_threshold() == (YOUNG, 11, 12)
    restore_collection()
    assert gc.get_threshold() == (700, 11, 12)


@pytest.mark.parametrize("chosen", [0, YOUNG + 1])
def test_a_host_that_has_chosen_keeps_its_number(chosen: int) -> None:
    """Neither a disabled collector nor a rarer one is touched."""
    gc.set_threshold(chosen, 10, 10)
    relax_collection()
    assert gc.get_threshold()[0] == chosen
    restore_collection()
    assert gc.get_threshold()[0] == chosen


def test_a_host_that_changes_it_meanwhile_keeps_its_number() -> None:
    """Only the number that the worker itself has set is taken back."""
    gc.set_threshold(700, 10, 10)
    relax_collection()
    gc.set_threshold(5000, 10, 10)
    restore_collection()
    assert gc.get_threshold()[0] == 5000
