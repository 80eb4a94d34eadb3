"""The options of calls that start runs, as keyword arguments; `Continuum.start` explains them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict
from uuid import UUID

KeyReuses = Literal["allow", "allow_if_failed", "reject"]
Conflicts = Literal["existing", "fail"]


class CommonOptions(TypedDict, total=False):
    """What `start` and `signal_with_start` both take."""

    namespace: str
    attributes: Mapping[str, Any] | None
    key_reuse: KeyReuses
    execution_timeout: timedelta | float | None
    timeout_grace: timedelta | float


class StartOptions(CommonOptions, total=False):
    """The options of `Continuum.start`."""

    key: str | None
    on_conflict: Conflicts
    delay: timedelta | float | None
    start_at: datetime | None
    idempotency_key: str | None
    run_id: UUID | str | None


class _Addressed(TypedDict):
    key: str
    signal: str


class SignalOptions(_Addressed, CommonOptions, total=False):
    """The options of `Continuum.signal_with_start`; key and signal are needed."""

    payload: Any
    delivery_id: str | None
    reason: str | None


def check_options(
    call: str, given: Mapping[str, Any], options: type[StartOptions | SignalOptions]
) -> None:
    """Refuse what Python would refuse if each option were a parameter of `call`.

    Raises:
        TypeError: one is unknown or missing.
    """
    known = options.__required_keys__ | options.__optional_keys__
    for name in given:
        if name not in known:
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}")
    for name in sorted(options.__required_keys__):
        if name not in given:
            raise TypeError(f"{call}() missing required keyword-only argument {name!r}")
