"""Every command with its one-line help, as plain data, so that `--help` imports nothing else."""

from __future__ import annotations

from typing import Final, NamedTuple


class CommandEntry(NamedTuple):
    """Where a command lives, and what the list of commands says of it."""

    module: str
    summary: str
    app: str = "app"
    """The name of its application there."""


COMMANDS: Final[dict[str, CommandEntry]] = {
    "query": CommandEntry("query", "List the runs that match conditions."),
    "show": CommandEntry("show", "Show one run, what it waits for, and its history."),
    "start": CommandEntry("start", "Start a run and print its id."),
    "signal": CommandEntry("signal", "Send a signal to one run, or to all that match."),
    "ask": CommandEntry("ask", "Ask a run something and print its answer."),
    "cancel": CommandEntry("cancel", "Cancel runs, cooperatively or by force."),
    "retry": CommandEntry("retry", "Try failed runs again, from the activity that failed."),
    "restart": CommandEntry("restart", "Start runs that have ended anew, with the same input."),
    "fork": CommandEntry("fork", "Start a run with the history of another up to an event."),
    "release": CommandEntry("release", "Let workers try runs in quarantine again."),
    "pause": CommandEntry("pausing", "Hold runs, a workflow, a queue or a namespace.", "pause_app"),
    "resume": CommandEntry("pausing", "Let go on what was paused.", "resume_app"),
    "pauses": CommandEntry("pausing", "List what is paused besides single runs.", "pauses_app"),
    "plan cancel": CommandEntry("plans", "Plan to cancel all runs that match.", "cancel_app"),
    "plan signal": CommandEntry("plans", "Plan to signal all runs that match.", "signal_app"),
    "plan retry": CommandEntry("plans", "Plan to try failed runs again.", "retry_app"),
    "plan restart": CommandEntry("plans", "Plan to start ended runs anew.", "restart_app"),
    "plan release": CommandEntry("plans", "Plan to release runs in quarantine.", "release_app"),
    "plan pause": CommandEntry("plans", "Plan to pause all runs that match.", "pause_app"),
    "plan resume": CommandEntry("plans", "Plan to resume all runs that match.", "resume_app"),
    "plan attributes": CommandEntry("plans", "Plan to change attributes.", "attributes_app"),
    "plan list": CommandEntry("plans", "List plans and how far they are.", "list_app"),
    "plan show": CommandEntry("plans", "Show a plan and what became of its runs.", "show_app"),
    "apply": CommandEntry("plans", "Do what a plan says, once to each run.", "apply_app"),
    "result": CommandEntry("result", "Wait for a run to end and print its value."),
    "attributes set": CommandEntry("attributes", "Change the search attributes of a run."),
    "attributes keys": CommandEntry("attributes_keys", "List attribute keys and their indexes."),
    "attributes index": CommandEntry("attributes_index", "Build or drop an index on an attribute."),
    "schedules list": CommandEntry("schedules", "List what starts by itself.", "list_app"),
    "schedules create": CommandEntry("schedules", "Start runs by cron or interval.", "create_app"),
    "schedules show": CommandEntry("schedules", "Show a schedule and its times.", "show_app"),
    "schedules pause": CommandEntry("schedules", "Let a schedule start nothing.", "pause_app"),
    "schedules resume": CommandEntry("schedules", "Let it start runs again.", "resume_app"),
    "schedules trigger": CommandEntry("schedules", "Start a run of it now.", "trigger_app"),
    "schedules delete": CommandEntry("schedules", "Remove a schedule.", "delete_app"),
    "journal": CommandEntry("journal", "List what operators did, newest first."),
    "reasons": CommandEntry("reasons", "Say in which namespaces operators must say why."),
    "nodes": CommandEntry("nodes", "List the worker processes of the cluster."),
    "health": CommandEntry("health", "Say whether runs go on, what fails, and what will."),
    "doctor": CommandEntry("doctor", "Check whether a database is fit for Continuum."),
    "worker": CommandEntry("worker", "Run workflows until SIGTERM, then drain."),
    "audit": CommandEntry("audit", "Compare live runs with the code of a release."),
    "versions": CommandEntry("versions", "List the versions of all workflows, with their runs."),
    "versions drain": CommandEntry("versions_drain", "Tell when a version has no live run left."),
    "gc-versions": CommandEntry("gc_versions", "Clean the registry of versions nobody needs."),
    "prune": CommandEntry("prune", "Delete runs that ended long ago, with their journals."),
    "adopt": CommandEntry("adopt", "Let other code go on with runs that it replays alike."),
    "check": CommandEntry("check", "Find what a replay of your workflows could not repeat."),
    "migrate": CommandEntry("migrate", "Bring the database schema up to date."),
    "demo": CommandEntry("demo", "Run a small shop to look at, with live workflows."),
}

VALUE_OPTIONS: Final = frozenset({
    "--dsn", "--format", "--namespace", "-n", "--app", "--profile",
})  # fmt: skip
FLAG_OPTIONS: Final = frozenset({"--all-namespaces", "-A"})

_COMMON: Final = (
    ("--dsn DSN", "PostgreSQL DSN; else CONTINUUM_DSN, pyproject.toml, embedded."),
    ("--format FORMAT", "table, json, jsonl, csv or ids; table on a terminal, else jsonl."),
    ("-n, --namespace NAME", "Namespace to look in."),
    ("-A, --all-namespaces", "Look in every namespace."),
    ("--app MODULE[:OBJECT]", "Load workflows and activities from here."),
    ("--profile NAME", "A database of profiles.toml; else CONTINUUM_PROFILE."),
    ("--version", "Print the version and exit."),
    ("-h, --help", "Print this help, or the help of a command."),
)


def _section(title: str, rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"{title}:", *(f"  {name:<{width}}  {text}" for name, text in rows), ""]


def overview(prefix: str = "") -> str:
    """The text of `continuum --help`, or of a group such as `continuum attributes --help`.

    Args:
        prefix: first word of a group of two-word commands; empty for all commands.
    """
    names = [name for name in COMMANDS if not prefix or name.startswith(f"{prefix} ")]
    usage = f"Usage: continuum {prefix} COMMAND [OPTIONS]..." if prefix else (
        "Usage: continuum COMMAND [OPTIONS]..."
    )  # fmt: skip
    lines = [usage, "", "  Durable execution for Python on PostgreSQL.", ""]
    lines += _section("Commands", [(name, COMMANDS[name].summary) for name in names])
    lines += _section("Options of every command", list(_COMMON))
    lines.append("Exit codes: 0 ok, 1 the answer is no, 2 wrong usage, 3 database not reachable.")
    return "\n".join(lines) + "\n"
