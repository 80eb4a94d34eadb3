"""The pinned generator behind `continuum.random()`, `rng()` and `uuid4()`.

xoshiro256** 1.0 (Blackman and Vigna), seeded by BLAKE2b of run id and incarnation. Python's
own `random` promises stable values between releases only for `random()`; a replay needs all of
them, so every method is derived here and its values are pinned by tests. Changing any of them
is a new runtime tag.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, MutableSequence, Sequence
from typing import Final, TypeVar
from uuid import UUID

T = TypeVar("T")

_MASK: Final = (1 << 64) - 1
_TO_UNIT: Final = 2.0**-53


class Rng:
    """Random numbers that are the same in every replay of a run.

    The methods mean what those of `random.Random` mean; the values differ from theirs.

    Args:
        run_id, incarnation: the seed.
    """

    __slots__ = ("_gauss", "_state")

    def __init__(self, run_id: UUID, incarnation: int) -> None:
        self._gauss: float | None = None
        self.seed(run_id, incarnation)

    def seed(self, run_id: UUID, incarnation: int) -> None:
        """Begin anew, as that incarnation does."""
        seed = hashlib.blake2b(
            run_id.bytes + incarnation.to_bytes(8, "big"), digest_size=32, person=b"continuum-rng-1"
        ).digest()
        self._state = [int.from_bytes(seed[i : i + 8], "big") for i in range(0, 32, 8)]
        self._gauss = None

    @property
    def state(self) -> tuple[object, ...]:
        """What decides all further values."""
        return (*self._state, self._gauss)

    def _next(self) -> int:
        a, b, c, d = self._state
        x = (b * 5) & _MASK
        result = ((((x << 7) & _MASK) | (x >> 57)) * 9) & _MASK
        shifted = (b << 17) & _MASK
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = ((d << 45) & _MASK) | (d >> 19)
        self._state = [a, b, c, d]
        return result

    def random(self) -> float:
        """A float from 0.0 up to, not including, 1.0."""
        return (self._next() >> 11) * _TO_UNIT

    def getrandbits(self, k: int) -> int:
        """An integer of `k` random bits."""
        if k < 0:
            raise ValueError("number of bits must be non-negative")
        words = -(-k // 64)
        value = 0
        for _ in range(words):
            value = (value << 64) | self._next()
        return value >> (words * 64 - k)

    def randbytes(self, n: int) -> bytes:
        """`n` random bytes."""
        return self.getrandbits(n * 8).to_bytes(n, "big")

    def _below(self, n: int) -> int:
        bits = n.bit_length()
        value = self.getrandbits(bits)
        while value >= n:
            value = self.getrandbits(bits)
        return value

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        """One of `range(start, stop, step)`."""
        choices = range(start) if stop is None else range(start, stop, step)
        if not choices:
            raise ValueError(f"empty range in randrange({start}, {stop}, {step})")
        return choices[self._below(len(choices))]

    def randint(self, a: int, b: int) -> int:
        """An integer from `a` to `b`, both included."""
        return self.randrange(a, b + 1)

    def uniform(self, a: float, b: float) -> float:
        """A float between `a` and `b`."""
        return a + (b - a) * self.random()

    def choice(self, seq: Sequence[T]) -> T:
        """One element of a non-empty sequence."""
        if not seq:
            raise IndexError("cannot choose from an empty sequence")
        return seq[self._below(len(seq))]

    def choices(
        self, population: Sequence[T], weights: Iterable[float] | None = None, *, k: int = 1
    ) -> list[T]:
        """`k` elements with replacement, by relative weights if given."""
        if weights is None:
            return [self.choice(population) for _ in range(k)]
        totals: list[float] = []
        total = 0.0
        for weight in weights:
            total += weight
            totals.append(total)
        if len(totals) != len(population):
            raise ValueError("the number of weights does not match the population")
        if not 0.0 < total < math.inf:
            raise ValueError("the total of weights must be positive and finite")
        return [population[self._position(totals, self.random() * total)] for _ in range(k)]

    @staticmethod
    def _position(totals: list[float], value: float) -> int:
        for index, total in enumerate(totals):
            if value < total:
                return index
        return len(totals) - 1

    def shuffle(self, x: MutableSequence[T]) -> None:
        """Shuffle a list in place."""
        for i in range(len(x) - 1, 0, -1):
            j = self._below(i + 1)
            x[i], x[j] = x[j], x[i]

    def sample(self, population: Sequence[T], k: int) -> list[T]:
        """`k` different elements, in random order."""
        if not 0 <= k <= len(population):
            raise ValueError("sample larger than population or negative")
        pool = list(population)
        for i in range(k):
            j = i + self._below(len(pool) - i)
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:k]

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        """A float of the normal distribution (polar method: no sin, no cos)."""
        spare = self._gauss
        if spare is not None:
            self._gauss = None
            return mu + spare * sigma
        while True:
            u = 2.0 * self.random() - 1.0
            v = 2.0 * self.random() - 1.0
            s = u * u + v * v
            if 0.0 < s < 1.0:
                break
        scale = math.sqrt(-2.0 * _log(s) / s)
        self._gauss = v * scale
        return mu + u * scale * sigma

    normalvariate = gauss

    def expovariate(self, lambd: float = 1.0) -> float:
        """A float of the exponential distribution with mean 1 / lambd."""
        return -_log(1.0 - self.random()) / lambd

    def uuid4(self) -> UUID:
        """A random UUID, version 4."""
        value = self.getrandbits(128)
        value = (value & ~(0xF << 76)) | (0x4 << 76)
        value = (value & ~(0x3 << 62)) | (0x2 << 62)
        return UUID(int=value)


def _log(x: float) -> float:
    """Natural logarithm by IEEE arithmetic alone: the C library's differs between platforms."""
    mantissa, exponent = math.frexp(x)
    if mantissa < math.sqrt(0.5):
        mantissa, exponent = mantissa * 2.0, exponent - 1
    y = (mantissa - 1.0) / (mantissa + 1.0)
    square, power, total = y * y, y, 0.0
    for odd in range(1, 42, 2):
        total += power / odd
        power *= square
    return 2.0 * total + exponent * 0.6931471805599453
