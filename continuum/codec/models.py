"""Lets msgspec carry pydantic models, without importing pydantic for those who do not use it."""

from __future__ import annotations

import sys
from typing import Any, Final

import msgspec

_encode_plain: Final = msgspec.json.Encoder().encode


def enc_hook(value: Any) -> Any:
    """A JSON-able form of a pydantic model; every other unknown type is refused."""
    base = _model_base()
    if base is not None and isinstance(value, base):
        model: Any = value
        return model.model_dump(mode="json", by_alias=True, round_trip=True)
    raise TypeError(f"type {type(value).__qualname__} cannot be stored")


def dec_hook(declared: Any, value: Any) -> Any:
    """The pydantic model from its JSON-able form, validated as JSON."""
    base = _model_base()
    if base is not None and isinstance(declared, type) and issubclass(declared, base):
        model: Any = declared
        return model.model_validate_json(_encode_plain(value))
    raise TypeError(f"type {declared} cannot be restored")


def is_model(declared: object) -> bool:
    """Whether this annotation is a pydantic model class."""
    base = _model_base()
    return base is not None and isinstance(declared, type) and issubclass(declared, base)


def _model_base() -> type | None:
    # A model can only exist when its module has been imported already.
    module = sys.modules.get("pydantic")
    return getattr(module, "BaseModel", None)
