"""The audit's report in words: findings first, each with what to do, then what they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.style import Style
from rich.text import Text

from console.present import ages, findings
from console.present.blocks import (
    Block,
    Cell,
    Opening,
    facts_line,
    heading,
    paragraph,
    rows,
    without_gap,
)
from console.present.plain import one_line, short_id, short_name
from console.present.waits import waiting
from console.themes import Palette
from continuum.audit.report import (
    AuditReport,
    Finding,
    Forecast,
    PatchSite,
    Split,
    UnknownVersion,
    VersionEntry,
    WaitingRun,
)

SHOWN_HASH: Final = 12
NAMED: Final = 3
"""Runs that are named of those that may never end."""
WIDE: Final = 110


def title(report: AuditReport) -> str:
    """What was compared with what."""
    code = "the given code" if report.audited == "application" else "what live workers have loaded"
    runs = f"{report.live_runs:,} live run{'' if report.live_runs == 1 else 's'}"
    return f"audit of {runs} against {code}"


def summary(report: AuditReport, width: int, palette: Palette) -> Text:
    """Whether a strict audit says yes, and the numbers behind it."""
    strict = sum(finding.strict for finding in report.findings)
    bold = Style(bold=True)
    verdict = Text("✓ strict would pass", palette.good + bold)
    if strict:
        verdict = Text(f" strict would FAIL ({strict}) ", palette.bad + bold + Style(reverse=True))
    facts: list[Text] = []
    if report.expired_leases:
        late = f" ({report.abandoned_leases:,} abandoned)" if report.abandoned_leases else ""
        facts.append(Text(f"{report.expired_leases:,} leases expired{late}", palette.warn))
    elapsed = ages.duration(report.elapsed)
    facts.append(Text(f"read {ages.clock(report.generated_at)[:8]} in {elapsed}", palette.muted))
    if report.replay is not None:
        replay = report.replay
        told = f"{replay.runs:,} runs replayed in {ages.duration(replay.seconds)}"
        facts.append(Text(told, palette.muted))
    return facts_line(verdict, facts, width)


def blocks(report: AuditReport, width: int, palette: Palette) -> list[Block]:
    """The whole report for a width."""
    found: list[Block] = []
    if report.findings:
        found.append(heading("findings", len(report.findings), width, palette))
        found += [_finding(finding, width, palette) for finding in report.findings]
    found += _patches(report, width, palette)
    if report.unknown_versions:
        nothing = "no given code" if report.audited == "application" else "no live worker"
        found.append(
            heading(f"runs that {nothing} can run", len(report.unknown_versions), width, palette)
        )
        found += [
            _unknown(each, report.generated_at, width, palette) for each in report.unknown_versions
        ]
    if report.workflows:
        found.append(heading("versions", len(report.workflows), width, palette))
        found += _versions(report, width, palette)
    if not report.workflows and not report.live_runs:
        found.append(Block((Text("No worker has registered a workflow yet.", palette.strong),)))
        starts = Text().append("continuum worker --app MODULE", palette.accent)
        found.append(Block((starts.append("  starts one", palette.muted),)))
    return without_gap(found)


# findings


def _finding(finding: Finding, width: int, palette: Palette) -> Block:
    opening = Opening(finding.where, finding.code, "no query finds the runs of this finding")
    return findings.finding(
        finding.severity, finding.code, finding.message, finding.fix, opening,
        note="strict" if finding.strict else "", width=width, palette=palette,
    )  # fmt: skip


# patches


def _patches(report: AuditReport, width: int, palette: Palette) -> Iterator[Block]:
    grouped: dict[tuple[str, int, str], list[PatchSite]] = {}
    for entry in report.workflows:
        for site in entry.patch_sites:
            sites = grouped.setdefault((entry.workflow, site.version, site.place.name), [])
            if site not in sites:
                sites.append(site)
    if not grouped and not _known_sites(report):
        return
    yield heading("patches", len(grouped) or None, width, palette)
    if not grouped:
        yield _no_verdicts(width, palette)
        return
    names = rows(
        [_patch_cells(workflow, sites[0], palette) for (workflow, *_), sites in grouped.items()],
        width,
    )
    for line, (key, sites) in zip(names, grouped.items(), strict=True):
        yield _patch(line, key, sites, report.generated_at, width, palette)


def _known_sites(report: AuditReport) -> bool:
    return any(entry.known_sites for entry in report.workflows)


def _no_verdicts(width: int, palette: Palette) -> Block:
    words = Text().append(
        "Verdicts need the code of a release: start the console with ", palette.muted
    )
    return Block(tuple(paragraph(words.append("--app MODULE", palette.accent), width)))


def _patch_cells(workflow: str, site: PatchSite, palette: Palette) -> list[Cell]:
    safe = site.verdict == "safe-to-remove"
    verdict = Text("✓ safe to remove", palette.good) if safe else Text(
        "◌ still in use", palette.accent
    )  # fmt: skip
    return [
        Cell(Text(one_line(site.place.name, 60), palette.strong)),
        Cell(verdict),
        Cell(Text(f"{short_name(workflow)} v{site.version}", palette.text)),
    ]


def _patch(
    line: Text,
    key: tuple[str, int, str],
    sites: Sequence[PatchSite],
    now: datetime,
    width: int,
    palette: Palette,
) -> Block:
    site = sites[0]
    places = ", ".join(f"{each.place.file}:{each.place.line}" for each in sites)
    lines = [line, *paragraph(_split(site.split, palette), width, 2)]
    if site.verdict == "still-in-use":
        lines += paragraph(_removal(site.forecast, now, palette), width, 2)
    lines += paragraph(Text(one_line(f"{places}  {site.proof}", 500), palette.faint), width, 2)
    opening = Opening(
        site.where, f"need the code before {site.place.name}", "no live run needs the old branch"
    )
    return Block(tuple(lines), ("patch", *key), opening)


def _split(split: Split, palette: Palette) -> Text:
    parts = [("new branch", split.took_new)]
    if split.took_old is None or split.not_reached is None:
        parts.append(("old branch or not reached yet", split.old_or_not_reached))
    else:
        parts += [("old branch", split.took_old), ("not reached yet", split.not_reached)]
        if split.undetermined:
            parts.append(("not replayed", split.undetermined))
    parts.append(("can no longer reach it", split.cannot_reach))
    line = Text()
    for number, (label, count) in enumerate(parts):
        line.append(" · " if number else "", palette.faint)
        line.append(f"{label} ", palette.muted)
        line.append(f"{count:,}", palette.text if count else palette.faint)
    return line


def _removal(forecast: Forecast, now: datetime, palette: Palette) -> Text:
    """The earliest removal date, and what stands against it."""
    line = Text().append("removable ", palette.muted)
    if forecast.done_at is not None:
        left = ages.duration((forecast.done_at - now).total_seconds())
        line.append(f"from {ages.stamp(forecast.done_at)}", palette.accent)
        line.append(f", in {left} at the earliest", palette.muted)
    elif forecast.endless:
        line.append("no date", palette.warn)
        itself = "itself" if forecast.endless == 1 else "themselves"
        line.append(f": {_some_runs(forecast.endless)} may never end by {itself}", palette.muted)
        named = [_waits(run, now) for run in forecast.examples[:NAMED]]
        line.append(f": {'; '.join(named)}" if named else "", palette.muted)
    else:
        line.append("no date", palette.warn)
        line.append(": no past run of the workflow tells how long one takes", palette.muted)
    return line


def _waits(run: WaitingRun, now: datetime) -> str:
    waits = waiting(run.waiting_on, now) if run.waiting_on else "a worker"
    return f"{short_id(run.run_id)} waits for {waits}"


def _some_runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


# versions


def _unknown(each: UnknownVersion, now: datetime, width: int, palette: Palette) -> Block:
    what = f"v{each.version} {each.version_hash[:SHOWN_HASH]}" if each.version_hash else "not begun"
    line = Text().append("! ", palette.warn + Style(bold=True))
    line.append(short_name(each.workflow), palette.strong)
    line.append(f"  {what}  ", palette.muted)
    line.append(f"{each.live_runs:,} live run{'' if each.live_runs == 1 else 's'}", palette.warn)
    facts: list[str] = []
    if each.oldest_started_at is not None:
        facts.append(f"oldest {ages.ago(each.oldest_started_at, now)}")
    if each.last_known_source is not None:
        facts.append(f"last known at {one_line(each.last_known_source, 200)}")
    if each.sample_run_ids:
        facts.append("such as " + " ".join(map(short_id, each.sample_run_ids)))
    lines = (
        [line, *paragraph(Text(" · ".join(facts), palette.muted), width, 2)] if facts else [line]
    )
    key = ("unknown", each.workflow, each.version_hash, each.runtime)
    return Block(tuple(lines), key, Opening(each.where, f"no code for {short_name(each.workflow)}"))


def _versions(report: AuditReport, width: int, palette: Palette) -> list[Block]:
    cells = [
        _version_cells(entry, report.generated_at, width, palette) for entry in report.workflows
    ]
    lines = rows([_version_titles(width, palette), *cells], width)
    found = [Block((lines[0],))]
    for line, entry in zip(lines[1:], report.workflows, strict=True):
        key = ("version", entry.workflow, entry.version_hash, entry.runtime)
        crumb = f"live runs of {short_name(entry.workflow)} v{entry.version}"
        where = entry.where if entry.live_runs else None
        found.append(Block((line,), key, Opening(where, crumb, "it has no live run")))
    return found


def _version_titles(width: int, palette: Palette) -> list[Cell]:
    titles = ["", "WORKFLOW", "VERSION", "HASH", "LIVE", "NODES"]
    titles += ["NEWEST RUN", "PATCHES TAKEN"] if width >= WIDE else []
    right = ("LIVE", "NODES", "NEWEST RUN")
    return [Cell(Text(name, palette.faint + Style(bold=True)), name in right) for name in titles]


def _version_cells(entry: VersionEntry, now: datetime, width: int, palette: Palette) -> list[Cell]:
    alarming = entry.live_runs and not entry.loaded
    mark = Text("✓", palette.good) if entry.loaded else Text("!" if alarming else " ", palette.warn)
    found = [
        Cell(mark),
        Cell(Text(short_name(entry.workflow), palette.text if entry.loaded else palette.muted)),
        Cell(Text(f"v{entry.version}", palette.muted)),
        Cell(Text(entry.version_hash[:SHOWN_HASH], palette.faint)),
        Cell(_number(entry.live_runs, palette), right=True),
        Cell(_number(len(entry.nodes), palette), right=True),
    ]
    if width >= WIDE:
        newest = "" if entry.last_started_at is None else ages.ago(entry.last_started_at, now)
        found.append(Cell(Text(newest, palette.muted), right=True))
        found.append(Cell(Text(one_line(", ".join(entry.taken), 60), palette.muted)))
    return found


def _number(count: int, palette: Palette) -> Text:
    return Text(f"{count:,}", palette.text if count else palette.faint)
