"""`continuum-console`: arguments, connection, start."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.source import RunsQuery, Source
    from continuum import Continuum
    from continuum.declare.registry import AnyWorkflow
    from continuum.profiles import Profile

OK, WRONG_USAGE, UNREACHABLE = 0, 2, 3


def parser() -> argparse.ArgumentParser:
    """The command line; nothing heavy is loaded for `--help`."""
    found = argparse.ArgumentParser(
        prog="continuum-console",
        description="See, signal and cancel the durable runs of a database.",
        epilog="The database: --dsn, --profile, CONTINUUM_DSN, [tool.continuum] dsn in "
        "pyproject.toml, else the embedded PostgreSQL. Press ? in the console for its keys.",
    )
    found.add_argument("--dsn", metavar="URL", help="PostgreSQL URL")
    found.add_argument("--profile", metavar="NAME", help="a database of profiles.toml")
    found.add_argument("-n", "--namespace", metavar="NAME", help="open on this namespace (default)")
    found.add_argument(
        "-A", "--all-namespaces", action="store_true", help="open on all namespaces together"
    )
    found.add_argument("--query", metavar="EXPR", help="open on a query: \"state = 'failed'\"")
    found.add_argument(
        "--app",
        metavar="MODULE[:OBJECT]",
        help="audit the live runs against this code; know its signals",
    )
    found.add_argument("--read-only", action="store_true", help="refuse every change")
    found.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    found.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    found.add_argument("--theme", metavar="NAME", help="colours; an unknown name lists them all")
    found.add_argument("--demo", action="store_true", help="run the demo shop beside the console")
    found.add_argument(
        "--yes", action="store_true", help="with --demo: on a database that holds other runs, too"
    )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the console and leave with its exit code."""
    sys.exit(run(parser().parse_args(arguments)))


def run(options: argparse.Namespace) -> int:
    """Check everything that can be checked without a database, then connect and open."""
    from console.app import theme_names
    from console.keymap import keys_file, read_keymap
    from console.source import RunsQuery
    from console.themes import DEFAULT_THEME
    from continuum.declare.registry import load_app
    from continuum.errors import ContinuumError, QueryError
    from continuum.profiles import chosen_profile

    try:
        profile = chosen_profile(options.profile, options.dsn)
    except ContinuumError as error:
        return _refuse(f"--profile: {error}")
    if options.demo and profile is not None:
        return _refuse("--demo runs a shop in a database: say which by --dsn, not by a profile")
    if profile is not None:
        options.theme = options.theme or profile.theme
        options.read_only = options.read_only or profile.read_only
    if options.namespace and options.all_namespaces:
        return _refuse("--namespace and --all-namespaces exclude each other")
    if options.yes and not options.demo:
        return _refuse("--yes is for the demo: add --demo")
    options.theme = options.theme or DEFAULT_THEME
    if options.theme not in theme_names():
        return _refuse(f"no theme {options.theme!r}; there are: {', '.join(theme_names())}")
    everywhere = options.all_namespaces or (options.demo and not options.namespace)
    home = None if profile is None else profile.namespace
    try:
        options.keymap = read_keymap(keys_file())
    except ContinuumError as error:
        return _refuse(str(error))
    namespace = None if everywhere else options.namespace or home or "default"
    try:
        query = RunsQuery(namespace, options.query or "")
    except QueryError as error:
        return _refuse(f"--query: {error}")
    try:
        flows = None if options.app is None else load_app(options.app).versions
    except ContinuumError as error:
        return _refuse(f"--app: {error}")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _refuse("the console needs a terminal (in a script use: continuum query)")
    try:
        return asyncio.run(_open(options, profile, query, flows))
    except KeyboardInterrupt:
        return OK


async def _open(
    options: argparse.Namespace,
    profile: Profile | None,
    query: RunsQuery,
    flows: Sequence[AnyWorkflow] | None,
) -> int:
    from console.source import ClientSource
    from continuum import Continuum, ContinuumError, DatabaseUnavailable
    from continuum.profiles import profile_codec

    _progress("connecting…")
    try:
        named = Continuum(options.dsn)
        if profile is not None:
            named = Continuum(
                profile.dsn,
                codec=profile_codec(profile),
                direct_dsn=profile.direct_dsn,
                read_dsn=profile.read_dsn,
            )
        client = await named.__aenter__()
    except DatabaseUnavailable as error:
        return _refuse(str(error), UNREACHABLE)
    except ContinuumError as error:
        return _refuse(str(error))
    try:
        _progress("")
        await _look_only_if_sealed(client, options)
        options.read_only = options.read_only or (await client.server()).read_only
        options.danger = profile is not None and profile.danger
        return await _show(ClientSource(client, flows), options, query)
    finally:
        await client.__aexit__(None, None, None)


async def _look_only_if_sealed(client: Continuum, options: argparse.Namespace) -> None:
    """What this session would write, the workers of a database with another codec cannot read."""
    from continuum import PayloadSealed

    try:
        await client.check_codec()
    except PayloadSealed as error:
        options.read_only = True
        print(f"this session is read-only: {error}", file=sys.stderr)  # noqa: T201


async def _show(source: Source, options: argparse.Namespace, query: RunsQuery) -> int:
    from console.app import ConsoleApp
    from console.demo import DemoProcess
    from console.session import Session
    from console.shelf import Shelf, views_file

    shelf = Shelf(views_file())
    session = Session(
        source,
        query.namespace,
        read_only=options.read_only,
        danger=options.danger,
        shelf=shelf,
    )
    plain = options.ascii or not _writes_unicode()
    app = ConsoleApp(session, theme=options.theme, query=query, plain=plain, keymap=options.keymap)
    demo = DemoProcess(options.dsn, options.yes) if options.demo else None
    try:
        if demo is not None:
            await demo.start(app.demo_ended)
        await app.run_async(mouse=not options.no_mouse)
    finally:
        if demo is not None:
            _progress("stopping the demo…")
            await demo.stop()
            _progress("")
    return app.return_code or OK


def _writes_unicode() -> bool:
    """Whether the locale is one in which the terminal shows more than ASCII."""
    return sys.stdout.encoding.lower().replace("-", "").startswith("utf")


def _refuse(message: str, code: int = WRONG_USAGE) -> int:
    _progress("")
    sys.stderr.write(f"continuum-console: {message}\n")
    return code


def _progress(text: str) -> None:
    """One line that leaves no trace, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    main()
