"""Activities that the engine's tests schedule; their functions are never called."""

from __future__ import annotations

from continuum import Retry, activity


@activity(name="a")
async def a(x: int = 0) -> str:
    """Whatever the test answers."""
    raise AssertionError


@activity(name="b")
async def b(x: int = 0) -> str:
    """Whatever the test answers."""
    raise AssertionError


@activity(name="undo")
async def undo(x: int = 0) -> None:
    """A compensation."""
    raise AssertionError


@activity(name="retried", retry=Retry(max_attempts=3, initial=10, factor=2))
async def retried(x: int = 0) -> str:
    """Three attempts, 10 and 20 seconds apart."""
    raise AssertionError


@activity(name="once", on_crash="fail", retry=Retry(max_attempts=3, initial=10))
async def once(x: int = 0) -> str:
    """At most once."""
    raise AssertionError
