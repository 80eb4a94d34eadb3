"""What the version hash sees beyond the function itself, and what it lists as opaque."""

from __future__ import annotations

import sys
from importlib import metadata
from textwrap import dedent
from typing import Any

import pytest

from continuum.versions.hashing import VersionedCode
from tests.unit.versions.loading import code, hash_of, load

SHOP = """
import asyncio
import datetime as dt
import functools
from dataclasses import dataclass
from continuum import activity, sleep, workflow
from collections import Counter as Tally

LIMIT = 3
RATES = (("eur", 1.5),)

@activity(name="charge")
async def charge(order): return 1

@workflow(name="child")
async def child(order): return 1

def times(n):
    def decorate(fn):
        @functools.wraps(fn)
        def wrapper(*args):
            return [fn(*args) for _ in range(n)]
        return wrapper
    return decorate

@times(2)
def cost(order, factor=LIMIT):
    return order * factor + LIMIT * fee(order)

def fee(order):
    return 0 if order < 1 else fee(order - 1) + cost(order)

@dataclass
class Order:
    lines: int = 1
    def total(self): return self.lines
    def unused(self): return 1

class Base:
    def name(self): return "base"

class Special(Base):
    pass

def unrelated(x):
    return x

async def flow(order: Order, when: "dt.datetime | None" = None):
    await charge(order)
    await asyncio.sleep(1)
    await sleep(2)
    await (await child.start(order))
    tally = Tally(RATES)
    return cost(order), order.total(), Special().name(), tally, LIMIT
"""


def changed(*changes: tuple[str, str]) -> str:
    """The hash after these replacements in the source."""
    source = SHOP
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    return hash_of(source)


@pytest.mark.parametrize(
    "changes",
    [
        [("import asyncio\n", "import asyncio as aio\n"), ("asyncio.sleep", "aio.sleep")],
        [("import asyncio\n", "from asyncio import sleep as nap\n"), ("asyncio.sleep", "nap")],
        [("Counter as Tally", "Counter"), ("Tally(", "Counter(")],
        [("sleep, workflow", "sleep as nap, workflow"), ("await sleep(", "await nap(")],
        [("fee(", "fees(")],
        [("async def charge", "async def debit"), ("await charge(", "await debit(")],
        [("async def charge(order): return 1", "async def charge(order): return 2")],
        [("async def child(order): return 1", "async def child(order): return 2")],
        [("def unrelated(x):\n    return x", "def other(y):\n    return -y")],
        [("def unrelated(x):\n    return x\n", "")],
        [("LIMIT = 3", "LIMIT: int = 1 + 2  # at most")],
        [("LIMIT", "MOST")],
        [("order: Order, when:", "order: 'Order | None', when:")],
        [("def total(self): return", "def total(self) -> int:\n        'Docs.'\n        return")],
    ],
)  # fmt: skip
def test_what_means_the_same_has_the_same_hash(changes: list[tuple[str, str]]) -> None:
    """Aliases, names of helpers and constants, what activities and children do, the rest."""
    assert changed(*changes) == hash_of(SHOP)


@pytest.mark.parametrize(
    "change",
    [
        ("asyncio.sleep", "asyncio.shield"),
        ("Counter as Tally", "OrderedDict as Tally"),
        ('name="charge"', 'name="charge2"'),
        ('name="child"', 'name="child2"'),
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ('("eur", 1.5)', '("eur", 1.25)'),
        ("@times(2)", "@times(3)"),
        ("for _ in range(n)]", "for _ in range(n + 1)]"),
        ("factor=LIMIT", "factor=4"),
        ("0 if order < 1", "0 if order < 2"),
        ("fee(order - 1)", "fee(order - 2)"),
        ("return self.lines", "return self.lines + 1"),
        ('return "base"', 'return "ground"'),
        ("class Special(Base):", "class Special(Order):"),
        ("@dataclass\n", ""),
        ("def cost(order", "async def cost(order"),
        ("fee(order - 1) +", "fee(order - 1) -"),
    ],
)
def test_what_decides_changes_the_hash(change: tuple[str, str]) -> None:
    """Names, values, defaults, closures, decorators, helpers of helpers, methods and bases."""
    assert changed(change) != hash_of(SHOP)


def test_a_helper_below_the_workflow_and_in_another_module_is_seen() -> None:
    """Names are read when the hash is first needed; where a helper lives does not count."""
    load("def tax(x): return x * LIMIT\nLIMIT = 2", "generated_taxes")
    load("from generated_taxes import tax as vat", "generated_prices")
    whole = "async def flow(x):\n    return tax(x)\ndef tax(x): return x * LIMIT\nLIMIT = 2"
    sources = [
        "from generated_prices import vat\nasync def flow(x):\n    return vat(x)",
        "import generated_prices as p\nasync def flow(x):\n    return p.vat(x)",
        "import generated_taxes\nasync def flow(x):\n    return generated_taxes.tax(x)",
        "from generated_taxes import *\nasync def flow(x):\n    return tax(x)",
    ]
    assert {hash_of(each) for each in sources} == {hash_of(whole)}


def test_names_that_a_module_makes_when_asked_are_seen() -> None:
    """A package may import its parts when they are first used."""
    lazy = """
    def helper(x): return x + {}
    def __getattr__(name):
        if name != "lazy": raise AttributeError(name)
        return helper
    """
    source = "import generated_lazy as m\nasync def flow(x): return m.lazy(x)"
    hashes: set[str] = set()
    for number in (1, 2):
        load(lazy.format(number), "generated_lazy")
        hashes.add(hash_of(source))
    assert len(hashes) == 2
    (site,) = code("import generated_lazy as m\nasync def flow(x): return m.nothing(x)").opaque
    assert site.name == "m, a module whose attribute is not known"


