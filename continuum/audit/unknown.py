"""Live runs that the audited code cannot run, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from continuum.audit.report import UnknownVersion
from continuum.audit.view import View
from continuum.journal.turn import VersionPin
from continuum.store.auditing import RunExample
from continuum.versions.runtime import runtime_tag

SAMPLE: Final = 5
"""Runs that are named of each version."""


def unknown_versions(view: View, examples: Iterable[RunExample]) -> list[UnknownVersion]:
    """The versions of live runs that cannot be run, those with most runs first.

    Args:
        view: the snapshot.
        examples: runs of each of these versions, the oldest first.
    """
    runs: dict[int, list[RunExample]] = {}
    for run in examples:
        runs.setdefault(run.version_id, []).append(run)
    found = [
        _unknown(view, version_id, runs.get(version_id, []))
        for version_id in view.live.keys() - view.runnable
        if version_id in view.known or version_id in runs
    ]
    return sorted(found, key=lambda each: (-each.live_runs, each.workflow, each.version_hash))


def _unknown(view: View, version_id: int, runs: Sequence[RunExample]) -> UnknownVersion:
    known = view.known.get(version_id)
    pin = known.pin if known is not None else runs[0].pin
    mentioned = view.app.patches_of(pin.workflow) if view.app else frozenset[str]()
    sites = known.patch_sites if known is not None and view.app else ()
    return UnknownVersion(
        workflow=pin.workflow,
        version=pin.version,
        version_hash=pin.version_hash,
        runtime=pin.runtime,
        reason=_reason(view, pin),
        live_runs=view.live[version_id],
        oldest_started_at=min((run.started_at for run in runs), default=None),
        last_known_source=None if known is None else known.source,
        sample_run_ids=[run.run_id for run in runs[:SAMPLE]],
        lost_patches=[site for site in sites if site.name not in mentioned],
        taken=() if known is None else known.taken,
        nodes=view.nodes.get(version_id, []),
    )


def _reason(view: View, pin: VersionPin) -> Literal["version", "workflow", "runtime"]:
    if view.app is None:
        names = {view.known[each].pin.workflow for each in view.runnable if each in view.known}
        same = {view.known[each].pin.version_hash for each in view.runnable if each in view.known}
        if pin.workflow not in names:
            return "workflow"
        return "runtime" if pin.version_hash and pin.version_hash in same else "version"
    if pin.workflow not in view.app.names:
        return "workflow"
    here = VersionPin(pin.workflow, pin.version, pin.version_hash, runtime_tag())
    return "runtime" if here.version_id in view.app.ids else "version"
