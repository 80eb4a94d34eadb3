"""`adopt`: live runs go on with code that replays them alike, under fencing, journaled."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from continuum import Continuum
from continuum.audit.replayed import Replayed
from continuum.declare.loaded import LoadedVersions
from continuum.maintenance.adopt import adopt_replayed
from continuum.model import Run
from continuum.operators.acts import Act
from continuum.operators.identity import operator_here
from continuum.versions import runtime
from tests.audit.shop import BASE, EDITS, PATCHED, REFACTORED, flow, park, parked
from tests.worker.cluster import eventually

DRIFTING = EDITS["swapped branches"].text


async def outcomes(client: Continuum, *flows: Any, **options: Any) -> list[str]:
    """Of all live runs."""
    return sorted(run.outcome for run in await client.adopt(flows, namespace=None, **options))


async def finished(client: Continuum, code: Any, run_ids: list[UUID]) -> list[str]:
    """The results of runs that a worker with this code goes on with."""
    async with client.worker([code]):
        for run_id in run_ids:
            await client.signal(run_id, "approved", "yes")
        return [await client.result(run_id, timeout=20) for run_id in run_ids]


async def kinds(client: Continuum, run_id: UUID) -> list[str]:
    """The events of a run."""
    return [event.type for event in await client.history(run_id, operators=False)]


async def test_a_refactoring_is_adopted_and_goes_on(dsn: str) -> None:
    """First only told, then done, then nothing is left to do; the journal says what happened."""
    async with parked(dsn, 3) as (client, base, ids):
        code = flow(REFACTORED)
        before = await client.get_run(ids[0])
        assert await outcomes(client, code) == ["adopted"] * 3
        assert await client.get_run(ids[0]) == Like(before)
        assert await outcomes(client, code, execute=True) == ["adopted"] * 3
        assert await outcomes(client, code, execute=True) == ["current"] * 3
        run = await client.get_run(ids[0])
        assert (run.version_hash, run.waiting_on) == (code.pin.version_hash, "signal approved")
        event = (await client.history(ids[0], operators=False))[-1]
        assert (event.type, event.data) == (
            "run_adopted",
            {
                "version": 1, "version_hash": code.pin.version_hash,
                "runtime": code.pin.runtime, "former_hash": base.pin.version_hash,
                "former_runtime": base.pin.runtime,
            },
        )  # fmt: skip
        assert await finished(client, code, ids) == ["yes"] * 3
        assert (await kinds(client, ids[0]))[-4:] == [
            "signal_awaited", "run_adopted", "signal_received", "run_completed",
        ]  # fmt: skip


class Like:
    """Equal to a snapshot that differs in what passing time changes."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __eq__(self, other: object) -> bool:
        names = ("version_hash", "state", "waiting_on", "owner", "updated_at")
        return all(getattr(self._run, name) == getattr(other, name) for name in names)

    __hash__ = None  # type: ignore[assignment]


LOOSE = BASE.replace("total > 100", 'total > LIMITS["large"]').replace(
    "async def settle(", 'LIMITS = {"large": 100}\n\nasync def settle('
)
"""What a dict holds decides, and no hash sees it."""
LOOSENED = f"{LOOSE}\nLIMITS.update(large=1000)\n"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [(LOOSE, "released"), (LOOSE.replace("LIMITS[", "dict(LIMITS)["), "adopted")],
)
async def test_a_run_that_drifted_is_released_by_code_that_replays_it(
    dsn: str, text: str, outcome: str
) -> None:
    """Also when it has this very version; `waiting_on` told of the drift until then."""
    good, bad, code = flow(LOOSE), flow(LOOSENED), flow(text)
    assert good.pin == bad.pin
    async with Continuum(dsn) as client:
        [run_id] = await park(client, good)
        async with client.worker([bad]):
            await client.signal(run_id, "approved", "yes")

            async def drifted() -> bool:
                run = await client.get_run(run_id)
                return (run.waiting_on or "").startswith("blocked: drift at command 3")

            await eventually(drifted)
        assert await outcomes(client, bad, execute=True) == ["drift"]
        assert await outcomes(client, code) == [outcome]
        assert await outcomes(client, code, execute=True) == [outcome]
        run = await client.get_run(run_id)
        assert (run.state, run.waiting_on, run.version_hash) == (
            "running", None, code.pin.version_hash,
        )  # fmt: skip
        assert (await client.history(run_id, operators=False))[-1].data["released"] is True
        async with client.worker([code]):
            assert await client.result(run_id, timeout=20) == "yes"


async def test_what_the_code_cannot_go_on_with_is_left_alone(dsn: str) -> None:
    """Drift, also when only arguments differ, and a workflow that is not loaded: with reasons."""
    async with parked(dsn) as (client, _, [run_id]):
        before = await client.get_run(run_id)
        for text in (DRIFTING, EDITS["a changed argument"].text):
            [run] = await client.adopt([flow(text)], execute=True)
            assert (run.outcome, run.refused, run.changed) == ("drift", True, False)
            assert "command 3" in str(run.detail)
        other = flow(BASE.replace('name="order"', 'name="other"'))
        [run] = await client.adopt([other], execute=True)
        assert (run.outcome, run.detail) == ("not-loadable", "no workflow order is loaded")
        assert await client.get_run(run_id) == Like(before)


