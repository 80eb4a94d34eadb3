"""From a `start` call to the run to be inserted: everything is checked here, nothing is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from continuum.client.identifiers import parse_run_id
from continuum.codec.annotations import MAX_PAYLOAD
from continuum.codec.attributes import (
    check_attributes,
    check_json,
    check_name,
    check_namespace,
)
from continuum.declare.workflow import Workflow
from continuum.errors import DefinitionError, DuplicateRun, PayloadError, WorkflowNotFound
from continuum.journal.turn import NewRun
from continuum.model import NodeInfo
from continuum.system import new_run_id


def prepare(
    flow: Workflow[..., Any] | str,
    args: Sequence[Any],
    *,
    namespace: str,
    attributes: Mapping[str, Any] | None,
    idempotency_key: str | None,
    run_id: UUID | str | None,
) -> NewRun:
    """The run that these arguments of `start` ask for.

    Raises:
        PayloadError, AttributesError, NamespaceError, MalformedRunId, DefinitionError.
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
    return NewRun(
        run_id=new_run_id() if run_id is None else parse_run_id(run_id),
        namespace=check_namespace(namespace),
        workflow=name,
        input=encoded,
        attributes={} if attributes is None else check_attributes(attributes),
        idempotency_key=(
            None if idempotency_key is None else check_name(idempotency_key, "idempotency_key")
        ),
    )


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
