"""A shop: one database, a client, and real workers that come and go as releases do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from continuum import Continuum, Workflow
from continuum.audit.record import report_record
from continuum.audit.report import AuditReport, Finding, PatchSite, UnknownVersion
from continuum.cli.records import to_json
from tests.worker.cluster import Cluster, eventually, open_cluster

Flow = Workflow[..., Any]


@cache
def schema() -> Draft202012Validator:
    """The JSON schema of the report, as it is shipped."""
    text = files("continuum.audit").joinpath("report.schema.json").read_text()
    document = msgspec.json.decode(text)
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=FormatChecker())


@dataclass
class Shop:
    """What a test does to it."""

    client: Continuum
    dsn: str

    @asynccontextmanager
    async def release(self, *flows: Flow, **options: Any) -> AsyncGenerator[None]:
        """A worker with this code, until the block ends and it leaves in good order."""
        async with self.client.worker(flows, **options):
            yield

    async def start(self, flow: Flow, *args: Any, waits: str, **options: Any) -> UUID:
        """Start a run and wait until it waits for that."""
        run = await self.client.start(flow, *args, **options)
        await self.waiting([run.id], waits)
        return run.id

    async def move(self, run_ids: Sequence[UUID], signal: str, waits: str) -> None:
        """Send a signal to runs and wait until all of them wait for something else."""
        for run_id in run_ids:
            await self.client.signal(run_id, signal)
        await self.waiting(run_ids, waits)

    async def finish(self, run_ids: Sequence[UUID], signal: str) -> None:
        """Send runs the signal after which they end."""
        for run_id in run_ids:
            await self.client.signal(run_id, signal)
            await self.client.result(run_id, timeout=20)

    async def waiting(self, run_ids: Sequence[UUID], waits: str) -> None:
        """Wait until what each of these waits for begins so."""

        async def look() -> bool:
            runs = [await self.client.get_run(run_id) for run_id in run_ids]
            return all((run.waiting_on or "").startswith(waits) for run in runs)

        await eventually(look)

    async def attempted(self, run_id: UUID) -> None:
        """Wait until a run has an activity under way."""

        async def look() -> bool:
            events = await self.client.history(run_id)
            return any(event.type == "activity_scheduled" for event in events)

        await eventually(look)

    async def audit(self, *flows: Flow) -> AuditReport:
        """The report on this code (none: on what live workers have); its JSON fits the schema."""
        report = await self.client.audit(flows or None)
        schema().validate(msgspec.json.decode(to_json(report_record(report))))
        return report

    async def found(self, where: str | None) -> set[UUID]:
        """The runs that an expression of the report finds, in every namespace."""
        assert where is not None
        page = await self.client.query(where, namespace=None, limit=1000)
        return {run.id for run in page.entries}


def told(report: AuditReport, code: str) -> Finding:
    """The one finding of this sort."""
    [found] = [each for each in report.findings if each.code == code]
    return found


def codes(report: AuditReport) -> dict[str, str]:
    """The findings' codes with their severities."""
    return {finding.code: finding.severity for finding in report.findings}


def site(report: AuditReport, patch: str) -> PatchSite:
    """The patch as the report has it: the same at each version of its code."""
    found = [s for entry in report.workflows for s in entry.patch_sites if s.place.name == patch]
    assert all(each == found[0] for each in found)
    return found[0]


def unknown(report: AuditReport) -> UnknownVersion:
    """The one version that nothing can run."""
    [found] = report.unknown_versions
    return found


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    """A migrated database and a client of it."""
    async with Continuum(dsn) as client:
        yield Shop(client, dsn)


@pytest.fixture
async def cluster(dsn: str) -> AsyncIterator[Cluster]:
    """Workers that can also die, on the same database."""
    cluster = await open_cluster(dsn)
    try:
        yield cluster
    finally:
        await cluster.close()