async def test_a_run_that_a_worker_has_is_left_to_it(dsn: str) -> None:
    """Before the replay it is seen, after it the lock of the lease row tells."""
    async with parked(dsn) as (client, base, [run_id]):
        code = flow(REFACTORED)
        replays = [run async for run in client.replay([code])]
        async with client.worker([base]):
            await client.signal(run_id, "other")

            async def owned() -> bool:
                return (await client.get_run(run_id)).owner is not None

            await eventually(owned)
            assert await outcomes(client, code, execute=True) == ["owned"]
            assert await adopted(client, code, replays) == ["owned"]
            assert (await client.get_run(run_id)).version_hash == base.pin.version_hash


async def adopted(client: Continuum, code: Any, replays: list[Replayed]) -> list[str]:
    """What becomes of runs that were replayed some time ago."""

    async def before() -> Any:
        for run in replays:
            yield run

    told: list[UUID] = []
    done = [
        run
        async for run in adopt_replayed(
            client._backend.store, LoadedVersions([code]), before(),
            Act(operator_here("ann"), "adopt"), on_adopted=told.extend,
        )
    ]  # fmt: skip
    assert told == [run.run_id for run in done if run.changed]
    return [run.outcome for run in done]


async def test_a_run_that_moved_on_since_the_replay_is_skipped(dsn: str) -> None:
    """Another turn was committed, another adoption was faster, or it has ended."""
    async with parked(dsn, 3) as (client, base, ids):
        code = flow(REFACTORED)
        replays = [run async for run in client.replay([code])]
        turn, ended, fast = replays
        async with client.worker([base]):
            await client.signal(turn.run_id, "unheard")

            async def journaled() -> bool:
                return (await kinds(client, turn.run_id))[-1] == "signal_received"

            await eventually(journaled)
        await client.cancel(ended.run_id, force=True)
        assert await adopted(client, code, [fast]) == ["adopted"]
        assert await adopted(client, code, replays) == ["moved-on", "ended", "moved-on"]
        assert (await kinds(client, fast.run_id)).count("run_adopted") == 1
        assert len(ids) == 3


async def test_the_token_of_an_adopted_run_is_new(dsn: str) -> None:
    """Whoever had it before writes nothing any more; its next_seq counts the event."""
    async with parked(dsn) as (client, _, _):
        pool = client._backend._pool  # type: ignore[attr-defined]
        query = "SELECT lease_token, next_seq FROM continuum_leases"
        async with pool.connection() as connection:
            [(token, next_seq)] = await (await connection.execute(query)).fetchall()
            await client.adopt([flow(REFACTORED)], execute=True)
            [(after, seq)] = await (await connection.execute(query)).fetchall()
    assert after > token
    assert seq == next_seq + 1


async def test_rule_15_another_runtime_is_adopted_after_a_clean_replay(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of another Python with the same hash gets the tag of this one."""
    base = flow()
    here = base.pin
    base.pin = replace(here, runtime="1-py3.9")
    async with Continuum(dsn) as client:
        [run_id] = await park(client, base)
        code = flow()
        assert code.pin == here
        assert runtime.runtime_tag() == here.runtime
        assert await outcomes(client, code, execute=True) == ["adopted"]
        assert await finished(client, code, [run_id]) == ["yes"]
        assert (await client.history(run_id))[0].data["runtime"] == "1-py3.9"


async def test_a_run_on_a_new_branch_keeps_its_patches(dsn: str) -> None:
    """Rearranged code with a patch adopts runs of either branch, each with its own hash."""
    patched, rearranged = flow(PATCHED), flow(PATCHED.replace(
        "await pay(order, total)", "cents = total\n    await pay(order, cents)"
    ))  # fmt: skip
    async with Continuum(dsn) as client:
        old = await park(client, flow())
        new = await park(client, patched)
        assert await outcomes(client, rearranged, execute=True) == ["adopted"] * 2
        hashes = [(await client.get_run(run_id)).version_hash for run_id in (*old, *new)]
        taken = rearranged.pin_of(frozenset({"thanks"}))
        assert hashes == [rearranged.pin.version_hash, taken.version_hash]
        assert await finished(client, rearranged, [*old, *new]) == ["yes", "yes"]
        scheduled = [(await kinds(client, run)).count("activity_scheduled") for run in (*old, *new)]
        assert scheduled == [3, 4]


def test_blocking_code_replays_and_adopts_too(dsn: str) -> None:
    """The same calls, outcomes and journal."""
    with Continuum.blocking(dsn) as client:
        base, code = flow(), flow(REFACTORED)
        with client.worker([base]):
            run = client.start(base, "o1", 500)
            client.call(eventually(lambda: _waits(client, run.id)))
        assert [replayed.verdict for replayed in client.replay([code])] == ["same"]
        [adopted] = client.adopt([code], "workflow = 'order'", execute=True)
        assert (adopted.run_id, adopted.outcome) == (run.id, "adopted")
        assert client.history(run.id, operators=False)[-1].type == "run_adopted"


async def _waits(client: Any, run_id: UUID) -> bool:
    return (await client._client.get_run(run_id)).waiting_on == "signal approved"
