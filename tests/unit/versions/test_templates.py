"""What JSON of a type looks like: as text, and as a template that nobody sends by mistake."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict

import msgspec
import pydantic
import pytest

from continuum.versions.schemas import Unresolved
from continuum.versions.templates import shape, template


class Colour(enum.Enum):
    """By value."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Decision:
    """What most signals are."""

    approved: bool
    by: str
    notes: list[str] = field(default_factory=list)


@dataclass
class Chain:
    """Holds itself."""

    link: Chain
    decision: Decision


class Tagged(msgspec.Struct, tag="yes", rename="camel"):
    """Other names in JSON."""

    given_by: str


class Pair(NamedTuple):
    """An array in JSON."""

    left: int
    right: Colour = Colour.RED


class Required(TypedDict):
    """With a key that may not be missing."""

    colour: Colour


class Options(Required, total=False):
    """With one that may."""

    size: int


class Model(pydantic.BaseModel):
    """With an alias."""

    amount: int = pydantic.Field(alias="amountCents")
    why: str | None = None


@pytest.mark.parametrize(
    ("annotation", "text", "filled"),
    [
        (int, "int", None),
        (str, "str", None),
        (None, "None", None),
        (bool | None, "None | bool", None),
        (int | list[int], "int | list[int]", []),
        (NewType("Cents", int), "int", None),
        (Annotated[Decimal, "money"], "decimal.Decimal", None),
        (Literal["a", "b"], '"a" | "b"', None),
        (Literal["a"], '"a"', "a"),
        (list[Decision], 'list[{"approved": bool, "by": str, "notes": list[str] = default}]', []),
        (dict[str, int], "dict[str, int]", {}),
        (Mapping[str, Any], "collections.Mapping[str, Any]", {}),
        (Sequence[int], "collections.Sequence[int]", []),
        (tuple[int, Colour], 'tuple[int, "red" | "blue"]', [None, None]),
        (tuple[int, ...], "tuple[int, ...]", []),
        (
            Decision,
            'Decision: {"approved": bool, "by": str, "notes": list[str] = default}',
            {"approved": None, "by": None},
        ),
        (
            Chain,
            f'Chain: {{"decision": {shape(Decision).removeprefix("Decision: ")}, "link": Chain}}',
            {"decision": {"approved": None, "by": None}, "link": None},
        ),
        (
            Tagged,
            'Tagged: {"type": "yes", "givenBy": str}',
            {"type": "yes", "givenBy": None},
        ),
        (Pair, 'Pair: [int, "red" | "blue" = default]', [None]),
        (Options, 'Options: {"colour": "red" | "blue", "size": int = default}', {"colour": None}),
        (
            Model,
            'Model: {"amountCents": int, "why": None | str = default}',
            {"amountCents": None},
        ),
        (Unresolved("make()"), "not known: make()", None),
    ],
    ids=str,
)
def test_shape_and_template(annotation: Any, text: str, filled: Any) -> None:
    """Fields as JSON has them; null for what has to be filled in, defaults left out."""
    assert shape(annotation) == text
    assert template(annotation) == filled


def test_classes_far_inside_one_another_are_only_named() -> None:
    """However deep a type is, its text has an end."""
    cls: Any = Decision
    for index in range(20):
        namespace = {"__annotations__": {"inner": cls}, "__module__": __name__}
        cls = dataclass(type(f"Level{index}", (), namespace))
    assert shape(cls).endswith("Level15}}}}")
