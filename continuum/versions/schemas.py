"""The types by which journaled values are restored, as text that is the same on every Python.

Annotations do not count in the version hash, yet they decide what a replay sees: that an activity
now returns `Money` where it returned `int` changes no hash. So they have a fingerprint of their
own, which is kept beside the hash. It follows every type to its fields; names and places of types
do not count in it, their names are only there for people.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

UNIONS: Final = (typing.Union, types.UnionType)
_QUALIFIERS: Final = frozenset({"Required", "NotRequired", "ReadOnly"})


class Boundary(NamedTuple):
    """Where values enter or leave a run.

    Attributes:
        label: such as "activity shop:charge result".
        types: annotations, one after the other.
        optional: how many of the last of them may be missing.
    """

    label: str
    types: Sequence[Any]
    optional: int = 0


class Unresolved(NamedTuple):
    """A type that is written somewhere, and cannot be told from there."""

    written: str


class CodecSchema(NamedTuple):
    """The types at the boundaries of one version.

    Attributes:
        parts: label of a boundary to its type, and "type NAME" to the fields of each class.
        fingerprint: SHA-256 (hex); equal when values are restored in the same way.
    """

    parts: Mapping[str, str]
    fingerprint: str


def codec_schema(boundaries: Iterable[Boundary]) -> CodecSchema:
    """What is known of the values of a version."""
    named, exact = _Named(), _Exact()
    parts: dict[str, set[str]] = {}
    counted: set[str] = set()
    for each in boundaries:
        parts.setdefault(each.label, set()).add(named.boundary(each))
        counted.add(f"{each.label}: {exact.boundary(each)}")
    parts |= {f"type {name}": texts for name, texts in named.definitions().items()}
    shown = {label: "; ".join(sorted(texts)) for label, texts in sorted(parts.items())}
    digest = hashlib.sha256("\n".join(sorted(counted)).encode("utf-8", "surrogatepass"))
    return CodecSchema(shown, digest.hexdigest())


class Field(NamedTuple):
    """One field of a class; without a name it is known by its position."""

    name: str
    type: Any
    required: bool


class Layout(NamedTuple):
    """What is stored of an object of a class."""

    word: str
    fields: Sequence[Field]


class Types(ABC):
    """Writes annotations; what a class is called is a matter of the two kinds."""

    def boundary(self, boundary: Boundary) -> str:
        """The types of a boundary."""
        texts = [self.text(each) for each in boundary.types]
        for index in range(len(texts) - boundary.optional, len(texts)):
            texts[index] += " = default"
        return ", ".join(texts)

    def text(self, annotation: Any) -> str:
        """One annotation."""
        if annotation is None or annotation is types.NoneType:
            return "None"
        if isinstance(annotation, Unresolved):
            return f"not known: {annotation.written}"
        if isinstance(annotation, str):  # of a field, whose name does not exist
            return repr(annotation)
        if annotation is Ellipsis:
            return "..."
        if isinstance(annotation, typing.TypeVar):
            return f"~{annotation.__name__}"
        inner = getattr(annotation, "__supertype__", None)  # of a NewType
        if inner is None and type(annotation).__name__ == "TypeAliasType":
            inner = annotation.__value__
        if inner is not None:
            return self.text(inner)
        origin = typing.get_origin(annotation)
        return self._class(annotation) if origin is None else self._generic(origin, annotation)

    def _generic(self, origin: Any, annotation: Any) -> str:
        arguments = typing.get_args(annotation)
        if origin in UNIONS:
            return " | ".join(sorted({self.text(each) for each in arguments}))
        if origin is typing.Literal:
            return f"Literal[{', '.join(sorted(map(repr, arguments)))}]"
        if origin is typing.Annotated:
            kept = [repr(each) for each in arguments[1:] if type(each).__name__ == "Meta"]
            inner = self.text(arguments[0])
            return f"Annotated[{', '.join([inner, *kept])}]" if kept else inner
        if getattr(origin, "_name", None) in _QUALIFIERS:
            return self.text(arguments[0])
        return f"{self._class(origin)}[{', '.join(map(self.text, arguments))}]"

    def _class(self, cls: Any) -> str:
        layout = layout_of(cls)
        return _plain_name(cls) if layout is None else self._structured(cls, layout)

    @abstractmethod
    def _structured(self, cls: type, layout: Layout) -> str:
        """A class with fields."""

    def _written(self, layout: Layout) -> str:
        fields = [
            f"{each.name}{': ' if each.name else ''}{self.text(each.type)}"
            f"{'' if each.required else ' = default'}"
            for each in layout.fields
        ]
        return f"{layout.word}({', '.join(fields)})" if fields else layout.word


class _Named(Types):
    """Classes by name, for people."""

    def __init__(self) -> None:
        self._classes: dict[type, Layout] = {}

    def _structured(self, cls: type, layout: Layout) -> str:
        self._classes[cls] = layout
        return f"{cls.__module__}.{cls.__qualname__}"

    def definitions(self) -> dict[str, set[str]]:
        """Class name to fields, of every class that was mentioned."""
        found: dict[str, set[str]] = {}
        done: set[type] = set()
        while todo := [each for each in self._classes if each not in done]:
            for cls in todo:
                done.add(cls)
                texts = found.setdefault(f"{cls.__module__}.{cls.__qualname__}", set())
                texts.add(self._written(self._classes[cls]))
        return found


class _Exact(Types):
    """Classes by what they hold; one that holds itself by how far out it stands."""

    def __init__(self) -> None:
        self._inside: list[type] = []
        self._outermost = 0
        self._known: dict[type, str] = {}

    def _structured(self, cls: type, layout: Layout) -> str:
        depth = len(self._inside)
        if cls in self._inside:
            at = self._inside.index(cls)
            self._outermost = min(self._outermost, at)
            return f"^{depth - at}"
        known = self._known.get(cls)
        if known is not None:
            return known
        outer, self._outermost = self._outermost, depth
        self._inside.append(cls)
        written = self._written(layout)
        self._inside.pop()
        known = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        if self._outermost == depth:  # it mentions none of those around it
            self._known[cls] = known
        self._outermost = min(outer, self._outermost)
        return known


def _plain_name(cls: Any) -> str:
    if cls is typing.Any:
        return "Any"
    module = getattr(cls, "__module__", "")
    name = getattr(cls, "__qualname__", None) or repr(cls)
    return name if module in ("builtins", "typing") else f"{module.partition('.')[0]}.{name}"


@lru_cache(maxsize=4096)
def layout_of(cls: Any) -> Layout | None:
    """What is stored of an object of a class with fields or members; None for other types."""
    if not isinstance(cls, type):
        return None
    of: Any = cls
    cls = cast("type[Any]", cls)
    if issubclass(cls, enum.Enum):
        members = sorted(f"{name}={each.value!r}" for name, each in cls.__members__.items())
        return Layout(f"enum[{', '.join(members)}]", ())
    hints = _hints(cls)
    if hasattr(cls, "__pydantic_core_schema__") and hasattr(cls, "model_fields"):
        return Layout("object", [
            Field(each.alias or name, each.annotation, each.is_required())
            for name, each in sorted(of.model_fields.items())
        ])  # fmt: skip
    if typing.is_typeddict(cls):
        return Layout("object", [
            Field(name, hints[name], name in of.__required_keys__) for name in sorted(hints)
        ])  # fmt: skip
    if hasattr(cls, "__struct_fields__"):
        return _struct(of, hints)
    if dataclasses.is_dataclass(cls):
        given = {
            each.name: each.default is dataclasses.MISSING
            and each.default_factory is dataclasses.MISSING
            for each in dataclasses.fields(cls)
        }
    elif hasattr(cls, "__attrs_attrs__"):
        given = {each.name: str(each.default) == "NOTHING" for each in of.__attrs_attrs__}
    elif issubclass(cls, tuple) and hasattr(of, "_fields"):
        return Layout("array", [
            Field("", hints.get(name, Any), name not in of._field_defaults)
            for name in of._fields
        ])  # fmt: skip
    else:
        return None
    return Layout("object", [
        Field(name, hints.get(name, Any), required) for name, required in sorted(given.items())
    ])  # fmt: skip


def _struct(cls: Any, hints: Mapping[str, Any]) -> Layout:
    config = cls.__struct_config__
    names = cls.__struct_fields__
    required = len(names) - len(cls.__struct_defaults__)
    fields = [
        Field(encoded, hints.get(name, Any), index < required)
        for index, (name, encoded) in enumerate(
            zip(names, cls.__struct_encode_fields__, strict=True)
        )
    ]
    tag = "" if config.tag is None else f" {config.tag_field}={config.tag!r}"
    strict = " strict" if config.forbid_unknown_fields else ""
    if config.array_like:
        return Layout(f"array{tag}{strict}", [each._replace(name="") for each in fields])
    return Layout(f"object{tag}{strict}", sorted(fields, key=lambda each: each.name))


def _hints(cls: type) -> dict[str, Any]:
    """Field names to types; as they are written when a name of them does not exist."""
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:  # whatever an annotation raises
        return dict(getattr(cls, "__annotations__", {}))
