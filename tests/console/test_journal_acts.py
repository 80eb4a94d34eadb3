"""Where the console's history puts what operators did: exactly where the client's history does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import continuum
from console.journal_feed import JournalFeed
from console.journal_window import PAGE, Want
from console.run_source import ClientRunReads
from continuum import Continuum, workflow
from continuum.model import HistoryEvent


@workflow
async def tallying(rounds: int) -> int:
    """Counts signals."""
    for number in range(rounds):
        await continuum.wait_signal("tick" if number else "first")
    return rounds


Place = tuple[int, str, str | None]


def places(events: Sequence[HistoryEvent]) -> list[Place]:
    """What identifies the entries of a history, in their order."""
    return [(event.seq, event.type, event.operator) for event in events]


def shown(feed: JournalFeed) -> list[Place]:
    """The entries that the steps of a feed are made of, in the order of the journal.

    A step stands where it began, so its events are put back; acts have steps of their own.
    """
    rows = [(step.head.seq, step.head.operator is not None) for step in feed.steps]
    assert rows == sorted(rows)
    events = [event for step in feed.steps for event in step.events]
    return places(sorted(events, key=lambda each: (each.seq, each.operator is not None)))


async def read(feed: JournalFeed, want: Want = Want.FRESH) -> None:
    """One read, taken in."""
    feed.want = want
    (await feed.read())()


async def until(ct: Continuum, run_id: UUID, seq: int) -> None:
    """The journal has so many events, and the run waits again."""
    for _ in range(2_000):
        run = await ct.get_run(run_id)
        newest = await ct.history(run_id, newest=True, limit=1, operators=False)
        if newest and newest[-1].seq >= seq and (run.waiting_on or run.state.terminal):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"the journal never had {seq} events")


async def test_acts_appear_in_place_while_the_journal_grows(dsn: str) -> None:
    """Behind the last event that is held, too, also when nothing else has been added since."""
    async with Continuum(dsn) as app, Continuum(dsn, operator="ann") as ann:
        run = await app.start(tallying, 4)
        feed = JournalFeed(lambda: ClientRunReads(ann), run.id)
        await ann.set_attributes(run.id, {"tier": "gold"}, reason="before any worker took it")
        await read(feed)
        assert shown(feed) == [(0, "operator_attributes_set", "ann")]
        async with app.worker([tallying]):
            await until(app, run.id, 2)
            await read(feed)
            for tick in range(3):
                known = len(shown(feed))
                await ann.set_attributes(run.id, {"tick": tick})
                await read(feed)
                assert len(shown(feed)) == known + 1
                await ann.signal(run.id, "tick" if tick else "first", tick)
                await until(app, run.id, 4 + 2 * tick)
                await read(feed)
                assert shown(feed) == places(await app.history(run.id))
            await read(feed)
            assert shown(feed) == places(await app.history(run.id))
        assert sum(operator == "ann" for _, _, operator in shown(feed)) == 7


async def test_acts_keep_their_place_on_the_way_through_a_long_journal(dsn: str) -> None:
    """From the end to the start, from the start to the end, and around an event, page by page."""
    rounds = PAGE + 20
    async with Continuum(dsn) as app, Continuum(dsn, operator="ann") as ann:
        async with app.worker([tallying]):
            run = await app.start(tallying, rounds)
            await ann.signal(run.id, "first", 0)
            sent = 1
            for batch in (PAGE // 2 - 3, 1, 1, 1, PAGE // 2, 7):
                await asyncio.gather(*(app.signal(run.id, "tick", n) for n in range(batch)))
                sent += batch
                await until(app, run.id, 2 * sent + 2)
                await ann.set_attributes(run.id, {"sent": sent})
        whole = places(await app.history(run.id, limit=5_000))
        assert sum(operator is not None for _, _, operator in whole) == 7
        feed = JournalFeed(lambda: ClientRunReads(ann), run.id)
        await read(feed)
        assert shown(feed) == [place for place in whole if place[0] >= feed.window.first]
        while not feed.window.at_start:
            await read(feed, Want.OLDER)
        assert shown(feed) == whole
        feed = JournalFeed(lambda: ClientRunReads(ann), run.id)
        await read(feed, Want.START)
        assert shown(feed) == [place for place in whole if place[0] <= feed.window.last]
        while not feed.window.attached:
            await read(feed, Want.NEWER)
        assert shown(feed) == whole
        feed.around(PAGE)
        await read(feed)
        held = range(feed.window.first, feed.window.last + 1)
        assert PAGE in held
        assert shown(feed) == [place for place in whole if place[0] in held]
