"""The versions as the report lists them, with the patches of the code that runs each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from continuum.audit.forecast import Forecasts
from continuum.audit.loaded import LoadedCode
from continuum.audit.report import PatchSite, Split, VersionEntry
from continuum.audit.selecting import live_runs_of
from continuum.audit.splitting import Replays
from continuum.audit.view import View
from continuum.journal.turn import VersionPin
from continuum.store.auditing import CodecChange, KnownVersion
from continuum.versions.facts import CodePlace


@dataclass(frozen=True, slots=True)
class Samples:
    """What single runs have shown.

    Attributes:
        newest: version id to its newest start.
        oldest: version id to the start of its oldest live run, where that matters.
        forecasts, replays: have read what `View.needed` names.
    """

    newest: Mapping[int, datetime]
    oldest: Mapping[int, datetime]
    forecasts: Forecasts
    replays: Replays


class Entries:
    """Everything that is registered, and loaded code that no worker has registered yet."""

    def __init__(self, view: View, samples: Samples) -> None:
        self._view = view
        self._samples = samples
        self._sites: dict[LoadedCode, list[PatchSite]] = {}

    def all(self) -> list[VersionEntry]:
        """By workflow; the newest version first."""
        view = self._view
        entries = [
            self._entry(known.pin, known) for known in view.facts.versions if known.pin.version_hash
        ]
        entries += [
            self._entry(code.flow.pin, None)
            for code in (view.app.codes if view.app else ())
            if not code.ids & view.known.keys()
        ]
        return sorted(entries, key=lambda each: (each.workflow, -each.version))

    def of(self, version_id: int, pin: VersionPin) -> VersionEntry:
        """One version, whatever the registry knows of it."""
        return self._entry(pin, self._view.known.get(version_id))

    def _entry(self, pin: VersionPin, known: KnownVersion | None) -> VersionEntry:
        view, version_id = self._view, pin.version_id
        codes = view.app.codes_of(version_id) if view.app else []
        opaque = {place for code in codes for place in code.opaque}
        return VersionEntry(
            workflow=pin.workflow,
            version=codes[0].flow.version if codes else pin.version,
            version_hash=pin.version_hash,
            runtime=pin.runtime,
            loaded=version_id in view.runnable,
            live_runs=view.live[version_id],
            nodes=view.nodes.get(version_id, []),
            source=codes[0].flow.source if codes else known.source if known else None,
            first_seen_at=known.first_seen_at if known else None,
            last_seen_at=known.last_seen_at if known else None,
            last_started_at=self._samples.newest.get(version_id),
            taken=known.taken if known else (),
            known_sites=known.patch_sites if known else (),
            patch_sites=[site for code in codes for site in self._sites_of(code)],
            opaque=sorted(opaque, key=lambda place: (place.file, place.line, place.name)),
            codec_changes=self._codec_changes(codes, known) if known else (),
        )

    def _codec_changes(
        self, codes: Sequence[LoadedCode], known: KnownVersion
    ) -> Sequence[CodecChange]:
        """Those that may matter: some live run is older."""
        if not self._view.live[known.version_id]:
            return ()
        oldest = self._samples.oldest.get(known.version_id)
        changes = [
            each
            for each in known.codec_changes
            if oldest is None or each.at is None or each.at >= oldest
        ]
        pending = codes[0].codec_change(known) if codes else None
        return [*changes, pending] if pending else changes

    def _sites_of(self, code: LoadedCode) -> list[PatchSite]:
        if code not in self._sites:
            named = {place.name: self._site(code, place) for place in code.sites}
            self._sites[code] = [replace(named[place.name], place=place) for place in code.sites]
        return self._sites[code]

    def _site(self, code: LoadedCode, place: CodePlace) -> PatchSite:
        view, name = self._view, place.name
        with_patch, without = code.with_patch(name), code.without_patch(name)
        needing = view.needing(code, name)
        split = Split(
            took_new=view.count(with_patch - without),
            old_or_not_reached=view.count(needing),
            cannot_reach=view.count(with_patch & without),
        )
        seen = [
            known.first_seen_at
            for known in view.facts.versions
            if known.pin.workflow == code.flow.name and name in known.taken
        ]
        split = self._samples.replays.tell(split, name, needing)
        return PatchSite(
            place,
            code.flow.version,
            "still-in-use" if split.old_or_not_reached else "safe-to-remove",
            split,
            min(seen, default=None),
            self._samples.forecasts.of(code.flow.name, needing),
            len(code.opaque),
            self._where(code.flow.name, needing),
        )

    def _where(self, workflow: str, version_ids: frozenset[int]) -> str | None:
        known = [self._view.known[each].pin for each in version_ids if each in self._view.known]
        hashes = sorted({pin.version_hash for pin in known})
        return live_runs_of(workflow, hashes) if hashes else None
