"""Random workflow programs as JSON, and what can be told about them without running them.

A program is a list of *parts*, one for each incarnation of the run, and how it ends. A part is a
node: a list of a kind and its parameters, among them further nodes. Nodes come in two sorts:

- a *step* ends by itself, with a value that depends on nothing but the program: every race in it
  has a winner that is known beforehand, so crashes and delays may change no outcome;
- a *wait* never ends by itself; the step that contains it interrupts it, and it cleans up.

A third sort, the *races*, ends otherwise with every order of events; what a program with one does
is only compared with its own replay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any, Final, cast

from hypothesis import strategies as st

Node = list[Any]
Nodes = st.SearchStrategy[Node]

SLACK: Final = 20.0
"""Seconds of virtual time between what must have happened and what interrupts it."""

REFUSED: Final = -1
"""Payload of a question that its check refuses."""

SIGNALS_WITHIN: Final = 60.0
"""Virtual seconds after the start within which every signal is sent."""

CHILDREN: Final = frozenset({"child", "carry"})
"""Nodes whose parts are done by another run."""

_DURATIONS: Final = {"signal": 100.0, "signals": 100.0, "question": 100.0, "silence": 10.0,
                     "sleep": 70.0}  # fmt: skip
_STEP: Final = 8.0


@dataclass(frozen=True)
class Program:
    """What one run does.

    Attributes:
        parts: a step for each incarnation; with `end` "cancelled" the last one is a wait.
        end: "value", "error" (it raises), or "cancelled" (from outside, while it waits).
        races: whether the outcome may depend on the order of events.
    """

    parts: list[Node]
    end: str = "value"
    races: bool = False

    @property
    def duration(self) -> float:
        """Virtual seconds after which every part has ended, or waits to be cancelled."""
        return SLACK + sum(map(bound, self.parts))

    def signals(self) -> list[tuple[str, int]]:
        """Names and payloads of all signals it takes, each name's in their order."""
        return signals_of(self.parts, "")

    def questions(self) -> list[tuple[str, int]]:
        """Names and payloads of all questions that it is asked, each name's in their order."""
        return [
            (name, value)
            for number, part in enumerate(self.parts)
            for name, count in _below("question", part, f"p{number}")
            for value in (REFUSED, *range(count))
        ]


