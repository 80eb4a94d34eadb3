"""When a failed activity attempt is repeated, and after which delay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

from continuum.declare.durations import Duration, seconds
from continuum.declare.functions import misplaced
from continuum.errors import DefinitionError

MAX_ATTEMPTS: Final = 1_000_000


@dataclass(frozen=True, slots=True, init=False)
class Retry:
    """How often and how fast an activity is tried again.

    Args:
        max_attempts: attempts that may end in a raise or a timeout; 1 means no retry. Attempts
            that died with their process are counted apart.
        initial: delay before the second attempt; a timedelta or seconds.
        factor: each further delay is this many times the one before; at least 1.
        max_delay: no delay is longer; a timedelta or seconds.
        jitter: 0.0 to 1.0, the random share of each delay. It is reserved under the delay
            (delay * (1 - jitter) to delay), so it spreads calls at the cap too.
        non_retryable: exception classes, or their qualified names, that are never retried.
            A class includes its subclasses.

    Raises:
        DefinitionError: a value out of bounds.

    Example:
        @activity(retry=Retry(max_attempts=5, initial=0.2, jitter=0.5, non_retryable=[ValueError]))
    """

    max_attempts: int
    initial: float
    factor: float
    max_delay: float
    jitter: float
    non_retryable: tuple[type[BaseException] | str, ...]

    def __init__(
        self,
        max_attempts: int = 1,
        initial: Duration = 1.0,
        factor: float = 2.0,
        max_delay: Duration = 60.0,
        jitter: float = 0.0,
        non_retryable: tuple[type[BaseException] | str, ...]
        | list[type[BaseException] | str]
        | list[type[BaseException]]
        | list[str] = (),
    ) -> None:
        put = object.__setattr__
        try:
            put(self, "max_attempts", _attempts(max_attempts))
            put(self, "initial", seconds(initial, "Retry: initial", zero=True))
            put(self, "factor", _number(factor, "factor", 1.0, 1000.0))
            put(self, "max_delay", seconds(max_delay, "Retry: max_delay", zero=True))
            put(self, "jitter", _number(jitter, "jitter", 0.0, 1.0))
            put(self, "non_retryable", _errors(non_retryable))
        except DefinitionError as error:
            raise misplaced(error.message, error.hint) from None

    def delay(self, attempt: int, random: float) -> float:
        """Seconds to wait after attempt number `attempt` failed.

        Args:
            attempt: 1 for the first.
            random: a number from 0 to 1 that places the delay in its jitter window.
        """
        try:
            delay = min(self.initial * self.factor ** (attempt - 1), self.max_delay)
        except OverflowError:
            delay = self.max_delay if self.initial else 0.0
        return delay * (1.0 - self.jitter * random)

    def retries(self, error: BaseException) -> bool:
        """Whether this error may be retried at all (attempts left or not)."""
        return not any(_matches(error, excluded) for excluded in self.non_retryable)

    def retries_named(self, names: tuple[str, ...]) -> bool:
        """The same for an error of another process: qualified names of its classes."""
        return not any(_named(names, excluded) for excluded in self.non_retryable)


def _named(names: tuple[str, ...], excluded: type[BaseException] | str) -> bool:
    if isinstance(excluded, type):
        return f"{excluded.__module__}.{excluded.__qualname__}" in names
    return any(excluded == name or name.endswith(f".{excluded}") for name in names)


def _attempts(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_ATTEMPTS:
        raise DefinitionError(
            f"Retry: max_attempts must be a whole number from 1 to {MAX_ATTEMPTS:,}, not {value!r}"
        )
    return value


def _number(value: object, name: str, low: float, high: float) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= cast("float", value) <= high:
        raise DefinitionError(f"Retry: {name} must be from {low:g} to {high:g}, not {value!r}")
    return float(cast("float", value))


def _errors(value: Any) -> tuple[type[BaseException] | str, ...]:
    if not isinstance(value, (tuple, list, set, frozenset)):
        value = (value,)
    errors: tuple[Any, ...] = tuple(cast("tuple[Any, ...]", value))
    for error in errors:
        is_class = isinstance(error, type) and issubclass(error, BaseException)
        if not is_class and not (isinstance(error, str) and error):
            raise DefinitionError(
                f"Retry: non_retryable takes exception classes or their names, not {error!r}"
            )
    return errors


def _matches(error: BaseException, excluded: type[BaseException] | str) -> bool:
    if isinstance(excluded, type):
        return isinstance(error, excluded)
    return any(
        excluded in (cls.__qualname__, f"{cls.__module__}.{cls.__qualname__}")
        for cls in type(error).__mro__
    )
