"""Realistic runs, the same ones every time: rows of COPY text in the order in which they started.

Fifty namespaces of very unequal size, twenty workflows, few live runs, and attributes as people
write them: common and rare values, high cardinality, numbers, arrays, nested objects, odd keys,
values of another type than usual, keys that are missing, and a value that only the oldest have.
"""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any, Final

from continuum.journal.turn import VersionPin

GENERATOR: Final = 3
"""Change it with whatever changes the rows: data of another generator is not reused."""

CHUNK: Final = 20_000
"""Runs that share a random source, so that any chunk can be made on its own."""

END: Final = datetime(2026, 11, 1, tzinfo=UTC)
SPAN: Final = timedelta(days=90)
OLDEST: Final = 0.05
"""The share of runs, from the oldest, in which alone `campaign` occurs."""

NAMESPACES: Final = ("default", *(f"team-{n:02d}" for n in range(1, 50)))
WORKFLOWS: Final = (*(f"shop:job_{n:02d}" for n in range(1, 20)), "shop:reconcile")
LOADED: Final = 15
"""So many of the workflows have a live node that runs them; live runs of the others are stuck."""

COLUMNS: Final = (
    "id", "namespace", "workflow", "version", "version_hash", "runtime", "state", "input",
    "result", "error_type", "error_message", "attributes", "started_at", "updated_at",
    "completed_at",
)  # fmt: skip
LEASE_COLUMNS: Final = (
    "run_id", "version_id", "lease_owner", "lease_token", "next_seq", "ready", "wake_at", "parked",
    "waiting_on",
)  # fmt: skip
NODES: Final = tuple(f"00000000-0000-4000-8000-{n:012x}" for n in (1, 2))

_NAMESPACE_SHARES: Final = list(accumulate(1 / (n + 1) ** 2 for n in range(len(NAMESPACES))))
_WORKFLOW_SHARES: Final = [*accumulate(1 / (n + 1) for n in range(19))]
_WORKFLOW_SHARES.append(_WORKFLOW_SHARES[-1] * 1.0002)
_PLANS: Final = ("free",) * 14 + ("pro",) * 5 + ("enterprise",)
_REGIONS: Final = ("eu",) * 9 + ("us",) * 9 + ("ap",) * 2
_TAGS: Final = ("new", "vip", "gift", "bulk", "trial", "refund")
_SYSTEMS: Final = ("web", "ios", "android", "tv")
_ERRORS: Final = (
    ("TimeoutError", "payment provider did not answer in 30 s"),
    ("ValueError", "card number is not valid"),
    ("ConnectionError", "warehouse refused the connection"),
)
_WAITS: Final = ("signal approval", "signal payment", "timer", "activity ship in queue slow")
_NULL: Final = "\\N"
_HASH: Final = "5f" * 32
_RUNTIME: Final = "1-py3.11"
_INPUT: Final = "\\\\x" + b'[{"order": 12345, "email": "a@example.com"}]'.hex()
_RESULT: Final = "\\\\x" + b'{"ok": true, "total": 129.95}'.hex()


def pins() -> list[VersionPin]:
    """The version of each workflow that some node has loaded."""
    return [VersionPin(name, 1, _HASH, _RUNTIME) for name in WORKFLOWS[:LOADED]]


def started_at(share: float) -> datetime:
    """When the run at this place started; 0 is the oldest, 1 the newest."""
    return END - SPAN * (1 - share)


def chunks(runs: int) -> Iterator[tuple[str, str]]:
    """COPY text of runs and of the leases of those that are live, chunk by chunk."""
    for first in range(0, runs, CHUNK):
        random = Random(f"{GENERATOR}:{first // CHUNK}")
        rows: list[str] = []
        leases: list[str] = []
        for n in range(first, min(first + CHUNK, runs)):
            row, lease = _run(n, runs, random)
            rows.append(row)
            if lease is not None:
                leases.append(lease)
        yield "".join(rows), "".join(leases)


