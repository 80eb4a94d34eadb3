"""`continuum audit --replay`: would this deploy break anything in flight?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from continuum.audit.findings import counted
from continuum.cli import connection
from continuum.cli.app_loading import require
from continuum.cli.command import Format, Options
from continuum.cli.conditions import read_selection
from continuum.cli.failures import ExitCode, UsageError
from continuum.cli.output import Rows, write, write_lines
from continuum.cli.paragraphs import text_width, wrapped
from continuum.cli.records import to_json
from continuum.cli.replays import replaying

if TYPE_CHECKING:
    from continuum.audit.coverage import Coverage
    from continuum.audit.replayed import Replayed

_CAUSES: Final = 1_000
"""Different differences that the text tells apart."""
_SAMPLE: Final = 3
_BEGIN: Final = '{"replayed":['
_FIELDS: Final = (
    "id", "namespace", "workflow", "version", "version_hash", "recorded_by", "verdict", "drift",
    "missing", "patches", "finished",
)  # fmt: skip


@dataclass(slots=True)
class _Patch:
    taken: int = 0
    not_taken: int = 0


@dataclass(slots=True)
class _Workflow:
    """What the replays of one workflow's runs came to."""

    verdicts: Counter[str] = field(default_factory=Counter[str])
    patches: dict[str, _Patch] = field(default_factory=lambda: defaultdict(_Patch))

    @property
    def runs(self) -> int:
        return sum(self.verdicts.values())


async def replay(
    options: Options, *, where: str | None, sample: int | None, per_version: bool
) -> ExitCode:
    """Replay live runs against the code of `--app`, and print what differs.

    Args:
        options: `--app` must be given; without `--namespace` every namespace is looked at.
        where: `--where EXPR`.
        sample: `--sample N`.
        per_version: `--per-version`.

    Raises:
        UsageError: a combination that makes no sense.
    """
    if per_version and sample is None:
        raise UsageError("--per-version needs --sample", hint="for example: --sample 50")
    if options.shape is Format.CSV:
        raise UsageError("a replay is printed as table, json, jsonl or ids")
    selection = read_selection(where)
    flows = require(options.app, "audit --replay").versions
    assert options.app is not None
    from continuum.audit.coverage import Coverage

    report = _Report(options.shape)
    coverage = Coverage(flows)
    async with (
        connection.connect(options) as client,
        replaying(client, options.app, selection, options.namespace, sample) as (pool, progress),
    ):
        with ExitStack() as stack:
            if pool is None:
                stack.enter_context(coverage)
            async for run in client.replay(
                flows, **selection, namespace=options.namespace, sample=sample,
                per_version=per_version, progress=progress.show, coverage=coverage, pool=pool,
            ):  # fmt: skip
                report.add(run)
    report.close(coverage, sorted({flow.name for flow in flows}))
    return ExitCode.NO if report.verdicts["drift"] else ExitCode.OK


def replayed_record(run: Replayed) -> dict[str, Any]:
    """One run in JSON."""
    return {
        "id": run.run_id,
        "namespace": run.namespace,
        "workflow": run.workflow,
        "version": run.version,
        "version_hash": run.version_hash,
        "recorded_by": run.origin,
        "verdict": run.verdict,
        "drift": None if run.drift is None else asdict(run.drift),
        "missing": run.workflow if run.verdict == "not-loadable" else None,
        "patches": run.patches,
        "finished": run.finished,
    }


