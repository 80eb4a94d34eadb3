"""The signal dialog where the code of the run is loaded: what it expects is shown and held to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from textual.widgets import Button, Input, TextArea

from console.run_source import RunReads
from console.sample import SampleSource
from console.sample_reads import SampleReads
from console.source import ClientSource
from continuum import Continuum, wait_signal, workflow
from continuum.client.expecting import ExpectedPayload
from continuum.model import Run
from tests.console.driving import Driver, console, static_text, wait_until


@dataclass
class Decision:
    """What a reviewer says."""

    approved: bool
    by: str
    notes: list[str] = field(default_factory=list[str])


class Reads(SampleReads):
    """Code that takes as long to read as the test says, or cannot be read."""

    gate: asyncio.Event | None
    error: Exception | None

    async def expected(self, run: Run) -> Mapping[str, ExpectedPayload | None]:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return await super().expected(run)


@dataclass(slots=True)
class Reading(SampleSource):
    """Its code is read at a time of the test's choice."""

    gate: asyncio.Event | None = None
    error: Exception | None = None

    @property
    def run_reads(self) -> RunReads:
        reads = Reads(lambda: self.all_runs, lambda _: [], self.expected)
        reads.gate, reads.error = self.gate, self.error
        return reads


def source() -> SampleSource:
    """Runs whose code waits for two signals, of one of which nothing is known."""
    return SampleSource(
        expected={"fraud_review": ExpectedPayload("fraud_review", Decision), "go": None}
    )


async def opened(ui: Driver) -> None:
    """The dialog of the first run that waits for a signal."""
    await ui.settled()
    rows = ui.runs.list.rows
    index = next(i for i, run in enumerate(rows) if "signal" in (run.waiting_on or ""))
    await ui.press(*["down"] * index, "s")
    await ui.on_screen("SignalDialog")


def verdict(ui: Driver) -> str:
    """What the dialog says about what was typed."""
    return static_text(ui.app.screen.query_one("#verdict"))  # type: ignore[arg-type]


async def test_expected_type_is_shown_and_held_to() -> None:
    """A payload that the run could not read is refused with the place, and nothing is sent."""
    sample = source()
    async with console(sample) as ui:
        await opened(ui)
        await ui.shows('expects Decision: {"approved": bool, "by": str,')
        await ui.type('{"approved": "yes", "by": "ann"}')
        send = ui.app.screen.query_one("#send", Button)
        await wait_until(lambda: "Expected `bool`, got `str` - at `$.approved`" in verdict(ui))
        assert send.disabled
        ui.app.screen.query_one("#payload", TextArea).text = '{"approved": true, "by": "ann"}'
        await wait_until(lambda: not send.disabled)
        assert sample.signals == []
        await ui.press("tab", "tab", "enter")
        await ui.on_screen("RunsScreen")
        assert [sent[2] for sent in sample.signals] == [{"approved": True, "by": "ann"}]


async def test_payload_that_is_sent_before_the_type_is_known() -> None:
    """It waits for the type, and is then refused like any other."""
    sample = Reading(expected=source().expected, gate=asyncio.Event())
    async with console(sample) as ui:
        await opened(ui)
        assert sample.gate is not None
        await ui.type("1")
        await ui.press("tab", "tab", "enter")
        sample.gate.set()
        await wait_until(lambda: "Expected `object`, got `int`" in verdict(ui))
        await ui.quiet("send", "learn")
        assert type(ui.app.screen).__name__ == "SignalDialog"
        assert sample.signals == []
        ui.app.screen.query_one("#payload", TextArea).text = '{"approved": true, "by": "b"}'
        send = ui.app.screen.query_one("#send", Button)
        await wait_until(lambda: not send.disabled)
        send.press()
        await ui.on_screen("RunsScreen")
        assert len(sample.signals) == 1


