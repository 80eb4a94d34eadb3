"""The tabs of the Run screen besides its history, driven by keys over a source in memory."""

from __future__ import annotations

from dataclasses import replace

import continuum
from console.sample import SampleSource
from console.sample_journals import stored
from console.source import ClientSource
from continuum import Continuum
from tests.console.driving import console, wait_until
from tests.console.journals import charged
from tests.console.tabs import family, on_run, opened, pair, refused, run_id, settled, to_tab


async def test_brackets_walk_all_tabs_and_around() -> None:
    """Each is named in the line of tabs, and only one is in view."""
    async with console(family()) as ui:
        await opened(ui, 1)
        names = [pane.tab for pane in ui.run.panes]
        assert names == ["history", "timeline", "values", "family", "waits", "diff"]
        for key, order in (("]", [*names[1:], names[0]]), ("[", names[::-1])):
            for name in order:
                await ui.press("right_square_bracket" if key == "]" else "left_square_bracket")
                assert ui.run.pane.tab == name
                assert [pane.tab for pane in ui.run.panes if pane.display] == [name]


# timeline


async def test_the_timeline_tells_what_is_under_the_cursor_and_zooms() -> None:
    """Rows to scale; left and right go from event to event; `Esc` shows all the time again."""
    async with console(pair(), size=(100, 30)) as ui:
        await opened(ui, 4)
        await to_tab(ui, lambda: ui.run.timeline_pane)
        view = ui.run.timeline_pane.view
        await ui.shows("╎1h╎")
        await ui.shows("✓ run completed ")
        assert "completed completed" not in ui.text()
        await ui.press("g")
        assert view.step is not None
        first = view.step
        await ui.press("down", "down")
        assert view.step is not None
        assert view.step is not first
        assert view.step.name == "shop:charge"
        await ui.shows("shop:charge")
        seen = []
        for _ in view.step.events:
            assert view.event is not None
            seen.append(view.event.seq)
            await ui.press("right")
        await ui.press(*["left"] * 40)
        assert view.event is not None
        assert view.event.seq < max(seen)
        everything = view.window
        assert everything is not None
        await ui.press("z", "z")
        closer = view.window
        assert closer is not None
        assert (closer.end - closer.start) * 4 == everything.end - everything.start
        await ui.shows("Z shows more")
        await ui.press("Z")
        await ui.press("escape")
        assert view.window == everything
        await ui.on_screen("RunScreen")
        await ui.press("escape")
        await ui.on_screen("RunsScreen")


async def test_the_timeline_opens_the_payload_of_an_event() -> None:
    """As the history does; keys of other tabs say where they belong."""
    async with console(pair(), size=(100, 30)) as ui:
        await opened(ui, 4)
        await refused(ui, "z", "only in the timeline")
        await to_tab(ui, lambda: ui.run.timeline_pane)
        await refused(ui, "F", "failures are told apart in history and family, not in timeline")
        await refused(ui, "f", "only in the history")
        view = ui.run.timeline_pane.view
        await ui.press("g", "down", "down")
        assert view.event is not None
        await ui.press("enter")
        await ui.on_screen("ValueDialog")
        await ui.shows('"shop:charge"')


# values


async def test_values_open_branch_by_branch_and_are_searched() -> None:
    """`/` goes to the words, also in a branch that is closed, `n` to the next, `Esc` forgets."""
    source = pair(fails=False)
    deep = {"cart": {"lines": [{"sku": "needle-1"}, {"sku": "b"}]}, "note": "needle-2"}
    source.all_runs[0] = replace(source.all_runs[0], stored_input=stored([deep]))
    async with console(source, size=(100, 30)) as ui:
        await opened(ui, 3)
        await to_tab(ui, lambda: ui.run.values_pane)
        rows = ui.run.values_pane.list
        assert "needle-1" not in ui.run.values_pane.list.rows[0].key
        await ui.press("slash")
        await ui.type("NEEDLE")
        await ui.press("enter")
        await wait_until(lambda: rows.cursor_row is not None and rows.cursor_row.key == "sku")
        assert rows.cursor_row is not None
        assert rows.cursor_row.value == "needle-1"
        await ui.shows("needle-1")
        await ui.press("n")
        assert rows.cursor_row.value == "needle-2"
        await ui.press("n")
        assert rows.cursor_row.value == "needle-1"
        await ui.press("escape")
        await ui.on_screen("RunScreen")
        assert "n goes on" not in ui.text()
        await ui.press("g")
        assert rows.cursor_row.path == ("input",)
        count = len(rows.rows)
        await ui.press("enter")
        assert len(rows.rows) < count
        assert rows.cursor_row.path == ("input",)


