"""A turn that goes on beside those who hold its run FOR KEY SHARE (decision 034).

Senders and transactional activities hold the run only against its end and its takeover. A turn that
is neither waits for none of them and makes none of them wait, whichever locked first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from psycopg import AsyncConnection

from continuum.codec.hooks import IDENTITY
from continuum.journal.turn import RunState, Turn, TurnStatus
from continuum.store.activities import AttemptFence
from continuum.store.postgres.direct import DirectStatements
from continuum.store.postgres.keys import hold_attempt
from continuum.store.postgres.session import Session
from continuum.store.postgres.turn_columns import TurnColumns
from tests.postgres.scene import (
    BUILD,
    LOADED,
    Scene,
    last_turn,
    next_turn,
    posts_stop_at_the_inbox,
    started,
)

pytestmark = pytest.mark.every_server

AT_ONCE = 20
"""Seconds after which a statement that should not wait is taken for one that does."""


def goes_on(turn: Turn) -> Turn:
    """The turn after it, which parks the run."""
    return next_turn(turn, waiting_on="signal", parked=True, state=RunState.SUSPENDED)


async def commits(scene: Scene, turn: Turn) -> bool:
    """Whether the store commits this turn, alone."""
    return (await scene.store.commit_turns(scene.node, [turn])).statuses == {
        turn.run_id: TurnStatus.COMMITTED
    }


@asynccontextmanager
async def attempt_in_flight(scene: Scene, turn: Turn) -> AsyncGenerator[AsyncConnection[Any]]:
    """Until the end of the block a transactional activity of that run is amid its transaction."""
    holder = await scene.connect()
    async with holder.transaction():
        fence = AttemptFence(scene.node, turn.run_id, turn.token, 1, 1, 1, "default", task=False)
        await hold_attempt(Session(holder), fence)
        yield holder


async def test_rule_9_a_turn_commits_beside_a_signal_in_flight(scene: Scene) -> None:
    """It does not wait, the signal is not lost, and the owner's poll finds it."""
    first = await scene.create_owned()
    async with posts_stop_at_the_inbox(scene):
        signal = started(scene.signal(first.run_id))
        await scene.blocked(signal)
        async with asyncio.timeout(AT_ONCE):
            assert await commits(scene, goes_on(first))
        assert not signal.done()
        assert (await scene.store.attend(scene.node, LOADED, BUILD)).unread == []
    assert (await signal).posted is not None
    assert await scene.lease(first.run_id, "parked AND NOT ready")
    assert (await scene.store.attend(scene.node, LOADED, BUILD)).unread == [first.run_id]


async def test_rule_9_a_signal_is_accepted_beside_a_turn_in_flight(scene: Scene) -> None:
    """It does not wait for a turn that has written and not committed, and outlives its rollback."""
    first = await scene.create_owned()
    owner = DirectStatements(await scene.connect())
    for outcome in (b"ROLLBACK", b"COMMIT"):
        await owner.command(b"BEGIN")
        assert await owner.rows(*TurnColumns([goes_on(first)], IDENTITY).lone_statement(scene.node))
        async with asyncio.timeout(AT_ONCE):
            assert (await scene.signal(first.run_id)).posted is not None
        await owner.command(outcome)
    owner.detach()
    assert await scene.seqs(first.run_id) == [1, 2, 3]
    assert await scene.value("SELECT count(*) FROM continuum_inbox") == 2


async def test_rule_12_a_turn_commits_beside_a_transactional_activity(scene: Scene) -> None:
    """Another branch of the run goes on; the end of the run waits for the activity."""
    first = await scene.create_owned()
    following = goes_on(first)
    async with attempt_in_flight(scene, first):
        async with asyncio.timeout(AT_ONCE):
            assert await commits(scene, following)
        end = started(commits(scene, last_turn(following)))
        await scene.blocked(end)
    assert await end
    assert await scene.seqs(first.run_id) == [1, 2, 3, 4, 5]


async def test_rule_1_a_force_cancel_that_waits_appends_after_the_turn_that_did_not(
    scene: Scene,
) -> None:
    """It queues for the row behind an activity; a turn overtakes it, and is in the journal it ends.

    Then the owner is fenced: what it sends after the end changes nothing.
    """
    first = await scene.create_owned()
    following = goes_on(first)
    async with attempt_in_flight(scene, first):
        end = started(scene.store.force_cancel(first.run_id, None, None))
        await scene.blocked(end)
        async with asyncio.timeout(AT_ONCE):
            assert await commits(scene, following)
        assert not end.done()
    await end
    assert await scene.seqs(first.run_id) == [1, 2, 3, 4]
    assert await scene.value("SELECT state FROM continuum_runs") == "cancelled"
    assert not await commits(scene, next_turn(following))
    assert await scene.seqs(first.run_id) == [1, 2, 3, 4]
