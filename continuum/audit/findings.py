"""What a report comes to: findings, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from continuum.audit.replayed import Replayed
from continuum.audit.report import (
    AuditReport,
    Finding,
    Forecast,
    PatchSite,
    UnknownVersion,
)
from continuum.audit.selecting import live_runs_of, live_runs_of_each, runs_whose
from continuum.versions.facts import CodePlace
from continuum.versions.runtime import runtime_tag

SHOWN_HASH: Final = 12
"""Characters of a hash that people are shown; every command takes them."""
BLOCKED: Final = "waiting_on like 'blocked:%'"
"""The runs that drifted."""
_ORDER: Final = {"error": 0, "warning": 1, "info": 2}


class GoneOwners(NamedTuple):
    """Owners of live runs that are gone, and those that are gone for long."""

    expired: Sequence[UUID]
    abandoned: Sequence[UUID]


def findings_of(
    report: AuditReport, drifted: Sequence[Replayed], owners: GoneOwners
) -> Sequence[Finding]:
    """All findings of a report that has none yet; the gravest first.

    Args:
        report: everything else.
        drifted: runs that the code did not replay.
        owners: of expired leases.
    """
    found = [
        *_unknown(report),
        *_leases(report, owners),
        *_parked(report),
        *_drifted(drifted),
        *_codecs(report),
        *_patches(report),
        *_unserved(report),
    ]
    return sorted(found, key=lambda each: (_ORDER[each.severity], each.code, each.message))


def short(version_hash: str) -> str:
    """A hash as people are shown it."""
    return version_hash[:SHOWN_HASH]


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "live run"), counted(1200, "live run")
        ('1 live run', '1,200 live runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def when(moment: datetime) -> str:
    """A moment to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unknown(report: AuditReport) -> Iterator[Finding]:
    application = report.audited == "application"
    who = "no loaded code" if application else "no live worker"
    load = "audit the module that declares it, too" if application else "start a worker for it"
    lost = [each for each in report.unknown_versions if each.reason == "workflow"]
    for workflow in sorted({each.workflow for each in lost}):
        same = [each for each in lost if each.workflow == workflow]
        known = next((text for each in same if (text := _known_at(each))), "")
        yield Finding(
            "error",
            "workflow-unknown",
            f"{workflow}: {counted(sum(each.live_runs for each in same), 'live run')}, but {who}"
            f" has a workflow of this name{known}",
            f"{load}; to give the runs up: continuum cancel --force -A --where"
            f" \"workflow = '{workflow}'\"",
            strict=True,
            where=live_runs_of(workflow),
        )
    for each in report.unknown_versions:
        runs = f"{each.workflow}: {counted(each.live_runs, 'live run')}"
        if each.reason == "workflow":
            continue
        if each.reason == "runtime":
            yield Finding(
                "error",
                "runtime-unknown",
                f"{runs} of version {short(each.version_hash)} began under {_python(each.runtime)};"
                f" the same code is loaded under {_python(runtime_tag())}, which need not order"
                " their steps alike",
                f"audit with {_python(each.runtime)} if that is what the release runs on; else keep"
                f" workers on it until they end: {_drain(each)}",
                strict=True,
                where=each.where,
            )
        elif each.lost_patches:
            yield _lost(each, runs)
        else:
            yield Finding(
                "error",
                "version-unknown",
                f"{runs} of version {short(each.version_hash)}{_since(each)},"
                f" which {who} can run{_known_at(each)}",
                "load that code beside the new one, under the same name with its own version=, or"
                f" keep a worker that has it until they end: {_drain(each)}",
                strict=True,
                where=each.where,
            )


def _lost(each: UnknownVersion, runs: str) -> Finding:
    names = sorted({place.name for place in each.lost_patches})
    needed = [
        f"the {'new' if name in each.taken else 'old'} branch of patch {name}" for name in names
    ]
    places = ", ".join(f"{place.file}:{place.line}" for place in each.lost_patches)
    return Finding(
        "error",
        "patch-gone",
        f"{runs} of version {short(each.version_hash)}{_since(each)} need {' and '.join(needed)},"
        f" which no loaded code mentions any more (last known at {places})",
        f"put {' and '.join(f'patched({name!r})' for name in names)} back with both branches, or"
        f" keep a worker that has it until they end: {_drain(each)}",
        strict=True,
        where=each.where,
    )


def _leases(report: AuditReport, owners: GoneOwners) -> Iterator[Finding]:
    late = report.abandoned_leases
    if late:
        yield Finding(
            "error",
            "lease-abandoned",
            f"{counted(late, 'live run')} belong{'s' if late == 1 else ''} to a worker that has"
            " been gone for more than ten times its TTL, and nobody took over",
            "start a worker; any live one frees them within a second (see: continuum nodes)",
            strict=True,
            where=runs_whose("owner", map(str, owners.abandoned)),
        )
    if report.expired_leases > late:
        yield Finding(
            "warning",
            "lease-expired",
            f"{counted(report.expired_leases - late, 'live run')} of a worker that is gone have not"
            " been taken over yet",
            "nothing, if workers are running: they take over within seconds",
            where=runs_whose("owner", map(str, owners.expired)),
        )


def _parked(report: AuditReport) -> Iterator[Finding]:
    if report.blocked_runs:
        yield Finding(
            "warning",
            "runs-drifted",
            f"{counted(report.blocked_runs, 'live run')} did not replay with the code that took"
            " them, or could not be opened by its codec, and wait for another build",
            "deploy code that replays them; what differs first is in their waiting_on:"
            f' continuum query -A "{BLOCKED}"',
            where=BLOCKED,
        )
    if report.quarantined_runs:
        yield Finding(
            "warning",
            "runs-quarantined",
            f"{counted(report.quarantined_runs, 'live run')} took four workers down, and nobody"
            " claims them any more",
            "mend the code and deploy it, or end them: continuum cancel --force RUN",
        )