async def test_a_long_text_opens_in_full() -> None:
    """`Enter` on a leaf; the words of a failure are there, too."""
    async with console(pair(), size=(100, 30)) as ui:
        await opened(ui, 3)
        await to_tab(ui, lambda: ui.run.values_pane)
        await ui.shows("shop.GatewayTimeout")
        await ui.press("slash")
        await ui.type("no answer")
        await ui.press("enter")
        await settled(ui)
        await ui.press("enter")
        await ui.on_screen("ValueDialog")
        await ui.shows("no answer")


# family


async def test_a_family_is_walked_and_left_as_it_was() -> None:
    """Down to a child and a grandchild; every `Esc` finds tab and cursor where they stood."""
    async with console(family(), size=(120, 30)) as ui:
        await opened(ui, 1)
        await to_tab(ui, lambda: ui.run.family_pane)
        await ui.shows("children 6: 2 failed, 1 suspended, 3 completed")
        rows = ui.run.family_pane.list
        assert [row.place for row in rows.rows] == ["self", *["child"] * 6]
        await refused(ui, "o", "no other run under the cursor")
        await ui.press("G")
        await ui.press("enter")
        await on_run(ui, 105)
        await to_tab(ui, lambda: ui.run.family_pane)
        below = ui.run.family_pane.list
        assert [(row.place, row.run.id) for row in below.rows] == [
            ("parent", run_id(1)), ("self", run_id(105)), ("child", run_id(2)),
        ]  # fmt: skip
        await ui.shows("it and its siblings 6: 2 failed")
        await ui.press("G", "o")
        await on_run(ui, 2)
        await ui.press("u")
        await on_run(ui, 105)
        assert ui.run.pane is ui.run.history_pane
        for number in (2, 105, 1):
            await ui.press("escape")
            await on_run(ui, number)
        assert ui.run.pane is ui.run.family_pane
        assert ui.run.family_pane.list is rows
        assert rows.cursor_row is not None
        assert rows.cursor_row.run.id == run_id(105)
        await settled(ui)
        assert rows.cursor_row.run.id == run_id(105)
        await ui.press("up")
        assert rows.cursor_row.run.id == run_id(104)


async def test_only_the_failed_children() -> None:
    """`F` asks for them, with their errors; `Esc` has all again."""
    async with console(family(), size=(200, 50)) as ui:
        await opened(ui, 1)
        await to_tab(ui, lambda: ui.run.family_pane)
        rows = ui.run.family_pane.list
        await ui.press("F")
        await wait_until(lambda: len(rows.rows) == 3, "the failed ones")
        assert [row.run.id for row in rows.rows] == [run_id(1), run_id(100), run_id(103)]
        await ui.shows("part 3 broke")
        await ui.shows("only failed ones")
        await ui.press("escape")
        await wait_until(lambda: len(rows.rows) == 7, "all of them")


async def test_many_children_come_page_by_page() -> None:
    """None twice, none left out, and the title says how many are held."""
    async with console(family(450), size=(120, 30)) as ui:
        await opened(ui, 1)
        await to_tab(ui, lambda: ui.run.family_pane)
        rows = ui.run.family_pane.list
        await ui.shows("the first 200")
        for _ in range(3):
            await ui.press("G")
            await settled(ui)
        await wait_until(lambda: len(rows.rows) == 451, "all of them")
        assert [row.run.id for row in rows.rows[1:]] == [run_id(100 + n) for n in range(450)]
        assert "the first" not in ui.text()


# waits


async def test_the_wait_chain_leads_to_the_run_that_holds_all_up() -> None:
    """`w` from any tab; runs indented below each other; back to the cursor as it was left."""
    async with console(family(), size=(120, 30)) as ui:
        await opened(ui, 1)
        await ui.press("w")
        assert ui.run.pane is ui.run.waits_pane
        await settled(ui)
        rows = ui.run.waits_pane.list
        await ui.shows("waits · 3 runs")
        assert [(row.depth, row.run_id) for row in rows.rows] == [
            (0, run_id(1)), (1, run_id(105)), (2, run_id(2)), (3, None),
        ]  # fmt: skip
        await ui.shows("signal fraud_review")
        await ui.press("down", "down", "enter")
        await on_run(ui, 2)
        await ui.press("escape")
        await on_run(ui, 1)
        assert ui.run.pane is ui.run.waits_pane
        assert rows.cursor_row is not None
        assert rows.cursor_row.run_id == run_id(2)
        await ui.press("down")
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        assert ui.run.run_id == run_id(1)


