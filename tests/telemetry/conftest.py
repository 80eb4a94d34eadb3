"""A provider for the length of a test, and what it has recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from continuum.telemetry.calling import observers
from continuum.worker.observing import Observer, Observers
from tests.telemetry import flows
from tests.worker.cluster import Member


@dataclass
class Recorded:
    """The spans of a test."""

    provider: TracerProvider
    exporter: InMemorySpanExporter

    def spans(self) -> list[ReadableSpan]:
        """In the order of their ends; no two have one id."""
        spans = list(self.exporter.get_finished_spans())
        ids = [span.context.span_id for span in spans]
        assert len(ids) == len(set(ids)), f"recorded twice: {sorted(s.name for s in spans)}"
        return spans

    def tree(self) -> dict[str, list[str | None]]:
        """Name -> names of the parents of the spans that have it; None for a root."""
        spans = self.spans()
        names = {span.context.span_id: span.name for span in spans}
        found: dict[str, list[str | None]] = {}
        for span in spans:
            parent = None if span.parent is None else names[span.parent.span_id]
            found.setdefault(span.name, []).append(parent)
        return found

    def observe(self, member: Member) -> Member:
        """Trace a worker, as `Continuum.worker` does."""
        member.worker.runner.observer = member.worker.activities.observer = Observers(observers())
        return member

    async def kill(self, member: Member) -> None:
        """End a worker like SIGKILL: it records nothing any more."""
        member.worker.runner.observer = member.worker.activities.observer = Observer()
        await member.die()


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """A provider of the SDK is set up, for this test only."""
    flows.tries.clear()
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield Recorded(provider, exporter)
    provider.shutdown()
