"""The order flow of the documentation with a ledger under its activities, and two sagas beside it.

Importing this in a worker process with CONTINUUM_TEST_KILL="before 3" lets that process kill itself
around its third commit; CONTINUUM_TEST_EFFECTS_DSN says where its ledger is then kept.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

import continuum
from continuum import PayloadError, Retry, activity, workflow
from continuum.store.postgres.store import PostgresStore
from continuum.store.protocol import CommitResult, Turn

LEDGER = "CREATE TABLE ledger (id bigint GENERATED ALWAYS AS IDENTITY, entry text)"

ledger: list[str] = []
"""What was done to the world, in order; it outlives workers."""

failing: dict[str, str] = {}
"""Activities that fail for good: "before" or "after" their effect; "next" stands for any step."""


def reset() -> None:
    """Forget everything of the case before."""
    ledger.clear()
    failing.clear()


def do(what: str, order_id: str, *, step: bool = True) -> None:
    """One effect; it fails for good where the test says so."""
    moment = failing.get(what) or (failing.pop("next", None) if step else None)
    if moment == "before":
        raise PayloadError(f"{what} fails before its effect")
    ledger.append(f"{what} {order_id}")
    dsn = os.environ.get("CONTINUUM_TEST_EFFECTS_DSN")
    if dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("INSERT INTO ledger (entry) VALUES (%s)", (ledger[-1],))
    if moment == "after":
        raise PayloadError(f"{what} fails after its effect")


class OrderRejected(Exception):
    """Fraud."""


@dataclass
class Order:
    id: str
    amount: int


@activity(retry=Retry(max_attempts=5), timeout=timedelta(seconds=30))
async def charge(order: Order) -> str:
    do("charge", order.id)
    return f"payment-{order.id}"


@activity
async def refund(order_id: str) -> None:
    """Idempotent: undoes whatever was charged."""
    do("refund", order_id, step=False)


@activity
async def ship(order: Order) -> str:
    do("ship", order.id)
    return f"parcel-{order.id}"


@workflow(version=1)
async def order_flow(order: Order) -> str:
    async with continuum.saga() as saga:
        saga.undo(refund, order.id)
        payment = await charge(order)  # noqa: F841
        try:
            verdict = await continuum.wait_signal("fraud_review", timeout=timedelta(hours=24))
        except TimeoutError:
            verdict = "approved"
        if verdict == "rejected":
            raise OrderRejected(order.id)
        return await ship(order)


@activity
async def lock(order: Order) -> None:
    """Takes the goods out of the stock."""
    do("lock", order.id)


@activity
async def unlock(order_id: str) -> None:
    """Gives the goods back to the stock."""
    do("unlock", order_id, step=False)


@workflow
async def stocked_order_flow(order: Order, parallel: bool) -> str:
    """As `order_flow`, with two effects to undo."""
    async with continuum.saga(parallel=parallel) as saga:
        saga.undo(refund, order.id)
        await charge(order)
        saga.undo(unlock, order.id)
        await lock(order)
        verdict = await continuum.wait_signal("fraud_review", timeout=timedelta(hours=24))
        if verdict == "rejected":
            raise OrderRejected(order.id)
        return await ship(order)


WORKFLOWS = (order_flow, stocked_order_flow)


def _die_at(moment: str, number: int) -> None:
    """Let this process be killed by its own hand around one of its commits."""
    commit = PostgresStore.commit_turns
    commits = 0

    async def commit_turns(self: Any, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        nonlocal commits
        commits += 1
        if (commits, moment) == (number, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        result = await commit(self, node_id, turns)
        if commits == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    PostgresStore.commit_turns = commit_turns


if "CONTINUUM_TEST_KILL" in os.environ:
    _moment, _number = os.environ["CONTINUUM_TEST_KILL"].split()
    _die_at(_moment, int(_number))