@dataclass(frozen=True)
class Disturbance:
    """What goes wrong while a program runs.

    Attributes:
        faults: commit -> what happens at it, see `chaos.FAULTS`. A commit is given by its place
            among those of the undisturbed run, in hundredths, until `scaled`.
        transactions: what happens at the commits of transactional activities, by turns;
            after the last, nothing.
        results: the same at the commits of results under an idempotency key.
        workers: how many share the work.
        cached: runs that each keeps in memory; parked ones beyond are given back.
        deaf: whether hints are lost, three in four.
        repeated: whether each signal is sent twice under one delivery id.
        delays: seconds between signals, by turns.
        cancel_at, force: the commit at which the run is asked to stop, None for never.
        seed: for the order in which activities end; None leaves it.
    """

    faults: dict[int, str] = field(default_factory=dict[int, str])
    transactions: list[str] = field(default_factory=list[str])
    results: list[str] = field(default_factory=list[str])
    workers: int = 1
    cached: int = 1000
    deaf: bool = False
    repeated: bool = False
    delays: list[float] = field(default_factory=list[float])
    cancel_at: int | None = None
    force: bool = False
    seed: int | None = None

    def scaled(self, commits: int) -> Disturbance:
        """With the numbers of commits, from 1, of a run that takes so many undisturbed."""
        faults = {1 + at * commits // 100: fault for at, fault in self.faults.items()}
        cancel_at = None if self.cancel_at is None else 1 + self.cancel_at * commits // 100
        return replace(self, faults=faults, cancel_at=cancel_at)


@dataclass(frozen=True)
class Example:
    """A program and its disturbance; `as_json` is what `tests.simulation.again` takes."""

    program: Program
    disturbance: Disturbance

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Example:
        """The inverse of `as_json`."""
        disturbance = dict(data["disturbance"])
        faults = cast("dict[Any, str]", disturbance["faults"])
        disturbance["faults"] = {int(commit): fault for commit, fault in faults.items()}
        return Example(Program(**data["program"]), Disturbance(**disturbance))


# -- what is known beforehand --------------------------------------------------------------------


def kids(node: Node) -> Iterator[tuple[int, Node]]:
    """The nodes among a node's parameters, with their positions."""
    for position, part in enumerate(node):
        if position and isinstance(part, list):
            yield position, cast("Node", part)


def bound(node: Node) -> float:
    """Virtual seconds a step may take, or a wait until it only waits and to clean up."""
    kind = node[0]
    if kind == "child":
        return _STEP + SLACK + sum(map(bound, node[3:]))
    inner = sum(bound(kid) for _, kid in kids(node))
    if kind == "interrupt":
        return 2 * inner + 2 * SLACK
    return inner + _DURATIONS.get(kind, _STEP)


def signals_of(parts: list[Node], label: str) -> list[tuple[str, int]]:
    """Names and payloads of all signals that a run takes, each name's in their order."""
    return [
        (name, value)
        for number, part in enumerate(parts)
        for name, count in _signals(part, f"{label}p{number}")
        for value in range(count)
    ]


def _signals(node: Node, label: str) -> Iterator[tuple[str, int]]:
    if node[0] == "signal":
        yield label, node[1]
    elif node[0] == "signals":
        yield f"{label}-b", 1
        if node[1] == "both":
            yield f"{label}-a", 1
    if node[0] in CHILDREN:
        return  # those below are its own
    for position, kid in kids(node):
        yield from _signals(kid, f"{label}.{position}")


def _below(kind: str, node: Node, label: str) -> Iterator[tuple[str, int]]:
    if node[0] == kind:
        yield label, node[1]
    for position, kid in kids(node) if node[0] not in CHILDREN else ():
        yield from _below(kind, kid, f"{label}.{position}")


# -- how they are drawn --------------------------------------------------------------------------

ACTIVITIES: Final = ("effect", "sync", "queued", "flaky", "refused", "timeout", "once", "keyed",
                     "stubborn", "abort", "pages", "silent", "process", "transaction",
                     "elsewhere")  # fmt: skip
LEAVES: Final[dict[str, tuple[str, ...]]] = {
    "activities": (*ACTIVITIES, "sleep", "draw", "side_effect", "patch", "attributes"),
    "messages": ("effect", "signal", "signals", "question", "silence", "attributes", "patch",
                 "draw", "queued", "carry", "transaction"),
    "family": ("effect", "child", "child_cancel", "leave_child", "attributes", "sleep", "flaky",
               "carry", "pages"),
    "sagas": ("effect", "refused", "flaky", "queued", "child_cancel", "silence", "once", "abort",
              "process", "transaction"),
}  # fmt: skip
LEAVES["all"] = tuple(dict.fromkeys(kind for kinds in LEAVES.values() for kind in kinds))
BRANCHES: Final[dict[str, tuple[str, ...]]] = {
    "activities": ("seq", "gather", "group", "queue", "lock", "within", "shielded", "interrupt",
                   "as_completed"),
    "messages": ("seq", "gather", "group", "within", "interrupt"),
    "family": ("seq", "gather", "interrupt", "saga"),
    "sagas": ("seq", "saga", "guard", "interrupt", "gather"),
}  # fmt: skip
BRANCHES["all"] = tuple(dict.fromkeys(kind for kinds in BRANCHES.values() for kind in kinds))

_DEPTH: Final = 2


@cache
def steps(focus: str, depth: int = _DEPTH, *, races: bool = False, inside: str = "") -> Nodes:
    """Steps of a focus, leaves first so that examples shrink to them.

    Args:
        inside: a "child", which nobody sends signals, or one that is "told" them by its parent;
            neither has children.
    """
    excluded = ("signal", "question", "child", "carry") if inside else ()
    leaves = [kind for kind in LEAVES[focus] if not kind.startswith(excluded)]
    leaves += ["signal", "signals"] if inside == "told" else []
    choices = [_leaf(kind, focus) for kind in leaves]
    if depth:
        below = steps(focus, depth - 1, races=races, inside=inside)
        choices += [_branch(kind, focus, depth, below, inside) for kind in BRANCHES[focus]]
        if races:
            choices += [
                _list("race", below, least=2),
                st.tuples(st.just("deadline"), st.sampled_from([0.5, 5.0, 30.0]), below).map(list),
                st.tuples(st.just("stray"), below).map(list),
            ]
    return st.one_of(choices)


@cache
def waits(focus: str, depth: int, inside: str) -> Nodes:
    """Waits of a focus."""
    how = ["signal", "sleep", "activity", "queued", "future"]
    hang: Nodes = st.sampled_from([*how, *([] if inside else ["child"])]).map(lambda h: ["hang", h])
    if not depth:
        return hang
    step, wait = steps(focus, depth - 1, inside=inside), waits(focus, depth - 1, inside)
    return st.one_of(
        hang,
        st.tuples(st.just("cleanup"), step, wait).map(list),
        st.tuples(st.just("then"), step, wait).map(list),
        st.tuples(st.just("beside"), step, wait).map(list),
        st.tuples(st.just("hang_saga"), st.booleans(), wait).map(list),
        st.lists(wait, min_size=2, max_size=3).map(lambda nodes: ["together", *nodes]),
    )


def _leaf(kind: str, focus: str) -> Nodes:
    parameters: dict[str, st.SearchStrategy[Any]] = {
        "flaky": st.integers(0, 3),
        "abort": st.booleans(),
        "sleep": st.sampled_from([0, 1, 60]),
        "signal": st.integers(1, 3),
        "question": st.integers(1, 3),
        "signals": st.sampled_from(["one", "both"]),
        "silence": st.sampled_from([0, 5]),
        "side_effect": st.booleans(),
        "attributes": st.integers(1, 3),
        "once": st.sampled_from(["here", "queued", "called"]),
        "process": st.sampled_from(["lives", "dies", "doomed", "refuses"]),
        "leave_child": st.sampled_from(["cancel", "abandon"]),
    }
    if kind == "child":
        how = st.sampled_from(["run", "start", "elsewhere", "told"])
        return how.flatmap(lambda how: _child(how, focus))
    if kind == "carry":
        part = steps(focus, 1, inside="child")
        return st.tuples(st.just(kind), st.booleans(), part).map(list)
    if kind == "transaction":
        how = st.sampled_from(["here", "queued", "keyed"])
        return st.tuples(st.just(kind), st.integers(0, 3), how).map(list)
    if kind == "pages":
        return st.tuples(st.just(kind), st.integers(0, 2), st.booleans()).map(list)
    if kind in parameters:
        return st.tuples(st.just(kind), parameters[kind]).map(list)
    return st.just([kind])


@cache
def _child(how: str, focus: str) -> Nodes:
    part = steps(focus, 1, inside="told" if how == "told" else "child")
    parts, end = st.lists(part, min_size=1, max_size=2), st.sampled_from(["value", "error"])
    return st.tuples(end, parts).map(lambda child: ["child", how, child[0], *child[1]])


def _branch(kind: str, focus: str, depth: int, below: Nodes, inside: str) -> Nodes:
    if kind in ("within", "shielded", "guard"):
        return st.tuples(st.just(kind), below).map(list)
    if kind == "interrupt":
        how = st.sampled_from(["timeout", "wait_for", "cancel", "race", "group"])
        return st.tuples(st.just(kind), how, waits(focus, depth, inside)).map(list)
    if kind == "saga":
        flags = (st.booleans(), st.integers(1, 3), st.booleans(), st.booleans())
        return st.tuples(st.just(kind), *flags, below).map(list)
    return _list(kind, below, least=1)


def _list(kind: str, below: Nodes, *, least: int) -> Nodes:
    return st.lists(below, min_size=least, max_size=3).map(lambda nodes: [kind, *nodes])


@st.composite
def programs(draw: st.DrawFn, focus: str, races: bool = False) -> Program:
    """Programs of one to three incarnations."""
    races = races and draw(st.booleans())
    step = steps(focus, races=races)
    parts = draw(st.lists(step, min_size=1, max_size=3 if focus in ("messages", "all") else 2))
    end = draw(st.sampled_from(["value", "error", "cancelled"]))
    if end == "cancelled":
        parts = [*parts, draw(waits(focus, 2, ""))]
    return Program(parts, end, races)


@st.composite
def disturbances(draw: st.DrawFn, *, cancels: bool = False) -> Disturbance:
    """Up to three faults and some inconveniences."""
    from tests.simulation.chaos import FAULTS

    commits = st.integers(0, 99)
    return Disturbance(
        faults=draw(st.dictionaries(commits, st.sampled_from(FAULTS), max_size=3)),
        transactions=draw(st.lists(st.sampled_from(FAULTS), max_size=3)),
        results=draw(st.lists(st.sampled_from(FAULTS), max_size=3)),
        workers=draw(st.sampled_from([1, 2])),
        cached=draw(st.sampled_from([1000, 1])),
        deaf=draw(st.booleans()),
        repeated=draw(st.booleans()),
        delays=draw(st.lists(st.sampled_from([0.0, 0.0, 5.0]), max_size=6)),
        cancel_at=draw(st.one_of(st.none(), commits, commits)) if cancels else None,
        force=draw(st.sampled_from([False, False, False, True])) if cancels else False,
        seed=draw(st.one_of(st.none(), st.integers(0, 999))),
    )


@st.composite
def examples(draw: st.DrawFn, focus: str, races: bool = False, cancels: bool = False) -> Example:
    """A program and what goes wrong."""
    return Example(draw(programs(focus, races)), draw(disturbances(cancels=cancels)))
