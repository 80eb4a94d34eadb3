"""The codecs of the documentation, end to end: nothing readable is stored, all is restored."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import continuum
from continuum import Continuum, PayloadError, Retry, activity, workflow
from continuum.codec.annotations import MAX_PAYLOAD

DOCUMENT = Path(__file__).parents[2] / "docs" / "codecs.md"
SECRET = "4242-4242"
SEALED = {
    "continuum_runs": ["input", "result"],
    "continuum_events": ["payload"],
    "continuum_inbox": ["payload"],
    "continuum_tasks": ["payload"],
    "continuum_activity_results": ["result"],
    "continuum_heartbeats": ["details"],
    "continuum_questions": ["answer"],
}


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The codec that the documentation builds."""
    pattern = re.compile(r"^```python (\w+)\.py\n(.*?)^```", re.DOTALL | re.MULTILINE)
    names: list[str] = []
    for name, code in pattern.findall(DOCUMENT.read_text()):
        (tmp_path / f"{name}.py").write_text(code)
        names.append(name)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        yield __import__("sealing").codec
    finally:
        for name in names:
            sys.modules.pop(name, None)


@activity(queue="vault", idempotency_key=lambda card: f"store-{len(card)}", retry=Retry(2, 0.01))
async def store_card(card: str) -> str:
    before = continuum.last_heartbeat()
    continuum.heartbeat({"card": card})
    if before is None:
        raise ValueError("once")
    return f"{before['card']} stored"


@workflow
async def keeping(card: str) -> str:
    (await continuum.wait_question("card", type=str)).answer(card)
    stored = await store_card(card)
    return stored + await continuum.wait_signal("confirmation", type=str)


async def test_nothing_readable_is_stored(dsn: str, both: Any) -> None:
    """Inputs, results, signals, tasks, keys and heartbeats pass the codec, both ways."""
    async with (
        Continuum(dsn, codec=both) as ct,
        ct.worker([keeping], activities=[store_card], queues=["vault"]),
    ):
        run = await ct.start(keeping, SECRET)
        assert await run.ask("card", SECRET, timeout=20) == SECRET
        await ct.signal(run.id, "confirmation", f" and {SECRET}")
        assert await run.result(timeout=20) == f"{SECRET} stored and {SECRET}"
        history = await ct.history(run.id)
        assert SECRET in str(history)
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        seen = 0
        for table, columns in SEALED.items():
            for column in columns:
                query = sql.SQL("SELECT {} FROM {} WHERE {} IS NOT NULL").format(
                    sql.Identifier(column), sql.Identifier(table), sql.Identifier(column)
                )
                for (data,) in await (await connection.execute(query)).fetchall():
                    seen += 1
                    assert SECRET.encode() not in data, f"{table}.{column}"
        assert seen >= 8


async def test_a_payload_above_the_limit_says_what_and_how_much(dsn: str) -> None:
    """The error names the value and both sizes, and nothing was written."""
    async with Continuum(dsn) as ct, ct.worker([keeping], activities=[store_card]):
        with pytest.raises(PayloadError, match=rf"keeping.*{MAX_PAYLOAD:,}"):
            await ct.start(keeping, "x" * (MAX_PAYLOAD + 1))
        page = await ct.query(namespace=None)
        assert len(page.entries) == 0
