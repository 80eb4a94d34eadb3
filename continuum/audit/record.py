"""A report as plain JSON data; its shape is fixed by `report.schema.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from continuum.audit.report import (
    AuditReport,
    Forecast,
    PatchSite,
    UnknownVersion,
    VersionEntry,
    WaitingRun,
)
from continuum.versions.facts import CodePlace


def report_record(report: AuditReport) -> dict[str, Any]:
    """What `continuum audit --format json` prints, apart from how times and ids are written."""
    return {
        "generated_at": report.generated_at,
        "strict_ok": report.strict_ok,
        "audited": report.audited,
        "live_runs": report.live_runs,
        "workflows": [_entry(each) for each in report.workflows],
        "unknown_versions": [_unknown(each) for each in report.unknown_versions],
        "expired_leases": report.expired_leases,
        "abandoned_leases": report.abandoned_leases,
        "blocked_runs": report.blocked_runs,
        "quarantined_runs": report.quarantined_runs,
        "findings": [asdict(each) for each in report.findings],
        "replay": None if report.replay is None else asdict(report.replay),
        "elapsed": round(report.elapsed, 6),
    }


def forecast_record(forecast: Forecast) -> dict[str, Any]:
    """A forecast, as reports and `versions drain` print it."""
    return {
        "runs": forecast.runs,
        "done_at": forecast.done_at,
        "ends_at": forecast.ends_at,
        "endless": forecast.endless,
        "examples": [_waiting(each) for each in forecast.examples],
        "past_runs": forecast.past_runs,
        "p99": forecast.p99,
    }


def entry_record(entry: VersionEntry) -> dict[str, Any]:
    """A version, without its patches."""
    return {
        "workflow": entry.workflow,
        "version": entry.version,
        "version_hash": entry.version_hash,
        "runtime": entry.runtime,
        "loaded": entry.loaded,
        "live_runs": entry.live_runs,
        "nodes": list(entry.nodes),
        "source": entry.source,
        "first_seen_at": entry.first_seen_at,
        "last_seen_at": entry.last_seen_at,
        "last_started_at": entry.last_started_at,
        "taken": list(entry.taken),
    }


def _entry(entry: VersionEntry) -> dict[str, Any]:
    return {
        **entry_record(entry),
        "patch_sites": [_site(each) for each in entry.patch_sites],
        "opaque": _places(entry.opaque),
        "codec_changes": [asdict(each) for each in entry.codec_changes],
    }


def _site(site: PatchSite) -> dict[str, Any]:
    return {
        "name": site.place.name,
        "file": site.place.file,
        "line": site.place.line,
        "version": site.version,
        "verdict": site.verdict,
        "proof": site.proof,
        "in_flight_pre_patch": site.split.old_or_not_reached,
        "took_new": site.split.took_new,
        "old_or_not_reached": site.split.old_or_not_reached,
        "took_old": site.split.took_old,
        "not_reached": site.split.not_reached,
        "undetermined": site.split.undetermined,
        "cannot_reach": site.split.cannot_reach,
        "first_seen_at": site.first_seen_at,
        "earliest_removal_at": site.forecast.done_at,
        "forecast": forecast_record(site.forecast),
        "where": site.where,
    }


def _unknown(unknown: UnknownVersion) -> dict[str, Any]:
    return {
        "workflow": unknown.workflow,
        "version": unknown.version,
        "version_hash": unknown.version_hash,
        "runtime": unknown.runtime,
        "reason": unknown.reason,
        "live_runs": unknown.live_runs,
        "oldest_started_at": unknown.oldest_started_at,
        "last_known_source": unknown.last_known_source,
        "sample_run_ids": list(unknown.sample_run_ids),
        "lost_patches": _places(unknown.lost_patches),
        "taken": list(unknown.taken),
        "nodes": list(unknown.nodes),
    }


def _waiting(run: WaitingRun) -> dict[str, Any]:
    return asdict(run)


def _places(places: Sequence[CodePlace]) -> list[dict[str, Any]]:
    return [asdict(each) for each in places]
