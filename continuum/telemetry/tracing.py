"""Traces of OpenTelemetry: spans of starts, runs, attempts of activities, signals and questions.

The ids of what a worker records follow from the run (`journal.trace`), and it records only what it
did itself and what is durable. So a takeover repeats no span, and the spans of all processes that
a run came through belong together without anything being exchanged.
"""

from __future__ import annotations

import contextvars
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import Context, ContextVar
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)

from continuum.engine.outcome import RunIdentity
from continuum.journal.events import Entry, EventKind, Failure
from continuum.journal.trace import (
    NO_PARENT,
    TraceContext,
    attempt_span,
    beginning,
    parse_context,
    run_span,
    signal_span,
)
from continuum.journal.turn import RunEnd, Turn
from continuum.system import EPOCH
from continuum.worker.attempt import Attempt
from continuum.worker.observing import Observer
from continuum.worker.owned import OwnedRun

SCOPE: Final = "continuum"
"""The instrumentation scope of all spans and metrics."""

_SAMPLED: Final = 1
_RECEIVED: Final = {
    EventKind.SIGNAL_RECEIVED: "signal", EventKind.QUESTION_RECEIVED: "question",
}  # fmt: skip


@contextmanager
def producing(name: str, attributes: Mapping[str, str]) -> Generator[str | None]:
    """A span of kind producer under the current one; yields the context to hand on."""
    tracer = trace.get_tracer(SCOPE)
    with tracer.start_as_current_span(
        name, kind=SpanKind.PRODUCER, attributes=_prefixed(attributes)
    ) as span:
        found = span.get_span_context()
        yield (
            str(TraceContext(found.trace_id, found.span_id, int(found.trace_flags)))
            if found.is_valid
            else None
        )


def tracing() -> list[Observer]:
    """The observer for a worker, if a provider of the SDK has been set."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        return []
    tracer = provider.get_tracer(SCOPE)
    return [Tracing(tracer)] if isinstance(tracer, SdkTracer) else []


class _DerivedIds(IdGenerator):
    """Gives a span the ids that were laid down for it, else those of the user's generator."""

    def __init__(self, inner: IdGenerator) -> None:
        self._inner = inner
        self.next: ContextVar[tuple[int, int] | None] = ContextVar("ids", default=None)

    def generate_span_id(self) -> int:
        laid_down = self.next.get()
        return self._inner.generate_span_id() if laid_down is None else laid_down[1]

    def generate_trace_id(self) -> int:
        laid_down = self.next.get()
        return self._inner.generate_trace_id() if laid_down is None else laid_down[0]

    def is_trace_id_random(self) -> bool:
        return self.next.get() is None and self._inner.is_trace_id_random()


