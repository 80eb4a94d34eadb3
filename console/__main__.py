"""`continuum-console`: arguments, connection, start."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from console.connections import Connections
    from console.session import Session
    from console.source import RunsQuery
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
    found.add_argument(
        "--timings",
        metavar="FILE",
        type=Path,
        help="write the work between keys and their repaint, JSON",
    )
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
    from console.connections import Connections
    from console.keymap import keys_file, read_keymap
    from console.shelf import Shelf, views_file
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
    # what the command line says holds for every database that is gone to
    own_theme, forbidden = options.theme or DEFAULT_THEME, options.read_only
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
    try:
        if options.timings is not None:
            options.timings.touch()  # not to find out at the end
    except OSError as error:
        return _refuse(f"--timings: {error}")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _refuse("the console needs a terminal (in a script use: continuum query)")
    try:
        shelf = Shelf(views_file())
        connections = Connections(flows, read_only=forbidden, theme=own_theme, shelf=shelf)
        return asyncio.run(_open(options, connections, profile, query))
    except KeyboardInterrupt:
        return OK


async def _open(
    options: argparse.Namespace,
    connections: Connections,
    profile: Profile | None,
    query: RunsQuery,
) -> int:
    from continuum import ContinuumError, DatabaseUnavailable

    _progress("connecting…")
    try:
        opened = await connections.open(profile, options.dsn)
    except DatabaseUnavailable as error:
        return _refuse(str(error), UNREACHABLE)
    except ContinuumError as error:
        return _refuse(str(error))
    _progress("")
    if opened.sealed is not None:
        print(f"this session is read-only: {opened.sealed}", file=sys.stderr)  # noqa: T201
    return await _show(opened.session, connections, options, query)


async def _show(
    session: Session, connections: Connections, options: argparse.Namespace, query: RunsQuery
) -> int:
    from console.app import ConsoleApp
    from console.demo import DemoProcess
    from console.timings import Timings

    session.namespace = query.namespace
    app = ConsoleApp(
        session,
        theme=options.theme,
        query=query,
        plain=options.ascii or not _writes_unicode(),
        keymap=options.keymap,
        connections=connections,
    )
    timings, told_in = Timings(app), cast("Path | None", options.timings)
    if told_in is not None:
        app.keys.handled = timings.handled
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
        await app.session.close()
    if told_in is not None:
        timings.write(told_in)
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
