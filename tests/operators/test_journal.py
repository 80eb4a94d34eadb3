"""What operators do is on record: in the journal, and in the history of the run."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from continuum import (
    Continuum,
    DatabaseUnavailable,
    HistoryEvent,
    QueryError,
    ReasonRequired,
    RunTerminal,
    WorkflowFailed,
)
from continuum.operators.acts import OperatorAct
from tests.operators import flows
from tests.operators.conftest import Place
from tests.worker.cluster import eventually


async def journal(ct: Continuum, run_id: UUID | None = None) -> list[OperatorAct]:
    """All entries, oldest first."""
    page = await ct.operator_journal(run_id=run_id, limit=1000)
    assert page.next_cursor is None
    return [*reversed(page.entries)]


def said(acts: list[OperatorAct]) -> list[tuple[str, str, str, str | None]]:
    """Who did what, with what outcome and reason."""
    return [(act.operator, act.act, act.outcome, act.reason) for act in acts]


async def test_every_act_upon_a_run_is_recorded(place: Place) -> None:
    """Signal, attributes, cancel: who, from where, what, why and what came of it."""
    run = await place.app.start(flows.counting, namespace="billing")
    await place.ann.signal(run.id, "tick", 1, delivery_id="d1", reason="nudge")
    await place.ann.signal(run.id, "tick", 1, delivery_id="d1")
    await place.ann.set_attributes(run.id, {"tier": 2**70}, unset=["old"])
    await place.bob.cancel(run.id, reason="wrong order")
    acts = await journal(place.app, run.id)
    assert said(acts) == [
        ("ann", "signal", "signalled", "nudge"),
        ("ann", "signal", "repeated", None),
        ("ann", "attributes set", "changed", None),
        ("bob", "cancel", "cancel requested", "wrong order"),
    ]
    assert {act.host for act in acts} == {socket.gethostname()}
    assert all(act.program and act.namespace == "billing" for act in acts)
    assert acts[0].detail == {"name": "tick", "delivery_id": "d1"}
    assert acts[2].detail == {"set": {"tier": 2**70}, "unset": ["old"]}
    assert [act.id for act in acts] == sorted(act.id for act in acts)


async def test_questions_of_operators_are_recorded(place: Place) -> None:
    """Who asked what, and who only waited on; an application's questions are not."""
    run = await place.app.start(flows.asked, namespace="billing")
    assert await place.app.ask(run.id, "add", 1, timeout=30) == 1
    assert await place.ann.ask(run.id, "add", 2, id="q", reason="audit", timeout=30) == 3
    assert await place.bob.ask(run.id, "add", 2, id="q", timeout=30) == 3
    acts = await journal(place.app, run.id)
    assert said(acts) == [
        ("ann", "ask", "asked", "audit"), ("bob", "ask", "repeated", None),
    ]  # fmt: skip
    assert acts[0].detail == {"name": "add", "question_id": "q"}
    await place.ann.require_reasons("billing")
    with pytest.raises(ReasonRequired):
        await place.ann.ask(run.id, "add", 4, id="unreasoned", timeout=0)
    assert await place.ann.ask(run.id, "add", 4, id="unreasoned", reason="x", timeout=30) == 7
    events = [event.type for event in await place.app.history(run.id)]
    assert events.count("question_received") == 3
    assert events.count("operator_ask") == 3


async def test_acts_by_key_are_recorded_of_the_run(place: Place) -> None:
    """A key is resolved first; a signal that starts a run is none upon one that was there."""
    call = {"key": "k", "signal": "tick", "payload": 1, "namespace": "billing"}
    run = await place.ann.signal_with_start(flows.counting, **call)
    assert await journal(place.app, run.id) == []

    async def begun() -> bool:
        return bool(await place.app.history(run.id))

    await eventually(begun)
    for _ in range(2):
        await place.ann.signal_with_start(
            flows.counting, **call, delivery_id="d", reason="once more"
        )
    await place.bob.set_attributes("k", {"tier": 1})
    await place.bob.cancel("k", force=True, reason="enough")
    fork = await place.ann.fork("k", at=1, reason="look")
    await place.ann.fork("k", at=1)
    assert said(await journal(place.app, run.id)) == [
        ("ann", "signal", "signalled", "once more"),
        ("ann", "signal", "repeated", "once more"),
        ("bob", "attributes set", "changed", None),
        ("bob", "cancel", "cancelled", "enough"),
        ("ann", "fork", "forked", "look"),
        ("ann", "fork", "repeated", None),
    ]
    assert (await journal(place.app, run.id))[4].detail == {"new_run_id": str(fork.id), "at": 1}
    await place.bob.cancel(fork.id, force=True)