def test_imports_inside_the_workflow_are_followed() -> None:
    """They are resolved like those of the module, also when nobody has imported it yet."""
    load("def tax(x): return x + 1", "generated_inner")
    source = "async def flow(x):\n    from generated_inner import tax{}\n    return {}(x)"
    first = hash_of(source.format("", "tax"))
    assert first == hash_of(source.format(" as vat", "vat"))
    load("def tax(x): return x + 2", "generated_inner")
    assert hash_of(source.format("", "tax")) != first


def test_a_workflow_called_directly_is_a_helper() -> None:
    """Its code is executed here; started as a child it is executed elsewhere."""
    source = """
    from continuum import workflow
    @workflow(name="inner")
    async def inner(x): return {}
    async def flow(x):
        return await {}(x)
    """
    source = dedent(source)
    assert hash_of(source.format(1, "inner")) != hash_of(source.format(2, "inner"))
    assert hash_of(source.format(1, "inner.start")) == hash_of(source.format(2, "inner.start"))


def test_defaults_and_closures_count_by_value() -> None:
    """What a name meant at definition decides, not its text."""
    source = """
    def make(n):
        async def flow(x, by=n * 2):
            return x + n + by
        return flow
    flow = make({})
    """
    source = dedent(source)
    assert hash_of(source.format(1)) == hash_of(source.format("2 - 1"))
    assert hash_of(source.format(1)) != hash_of(source.format(2))


def test_methods_are_reached_through_types() -> None:
    """Of parameters, of what activities and helpers return, of what is constructed."""
    source = """
    from __future__ import annotations
    from dataclasses import dataclass
    from continuum import activity
    @dataclass
    class Order:
        lines: int
        def total(self): return {}
        @property
        def size(self): return {}
    @activity(name="load")
    async def load() -> Order: return Order(1)
    async def flow(given: Order | None):
        loaded = await load()
        return {}
    """
    source = dedent(source)
    for expression in ("given.total()", "loaded.total()", "given.size"):
        hashes = {hash_of(source.format(*each, expression)) for each in ((1, 1), (1, 2), (2, 1))}
        assert len(hashes) == 3
    assert hash_of(source.format(1, 1, "given.lines")) == hash_of(
        source.format(2, 2, "given.lines")
    )


def test_helpers_may_call_each_other_for_ever() -> None:
    """Cycles end, and one helper more in a cycle is seen."""
    source = """
    def even(n): return n == 0 or odd(n - 1)
    def odd(n): return n != 0 and even(n - {})
    async def flow(n): return even(n)
    """
    source = dedent(source)
    assert hash_of(source.format(1)) == hash_of(source.format(1)) != hash_of(source.format(2))


def test_foreign_code_counts_by_name_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another release of a package that workflow code calls is other code."""
    source = "import hypothesis as h\nasync def flow(): return h.note(1)"
    first = hash_of(source)
    assert first == hash_of("from hypothesis import note as n\nasync def flow(): return n(1)")
    monkeypatch.setattr(metadata, "version", lambda name: f"{name}-other")
    assert hash_of(source) != first


def test_all_of_a_demo_workflow_is_seen() -> None:
    """Nothing in it is opaque, and the engine itself is not followed."""
    from continuum.demo.shop import order_flow

    assert VersionedCode(order_flow.fn).opaque == []


@pytest.mark.parametrize(
    ("source", "expression", "what"),
    [
        ("TABLE = {}", "TABLE['a']", "TABLE, a dict, which can change"),
        ("", "nothing", "nothing, which has no value"),
        ("class A:\n    x = 1\na = A()", "a.x", "a, a A, which can change"),
        (
            "class A:\n    def total(self): return 1",
            "order.total()",
            "total() of an object whose class the source does not tell",
        ),
        ("exec('def helper(): pass')", "helper()", "helper, which has no source"),
    ],
)
def test_what_cannot_be_seen_is_listed(source: str, expression: str, what: str) -> None:
    """So that the audit can say "proved except for"."""
    (site,) = code(f"{source}\nasync def flow(order):\n    return {expression}").opaque
    assert site.name == what


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TABLE = {'a': 1}", "TABLE = {'a': 2}"),
        ("TABLE = make(1)\n", "TABLE = make(2)\n"),
        (
            "from enum import Enum\nTABLE = Enum('T', 'a b')",
            "from enum import Enum\nTABLE = Enum('T', 'a c')",
        ),
    ],
)
def test_what_can_change_counts_as_it_is_written(one: str, other: str) -> None:
    """So that its change is seen though its contents at some moment are not taken."""
    source = "def make(n): return [n]\n{}\nasync def flow(): return TABLE"
    assert hash_of(source.format(one)) != hash_of(source.format(other))


def test_a_hash_does_not_depend_on_the_moment() -> None:
    """Neither a dict that was filled meanwhile nor a rebound global has another hash later."""
    module: Any = load(
        """
        seen = {}
        count = 0
        def tick():
            global count
            count += 1
        async def flow():
            return seen, count
        """
    )
    first = VersionedCode(module.flow).hash()
    fresh: Any = load("seen = {}\ncount = 0\ndef tick():\n    global count\n    count += 1\n"
                      "async def flow():\n    return seen, count")  # fmt: skip
    fresh.seen["x"] = 1
    fresh.tick()
    assert VersionedCode(fresh.flow).hash() == first


def test_a_module_run_as_a_script_has_the_same_hash() -> None:
    """`python -m shop` starts runs that a worker which imports `shop` takes over."""
    source = "async def flow(): return __name__"
    module: Any = load(source)
    script: Any = load(source)
    script.__name__ = "__main__"
    script.__spec__ = type(sys.__spec__)(module.__name__, None)
    assert VersionedCode(module.flow).hash() == VersionedCode(script.flow).hash()
