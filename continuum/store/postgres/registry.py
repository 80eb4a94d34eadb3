"""The durable registry of versions and of the names of their patches (rules 16, 17 and 20)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from continuum.journal.turn import VersionPin
from continuum.store.postgres.arrays import (
    Element,
    Packed,
    float8s,
    int4_item,
    int8s,
    jsonb_item,
    pack,
    texts,
)
from continuum.store.postgres.session import Session
from continuum.store.postgres.statements import statements
from continuum.versions.facts import CodeFacts, CodePlace, retentions
from continuum.versions.patch_names import PatchChanges, PatchForm, VersionFacts, patch_changes

_SQL: Final = statements("registry")
_RETENTION: Final = statements("retention")
_NOTHING_KNOWN: Final = CodeFacts()


async def register_versions(
    session: Session,
    node_id: UUID | None,
    pins: Sequence[VersionPin],
    sources: Mapping[str, str],
    facts: Mapping[int, CodeFacts],
) -> None:
    """Insert or refresh versions, in the session's transaction: those of a node, if one is named.

    Raises:
        PatchNameReused: see `versions.patch_names`; nothing was written.
    """
    versions = dict(sorted({pin.version_id: pin for pin in pins}.items()))
    known = {version_id: facts.get(version_id, _NOTHING_KNOWN) for version_id in versions}
    await session.rows(_SQL["lock_registry"])
    changes = await _patch_changes(session, versions, known)
    ids = int8s(versions)
    await session.run(
        _SQL["register_versions"],
        [
            ids,
            texts(pin.workflow for pin in versions.values()),
            _numbers(pin.version for pin in versions.values()),
            texts(pin.version_hash for pin in versions.values()),
            texts(pin.runtime for pin in versions.values()),
            texts(
                known[version_id].source or sources.get(pin.workflow)
                for version_id, pin in versions.items()
            ),
            _documents(sorted(each.taken) for each in known.values()),
            _documents(sorted(changes.decided[version_id]) for version_id in versions),
            _documents(each.patch_sites for each in known.values()),
            _documents(each.opaque for each in known.values()),
            _documents(each.codecs for each in known.values()),
            texts(each.codec_fingerprint for each in known.values()),
        ],
    )
    await _write_patches(session, changes)
    if node_id is not None:
        await session.run(_SQL["register_node_versions"], [node_id, ids])


async def register_workflows(
    session: Session, pins: Sequence[VersionPin], facts: Mapping[int, CodeFacts]
) -> None:
    """Note what the code of a node that joins says of its workflows, after `register_versions`."""
    found = retentions(pins, facts)
    await session.run(_RETENTION["register_workflows"], [texts(found), float8s(found.values())])


async def taken_patches(
    session: Session, workflows: Sequence[str]
) -> list[tuple[str, frozenset[str]]]:
    """See `OwnershipStore.taken_patches`."""
    rows = await session.rows(_SQL["taken_patches"], [texts(workflows)])
    return [(workflow, frozenset(taken)) for workflow, taken in rows]


async def _patch_changes(
    session: Session, versions: Mapping[int, VersionPin], facts: Mapping[int, CodeFacts]
) -> PatchChanges:
    wanted = {*versions, *(below for each in facts.values() for below in each.below)}
    decided = await session.rows(_SQL["decided"], [int8s(sorted(wanted))])
    forms = await session.rows(
        _SQL["patch_forms"], [texts({pin.workflow for pin in versions.values()})]
    )
    return patch_changes(
        [VersionFacts(each, versions[each].workflow, facts[each]) for each in versions],
        {version_id: frozenset(names) for version_id, names in decided},
        [
            PatchForm(workflow, name, form, CodePlace(name, file, line), *rest)
            for workflow, name, form, file, line, *rest in forms
        ],
    )


async def _write_patches(session: Session, changes: PatchChanges) -> None:
    if changes.forms:
        await session.run(
            _SQL["register_patches"],
            [
                texts(each.workflow for each in changes.forms),
                texts(each.name for each in changes.forms),
                texts(each.form for each in changes.forms),
                texts(each.place.file for each in changes.forms),
                _numbers(each.place.line for each in changes.forms),
            ],
        )
    if changes.removed:
        await session.run(
            _SQL["remove_patches"],
            [
                texts(workflow for workflow, _ in changes.removed),
                texts(name for _, name in changes.removed),
                texts(changes.removed.values()),
            ],
        )


def _numbers(values: Iterable[int]) -> Packed:
    return pack(Element.INT4, [int4_item(each) for each in values])


def _documents(values: Iterable[Any]) -> Packed:
    return pack(Element.JSONB, [jsonb_item(msgspec.json.encode(each)) for each in values])