class Tracing(Observer):
    """Records what a worker did.

    Args:
        tracer: of the SDK; its ids are laid down by us from now on, where we know them.
    """

    def __init__(self, tracer: SdkTracer) -> None:
        if not isinstance(tracer.id_generator, _DerivedIds):
            tracer.id_generator = _DerivedIds(tracer.id_generator)
        self._ids = tracer.id_generator
        self._sampler = tracer.sampler
        self._tracer: Tracer = tracer
        self._open: dict[Attempt, Span] = {}

    def trace_of(self, run_id: UUID) -> str | None:
        """See `Observer`: a trace of its own, recorded if the sampler wants it."""
        context = beginning(run_id)
        result = self._sampler.should_sample(None, context.trace_id, "run")
        sampled = result.decision.is_sampled()
        return str(TraceContext(context.trace_id, NO_PARENT, _SAMPLED if sampled else 0))

    def committed(self, run: OwnedRun, turn: Turn) -> None:
        """See `Observer`: signals and questions it received, and its end."""
        execution = run.execution
        identity = None if execution is None else execution.identity
        context = None if identity is None else parse_context(identity.trace)
        if identity is None or context is None:
            return
        for entry in turn.entries:
            if entry.kind in _RECEIVED:
                self._received(identity, context, entry, _RECEIVED[entry.kind])
        if turn.end is not None:
            self._run(identity, context, turn.end, turn.entries[-1].at)

    def attempt_begins(self, attempt: Attempt) -> Context | None:
        """See `Observer`: what user code records goes under the span of the attempt."""
        call = attempt.call
        context = parse_context(call.trace)
        if context is None:
            return None
        span = self._start(
            f"activity {call.activity.name}",
            context,
            attempt_span(call.run_id, call.incarnation, call.command, call.attempt),
            SpanKind.CONSUMER if attempt.run.is_task else SpanKind.INTERNAL,
            {
                "run.id": str(call.run_id),
                "namespace": call.namespace,
                "activity": call.activity.name,
                "command": call.command,
                "attempt": call.attempt,
            },
        )
        self._open[attempt] = span
        inside = contextvars.copy_context()
        inside.run(contexts.attach, trace.set_span_in_context(span))
        return inside

    def attempt_ended(self, attempt: Attempt, outcome: str, failure: Failure | None = None) -> None:
        """See `Observer`: one that has not begun leaves no span."""
        span = self._open.pop(attempt, None)
        if span is None or outcome == "held":
            return
        span.set_attribute("continuum.outcome", outcome)
        if failure is not None:
            _fail(span, failure)
        span.end()

    def _received(self, run: RunIdentity, context: TraceContext, entry: Entry, what: str) -> None:
        at = _nanoseconds(entry.at)
        span = self._start(
            f"receive {entry.body.name}",
            context.under(run_span(run.run_id, run.retries)),
            signal_span(run.run_id, entry.body.message),
            SpanKind.CONSUMER,
            {"run.id": str(run.run_id), "namespace": run.namespace, what: entry.body.name},
            at,
        )
        span.end(at)

    def _run(self, run: RunIdentity, context: TraceContext, end: RunEnd, at: datetime) -> None:
        if context.span_id == NO_PARENT and not context.flags & _SAMPLED:
            return  # asked once, for all of its spans
        attributes: dict[str, str | int] = {
            "run.id": str(run.run_id),
            "namespace": run.namespace,
            "workflow": run.workflow.name,
            "state": end.state.value,
            "incarnation": run.incarnation,
        }
        if run.parent_id is not None:
            attributes["parent.id"] = str(run.parent_id)
        if run.retries:
            attributes["retries"] = run.retries
        span = self._start(
            f"run {run.workflow.name}",
            context,
            run_span(run.run_id, run.retries),
            SpanKind.CONSUMER,
            attributes,
            _nanoseconds(run.started_at),
        )
        if end.error is not None:
            _fail(span, end.error)
        span.end(_nanoseconds(at))

    def _start(
        self,
        name: str,
        parent: TraceContext,
        span_id: int,
        kind: SpanKind,
        attributes: Mapping[str, str | int],
        at: int | None = None,
    ) -> Span:
        token = self._ids.next.set((parent.trace_id, span_id))
        try:
            return self._tracer.start_span(
                name, _context_of(parent), kind, _prefixed(attributes), start_time=at
            )
        finally:
            self._ids.next.reset(token)


def _context_of(parent: TraceContext) -> contexts.Context:
    """A context in which the parent is current; empty when there is none."""
    if parent.span_id == NO_PARENT:
        return contexts.Context()
    flags = TraceFlags(parent.flags)
    remote = SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(remote), contexts.Context())


def _fail(span: Span, failure: Failure) -> None:
    span.set_status(Status(StatusCode.ERROR, failure.message))
    described = {"exception.type": failure.type, "exception.message": failure.message}
    if failure.details is not None:
        described["exception.stacktrace"] = failure.details
    span.add_event("exception", described)


def _nanoseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


def _prefixed(attributes: Mapping[str, str | int]) -> dict[str, str | int]:
    return {f"continuum.{name}": value for name, value in attributes.items()}
