"""Metrics of OpenTelemetry."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from continuum import Continuum
from tests.telemetry import flows


def points(reader: InMemoryMetricReader, name: str) -> dict[frozenset[Any], Any]:
    """Labels -> value (a counter) or count (a histogram)."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        frozenset(point.attributes.values()): getattr(point, "value", None) or point.count
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    }


async def test_ends_and_attempts_are_counted(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs by workflow and state, attempts by activity and outcome, with their times."""
    flows.tries.clear()
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    async with Continuum(dsn) as ct, ct.worker([flows.order_flow, flows.ship]):
        run = await ct.start(flows.order_flow, "m1")
        await run.signal("go")
        assert await run.result(timeout=30) == "shipped"
    ended = {
        frozenset({"default", "order", "completed"}): 1,
        frozenset({"default", "ship", "completed"}): 1,
    }
    assert points(reader, "continuum.runs.ended") == ended
    assert points(reader, "continuum.run.seconds") == ended
    attempts = {
        frozenset({"charge", "raised"}): 1,
        frozenset({"charge", "completed"}): 1,
        frozenset({"pack", "completed"}): 1,
    }
    assert points(reader, "continuum.activity.attempts") == attempts
    assert points(reader, "continuum.activity.seconds") == attempts
    [events] = points(reader, "continuum.events.committed").values()
    [turns] = points(reader, "continuum.turns.committed").values()
    assert events > turns > 3
    provider.shutdown()
