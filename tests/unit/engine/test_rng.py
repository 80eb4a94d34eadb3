"""The pinned generator: golden values, seeded by run id and incarnation (rules 6 and 15)."""

from __future__ import annotations

from uuid import UUID

import continuum
from continuum import workflow
from continuum.engine.rng import Rng
from tests.unit.engine.driver import RUN_ID, Driver


def generator(incarnation: int = 1) -> Rng:
    """The generator of the test's run."""
    return Rng(RUN_ID, incarnation)


GOLDEN = {
    "random": 0.6027391655038861,
    "getrandbits": 764062664932063369004730812722,
    "randbytes": "9a4d1d2bdb",
    "randrange": [617, 5],
    "randint": 5,
    "uniform": 0.20547833100777213,
    "choice": "e",
    "choices": ["c", "a", "c", "a", "c", "c"],
    "weighted": ["c", "c", "a", "c", "a", "c"],
    "sample": [77, 2, 86, 19, 70],
    "shuffle": [3, 6, 7, 2, 4, 1, 5, 0],
    "gauss": [0.22143404487732202, 10.442868089754644],
    "expovariate": 0.461581100094968,
    "uuid4": "9a4d1d2b-db86-4585-a5dd-0093215ab495",
}


def test_rule_15_golden_values_of_every_method() -> None:
    """Any change here needs a new runtime tag."""
    deck = list(range(8))
    shuffling = generator()
    shuffling.shuffle(deck)
    seen = {
        "random": generator().random(),
        "getrandbits": generator().getrandbits(100),
        "randbytes": generator().randbytes(5).hex(),
        "randrange": [generator().randrange(1000), generator().randrange(5, 50, 5)],
        "randint": generator().randint(1, 6),
        "uniform": generator().uniform(-1, 1),
        "choice": generator().choice("abcdef"),
        "choices": generator().choices("abc", k=6),
        "weighted": generator().choices("abc", [1, 2, 3], k=6),
        "sample": generator().sample(range(100), 5),
        "shuffle": deck,
        "gauss": [generator().gauss(), generator().gauss(10, 2)],
        "expovariate": generator().expovariate(2),
        "uuid4": str(generator().uuid4()),
    }
    assert seen == GOLDEN


def test_the_algorithm_is_xoshiro256_starstar() -> None:
    """Known answers of the reference implementation for the state 1, 2, 3, 4."""
    rng = generator()
    rng._state = [1, 2, 3, 4]
    assert [rng.getrandbits(64) for _ in range(4)] == [
        11520, 0, 1509978240, 1215971899390074240,
    ]  # fmt: skip


def test_rule_6_incarnations_draw_other_values() -> None:
    """An idempotency key drawn after continue_as_new is a new one."""
    assert generator(1).uuid4() != generator(2).uuid4()


def test_uuid4_is_a_valid_version_4() -> None:
    """Version and variant bits are set."""
    value = generator().uuid4()
    assert value.version == 4
    assert value.variant == "specified in RFC 4122"


def test_draws_are_the_same_in_replay() -> None:
    """No event is needed for random values."""
    seen: list[object] = []

    @workflow
    async def flow() -> None:
        seen.append((continuum.random(), continuum.rng().randint(1, 10**9), continuum.uuid4()))
        await continuum.sleep(1)

    Driver(flow).start().crashed()
    assert seen[0] == seen[1]
    assert isinstance(seen[0][2], UUID)  # type: ignore[index]
