"""The names of patches that code of the workflows has mentioned (rule 16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from continuum.journal.turn import VersionPin
from continuum.store.memory.tables import Tables
from continuum.versions.facts import CodeFacts
from continuum.versions.patch_names import VersionFacts, patch_changes


def register_patches(
    tables: Tables, pins: Sequence[VersionPin], facts: Mapping[int, CodeFacts]
) -> None:
    """Note what these versions say of patches.

    Raises:
        PatchNameReused: see `versions.patch_names`; nothing was noted.
    """
    now = tables.clock.now()
    nothing = CodeFacts()
    workflows = {pin.version_id: pin.workflow for pin in pins}
    changes = patch_changes(
        [VersionFacts(each, name, facts.get(each, nothing)) for each, name in workflows.items()],
        tables.decided_patches,
        tables.patch_forms.values(),
    )
    tables.decided_patches.update(changes.decided)
    for form in changes.forms:
        key = form.workflow, form.name, form.form
        known = tables.patch_forms.get(key, form)
        tables.patch_forms[key] = replace(known, place=form.place, last_seen_at=now)
    for key, form in tables.patch_forms.items():
        removed_by = changes.removed.get((form.workflow, form.name))
        if removed_by is not None and form.removed_at is None:
            tables.patch_forms[key] = replace(form, removed_at=now, removed_by=removed_by)
