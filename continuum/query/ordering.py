"""The one order of JSON values, for stores that sort in Python and for cursors.

numbers, then strings (by code point), false and true, arrays, objects; the types keep this order
in both directions, the values in them follow the direction. Arrays tie with arrays and objects with
objects. A sort key is JSON text, `""` with the text itself behind it for a string, so that
PostgreSQL and Python make the same one, and a cursor can carry it.
"""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, Final, cast
from uuid import UUID

SORTED_CHARACTERS: Final = 120
"""Text sorts by this many characters, so that a cursor stays small."""
STRING: Final = '""'
ARRAY: Final = "[0]"
OBJECT: Final = "{}"
LARGEST: Final = "1E310"
"""Numbers beyond it, which only integers of hundreds of digits are, sort as if they were it."""
SCALE: Final = 350
"""Numbers sort by so many digits after the point: every float exactly."""
TYPES: Final = ("number", "string", "boolean", "array", "object")
"""JSON types in the order in which they sort."""
_TYPE_OF: Final = {STRING: 1, "false": 2, "true": 2, ARRAY: 3, OBJECT: 4}
_LIMIT: Final = Decimal(LARGEST)
_FINEST: Final = Decimal((0, (1,), -SCALE))
_EXACT: Final = Context(prec=1000, rounding=ROUND_HALF_UP)


def sort_key(value: Any) -> str | None:
    """The sort key of a JSON value; None for null and what is missing.

    Example:
        >>> sort_key("pro"), sort_key(4), sort_key([1, 2])
        ('""pro', '4', '[0]')
    """
    if value is None:
        return None
    if isinstance(value, str):
        return STRING + value[:SORTED_CHARACTERS]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        number = max(-_LIMIT, min(_LIMIT, number))
        return str(
            number if number == 0 or _fits(number) else number.quantize(_FINEST, context=_EXACT)
        )
    return OBJECT if isinstance(value, dict) else ARRAY


def _fits(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -SCALE


def parts_of(key: str) -> tuple[str, str]:
    """A sort key as JSON and text, the two columns that PostgreSQL sorts by.

    Raises:
        ValueError: not a sort key.
    """
    if key.startswith(STRING):
        return STRING, key[len(STRING) :]
    if key not in _TYPE_OF:
        try:
            finite = Decimal(key).is_finite() and key.strip() == key and "_" not in key
        except InvalidOperation:
            finite = False
        if not finite:
            raise ValueError(f"not a sort key: {key[:40]!r}")
    return key, ""


def type_place(key: str) -> int:
    """Where in `TYPES` the type of a sort key's value stands."""
    return _TYPE_OF.get(parts_of(key)[0], 0)


def comparable(key: str) -> tuple[int, Decimal, str]:
    """What a sort key is sorted by: its type, ascending always, and then the value."""
    kind, text = parts_of(key)
    if kind in _TYPE_OF:
        return _TYPE_OF[kind], Decimal(kind == "true"), text
    return 0, Decimal(kind), ""


def exact_number(value: Any) -> Any:
    """Numbers by their decimal text, as jsonb has them; other values as they are."""
    if isinstance(value, float):
        return Decimal(repr(value))
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def canonical(value: Any) -> Any:
    """Hashable, and equal for JSON values that are equal."""
    if isinstance(value, dict):
        return "object", frozenset(
            (k, canonical(v)) for k, v in cast("dict[str, Any]", value).items()
        )
    if isinstance(value, list):
        return "array", tuple(canonical(item) for item in cast("list[Any]", value))
    return type(exact_number(value)), exact_number(value)


def group_rank(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """What groups of the same size are sorted by: each value in turn, those without one last."""
    return tuple(_rank(value) for value in values)


def _rank(value: Any) -> tuple[Any, ...]:
    plain = str(value) if isinstance(value, UUID) else value
    key = sort_key(plain)
    if key is None:
        return (1,)
    return 0, comparable(key), json.dumps(plain, sort_keys=True)
