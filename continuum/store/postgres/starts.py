"""Inserting runs that no worker owns yet (`ClientStore.insert_runs`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec.json import encode

from continuum.codec.hooks import PayloadCodec
from continuum.journal.trace import encode_context
from continuum.journal.turn import NewRun
from continuum.store.postgres.arrays import (
    NULL,
    Element,
    blobs,
    int4_item,
    int8s,
    jsonb_item,
    pack,
    texts,
    uuid_item,
    uuids,
)
from continuum.store.postgres.session import Procedure, Row, Sessions
from continuum.store.postgres.statements import statements

_SQL: Final = statements("starts")
EXISTING: Final = _SQL["existing"]
NOTIFY_CAPABLE: Final = _SQL["notify_capable"]


class PostgresStarts:
    """Inserts unowned, ready, unpinned runs."""

    def __init__(self, sessions: Sessions, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._codec = codec

    async def insert_runs(self, runs: Sequence[NewRun]) -> list[NewRun | None]:
        """See `ClientStore.insert_runs`."""
        async with self._sessions.autocommit() as session:
            return await session.carry_out(inserting(runs, self._codec, notify=False))


def inserting(
    runs: Sequence[NewRun], codec: PayloadCodec, *, notify: bool
) -> Procedure[list[NewRun | None]]:
    """Insert runs; answers in their place those that were there.

    Args:
        runs: to be inserted.
        codec: of this database's payloads.
        notify: hint a capable worker when the transaction commits, which is somebody else's.
    """
    made = yield _SQL["insert_runs"], _columns(runs, codec)
    missed = missed_of(runs, made)
    # A statement of its own, so it sees a row whose writer the first one waited for.
    rows = (yield EXISTING, keys_of(runs, missed)) if missed else []
    if notify and made:
        yield NOTIFY_CAPABLE, _new_ids(runs, missed)
    existing = existing_of(runs, rows, codec)
    answers: list[NewRun | None] = [None] * len(runs)
    for n in missed:
        answers[n] = existing[n]
    return answers


def _columns(runs: Sequence[NewRun], codec: PayloadCodec) -> list[object]:
    return [
        uuids(run.run_id for run in runs),
        texts(run.namespace for run in runs),
        texts(run.workflow for run in runs),
        blobs(codec.seal(run.input) for run in runs),
        pack(Element.JSONB, [jsonb_item(encode(dict(run.attributes))) for run in runs]),
        texts(run.idempotency_key for run in runs),
        pack(
            Element.UUID,
            [NULL if run.parent_id is None else uuid_item(run.parent_id) for run in runs],
        ),
        int8s(run.unpinned.version_id for run in runs),
        trace_payloads(runs, codec),
    ]


def trace_payloads(runs: Sequence[NewRun], codec: PayloadCodec) -> object:
    """What goes into the inbox of each run that is started within a trace."""
    return blobs(
        None if run.trace is None else codec.seal(encode_context(run.trace)) for run in runs
    )


def missed_of(runs: Sequence[NewRun], made: Sequence[Row]) -> list[int]:
    """Places in the batch whose run was not inserted; a run id given twice counts once."""
    inserted: set[UUID] = {run_id for (run_id,) in made}
    missed: list[int] = []
    for n, run in enumerate(runs):
        if run.run_id in inserted:
            inserted.discard(run.run_id)
        else:
            missed.append(n)
    return missed


def keys_of(runs: Sequence[NewRun], missed: Sequence[int]) -> list[object]:
    """Parameters of `existing` for those places of the batch."""
    chosen = [runs[n] for n in missed]
    return [
        pack(Element.INT4, [int4_item(n) for n in missed]),
        uuids(run.run_id for run in chosen),
        texts(run.namespace for run in chosen),
        texts(run.workflow for run in chosen),
        texts(run.idempotency_key for run in chosen),
    ]


def _new_ids(runs: Sequence[NewRun], missed: Sequence[int]) -> list[object]:
    gone = set(missed)
    return [int8s({run.unpinned.version_id for n, run in enumerate(runs) if n not in gone})]


def existing_of(
    runs: Sequence[NewRun], rows: Sequence[Row], codec: PayloadCodec
) -> dict[int, NewRun]:
    """The run that is there already, by place in the batch, from rows of `existing`."""
    existing: dict[int, NewRun] = {}
    for row in rows:
        place: int = row[0]
        run_id, namespace, workflow, data, attributes, once, parent_id, key = row[1:]
        made_with: bytes = runs[place].input if data is None else codec.open(data)
        run = NewRun(run_id, namespace, workflow, made_with, attributes, once, parent_id, key=key)
        existing.setdefault(place, run)
    return existing
