"""Checks what is handed in besides arguments: attributes, names, reasons, signal payloads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, cast

from continuum.codec.annotations import MAX_PAYLOAD, encode_json, too_large
from continuum.codec.offending import short_repr, unencodable, without_json_form
from continuum.errors import AttributesError, NamespaceError, PayloadError

MAX_ATTRIBUTES: Final = 64 * 1024
"""Largest attributes object of a run, in bytes of JSON."""
MAX_NAMESPACE: Final = 255
MAX_NAME: Final = 255
MAX_REASON: Final = 4096
MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 4300
"""Of an integer: Python itself reads no longer ones."""
_TOO_LONG: Final = 10**MAX_DIGITS


def check_attributes(attributes: object) -> dict[str, Any]:
    """Attributes as a plain dict that PostgreSQL stores and gives back unchanged.

    Raises:
        AttributesError: not an object, a key that is not text, something that is no JSON value,
            text that PostgreSQL cannot hold, or more than 64 KiB.

    Example:
        check_attributes({"customer_id": "cus_123", "plan": "pro"})
    """
    if not isinstance(attributes, Mapping):
        raise AttributesError(
            f"attributes must be an object, not {type(attributes).__qualname__}",
            hint='for example {"plan": "pro"}',
        )
    if not attributes:
        return {}
    checked = _object(cast("Mapping[Any, Any]", attributes), "attributes", 1)
    size = len(encode_json(checked))
    if size > MAX_ATTRIBUTES:
        raise AttributesError(
            f"attributes: {size:,} bytes are more than the limit of {MAX_ATTRIBUTES:,}",
            hint="attributes are for searching; put data into the workflow's input",
        )
    return checked


def check_namespace(name: object) -> str:
    """The namespace, if it is 1 to 255 printable characters.

    Raises:
        NamespaceError: it is not.
    """
    if not isinstance(name, str):
        raise NamespaceError(f"a namespace is text, not {type(name).__qualname__}")
    if not name:
        raise NamespaceError("a namespace cannot be empty", hint='the usual one is "default"')
    if len(name) > MAX_NAMESPACE:
        raise NamespaceError(
            f"a namespace has at most {MAX_NAMESPACE} characters, this one has {len(name)}"
        )
    if not name.isprintable():
        raise NamespaceError(f"namespace {short_repr(name)} has characters that cannot be printed")
    return name


def check_name(name: object, what: str) -> str:
    """A signal name, delivery id or idempotency key: 1 to 255 characters of storable text.

    Raises:
        PayloadError: names `what` and the reason.
    """
    if not isinstance(name, str):
        raise PayloadError(f"{what} must be text, not {type(name).__name__}")
    if not 0 < len(name) <= MAX_NAME:
        raise PayloadError(f"{what} has 1 to {MAX_NAME} characters, this one {len(name)}")
    if "\0" in name or any("\ud800" <= char <= "\udfff" for char in name):
        raise PayloadError(f"{what} contains a NUL or a lone surrogate")
    return name


def check_reason(reason: object) -> str:
    """Why a run is asked to stop: storable text of at most 4096 characters.

    Raises:
        PayloadError: it is not.
    """
    if not isinstance(reason, str) or len(reason) > MAX_REASON or "\0" in reason:
        raise PayloadError(f"reason is text of at most {MAX_REASON} characters, without NUL")
    try:
        reason.encode()
    except UnicodeEncodeError:
        raise PayloadError("reason contains a lone surrogate, which is not text") from None
    return reason


def check_json(value: object, where: str) -> bytes:
    """JSON bytes of a value nobody has declared a type for, such as a signal's payload.

    The receiver names the type it expects, so dataclasses, datetimes and the like may be sent.

    Raises:
        PayloadError: a part of it has no JSON form; the message names `where` and the path.
    """
    try:
        data = encode_json(value)
    except Exception as error:
        offence = unencodable(value, encode_json)
        raise PayloadError(f"{where}{offence.path}: {offence}") from error
    if b"null" in data:  # the only trace that NaN leaves
        offence = without_json_form(value)
        if offence is not None:
            raise PayloadError(f"{where}{offence.path}: {offence}")
    if len(data) > MAX_PAYLOAD:
        raise PayloadError(too_large(where, len(data)))
    return data


def _object(value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise AttributesError(f"{path}: key {short_repr(key)} is not text")
        step = f"{path}.{key}" if key.isidentifier() else f"{path}[{short_repr(key)}]"
        checked[_text(key, f"{path}: key")] = _value(item, step, depth)
    return checked


def _value(value: Any, path: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, int):
        if not -_TOO_LONG < value < _TOO_LONG:
            raise AttributesError(f"{path}: an integer has at most {MAX_DIGITS:,} digits")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise AttributesError(f"{path}: {value} has no JSON form")
        return float(value)
    if depth >= MAX_DEPTH:
        raise AttributesError(f"{path}: nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return _object(cast("Mapping[Any, Any]", value), path, depth + 1)
    if isinstance(value, (list, tuple)):
        items = cast("list[Any]", value)
        return [_value(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(items)]
    raise AttributesError(
        f"{path}: {short_repr(value)} is of type {type(value).__qualname__}, not a JSON value"
    )


def _text(value: str, path: str) -> str:
    if "\0" in value:
        raise AttributesError(
            f"{path}: {short_repr(value)} contains \\u0000, which cannot be stored"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise AttributesError(
            f"{path}: {short_repr(value)} contains a lone surrogate, which is not text"
        ) from None
    return str.__str__(value)