async def test_acts_stand_between_the_events_of_the_run(place: Place) -> None:
    """Each behind the event that was the last one, on whichever page; none twice, none missing."""
    run = await place.app.start(flows.counting)
    for number in range(4):
        await place.ann.signal(run.id, "tick", number)

        async def heard(upto: int = number + 1) -> bool:
            events = await place.app.history(run.id, operators=False)
            return sum(event.type == "signal_received" for event in events) == upto

        await eventually(heard)
    await place.ann.cancel(run.id, force=True, reason="enough")
    whole = await place.app.history(run.id)
    kinds = [(entry.type, entry.operator) for entry in whole]
    at = [n for n, kind in enumerate(kinds) if kind == ("operator_signal", "ann")]
    assert [kinds[n + 1] for n in at] == [("signal_received", None)] * 4
    assert kinds[-2:] == [("operator_cancel", "ann"), ("run_cancelled", None)]
    assert whole[-2].data["reason"] == "enough"
    assert whole[-2].data["detail"] == {"force": True}
    paged: list[HistoryEvent] = []
    while page := await place.app.history(run.id, after=paged[-1].seq if paged else None, limit=2):
        paged += page
    assert paged == whole
    events = await place.app.history(run.id, operators=False)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events == [entry for entry in whole if entry.operator is None]


async def test_an_application_is_no_operator(place: Place) -> None:
    """Its signals and attributes are not recorded; a cancellation is, under the local user."""
    run = await place.app.start(flows.counting)
    await place.app.signal(run.id, "tick")
    await place.app.set_attributes(run.id, {"a": 1})
    assert await journal(place.app, run.id) == []
    await place.app.signal(run.id, "tick", reason="by hand")
    await place.app.cancel(run.id)
    [signal, cancel] = await journal(place.app, run.id)
    assert (signal.act, signal.reason, cancel.act) == ("signal", "by hand", "cancel")
    assert signal.operator == cancel.operator
    assert signal.operator.endswith(f"@{socket.gethostname()}")


async def test_what_was_refused_is_not_recorded(place: Place) -> None:
    """An error means that nothing was written."""
    run = await place.app.start(flows.waiting)
    await place.app.signal(run.id, "go", 1)
    assert await run.result(30) == "1"
    before = await journal(place.app)
    for act in (place.ann.signal(run.id, "go"), place.ann.cancel(run.id, force=True)):
        with pytest.raises(RunTerminal):
            await act
    assert await journal(place.app) == before


async def test_repairs_are_recorded(place: Place) -> None:
    """Retry and restart, also when they are repeated."""
    flows.broken.add("bank")
    run = await place.app.start(flows.asking, "bank")
    with pytest.raises(WorkflowFailed):
        await run.result(30)
    flows.broken.clear()
    assert await place.ann.retry(run.id, once="k", reason="mended")
    assert not await place.ann.retry(run.id, once="k")
    assert await run.result(30) == "bank"
    again = await place.bob.restart(run.id, reason="once more")
    assert (await place.bob.restart(run.id)).id == again.id
    acts = await journal(place.app, run.id)
    assert said(acts) == [
        ("ann", "retry", "retried", "mended"),
        ("ann", "retry", "repeated", None),
        ("bob", "restart", "restarted", "once more"),
        ("bob", "restart", "repeated", None),
    ]
    assert acts[2].detail == acts[3].detail == {"new_run_id": str(again.id)}


async def test_schedules_are_recorded(place: Place) -> None:
    """Every change of one, and the run that was started by hand."""
    await place.ann.create_schedule("nightly", flows.waiting, cron="0 3 * * *", namespace="ops")
    await place.ann.pause_schedule("nightly", namespace="ops", note="the warehouse moves")
    await place.bob.resume_schedule("nightly", namespace="ops")
    run_id = await place.bob.trigger_schedule("nightly", namespace="ops", reason="test")
    await place.bob.delete_schedule("nightly", namespace="ops")
    acts = await journal(place.app)
    assert said(acts) == [
        ("ann", "schedules create", "created", None),
        ("ann", "schedules pause", "paused", "the warehouse moves"),
        ("bob", "schedules resume", "resumed", None),
        ("bob", "schedules trigger", "started", "test"),
        ("bob", "schedules delete", "deleted", None),
    ]
    assert {act.namespace for act in acts} == {"ops"}
    assert acts[3].run_id == run_id
    assert all(act.detail == {"schedule": "nightly"} for act in acts)


