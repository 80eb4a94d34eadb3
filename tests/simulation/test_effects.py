"""The random workflows use everything that `continuum` offers to workflow and activity code."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import continuum
from continuum import Queue, Retry
from continuum.declare.registry import AnyActivity
from continuum.engine.context import WorkflowContext
from tests.simulation.programs import LEAVES, Program, kids, programs
from tests.simulation.properties import UNDISTURBED, execute, standing_in
from tests.simulation.world import SERVED

NO_EFFECTS = {
    "Continuum", "RunHandle", "PayloadCodec",  # the client
    "HistoryEvent", "NodeInfo", "Page", "Run", "ActivityInfo", "Schedule",  # what is answered
    "OperatorAct", "Pause",  # likewise
    "Workflow", "workflow", "pure",  # what every program is made of, and a promise to the check
    "SCHEDULED_AT",  # what stands in the arguments of a schedule
    "logger",  # an object; `draw` writes to it
}  # fmt: skip
DECLARED = {
    "activity": inspect.signature(vars(continuum.Activity)["__init__"]),
    "Retry": inspect.signature(Retry),
    "Queue": inspect.signature(Queue),
}
"""Whose options are looked at where they count, not where they are written."""

DRAWN = 300


def test_every_public_effect_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call and each of its options, each method of a handle: some drawn program uses it."""
    seen: set[str] = set()
    _spy(monkeypatch, seen)
    wanted = set(_offered())
    with standing_in():
        for program in _covering(_draw()):
            asyncio.run(execute(program, UNDISTURBED))
            if wanted <= seen:
                break
    assert wanted - seen == set(), "no random workflow uses these"


def _offered() -> Iterator[str]:
    """Everything that must be used: "sleep", "wait_signal.timeout", "ChildHandle.signal"."""
    for name in continuum.__all__:
        value = getattr(continuum, name)
        if name in NO_EFFECTS or (inspect.isclass(value) and issubclass(value, BaseException)):
            continue
        if name in DECLARED:
            options = [o for o in DECLARED[name].parameters if o not in ("self", "fn", "name")]
            yield from (f"{name}.{option}" for option in options)
        elif inspect.isclass(value):
            for method in _methods(value):
                yield f"{name}.{method}"
                yield from _options(f"{name}.{method}", getattr(value, method))
        else:
            yield name
            yield from _options(name, value)


def _methods(value: type) -> list[str]:
    return [n for n, v in vars(value).items() if inspect.isfunction(v) and not n.startswith("_")]


def _options(name: str, fn: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(fn).parameters.values()
    return [f"{name}.{p.name}" for p in parameters if p.default is not inspect.Parameter.empty]


# -- who uses them -------------------------------------------------------------------------------


def _spy(monkeypatch: pytest.MonkeyPatch, seen: set[str]) -> None:
    """Note every call of a public function, and which of its options was given another value."""
    for name in continuum.__all__:
        value = getattr(continuum, name)
        if inspect.isfunction(value) and name not in {*NO_EFFECTS, *DECLARED}:
            monkeypatch.setattr(continuum, name, _noting(name, value, seen))
    for owner in (
        continuum.Activity,
        continuum.ChildHandle,
        continuum.Saga,
        continuum.Question,
    ):
        for method in _methods(owner):
            noting = _noting(f"{owner.__name__}.{method}", getattr(owner, method), seen)
            monkeypatch.setattr(owner, method, noting)
    schedule = WorkflowContext.schedule_activity

    def scheduled(run: WorkflowContext, activity: AnyActivity, args: bytes) -> Any:
        seen.update(_changed("activity", activity), _changed("Retry", activity.retry))
        if activity.queue == SERVED.name:
            seen.update(_changed("Queue", SERVED))
        return schedule(run, activity, args)

    monkeypatch.setattr(WorkflowContext, "schedule_activity", scheduled)


def _noting(name: str, fn: Callable[..., Any], seen: set[str]) -> Callable[..., Any]:
    signature = inspect.signature(fn)

    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        parameters = signature.parameters
        seen.add(name)
        seen.update(f"{name}.{o}" for o, v in given.items() if v is not parameters[o].default)
        return fn(*args, **kwargs)

    return call


def _changed(name: str, declared: Any) -> Iterator[str]:
    for option, parameter in DECLARED[name].parameters.items():
        if getattr(declared, option, parameter.default) != parameter.default:
            yield f"{name}.{option}"


# -- programs ------------------------------------------------------------------------------------


def _draw() -> list[Program]:
    drawn: list[Program] = []

    @settings(
        max_examples=DRAWN, derandomize=True, database=None, deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(st.one_of([programs(focus) for focus in LEAVES]))
    def draw(program: Program) -> None:
        drawn.append(program)

    draw()
    return drawn


def _covering(drawn: list[Program]) -> Iterator[Program]:
    """Few programs with everything that is in any of them."""
    marks = [(frozenset(_marks(["part", *program.parts])), program) for program in drawn]
    left = frozenset[str]().union(*(found for found, _ in marks))
    while left:
        found, program = max(marks, key=lambda entry: len(entry[0] & left))
        left -= found
        yield program


def _marks(node: list[Any]) -> Iterator[str]:
    yield " ".join(str(part) for part in node if not isinstance(part, list))
    for _, kid in kids(node):
        yield from _marks(kid)
