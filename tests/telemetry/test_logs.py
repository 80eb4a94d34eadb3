"""Log lines as JSON."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from opentelemetry import trace

import continuum
from continuum import activity, workflow
from continuum.telemetry.logs import JsonLines
from continuum.testing import environment
from tests.telemetry.conftest import Recorded

log = logging.getLogger("shop")
RUN = UUID("01a20315-3d0a-71a3-972b-4747caa3612a")


@activity(name="pay")
async def pay() -> None:
    """Logs as any code does."""
    log.info("paying")


@workflow(name="bill")
async def bill() -> None:
    """Logs, and has an activity that logs."""
    continuum.logger.info("billing %s", "o1", extra={"order": "o1"})
    await pay()


class Lines(io.StringIO):
    """What was logged."""

    def read_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Everything that is logged meanwhile, as JSON."""
    lines = Lines()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


async def test_workflows_and_activities_log_with_their_run(lines: Lines) -> None:
    """Without a word of theirs; what they add is there, too."""
    async with environment([bill]) as env:
        run = await env.client.start(bill)
        await run.result(timeout=20)
    by_logger = {line["logger"]: line for line in lines.read_lines()}
    said = by_logger["continuum.workflow"]
    assert (said["message"], said["level"], said["order"]) == ("billing o1", "info", "o1")
    assert (said["run_id"], said["workflow"], said["namespace"]) == (str(run.id), "bill", "default")
    said = by_logger["shop"]
    assert (said["run_id"], said["activity"], said["attempt"]) == (str(run.id), "pay", 1)
    assert said["time"].endswith("Z")


def test_messages_of_the_engine_name_their_run(lines: Lines) -> None:
    """Those that begin with it; others are about no run."""
    logging.getLogger("continuum.worker").warning("run %s (%s): slow", RUN, "order")
    logging.getLogger("continuum.worker").warning("gave back %d runs", 3)
    first, second = lines.read_lines()
    assert (first["run_id"], first["message"]) == (str(RUN), f"run {RUN} (order): slow")
    assert "run_id" not in second


def test_exceptions_and_odd_values_stay_one_line(lines: Lines) -> None:
    """A traceback is a field; what JSON does not know is text."""
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("failed", extra={"what": {1: object}, "when": RUN})
    [line] = lines.read_lines()
    assert line["exception"].endswith("ValueError: two\nlines")
    assert (line["what"], line["when"]) == ({"1": "<class 'object'>"}, str(RUN))


def test_lines_inside_a_span_name_it(lines: Lines, recorded: Recorded) -> None:
    """So that logs and traces are found from each other."""
    with trace.get_tracer("web").start_as_current_span("request") as span:
        log.info("inside")
    [line] = lines.read_lines()
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert line["span_id"] == f"{span.get_span_context().span_id:016x}"


@pytest.mark.parametrize(
    ("message", "extra", "shown"),
    [
        ("file \udcff is odd", {}, {"message": "file \udcff is odd"}),
        ("large", {"cents": 2**70}, {"message": "large", "cents": 2**70}),
        ("run %s is no placeholder here", {}, {"message": "run %s is no placeholder here"}),
    ],
    ids=["text", "number", "no arguments"],
)
def test_any_record_is_a_line(message: str, extra: dict[str, Any], shown: dict[str, Any]) -> None:
    """Text that is not Unicode, numbers beyond 64 bits, a message without its arguments."""
    record = logging.makeLogRecord({"msg": message, "args": (), **extra})
    line = json.loads(JsonLines().format(record))
    assert {name: line[name] for name in shown} == shown


def test_a_line_has_the_stack_that_was_asked_for(lines: Lines) -> None:
    """`stack_info=True` is not lost."""
    log.info("here", stack_info=True)
    [line] = lines.read_lines()
    assert "test_a_line_has_the_stack" in line["stack"]
