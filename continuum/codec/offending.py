"""Finds, in a value that cannot be stored, the part that is to blame.

Nothing here runs for a value that can be stored, so clarity goes before speed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple, cast

REPR_LIMIT = 80
DEPTH_LIMIT = 60


class Offence(NamedTuple):
    """`path` is relative to the value (".items[3].price", or "" for the value itself)."""

    path: str
    value: object
    reason: str

    def __str__(self) -> str:
        return f"{short_repr(self.value)} {self.reason}"


def short_repr(value: object) -> str:
    """A bounded `repr` that never raises and can be printed anywhere."""
    try:
        text = repr(value)
    except Exception:  # a broken __repr__ must not hide the real fault
        text = f"<{type(value).__qualname__}>"
    if len(text) > REPR_LIMIT:
        text = text[: REPR_LIMIT - 3] + "..."
    return text.encode("utf-8", "backslashreplace").decode()


def unencodable(value: object, encode: Callable[[Any], bytes]) -> Offence:
    """The deepest part of `value` that the encoder refuses."""
    path = ""
    for _ in range(DEPTH_LIMIT):
        for step, child in _children(value):
            if _refuses(encode, child):
                path, value = path + step, child
                break
        else:
            return Offence(path, value, _refusal(encode, value))
    return Offence(path, value, "is nested too deeply or contains itself")


def difference(value: Any, restored: Any, *, loose: bool, path: str = "") -> Offence | None:
    """The first part of `value` that is not what it would be restored as.

    Args:
        loose: a list may stand for a tuple (the annotation names an abstract sequence).
    """
    if value is restored:
        return None
    hopeless = _without_json_form(value)
    if hopeless is not None:
        return Offence(path, value, hopeless)
    if _is_mapping(value) and _is_mapping(restored):
        return _mapping_difference(value, restored, loose, path)
    if _same_sequence(value, restored, loose=loose):
        return _first(zip(value, restored, strict=True), loose, path)
    return _field_difference(value, restored, loose, path)


def _field_difference(value: Any, restored: Any, loose: bool, path: str) -> Offence | None:
    names = field_names(value)
    if names and type(value) is type(restored):
        pairs = ((getattr(value, name, None), getattr(restored, name, None)) for name in names)
        return _first(pairs, loose, path, names)
    if _equal(value, restored):
        return None
    return Offence(path, value, _changed(value, restored))


def without_json_form(value: object, path: str = "") -> Offence | None:
    """The first NaN or Infinity in a value that can be encoded (they would become null)."""
    reason = _without_json_form(value)
    if reason is not None:
        return Offence(path, value, reason)
    for step, child in _children(value):
        found = without_json_form(child, path + step)
        if found is not None:
            return found
    return None


def at_path(value: object, decoder_path: str) -> tuple[str, object]:
    """The part of `value` that a decoder's path (`$[0].price`) points to, as deep as it goes."""
    path = ""
    for step, as_key in _steps(decoder_path):
        for own_step, child in _children(value):
            if own_step in (step, as_key):
                path, value = path + own_step, child
                break
        else:
            break
    return path, value


def field_names(value: object) -> tuple[str, ...]:
    """Names of the stored fields of a dataclass, attrs, msgspec or pydantic object."""
    if isinstance(value, type):
        return ()
    if dataclasses.is_dataclass(value):
        return tuple(field.name for field in dataclasses.fields(value))
    cls: Any = type(value)
    for attribute in ("__struct_fields__", "model_fields"):
        names = getattr(cls, attribute, None)
        if names is not None:
            return tuple(names)
    return tuple(field.name for field in getattr(cls, "__attrs_attrs__", ()))


def _without_json_form(value: object) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "has no JSON form; use None or a string"
    if isinstance(value, Decimal) and value.is_nan():
        return "is not a number; use None"
    return None


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _mapping_difference(
    value: Mapping[Any, Any], restored: Mapping[Any, Any], loose: bool, path: str
) -> Offence | None:
    for key, item in value.items():
        step = f"{path}[{short_repr(key)}]"
        if key not in restored:
            reason = "would be lost: its key is not declared"
            if not isinstance(key, str):
                reason = f"has a key of type {type(key).__qualname__}; annotate the key type"
            return Offence(step, item, reason)
        found = difference(item, restored[key], loose=loose, path=step)
        if found is not None:
            return found
    extra = [key for key in restored if key not in value]
    if extra:
        return Offence(path, value, f"would be restored with a key it lacks: {extra[0]!r}")
    return None


def _same_sequence(value: Any, restored: Any, *, loose: bool) -> bool:
    kinds = tuple if isinstance(value, tuple) else list if isinstance(value, list) else None
    if kinds is None or not isinstance(restored, (list, tuple) if loose else kinds):
        return False
    return len(cast("Sequence[Any]", value)) == len(cast("Sequence[Any]", restored))


def _first(
    pairs: Any, loose: bool, path: str, names: Sequence[str] | None = None
) -> Offence | None:
    for index, (item, restored) in enumerate(pairs):
        step = f"[{index}]" if names is None else f".{names[index]}"
        found = difference(item, restored, loose=loose, path=path + step)
        if found is not None:
            return found
    return None


def _equal(value: object, restored: object) -> bool:
    if isinstance(value, datetime) and isinstance(restored, datetime):
        # In the hour that a zone repeats, `==` is false even for the same instant.
        return value.utcoffset() == restored.utcoffset() and (
            value.replace(tzinfo=None, fold=0) == restored.replace(tzinfo=None, fold=0)
        )
    try:
        return bool(value == restored)
    except Exception:  # a user's __eq__, or a signalling NaN
        return False


def _changed(value: object, restored: object) -> str:
    kind, other = type(value).__qualname__, type(restored).__qualname__
    if kind != other and isinstance(restored, (str, list, dict)):
        return f"would come back as {other}, not {kind}; annotate it as {kind}"
    if kind != other and not isinstance(value, (int, float)):
        return f"would come back as {other}, not {kind}"
    return f"would come back as {short_repr(restored)}"


def _children(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[Any, Any]", value).items():
            yield f"[{short_repr(key)}]", item
    elif isinstance(value, (list, tuple, AbstractSet)) and not isinstance(value, Enum):
        for index, item in enumerate(cast("Sequence[Any]", value)):
            yield f"[{index}]", item
    else:
        for name in field_names(value):
            yield f".{name}", getattr(value, name, None)


def _steps(path: str) -> Iterator[tuple[str, str]]:
    """Splits `$[0].name` into steps, each also as the key of a TypedDict."""
    step = ""
    for character in path.removeprefix("$"):
        if character in ".[" and step:
            yield step, f"['{step[1:]}']"
            step = ""
        step += character
    if step:
        yield step, f"['{step[1:]}']"


def _refuses(encode: Callable[[Any], bytes], value: object) -> bool:
    try:
        encode(value)
    except Exception:  # whatever the encoder or a user's property raises
        return True
    return False


def _refusal(encode: Callable[[Any], bytes], value: object) -> str:
    try:
        encode(value)
    except UnicodeEncodeError:
        return "contains a lone surrogate, which is not text"
    except RecursionError:
        return "is nested too deeply or contains itself"
    except (TypeError, NotImplementedError):
        if isinstance(value, Mapping):
            return "has a key that is neither text nor a number"
        return f"is of type {type(value).__qualname__}, which cannot be stored"
    except Exception as error:
        return f"cannot be stored: {error}"
    return "cannot be stored"
