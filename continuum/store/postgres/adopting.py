"""Binds live runs to other code (`AdoptionStore`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from continuum.codec.hooks import PayloadCodec
from continuum.operators.acts import Act
from continuum.store.adopting import Adoption, AdoptionStatus, with_former
from continuum.store.postgres.arrays import (
    Element,
    bool_item,
    bytes_item,
    int4_item,
    int8s,
    pack,
    texts,
    uuids,
)
from continuum.store.postgres.recording import Record
from continuum.store.postgres.registry import register_versions
from continuum.store.postgres.session import Sessions
from continuum.store.postgres.statements import statements
from continuum.versions.facts import CodeFacts

_SQL: Final = statements("adopting")


class PostgresAdoptions:
    """Adopts runs, a batch in a transaction."""

    def __init__(self, sessions: Sessions, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._codec = codec

    async def adopt(
        self,
        adoptions: Sequence[Adoption],
        facts: Mapping[int, CodeFacts],
        act: Act | None = None,
    ) -> Mapping[UUID, AdoptionStatus]:
        """See `AdoptionStore`."""
        wanted = {each.run_id: each for each in adoptions}
        statuses = dict.fromkeys(wanted, AdoptionStatus.ENDED)
        held: list[Adoption] = []
        async with self._sessions.transaction() as session:
            for row in await session.rows(_SQL["lock"], [uuids(wanted)]):
                run_id, owned, next_seq, version_id = row
                adoption = wanted[run_id]
                if owned:
                    statuses[run_id] = AdoptionStatus.OWNED
                elif (next_seq, version_id) != (adoption.next_seq, adoption.former.version_id):
                    statuses[run_id] = AdoptionStatus.MOVED_ON
                else:
                    statuses[run_id] = AdoptionStatus.ADOPTED
                    held.append(adoption)
            if held:
                acts = Record()
                for each in held:
                    outcome = "released" if each.released else "adopted"
                    acts.add(act, outcome, run_id=each.run_id, version_hash=each.pin.version_hash)
                await acts.write(session)
                await session.run(_SQL["adopt"], self._columns(held))
                pins = [each.pin for each in held]
                await register_versions(session, None, pins, {}, with_former(facts, held))
        return statuses

    def _columns(self, adoptions: Sequence[Adoption]) -> list[object]:
        seal, encode = self._codec.seal, msgspec.json.encode
        return [
            uuids(each.run_id for each in adoptions),
            int8s(each.next_seq for each in adoptions),
            pack(Element.INT4, [int4_item(each.incarnation) for each in adoptions]),
            int8s(each.pin.version_id for each in adoptions),
            pack(Element.INT4, [int4_item(each.pin.version) for each in adoptions]),
            texts(each.pin.version_hash for each in adoptions),
            texts(each.pin.runtime for each in adoptions),
            pack(Element.BOOL, [bool_item(each.released) for each in adoptions]),
            pack(Element.BYTEA, [bytes_item(seal(encode(each.event))) for each in adoptions]),
        ]
