"""Which payload the code of a run expects: of which signals it can be told, and of which not."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest

from console.sample import SampleSource
from continuum import workflow
from continuum.client.expecting import ExpectedPayload, ExpectedSignals
from continuum.errors import PayloadError
from continuum.model import Run
from tests.unit.versions.loading import load

HEAD = dedent("""
    from dataclasses import dataclass
    from typing import Any
    import msgspec, pydantic
    import continuum
    from continuum import wait_signal, patched

    @dataclass
    class Decision:
        approved: bool
        by: str

    class Struct(msgspec.Struct):
        amount: int

    class Model(pydantic.BaseModel):
        amount: int
    """)


def flow_of(source: str, name: str = "shop:flow", version: int = 1) -> Any:
    """The workflow `flow` of a module with this source."""
    return workflow(name=name, version=version)(load(HEAD + dedent(source)).flow)


def run_of(flow: Any, *taken: str) -> Run:
    """A run of it that has taken these patches."""
    return replace(
        SampleSource().all_runs[0],
        workflow=flow.name,
        version_hash=flow.pin_of(frozenset(taken)).version_hash,
    )


def expected(source: str) -> dict[str, ExpectedPayload | None]:
    """Of a run of the workflow `flow` of this source."""
    flow = flow_of(source)
    return dict(ExpectedSignals([flow]).of(run_of(flow)))


@pytest.mark.parametrize(
    ("written", "text", "good", "bad", "why"),
    [
        (
            "Decision",
            'Decision: {"approved": bool, "by": str}',
            {"approved": True, "by": "ann"},
            {"approved": "yes", "by": "ann"},
            "Expected `bool`, got `str` - at `$.approved`",
        ),
        ("Struct", 'Struct: {"amount": int}', {"amount": 1}, {}, "missing required field `amount`"),
        ("Model", 'Model: {"amount": int}', {"amount": 1}, {"amount": "x"}, "amount"),
        ("int", "int", 7, "7", "Expected `int`, got `str`"),
        ("int | None", "None | int", None, [], "Expected `int | null`, got `array`"),
        ("list[Decision]", 'list[{"approved": bool, "by": str}]', [], [1], "at `$[0]`"),
    ],
)
def test_type_of_a_literal_name(written: str, text: str, good: Any, bad: Any, why: str) -> None:
    """Its text, and the engine's own judgement with the place."""
    found = expected(f"""
        async def flow() -> None:
            await continuum.wait_signal("go", type={written})
        """)["go"]
    assert found is not None
    assert found.text == text
    found.check(good)
    with pytest.raises(PayloadError) as refused:
        found.check(bad)
    assert "signal 'go': signal payload: " in str(refused.value)
    assert why in str(refused.value)


def test_template_is_refused_until_it_is_filled_in() -> None:
    """Null stands where something belongs."""
    found = expected("""
        async def flow() -> None:
            await wait_signal("go", type=Decision)
        """)["go"]
    assert found is not None
    assert found.template == '{\n  "approved": null,\n  "by": null\n}'
    with pytest.raises(PayloadError, match=r"\$\.approved"):
        found.check({"approved": None, "by": None})


def test_wait_two_calls_away() -> None:
    """As the version hash reaches helpers, so are their waits found; those of others are not."""
    found = expected("""
        class Desk:
            async def ask(self) -> Any:
                return await wait_signal("verdict", type=Decision)

        async def inner(desk: Desk) -> Any:
            return await desk.ask()

        async def outer() -> Any:
            return await inner(Desk())

        async def stranger() -> Any:
            return await wait_signal("stranger", type=int)

        async def flow() -> None:
            await outer()
        """)
    assert list(found) == ["verdict"]
    assert found["verdict"] is not None


@pytest.mark.parametrize(
    "waits",
    [
        ['wait_signal("go", type=int)', 'wait_signal("go", type=str)'],
        ['wait_signal("go", type=int)', 'wait_signal("go")'],
        ['wait_signal("go", type=int)', 'wait_signal("g" + "o", type=str)'],
        ['wait_signal("go", type=Any)'],
        ['wait_signal("go", type=None)'],
        ['wait_signal("go")'],
        ['wait_signal("go", type=[int][0])'],
        ['wait_signal("go", type="Decision")'],
        ['wait_signal("go", **{"type": int})'],
        ['wait_signal("go", type=Missing)'],
        ['wait_signal("go", type=object)'],
        ['wait_signal("go", type=HEAD)'],
    ],
    ids=str,
)
def test_name_without_a_type_that_is_sure(waits: list[str]) -> None:
    """The name is known; of the payload nothing is claimed."""
    lines = "".join(f"\n    await {each}" for each in waits)
    assert expected(f"HEAD = object()\n\nasync def flow() -> None:{lines}\n") == {"go": None}


def test_waits_that_agree() -> None:
    """Two places of one type, and a computed name of that type, leave no doubt."""
    found = expected("""
        async def flow(n: int) -> None:
            await wait_signal("go", type=list[int])
            await wait_signal(name="go", type=list[int])
            await wait_signal(f"go-{n}", type=list[int])
        """)
    assert {name: each and each.text for name, each in found.items()} == {"go": "list[int]"}


def test_only_computed_names() -> None:
    """There is no name to tell."""
    found = expected("""
        async def flow(n: int) -> None:
            await wait_signal(f"go-{n}", type=int)
        """)
    assert found == {}


def test_every_branch_of_a_patch_counts() -> None:
    """A run that has not come to a patch may take it."""
    flow = flow_of("""
        async def flow() -> None:
            if patched("new"):
                await wait_signal("go", type=int)
                await wait_signal("more", type=int)
            else:
                await wait_signal("go", type=str)
        """)
    for taken in ([], ["new"]):
        found = ExpectedSignals([flow]).of(run_of(flow, *taken))
        assert found["go"] is None
        assert found["more"] is not None


def test_code_of_another_version_tells_nothing() -> None:
    """The version of the run decides which of the loaded ones is asked; one that has not begun
    gets the newest."""
    old = flow_of('async def flow() -> None:\n    await wait_signal("go", type=int)\n')
    new = flow_of('async def flow() -> None:\n    await wait_signal("go", type=str)\n', version=2)
    both = ExpectedSignals([old, new])
    for flow, text in ((old, "int"), (new, "str")):
        found = both.of(run_of(flow))["go"]
        assert found is not None
        assert found.text == text
    assert ExpectedSignals([new]).of(run_of(old)) == {}
    fresh = both.of(replace(run_of(old), version_hash=""))["go"]
    assert fresh is not None
    assert fresh.text == "str"
    assert both.of(replace(run_of(old), workflow="shop:other")) == {}
