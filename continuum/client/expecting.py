"""Which signals loaded code waits for, and what it can restore their payloads as."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from continuum.codec.attributes import check_json
from continuum.declare.loaded import sets_of
from continuum.declare.registry import AnyWorkflow
from continuum.engine.signals import decode_signal, signal_codec
from continuum.errors import DefinitionError
from continuum.model import Run
from continuum.versions.schemas import Unresolved
from continuum.versions.templates import shape, template


class ExpectedPayload:
    """The payload that code expects of the signals of one name.

    Args:
        name: of the signal.
        annotation: what `wait_signal` is given as `type`.

    Attributes:
        text: the type, for people.
        template: JSON in which null stands for what must be filled in.

    Raises:
        DefinitionError: plain JSON cannot restore the type.
    """

    def __init__(self, name: str, annotation: Any) -> None:
        self._name = name
        self._codec = signal_codec(annotation)
        self.text = shape(annotation)
        self.template = json.dumps(template(annotation), indent=2, ensure_ascii=False)

    def check(self, payload: Any) -> None:
        """Restore it as the run would.

        Raises:
            PayloadError: the payload does not fit; the message names the place.
        """
        data = check_json(payload, f"payload of signal {self._name}")
        decode_signal(self._name, data, self._codec)


class ExpectedSignals:
    """The signals that the workflows of an application wait for.

    Args:
        flows: the loaded workflows; of one name several versions may be given.

    Example:
        expected = ExpectedSignals(load_app("shop:flows").versions).of(run)
    """

    def __init__(self, flows: Iterable[AnyWorkflow]) -> None:
        self._flows = sorted(flows, key=lambda each: -each.version)
        self._hashes: dict[AnyWorkflow, frozenset[str]] = {}
        self._known: dict[AnyWorkflow, Mapping[str, ExpectedPayload | None]] = {}

    def of(self, run: Run) -> Mapping[str, ExpectedPayload | None]:
        """What the code of a run waits for, by name of the signal.

        Nothing when the version of the run is not loaded. None for a payload of any type, of a
        type that the source does not tell, and where waits that may take the signal differ.
        """
        flow = next((each for each in self._flows if self._continues(each, run)), None)
        if flow is None:
            return {}
        if flow not in self._known:
            self._known[flow] = _expected(flow)
        return self._known[flow]

    def _continues(self, flow: AnyWorkflow, run: Run) -> bool:
        if flow.name != run.workflow:
            return False
        if not run.version_hash:  # it has not begun: the newest will
            return True
        if flow not in self._hashes:
            sets = sets_of(flow.code.patches)
            self._hashes[flow] = frozenset(flow.code.hash(taken) for taken in sets)
        return run.version_hash in self._hashes[flow]


def _expected(flow: AnyWorkflow) -> Mapping[str, ExpectedPayload | None]:
    waits = flow.code.signals
    computed = [annotation for name, annotation in waits if name is None]
    named: dict[str, list[Any]] = {}
    for name, annotation in waits:
        if name is not None:
            named.setdefault(name, list(computed)).append(annotation)
    return {name: _agreed(name, annotations) for name, annotations in sorted(named.items())}


def _agreed(name: str, annotations: list[Any]) -> ExpectedPayload | None:
    first, *others = annotations
    unknown = first in (None, Any, object) or isinstance(first, Unresolved | str)
    if unknown or any(each != first for each in others):
        return None
    try:
        return ExpectedPayload(name, first)
    except DefinitionError:  # the run will say so
        return None