# diff


async def test_a_run_is_compared_with_a_good_one() -> None:
    """The cursor is on the first difference; `Enter` shows both sides, `o` opens the other."""
    async with console(pair(), size=(200, 50)) as ui:
        await opened(ui, 3)
        await to_tab(ui, lambda: ui.run.diff_pane)
        await ui.shows("(completed)")
        rows = ui.run.diff_pane.list
        row = rows.cursor_row
        assert row is not None
        assert row.left is not None
        assert (row.left.command, row.verdict) == (2, "differs")
        await ui.shows("the first at command 2")
        await ui.press("enter")
        await ui.on_screen("ValueDialog")
        await ui.shows("this run")
        await ui.press("escape")
        await ui.on_screen("RunScreen")
        await ui.press("o")
        await on_run(ui, 4)
        await ui.press("escape")
        await on_run(ui, 3)
        assert ui.run.pane is ui.run.diff_pane
        assert rows.cursor_row is row


async def test_another_run_to_compare_with_is_named() -> None:
    """What is no id is refused on the spot; a run that does not exist is said in the title."""
    source = pair()
    third = replace(source.all_runs[1], id=run_id(5), started_at=source.all_runs[1].started_at)
    source.all_runs.append(third)
    source.journals[third.id] = charged(fails=True, amount=7).events
    async with console(source, size=(140, 30)) as ui:
        await opened(ui, 3)
        await ui.press("D")
        await ui.on_screen("PartnerDialog")
        await ui.type("nonsense")
        await ui.press("enter")
        await ui.shows("an id has 32 hexadecimal digits")
        await ui.press(*["backspace"] * 8)
        await ui.type(str(run_id(5)))
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        assert ui.run.pane is ui.run.diff_pane
        await ui.shows("the same")
        rows = ui.run.diff_pane.list
        assert {row.verdict for row in rows.rows} == {"same"}
        await ui.press("D")
        await ui.on_screen("PartnerDialog")
        await ui.type(str(run_id(77)))
        await ui.press("enter")
        await ui.shows("there is no run")
        assert not rows.rows


async def test_nobody_to_compare_with() -> None:
    """The tab says so, and which key names one."""
    source = pair()
    source.all_runs.pop()
    async with console(source, size=(140, 30)) as ui:
        await opened(ui, 3)
        await to_tab(ui, lambda: ui.run.diff_pane)
        await ui.shows("no run of this version has completed; D names another")


# typing ahead


async def test_what_is_typed_right_after_the_slash_is_words() -> None:
    """Keys that are on their way already reach the line, also those that mean something else."""
    async with console(pair()) as ui:
        await opened(ui, 4)
        await ui.pilot.press("slash", *"Fzn", "slash", "x", "enter")
        await settled(ui)
        assert ui.run.history_pane.words == "fzn/x"
        await ui.shows("0 found")


async def test_published_values_are_a_branch_of_the_values(dsn: str) -> None:
    """The last one of each name, as the run goes on; a run that publishes nothing has none."""
    async with Continuum(dsn) as client, client.worker([showing]):
        run = await client.start(showing)
        async with console(ClientSource(client), size=(140, 40)) as ui:
            await ui.settled()
            await ui.press("enter")
            await ui.on_screen("RunScreen")
            await ui.press("right_square_bracket", "right_square_bracket")
            await ui.shows("published")
            await ui.shows('"[/] half"')
            await client.signal(run.id, "go")
            await ui.shows('"all"')
            assert '"[/] half"' not in ui.text()
    async with console(SampleSource(), size=(140, 40)) as ui:
        await ui.settled()
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        await ui.press("right_square_bracket", "right_square_bracket")
        await ui.shows("attributes")
        assert "published" not in ui.text()


@continuum.workflow
async def showing() -> None:
    """Shows how far it is."""
    continuum.publish("progress", "[/] half")
    await continuum.wait_signal("go")
    continuum.publish("progress", "all")