async def test_a_namespace_may_want_reasons(place: Place) -> None:
    """Then nothing is done without one, whoever asks; other namespaces and applications go on."""
    run = await place.app.start(flows.counting, namespace="billing", attributes={"a": 1})
    other = await place.app.start(flows.counting)
    await place.ann.require_reasons("billing")
    assert await place.app.reasons_required() == ["billing"]
    await place.ann.create_schedule("n", flows.waiting, every=3600, namespace="billing", reason="r")
    before = await journal(place.app)
    refused = [
        place.ann.signal(run.id, "tick"),
        place.app.cancel(run.id),
        place.app.cancel(run.id, force=True),
        place.ann.set_attributes(run.id, {"a": 2}),
        place.ann.pause_schedule("n", namespace="billing"),
        place.ann.delete_schedule("n", namespace="billing"),
        place.ann.trigger_schedule("n", namespace="billing"),
        place.ann.create_schedule("m", flows.waiting, every=60, namespace="billing"),
        place.ann.require_reasons("billing", required=False),
    ]
    for act in refused:
        with pytest.raises(ReasonRequired, match="namespace billing wants a reason"):
            await act
    assert await journal(place.app) == before
    snapshot = await run.get()
    assert (snapshot.attributes, snapshot.cancelling_since) == ({"a": 1}, None)
    assert [each.name for each in await place.app.schedules(namespace="billing")] == ["n"]
    assert not (await place.app.get_schedule("n", namespace="billing")).paused
    assert await place.app.count("true", namespace="billing") == 1
    await place.ann.signal(other.id, "tick")
    await place.app.signal(run.id, "tick")
    await place.ann.signal(run.id, "tick", reason="because")
    await place.ann.require_reasons("billing", required=False, reason="over")
    await place.ann.signal(run.id, "tick")


async def test_one_refused_signal_does_not_refuse_its_neighbours(place: Place) -> None:
    """Signals sent at once share a commit; only the one without a reason fails."""
    runs = [await place.app.start(flows.counting, namespace=f"n{n % 2}") for n in range(10)]
    await place.ann.require_reasons("n1")
    answers = await asyncio.gather(
        *(place.ann.signal(run.id, "tick") for run in runs), return_exceptions=True
    )
    assert [isinstance(each, ReasonRequired) for each in answers] == [False, True] * 5
    for run, answer in zip(runs, answers, strict=True):
        acts = await journal(place.app, run.id)
        assert len(acts) == (0 if answer else 1)


async def test_acts_and_entries_are_one_transaction(dsn: str) -> None:
    """When the entry cannot be written, nothing is done."""
    async with Continuum(dsn, operator="ann") as ct:
        run = await ct.start(flows.counting, attributes={"a": 1})
        with psycopg.connect(dsn) as connection:
            table = "ALTER TABLE continuum_operator_journal"
            connection.execute(f"{table} ADD CHECK (operator <> 'ann')".encode())
        for act in (
            ct.signal(run.id, "tick"),
            ct.cancel(run.id),
            ct.cancel(run.id, force=True),
            ct.set_attributes(run.id, {"a": 2}),
            ct.create_schedule("n", flows.waiting, every=60),
        ):
            with pytest.raises((psycopg.Error, DatabaseUnavailable), match="operator_check"):
                await act
        snapshot = await run.get()
        assert (snapshot.state, snapshot.attributes) == ("running", {"a": 1})
        assert snapshot.cancelling_since is None
        assert await ct.schedules() == []
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT count(*) FROM continuum_inbox").fetchone() == (0,)


async def test_pages_and_filters(place: Place) -> None:
    """Newest first; pages meet without gap; each filter holds."""
    runs = [await place.app.start(flows.counting, namespace=f"n{n}") for n in range(2)]
    for n in range(7):
        await (place.ann, place.bob)[n % 2].signal(runs[n % 2].id, "tick", n)
    everything = await journal(place.app)
    cursor, walked = None, list[OperatorAct]()
    while True:
        page = await place.app.operator_journal(limit=3, cursor=cursor)
        walked += page.entries
        cursor = page.next_cursor
        if cursor is None:
            break
    assert walked == [*reversed(everything)]
    by_ann = await place.app.operator_journal(operator="ann", namespace="n0", act="signal")
    assert [act.run_id for act in by_ann.entries] == [runs[0].id] * 4
    recent = await place.app.operator_journal(since=timedelta(hours=1))
    assert len(recent.entries) == 7
    late = await place.app.operator_journal(since=everything[-1].at)
    assert [act.id for act in late.entries] == [everything[-1].id]
    assert (await place.app.operator_journal(act="cancel")).entries == ()
    with pytest.raises(QueryError, match="not a cursor"):
        await place.app.operator_journal(cursor="x")


async def test_the_environment_names_the_operator(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONTINUUM_OPERATOR, unless an argument does; a reason of the client is that of its acts."""
    monkeypatch.setenv("CONTINUUM_OPERATOR", "carol")
    async with Continuum(dsn, reason="incident 7") as ct:
        run = await ct.start(flows.counting)
        await ct.signal(run.id, "tick")
        await ct.cancel(run.id, reason="too late")
        assert said(await journal(ct)) == [
            ("carol", "signal", "signalled", "incident 7"),
            ("carol", "cancel", "cancel requested", "too late"),
        ]
