"""The audit as people read it, in lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from continuum.audit.findings import SHOWN_HASH, counted, forecast_text, when
from continuum.audit.report import (
    AuditReport,
    Finding,
    PatchSite,
    Split,
    UnknownVersion,
    VersionEntry,
)
from continuum.cli.paragraphs import wrapped
from continuum.cli.table import Column, render_table

_COLOURS: Final = {"error": "31;1", "warning": "33", "info": "36"}
_COLUMNS: Final = (
    Column("workflow", 28),
    Column("version"),
    Column("hash"),
    Column("runs"),
    Column("nodes"),
    Column("loaded"),
    Column("newest_start", droppable=True),
)


def audit_lines(report: AuditReport, *, width: int, colour: bool) -> Iterator[str]:
    """The whole report: versions, patches, runs that nothing can run, findings.

    Args:
        report: to print.
        width: cells of a line.
        colour: whether to colour.
    """
    what = "the given code" if report.audited == "application" else "what live workers have loaded"
    yield from wrapped(
        f"Audit of {counted(report.live_runs, 'live run')} against {what},"
        f" {when(report.generated_at)}",
        width,
    )
    if report.workflows:
        yield ""
        rows = [_row(entry) for entry in report.workflows]
        yield from render_table(rows, _COLUMNS, width=width)
    yield from _patches(report, width)
    yield from _unknown(report.unknown_versions, width)
    if report.expired_leases:
        yield ""
        yield from wrapped(
            f"Expired leases: {report.expired_leases:,}, of which {report.abandoned_leases:,} for"
            " more than ten TTLs",
            width,
        )
    if report.replay is not None:
        replay = report.replay
        yield ""
        yield from wrapped(
            f"Replayed {counted(replay.runs, 'run')} in {replay.seconds:.1f} s: {replay.same:,}"
            f" same, {replay.drift:,} drifted, {replay.not_loadable:,} not loadable",
            width,
        )
    yield from _findings(report.findings, width, colour=colour)
    yield ""
    yield _verdict(report)


def version_row(entry: VersionEntry) -> dict[str, Any]:
    """A version as a row of a table."""
    return _row(entry) | {
        "first_seen_at": entry.first_seen_at,
        "last_seen_at": entry.last_seen_at,
        "source": entry.source,
        "patches": ", ".join(
            f"{site.name} ({site.file}:{site.line})" for site in entry.known_sites
        ),
    }


def _row(entry: VersionEntry) -> dict[str, Any]:
    return {
        "workflow": entry.workflow,
        "version": entry.version if entry.version_hash else "",
        "hash": entry.version_hash[:SHOWN_HASH] or "(not begun)",
        "runs": f"{entry.live_runs:,}",
        "nodes": len(entry.nodes),
        "loaded": "yes" if entry.loaded else "no",
        "newest_start": entry.last_started_at,
    }


def _patches(report: AuditReport, width: int) -> Iterator[str]:
    told: set[tuple[str, int, str]] = set()
    for entry in report.workflows:
        for site in entry.patch_sites:
            key = (entry.workflow, site.version, site.place.name)
            if key in told:
                continue
            if not told:
                yield ""
                yield "Patches"
            told.add(key)
            same = [each for each in entry.patch_sites if each.place.name == site.place.name]
            yield from _patch(entry.workflow, site, same, width)


def _patch(workflow: str, site: PatchSite, same: Sequence[PatchSite], width: int) -> Iterator[str]:
    places = ", ".join(
        f"{each.place.file}:{each.place.line}" for each in same if each.version == site.version
    )
    yield from wrapped(
        f"{site.place.name}: {site.verdict} in {workflow} version {site.version} ({places}),"
        f" {site.proof}",
        width, "  ", "    ",
    )  # fmt: skip
    yield from wrapped(split_text(site.split), width, "    ", "    ")
    if site.verdict == "still-in-use":
        yield from wrapped(forecast_text(site.forecast, 3), width, "    ", "    ")


def split_text(split: Split) -> str:
    """How live runs stand to a patch, in words."""
    parts = [f"new branch {split.took_new:,}"]
    if split.took_old is None or split.not_reached is None:
        parts.append(f"old branch or not reached yet {split.old_or_not_reached:,}")
    else:
        parts.append(f"old branch {split.took_old:,}")
        parts.append(f"not reached yet {split.not_reached:,}")
        if split.undetermined:
            parts.append(f"not replayed {split.undetermined:,}")
    parts.append(f"can no longer reach it {split.cannot_reach:,}")
    return "live runs: " + ", ".join(parts)


def _unknown(unknown: Sequence[UnknownVersion], width: int) -> Iterator[str]:
    if unknown:
        yield ""
        yield "Live runs that none of it can run"
    for each in unknown:
        what = f"version {each.version_hash[:SHOWN_HASH]}" if each.version_hash else "not begun"
        text = f"{each.workflow}, {what}: {counted(each.live_runs, 'run')}"
        if each.oldest_started_at is not None:
            text += f", the oldest since {when(each.oldest_started_at)}"
        if each.last_known_source is not None:
            text += f", last known at {each.last_known_source}"
        yield from wrapped(text, width, "  ", "    ")
        for run_id in each.sample_run_ids:
            yield f"    {run_id}"


def _findings(findings: Sequence[Finding], width: int, *, colour: bool) -> Iterator[str]:
    if findings:
        yield ""
        yield "Findings"
    for each in findings:
        lines = list(wrapped(f"{each.severity} {each.code}: {each.message}", width, "  ", "    "))
        if colour:
            code = _COLOURS[each.severity]
            lines[0] = lines[0].replace(each.severity, f"\x1b[{code}m{each.severity}\x1b[0m", 1)
        yield from lines
        yield from wrapped(f"to do: {each.fix}", width, "    ", "           ")


def _verdict(report: AuditReport) -> str:
    strict = sum(each.strict for each in report.findings)
    if not strict:
        return "Strict: ok"
    return f"Strict: no, for {counted(strict, 'finding')}"