def attributes(n: int, runs: int, random: Random) -> dict[str, Any]:
    """The attributes of the run at place `n` of `runs`."""
    chance = random.random
    found: dict[str, Any] = {"customer_id": f"cus_{int(chance() * max(runs // 10, 1)):07d}"}
    if chance() < 0.9:
        found["plan"] = _PLANS[int(chance() * 20)]
    if chance() < 0.95:
        found["region"] = _REGIONS[int(chance() * 20)]
    if chance() < 0.8:
        found["amount"] = round(10 ** (chance() * 4), 2) if chance() < 0.99 else "n/a"
    if chance() < 0.5:
        found["tier"] = 1 + int(chance() * 5)
    if chance() < 0.3:
        found["tags"] = [_TAGS[int(chance() * 6)] for _ in range(1 + int(chance() * 3))]
    if chance() < 0.25:
        found["device"] = {"os": _SYSTEMS[int(chance() * 4)], "version": int(chance() * 20)}
    if chance() < 0.01:
        found |= {"a.b": int(chance() * 10), "odd \"key'": "it's", "ключ": None}
    if n < OLDEST * runs and chance() < 0.02:
        found["campaign"] = "launch"
    if n % (runs // 20 or 1) == 7:
        found["incident"] = "INC-7"
    return found


def _run(n: int, runs: int, random: Random) -> tuple[str, str | None]:
    chance = random.random
    share = n / runs
    started = END - SPAN * (1 - share)
    namespace = NAMESPACES[bisect(_NAMESPACE_SHARES, chance() * _NAMESPACE_SHARES[-1])]
    place = bisect(_WORKFLOW_SHARES, chance() * _WORKFLOW_SHARES[-1])
    workflow = WORKFLOWS[place]
    run_id = _run_id(started, n, chance())
    found = json.dumps(attributes(n, runs, random), ensure_ascii=False).replace("\\", "\\\\")
    fate = chance()
    error_type = error = result = lease = None
    took = timedelta(seconds=0.05 * 10 ** (chance() * 5))
    ended: datetime | None = started + took
    if fate < (0.1 if share > 0.99 else 0.002):
        waits = chance() < 0.8
        state, ended = "suspended" if waits else "running", None
        lease = _lease(run_id, place, random, waits=waits, started=started)
    elif fate < 0.94:
        state, result = "completed", _RESULT
    elif fate < 0.985:
        state = "failed"
        error_type, error = _ERRORS[int(chance() * 3)]
    else:
        state, error = "cancelled", "no longer wanted"
    columns = (
        run_id, namespace, workflow, "1", _HASH, _RUNTIME, state, _INPUT, result, error_type,
        error, found, str(started), str(ended or started + took), None if ended is None
        else str(ended),
    )  # fmt: skip
    return "\t".join([_NULL if c is None else c for c in columns]) + "\n", lease


def _lease(run_id: str, place: int, random: Random, *, waits: bool, started: datetime) -> str:
    chance = random.random
    pin = VersionPin(WORKFLOWS[place], 1, _HASH, _RUNTIME)
    owner = NODES[int(chance() * 2)] if chance() < 0.7 else None
    waiting = _WAITS[int(chance() * 4)] if waits else None
    wake = str(END + timedelta(days=1 + 30 * chance())) if waiting == "timer" else None
    ready = "t" if not waits else "f"
    columns = (run_id, str(pin.version_id), owner, "1", "3", ready, wake, "t" if waits else "f",
               waiting)  # fmt: skip
    return "\t".join([_NULL if c is None else c for c in columns]) + "\n"


def _run_id(started: datetime, n: int, chance: float) -> str:
    """A version 7 uuid of that time; `n` makes it the only one."""
    milliseconds = int(started.timestamp() * 1000)
    text = (
        f"{milliseconds:012x}7{n & 0xFFF:03x}{0x8000 | (n >> 12) & 0x3FFF:04x}"
        f"{int(chance * 2**48):012x}"
    )
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
