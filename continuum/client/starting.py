"""From a `start` call to the run to be inserted: everything is checked here, nothing is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from continuum.client.identifiers import check_key, parse_run_id
from continuum.codec.annotations import MAX_PAYLOAD
from continuum.codec.attributes import (
    check_attributes,
    check_json,
    check_name,
    check_namespace,
)
from continuum.declare.durations import Duration, optional_seconds, seconds
from continuum.declare.workflow import Workflow
from continuum.errors import (
    ConfigurationError,
    DefinitionError,
    DuplicateRun,
    KeyTaken,
    PayloadError,
    WorkflowNotFound,
)
from continuum.journal.turn import NewRun
from continuum.model import NodeInfo
from continuum.operators.acts import Act
from continuum.store.starts import FirstSignal, KeyReuse, StartOrder, StartOutcome
from continuum.system import new_run_id

DEFAULT_GRACE: Final = 60.0
"""Seconds in which a run that is out of time may clean up."""


def prepare(
    flow: Workflow[..., Any] | str,
    args: Sequence[Any],
    *,
    namespace: str = "default",
    attributes: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    run_id: UUID | str | None = None,
    key: str | None = None,
    key_reuse: str = "allow",
    delay: Duration | None = None,
    start_at: datetime | None = None,
    execution_timeout: Duration | None = None,
    timeout_grace: Duration = DEFAULT_GRACE,
    signal: FirstSignal | None = None,
) -> StartOrder:
    """What these arguments of `start` ask for.

    Raises:
        PayloadError, AttributesError, NamespaceError, MalformedRunId, DefinitionError.
        ConfigurationError: options that do not go together.
    """
    if isinstance(flow, str):
        name, encoded = flow, _encode_untyped(flow, args)
    elif isinstance(flow, Workflow):
        name, encoded = flow.name, flow.signature.encode(tuple(args), {})
    else:
        raise DefinitionError(
            f"{flow!r:.80} is not a workflow",
            hint="pass a function decorated with @workflow, or a registered name",
        )
    if delay is not None and start_at is not None:
        raise ConfigurationError("give delay or start_at, not both")
    if start_at is not None and start_at.tzinfo is None:
        raise ConfigurationError(
            f"start_at {start_at} has no time zone", hint="as in datetime(..., tzinfo=UTC)"
        )
    if key_reuse not in list(KeyReuse):
        raise ConfigurationError(f"key_reuse is one of {', '.join(KeyReuse)}, not {key_reuse!r}")
    run = NewRun(
        run_id=new_run_id() if run_id is None else parse_run_id(run_id),
        namespace=check_namespace(namespace),
        workflow=name,
        input=encoded,
        attributes={} if attributes is None else check_attributes(attributes),
        idempotency_key=(
            None if idempotency_key is None else check_name(idempotency_key, "idempotency_key")
        ),
        key=None if key is None else check_key(key),
    )
    return StartOrder(
        run,
        KeyReuse(key_reuse),
        signal,
        None if delay is None else seconds(delay, "delay", zero=True),
        start_at,
        optional_seconds(execution_timeout, "execution_timeout"),
        seconds(timeout_grace, "timeout_grace", zero=True),
    )


def first_signal(
    name: str, payload: Any, delivery_id: str | None, act: Act | None = None
) -> FirstSignal:
    """The signal of `signal_with_start`, and what is recorded of it when an operator sends it.

    Raises:
        PayloadError: of its parts.
    """
    check_name(name, "signal name")
    if delivery_id is not None:
        check_name(delivery_id, "delivery_id")
    value = check_json(payload, f"payload of signal {name}")
    return FirstSignal(name, value, delivery_id, act)


def check_conflict(on_conflict: str) -> str:
    """What `start` does when a live run has the key.

    Raises:
        ConfigurationError: it is neither of the two.
    """
    if on_conflict not in ("existing", "fail"):
        raise ConfigurationError(f"on_conflict is existing or fail, not {on_conflict!r}")
    return on_conflict


def started_run(order: StartOrder, outcome: StartOutcome, on_conflict: str) -> UUID:
    """The id of the run that a start answers.

    Raises:
        DuplicateRun: a run has its id or idempotency key, and another workflow or input.
        KeyTaken: a run has its key, and it was not to find one.
    """
    wanted, existing = order.run, outcome.existing
    if existing is None:
        return wanted.run_id
    if not outcome.by_key:
        return match_existing(wanted, existing)
    if not outcome.refused and (on_conflict == "existing" or outcome.state is None):
        return existing.run_id
    hint = "wait for its end, or use on_conflict='existing'"
    if outcome.refused:
        hint = f"key_reuse={order.reuse.value!r} does not allow another run after that"
    assert wanted.key is not None
    state = "" if outcome.state is None else outcome.state.value
    raise KeyTaken(wanted.key, wanted.workflow, existing.run_id, state, hint)


def _encode_untyped(name: str, args: Sequence[Any]) -> bytes:
    where = f"workflow {name}: argument"
    parts = [check_json(arg, f"{where} {index + 1}") for index, arg in enumerate(args)]
    encoded = b"[" + b",".join(parts) + b"]"
    if len(encoded) > MAX_PAYLOAD:
        raise PayloadError(f"workflow {name}: {len(encoded):,} bytes of arguments are too many")
    return encoded


def match_existing(wanted: NewRun, existing: NewRun) -> UUID:
    """The id of the run that is already there, if it is the same start.

    Raises:
        DuplicateRun: it has another workflow, namespace or input.
    """
    differing = [
        what
        for what, same in (
            ("workflow", wanted.workflow == existing.workflow),
            ("namespace", wanted.namespace == existing.namespace),
            ("input", _same_json(wanted.input, existing.input)),
        )
        if not same
    ]
    if not differing:
        return existing.run_id
    if wanted.run_id == existing.run_id:
        raise DuplicateRun(f"run {wanted.run_id} exists with another {' and '.join(differing)}")
    raise DuplicateRun(
        f"idempotency key {wanted.idempotency_key!r} was used with another"
        f" {' and '.join(differing)}"
    )


def _same_json(one: bytes, other: bytes) -> bool:
    """Equal as JSON values, whatever the order of keys in sets and objects' text."""
    return one == other or json.dumps(json.loads(one), sort_keys=True) == json.dumps(
        json.loads(other), sort_keys=True
    )


def find_loaded_name(name: str, nodes: Sequence[NodeInfo]) -> str:
    """The registered name that `name` stands for on live nodes.

    Args:
        name: a registered name, or the bare function name when only one workflow has it.
        nodes: every node.

    Raises:
        WorkflowNotFound: no live node has loaded it, or several workflows have that name.
    """
    loaded = {workflow for node in nodes if node.alive for workflow in node.workflows}
    if name in loaded:
        return name
    same = sorted(known for known in loaded if known.rpartition(":")[2] == name)
    if len(same) == 1:
        return same[0]
    if same:
        raise WorkflowNotFound(
            f"several workflows are called {name}", hint=f"use one of {', '.join(same)}"
        )
    raise WorkflowNotFound(
        f"no live worker has loaded workflow {name}",
        hint="start a worker with it, or pass the workflow itself",
    )
