"""What every command shares: the common options, one event loop, quiet ends."""

from __future__ import annotations

import asyncio
import enum
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperCommand

from continuum.cli.coercion import use_plain_coercion
from continuum.cli.failures import ReaderGone, UsageError


class Format(enum.StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    IDS = "ids"


@dataclass(frozen=True, slots=True)
class Options:
    """The options common to all commands, and to all that act, and what a profile adds."""

    dsn: str | None = None
    format: Format | None = None
    namespace: str | None = None
    all_namespaces: bool = False
    app: str | None = None
    profile: str | None = None
    direct_dsn: str | None = None
    read_dsn: str | None = None
    home: str | None = None
    """The namespace of the profile."""
    operator: str | None = None
    reason: str | None = None
    codec: str | None = None
    """Of the payloads, as the profile names it."""
    seals: bool = False
    """The command writes payloads."""

    def __post_init__(self) -> None:
        if self.namespace is None:
            return
        if self.all_namespaces:
            raise UsageError("--namespace and --all-namespaces exclude each other")
        from continuum.codec.attributes import check_namespace

        check_namespace(self.namespace)

    @property
    def shape(self) -> Format:
        """The format to print: a table on a terminal, else jsonl, unless one was asked for."""
        if self.format is not None:
            return self.format
        return Format.TABLE if sys.stdout.isatty() else Format.JSONL

    @property
    def searched(self) -> str | None:
        """Where lists look: the namespace, `default` unless told, None for all."""
        return None if self.all_namespaces else self.own_namespace

    @property
    def own_namespace(self) -> str:
        """Where something new belongs."""
        return self.namespace or self.home or "default"

    def without_effect(self, command: str, *, namespace: bool = True, app: bool = True) -> None:
        """Say on stderr that a common option that was given changes nothing here."""
        given: list[str] = []
        if namespace and (self.namespace or self.all_namespaces):
            given.append("--all-namespaces" if self.all_namespaces else "--namespace")
        if app and self.app:
            given.append("--app")
        if given:
            note(f"{' and '.join(given)} makes no difference to `continuum {command}`")


Outcome: TypeAlias = int | None
CommandFunction: TypeAlias = Callable[..., Coroutine[Any, Any, Outcome]]

_DSN = Annotated[
    str | None,
    typer.Option(
        "--dsn", metavar="DSN", help="PostgreSQL DSN; else CONTINUUM_DSN, pyproject.toml, embedded."
    ),
]
_FORMAT = Annotated[
    Format | None,
    typer.Option("--format", help="Output format; table on a terminal, else jsonl."),
]
_NAMESPACE = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace to look in.", metavar="NAME")
]
_ALL = Annotated[bool, typer.Option("--all-namespaces", "-A", help="Look in every namespace.")]
_APP = Annotated[
    str | None,
    typer.Option(
        "--app", metavar="MODULE[:OBJECT]", help="Load workflows and activities from here."
    ),
]
_PROFILE = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="NAME", help="A database of profiles.toml; else CONTINUUM_PROFILE."
    ),
]
_COMMON: dict[str, tuple[Any, Any]] = {
    "dsn": (_DSN, None),
    "format": (_FORMAT, None),
    "namespace": (_NAMESPACE, None),
    "all_namespaces": (_ALL, False),
    "app": (_APP, None),
    "profile": (_PROFILE, None),
}
_OPERATOR = Annotated[
    str | None,
    typer.Option(
        "--operator", metavar="NAME", help="Who does this; else CONTINUUM_OPERATOR, user@host."
    ),
]
_REASON = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="Why; kept in the operator journal."),
]
_ACTING: dict[str, tuple[Any, Any]] = {"operator": (_OPERATOR, None), "reason": (_REASON, None)}


def application(
    function: CommandFunction,
    *,
    usage: str = "[OPTIONS]",
    common: bool = True,
    writes: bool = False,
    acts: bool = False,
    seals: bool = False,
) -> typer.Typer:
    """A Typer application of one command.

    Args:
        function: an async function whose first parameter receives the `Options`; its other
            parameters are Typer's. It answers an exit code, or None for 0.
        usage: what the usage line says after the command's name.
        common: whether it has the common options; a command that needs no database has not.
        writes: whether it changes something, unless it is told only to look; all that act do.
        acts: whether it does something that the operator journal records.
        seals: whether it writes payloads, which must be for those who read them.
    """

    class Command(TyperCommand):
        """Loads no pydantic, and says in its usage line what people read."""

        def get_params(self, ctx: Any) -> list[Any]:
            parameters = super().get_params(ctx)
            for parameter in parameters:
                use_plain_coercion(parameter)
            return parameters

        def collect_usage_pieces(self, ctx: Any) -> list[str]:
            return [usage]

    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    options = (_COMMON if common else {}) | (_ACTING if acts else {})
    app.command(cls=Command)(_entry(function, options, writes=writes or acts, seals=seals))
    return app


def _entry(
    function: CommandFunction, options: dict[str, tuple[Any, Any]], *, writes: bool, seals: bool
) -> Callable[..., Outcome]:
    signature = inspect.signature(function, eval_str=True)
    own = list(signature.parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in options.items()
    ]

    @functools.wraps(function)
    def entry(**given: Any) -> Outcome:
        common_options = Options(**{name: given.pop(name) for name in options}, seals=seals)
        if options:
            from continuum.cli.profile import with_profile

            common_options = with_profile(common_options, given if writes else None)
        return _run(function(common_options, **given))

    own = [parameter.replace(kind=keyword) for parameter in own]
    parameters = [*own, *common]
    untyped: Any = entry
    untyped.__signature__ = signature.replace(parameters=parameters, return_annotation=int)
    untyped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del untyped.__wrapped__
    return entry


def _run(command: Coroutine[Any, Any, Outcome]) -> Outcome:
    try:
        outcome = asyncio.run(command)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error
    return outcome


def note(text: str) -> None:
    """Tell the person something that is not part of the answer."""
    from continuum.cli.sanitize import one_line

    print(one_line(text), file=sys.stderr, flush=True)  # noqa: T201