async def test_template_is_filled_in_by_a_key() -> None:
    """F2 writes it with the first gap selected; it is refused until the gaps are filled."""
    sample = source()
    async with console(sample) as ui:
        await opened(ui)
        await ui.shows("F2 template")
        await ui.press("f2")
        payload = ui.app.screen.query_one("#payload", TextArea)
        assert payload.text == '{\n  "approved": null,\n  "by": null\n}'
        assert payload.selected_text == "null"
        assert ui.app.screen.query_one("#send", Button).disabled
        await ui.type("true")
        assert payload.text == '{\n  "approved": true,\n  "by": null\n}'
        await wait_until(lambda: "$.by" in verdict(ui))
        await ui.press("f2")
        await ui.shows("the template is for an empty payload")
        assert payload.text == '{\n  "approved": true,\n  "by": null\n}'


async def test_signal_of_another_name_may_be_anything() -> None:
    """Of a name without a sure type nothing is claimed; of one with a type it is."""
    sample = source()
    async with console(sample) as ui:
        await opened(ui)
        await ui.shows("expects Decision")
        await ui.type("1")
        name, send = (
            ui.app.screen.query_one("#name", Input),
            ui.app.screen.query_one("#send", Button),
        )
        for other in ("go", "something_else"):
            name.value = other
            await wait_until(lambda: not send.disabled)
            assert "expects" not in ui.text()
            await ui.press("f2")
            await wait_until(lambda: "no type is known" in verdict(ui))
            name.value = "fraud_review"
            await wait_until(lambda: send.disabled)
            await ui.shows("expects Decision")
        assert sample.signals == []


async def test_names_are_completed_from_the_code_too() -> None:
    """Behind what the run waits for now stands what else its code waits for."""
    async with console(source()) as ui:
        await opened(ui)
        await ui.shows("it waits for fraud_review; its code also for go")
        name = ui.app.screen.query_one("#name", Input)
        name.value = ""
        name.focus()
        await ui.type("g")
        await wait_until(lambda: name._suggestion == "go")
        await ui.press("right")
        assert name.value == "go"


async def test_code_that_cannot_be_read_is_told() -> None:
    """The dialog says so, and sends any JSON as it does without the code."""
    sample = Reading(error=OSError("the source is gone"))
    async with console(sample) as ui:
        await opened(ui)
        await ui.shows("its code could not be read: OSError: the source is gone")
        await ui.type("1")
        await ui.press("tab", "tab", "enter")
        await ui.on_screen("RunsScreen")
        assert [sent[2] for sent in sample.signals] == [1]


async def test_without_loaded_code_the_dialog_asks_for_json_only() -> None:
    """No type, no template, no further names."""
    sample = SampleSource()
    async with console(sample) as ui:
        await opened(ui)
        await ui.quiet("learn")
        assert "expects" not in ui.text()
        assert "its code" not in ui.text()
        await ui.type("[1]")
        await ui.press("tab", "tab", "enter")
        await ui.on_screen("RunsScreen")
        assert [sent[2] for sent in sample.signals] == [[1]]


@workflow(name="typed:review")
async def review() -> str:
    """Waits for a decision."""
    decision = await wait_signal("decision", type=Decision)
    return "yes" if decision.approved else "no"


async def test_a_real_run_gets_what_it_can_read(dsn: str) -> None:
    """Over PostgreSQL: the loaded code is compared with the run's version, and the run goes on."""
    async with Continuum(dsn) as ct, ct.worker([review]):
        run = await ct.start(review)
        async with console(ClientSource(ct, [review])) as ui:
            await ui.shows("signal decision")
            await ui.press("s")
            await ui.on_screen("SignalDialog")
            await ui.shows("expects Decision")
            await ui.press("f2")
            await ui.type("true")
            await wait_until(lambda: "$.by" in verdict(ui))
            payload = ui.app.screen.query_one("#payload", TextArea)
            payload.text = payload.text.replace("null", '"ann"')
            await ui.press("tab", "tab", "enter")
            await ui.toasts("signal decision sent to")
        assert await run.result(timeout=20) == "yes"
