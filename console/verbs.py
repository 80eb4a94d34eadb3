"""What can be typed after `:`: going somewhere with the command line's verbs, and every action.

    :runs -n billing state = 'failed'        :run 0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8
    :ns billing                              :signal, :refresh ... as the keys do

Parsing asks no database, and nothing is guessed: what is not understood is an error with its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from console import acts_query
from console.actions import AUDIT, HEALTH, JOURNAL, MODES, NODES, RUN, RUNS, Action
from console.scope import Scope

NAMESPACE: Final = "ns"
CONTEXT: Final = "ctx"
THEME: Final = "theme"
VIEW: Final = "view"
QUIT: Final = "quit"


@dataclass(frozen=True, slots=True)
class Verb:
    """One word that a command begins with.

    Attributes:
        usage: what may follow; empty for nothing.
        aliases: other words for the same; those of the command line among them.
    """

    name: str
    usage: str
    help: str
    aliases: tuple[str, ...] = ()


_GOING: Final = (
    Verb(RUNS, "[-n NAME | -A] [EXPR]", "List runs, of one namespace or of all.", ("query",)),
    Verb(RUN, "ID", "Open a run by its id, or by how that begins or ends.", ("show",)),
)
_MODES: Final = (
    Verb(AUDIT, "", "Compare live runs with code.", ("versions",)),
    Verb(NODES, "", "Show workers and queues."),
    Verb(HEALTH, "", "Say whether runs go on, what fails, and what will."),
    Verb(JOURNAL, "[by NAME] [act ACT] [run ID] [since -2h]", "Show what operators did."),
)
_OTHER: Final = (
    Verb(VIEW, "NAME", "Open a saved view, by its name or number."),
    Verb(NAMESPACE, "[NAME | -A]", "Look at one namespace, or at all.", ("namespace",)),
    Verb(CONTEXT, "[NAME]", "Go to another database of profiles.toml.", ("profile",)),
    Verb(THEME, "NAME", "Change the colours."),
    Verb(QUIT, "", "Leave the console.", ("q", "exit")),
)
VERBS: Final = (*_GOING, *_MODES, *_OTHER)


@dataclass(frozen=True, slots=True)
class Order:
    """A command that was understood.

    Attributes:
        verb: the name of a `Verb`, or of an action.
        scope: the namespace that was named, if one was.
        text: what follows, and `at`: where that begins in the line.
    """

    verb: str
    scope: Scope | None = None
    text: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class CommandError(Exception):
    """A command that cannot be understood; `position` is an offset in it."""

    message: str
    position: int

    def __str__(self) -> str:
        return self.message


_WORD: Final = re.compile(r"\s*(\S+)\s*")
_SCOPE: Final = re.compile(r"(?:(-A|--all-namespaces)|(?:-n|--namespace)(?:\s+|=)(\S+))(?:\s+|$)")


def spelled(action: Action) -> str:
    """The name of an action as it is typed."""
    return action.name.replace("_", "-")


def words(actions: Sequence[Action]) -> list[str]:
    """Every word that a command can begin with, where these actions are at hand."""
    going = {f"show-{mode}" for mode in MODES}
    found = [verb.name for verb in VERBS]
    names = (spelled(action) for action in actions)
    return found + [name for name in names if name not in {*found, *going, "command"}]


def parse(line: str, actions: Sequence[Action]) -> Order:
    """What a line after `:` asks for.

    Args:
        line: as typed, without the colon.
        actions: those of the screen on top.

    Raises:
        CommandError: an unknown word, with the nearest one, or something that does not belong.
    """
    first = _WORD.match(line)
    if first is None:
        raise CommandError(f"one of: {', '.join(words(actions))}", 0)
    word, at = first[1], first.end()
    for verb in VERBS:
        if word == verb.name or word in verb.aliases:
            return _order(verb, line, at)
    for action in actions:
        if word == spelled(action):
            if at < len(line):
                raise CommandError(f"nothing may follow {word}: it asks", at)
            return Order(action.name)
    known = [*words(actions), *(alias for verb in VERBS for alias in verb.aliases)]
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(words(actions))}"
    raise CommandError(f"no command {word}: {hint}", first.start(1))


def _order(verb: Verb, line: str, at: int) -> Order:
    scope: Scope | None = None
    if verb.name == RUNS and (named := _SCOPE.match(line, at)):
        scope, at = Scope(None if named[1] else named[2]), named.end()
    text = line[at:].strip()
    if verb.name == NAMESPACE and text:
        scope, text = Scope(None if text in ("-A", "--all-namespaces") else text), ""
    if verb.name == JOURNAL:
        try:
            acts_query.parse(text)
        except acts_query.FilterError as error:
            raise CommandError(error.message, at + error.position) from None
    missing = verb.usage and not verb.usage.startswith("[") and not text
    if missing:
        raise CommandError(f"{verb.name} {verb.usage}: {verb.help}", len(line))
    if text and not verb.usage:
        raise CommandError(f"nothing may follow {verb.name}", at)
    return Order(verb.name, scope, text, at)


def suggest(line: str, actions: Sequence[Action], choices: dict[str, Sequence[str]]) -> str | None:
    """The line completed, or None.

    Args:
        line: as typed so far.
        actions: those of the screen on top.
        choices: what can follow a verb, by its name.
    """
    head, space, rest = line.partition(" ")
    if not head:
        return None
    if not space:
        return next(
            (word for word in words(actions) if word.startswith(head) and word != head), None
        )
    verb = next((verb for verb in VERBS if head == verb.name or head in verb.aliases), None)
    if verb is None or not rest:
        return None
    flag, gap, name = rest.partition(" ")
    options, typed = choices.get(verb.name, ()), rest
    before = f"{head} "
    if verb.name == RUNS:
        if flag != "-n" or not gap:
            return None
        options, typed, before = choices.get(NAMESPACE, ()), name, f"{head} -n "
    found = next((each for each in options if each.startswith(typed) and each != typed), None)
    return None if found is None else before + found