class _Report:
    """Prints runs as they come, or keeps of them what a table needs."""

    def __init__(self, shape: Format) -> None:
        self.verdicts: Counter[str] = Counter()
        self._shape = shape
        self._workflows: dict[str, _Workflow] = defaultdict(_Workflow)
        self._causes: dict[tuple[str, ...], tuple[int, list[str]]] = {}
        self._rows = None
        if shape in (Format.JSONL, Format.IDS):
            self._rows = Rows(shape, [], fields=_FIELDS)

    def add(self, run: Replayed) -> None:
        self.verdicts[run.verdict] += 1
        workflow = self._workflows[run.workflow]
        workflow.verdicts[run.verdict] += 1
        for name, taken in run.patches.items():
            patch = workflow.patches[name]
            patch.taken += taken
            patch.not_taken += not taken
        if self._shape is Format.JSON:  # written piece by piece: there may be millions
            begin = "," if self.verdicts.total() > 1 else _BEGIN
            write(begin + to_json(replayed_record(run)))
        elif self._shape is Format.JSONL or (self._shape is Format.IDS and run.verdict != "same"):
            assert self._rows is not None
            self._rows.add(replayed_record(run))
        elif self._shape is Format.TABLE and run.verdict != "same":
            self._note_cause(run)

    def close(self, coverage: Coverage, names: list[str]) -> None:
        covered = [self._covered(name, coverage) for name in names if name in self._workflows]
        if self._shape is Format.JSON:
            begin = "" if self.verdicts else _BEGIN
            write(f'{begin}],"verdicts":{to_json(self._counts())},"coverage":{to_json(covered)}}}')
        elif self._shape is Format.TABLE:
            self._print_text(covered)

    def _counts(self) -> dict[str, int]:
        return {name: self.verdicts[name] for name in ("same", "drift", "not-loadable")}

    def _covered(self, name: str, coverage: Coverage) -> dict[str, Any]:
        workflow = self._workflows[name]
        reached, missed = coverage.reached(name), coverage.missed(name)
        return {
            "workflow": name,
            "runs": workflow.runs,
            "branches": len(reached) + len(missed),
            "reached": [str(branch) for branch in reached],
            "not_reached": [str(branch) for branch in missed],
            "patches": {
                patch: {
                    "taken": seen.taken,
                    "not_taken": seen.not_taken,
                    "not_reached": workflow.runs - seen.taken - seen.not_taken,
                }
                for patch, seen in sorted(workflow.patches.items())
            },
        }

    def _note_cause(self, run: Replayed) -> None:
        what = f"no workflow {run.workflow} is loaded"
        if run.drift is not None:
            what = run.drift.message
        key = (run.verdict, run.workflow, run.origin or "", what)
        if key not in self._causes and len(self._causes) >= _CAUSES:
            key = (run.verdict, run.workflow, "", "and more differences")
        runs, sample = self._causes.get(key, (0, []))
        self._causes[key] = (runs + 1, [*sample, str(run.run_id)][:_SAMPLE])

    def _print_text(self, covered: list[dict[str, Any]]) -> None:
        width = text_width()
        counts = self._counts()
        write(
            f"{counted(self.verdicts.total(), 'live run')} replayed: {counts['same']} same, "
            f"{counts['drift']} drift, {counts['not-loadable']} not loadable"
        )
        for key, (runs, sample) in sorted(self._causes.items(), key=lambda item: -item[1][0]):
            verdict, workflow, origin, what = key
            recorded = f", recorded by {origin}" if origin else ""
            write("")
            title = f"{verdict}: {counted(runs, 'run')} of {workflow}{recorded}"
            write_lines(wrapped(title, width))
            write_lines(wrapped(what, width, "    ", "    "))
            more = ", ..." if len(sample) < runs else ""
            write_lines(wrapped(", ".join(sample) + more, width, "    ", "    "))
        for each in covered:
            write("")
            write_lines(_coverage_lines(each, width))


def _coverage_lines(covered: Mapping[str, Any], width: int) -> Iterator[str]:
    reached, missed = covered["reached"], covered["not_reached"]
    runs = counted(covered["runs"], "run")
    branches = f"{len(reached)} of {covered['branches']} branches"
    yield from wrapped(f"coverage of {covered['workflow']}: {runs} came through {branches}", width)
    if missed:
        yield from wrapped(f"not through {', '.join(missed)}", width, "    ", "    ")
    for name, seen in covered["patches"].items():
        answers = f"{seen['taken']} True, {seen['not_taken']} False"
        text = f"patch {name}: {answers}, {seen['not_reached']} not asked"
        yield from wrapped(text, width, "    ", "    ")
