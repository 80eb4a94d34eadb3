"""Turns the words of a command line into typed values.

Typer would import pydantic for this, which takes longer than everything else that a command loads.
Options here are text, whole numbers, numbers, choices, and lists of text, so little is needed.
"""

from __future__ import annotations

import enum
import math
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin

import typer

_KINDS = {int: "a whole number", float: "a number"}


class PlainCoercion:
    """Stands in for Typer's own coercion of one parameter.

    Args:
        annotation: `str`, `int`, `float`, an `Enum`, a list of one of them; or one of those and
            None.
        minimum, maximum: bounds of a number, inclusive.
    """

    def __init__(
        self, annotation: Any, minimum: float | None = None, maximum: float | None = None
    ) -> None:
        kind = _without_none(annotation)
        self._many = get_origin(kind) is list
        self._kind: Callable[[str], Any] = get_args(kind)[0] if self._many else kind
        self._minimum = minimum
        self._maximum = maximum

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the annotation says.

        Raises:
            typer.BadParameter: it does not fit.
        """
        if value is None:
            return [] if self._many else None
        try:
            return [self._one(each) for each in value] if self._many else self._one(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None

    def _one(self, value: Any) -> Any:
        kind: Any = self._kind
        if isinstance(kind, enum.EnumType):
            return self._choice(kind, value)
        if kind not in _KINDS:
            return value
        return self._number(value)

    def _choice(self, kind: enum.EnumType, value: Any) -> Any:
        try:
            return kind(value)
        except ValueError:
            names = ", ".join(str(each) for each in kind)
            raise ValueError(f"{value!r} is not one of {names}") from None

    def _number(self, value: Any) -> Any:
        try:
            number = self._kind(value)
        except ValueError:
            raise ValueError(f"{value!r} is not {_KINDS[self._kind]}") from None  # pyright: ignore[reportArgumentType]
        if not math.isfinite(number):
            raise ValueError(f"{value!r} is not finite")
        if self._minimum is not None and number < self._minimum:
            raise ValueError(f"{value} is less than {self._minimum:g}")
        if self._maximum is not None and number > self._maximum:
            raise ValueError(f"{value} is more than {self._maximum:g}")
        return number


def use_plain_coercion(parameter: Any) -> None:
    """Replace the coercion of a Typer parameter, before Typer builds its own."""
    descriptor = parameter.type_descriptor
    info = descriptor.parameter_info
    parameter._runtime_param = PlainCoercion(descriptor.annotation, info.min, info.max)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    (kind,) = [each for each in get_args(annotation) if each is not type(None)]
    return kind