def _drifted(drifted: Sequence[Replayed]) -> Iterator[Finding]:
    workflows = sorted({run.workflow for run in drifted})
    for workflow in workflows:
        runs = [run for run in drifted if run.workflow == workflow]
        first = runs[0].drift
        yield Finding(
            "error",
            "replay-drift",
            f"{workflow}: {counted(len(runs), 'live run')} did not replay with this code, such as"
            f" {runs[0].run_id}: {'' if first is None else first.message}",
            "mend the code: what it does so far must be what their journals record; all of them:"
            " continuum audit --replay",
            strict=True,
            where=runs_whose("id", (str(run.run_id) for run in runs)),
        )


def _codecs(report: AuditReport) -> Iterator[Finding]:
    for entry in report.workflows:
        for change in entry.codec_changes:
            types = "; ".join(
                f"{label} {change.was.get(label) or 'not there'},"
                f" now {change.now.get(label) or 'not there'}"
                for label in sorted({*change.was, *change.now})
            )
            since = "the audited code" if change.at is None else f"code since {when(change.at)}"
            yield Finding(
                "warning",
                "codec-changed",
                f"{entry.workflow}: {counted(entry.live_runs, 'live run')} of version"
                f" {short(entry.version_hash)} may hold values that {since} restores by other"
                f" types: {types}",
                "let the new types read what was written, or let these runs end first; which of"
                " them cannot be read: continuum audit --replay",
                where=entry.where,
            )


def _patches(report: AuditReport) -> Iterator[Finding]:
    grouped: dict[tuple[str, int, str], dict[CodePlace, PatchSite]] = {}
    for entry in report.workflows:
        for site in entry.patch_sites:
            key = (entry.workflow, site.version, site.place.name)
            grouped.setdefault(key, {})[site.place] = site
    for (workflow, version, name), sites in grouped.items():
        yield _patch(f"{workflow} version {version}", name, list(sites.values()))


def _patch(workflow: str, name: str, sites: Sequence[PatchSite]) -> Finding:
    first = sites[0]
    places = ", ".join(f"{site.place.file}:{site.place.line}" for site in sites)
    if first.verdict == "safe-to-remove":
        return Finding(
            "warning",
            "patch-safe-to-remove",
            f"{workflow}: no live run needs the code before patch {name} ({places}): {first.proof}",
            f"remove patched({name!r}) with its old branch and keep the new one; audit that code"
            " before the roll-out, and once more before the last worker with this one stops",
            strict=True,
        )
    need = first.split.old_or_not_reached
    return Finding(
        "info",
        "patch-in-use",
        f"{workflow}: {counted(need, 'live run')} need{'s' if need == 1 else ''} the code before"
        f" patch {name} ({places})",
        f"keep both branches: {forecast_text(first.forecast)}; new runs need the old one, too,"
        " until they come to the patch",
        where=first.where,
    )


def _unserved(report: AuditReport) -> Iterator[Finding]:
    if report.audited == "nodes":
        return
    waiting = [e for e in report.workflows if e.loaded and e.live_runs and not e.nodes]
    if waiting:
        runs = sum(entry.live_runs for entry in waiting)
        names = ", ".join(sorted({entry.workflow for entry in waiting}))
        yield Finding(
            "info",
            "version-not-served",
            f"{counted(runs, 'live run')} of {names} can be run by the audited code only: no live"
            " worker has their version",
            "deploy this code",
            where=live_runs_of_each((entry.workflow, entry.version_hash) for entry in waiting),
        )


def forecast_text(forecast: Forecast, named: int = 1) -> str:
    """A forecast in words.

    Args:
        forecast: of one live run or more.
        named: how many runs to name that may never end by themselves.
    """
    parts: list[str] = []
    ending = forecast.runs - forecast.endless
    if ending:
        who = "the last" if not forecast.endless else f"the last of {counted(ending, 'run')}"
        if forecast.ends_at is None:
            parts.append(f"no past run of the workflow tells when {who} ends")
        else:
            parts.append(f"{who} can have ended by {when(forecast.ends_at)}")
    if forecast.endless:
        waits = "; ".join(
            f"{run.run_id} waits for {run.waiting_on or 'a worker'}"
            for run in forecast.examples[:named]
        )
        more = forecast.endless - min(len(forecast.examples), named)
        parts.append(
            f"{counted(forecast.endless, 'run')} may never end by"
            f" {'itself' if forecast.endless == 1 else 'themselves'}: {waits}"
            + (f" and {more:,} more" if more else "")
        )
    return "; ".join(parts)


def _drain(each: UnknownVersion) -> str:
    return f"continuum versions drain {short(each.version_hash)}"


def _since(each: UnknownVersion) -> str:
    oldest = each.oldest_started_at
    return "" if oldest is None else f" (the oldest since {when(oldest)})"


def _known_at(each: UnknownVersion) -> str:
    return "" if each.last_known_source is None else f"; last known at {each.last_known_source}"


def _python(runtime: str) -> str:
    """A runtime tag as people say it."""
    semantics, _, python = runtime.partition("-py")
    own, _, _ = runtime_tag().partition("-py")
    return f"Python {python}" + ("" if semantics == own else f" with loop semantics {semantics}")
