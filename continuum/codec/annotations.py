"""User values to JSON bytes and back, driven by annotations.

The stored form is plain JSON without type tags; the annotation is what restores a value. So
that nobody finds out on replay, storing a value also restores it and compares: what would come
back different is refused at once, before anything is written.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, Never, NoReturn

import msgspec

from continuum.codec.hints import Hints, restorer, where_of
from continuum.codec.models import enc_hook
from continuum.codec.offending import Offence, at_path, difference, unencodable
from continuum.errors import ContinuumError, DefinitionError, PayloadError

MAX_PAYLOAD: Final = 2 * 1024 * 1024
"""Largest stored value, in bytes."""

encode_json: Final = msgspec.json.Encoder(enc_hook=enc_hook).encode
"""Any supported value as JSON bytes, unchecked: NaN becomes null."""


class DecodeFailure(ContinuumError):
    """Stored bytes do not fit the annotation that should restore them."""


class ValueCodec:
    """Stores and restores values of one annotation.

    Args:
        annotation: any supported type; `Any` or nothing means JSON types only.
        where: how errors name the value ("result of activity shop:charge").

    Example:
        ValueCodec(Order, "order").roundtrip(Order("o1", 4200))
    """

    __slots__ = ("_annotation", "_decode", "_hints", "_loose", "where")

    def __init__(self, annotation: Any, where: str, *, declared_at: str | None = None) -> None:
        self.where = where
        self._hints: Hints | None = None
        self._prepare(annotation, declared_at or where)

    @classmethod
    def of_result(cls, hints: Hints, where: str) -> ValueCodec:
        """The codec of what a function returns."""
        if hints.ready:
            annotation = hints.resolve().get("return", Any)
            return cls(annotation, where, declared_at=f"{hints.where}: result")
        codec = cls(Any, where)
        codec._hints = hints
        codec._decode = codec._resolve_and_decode
        return codec

    @property
    def annotation(self) -> Any:
        """The type that values are restored as."""
        self.resolve()
        return self._annotation

    def resolve(self) -> None:
        """Look up annotations that did not exist at decoration.

        Raises:
            DefinitionError: they still do not exist.
        """
        if self._hints is not None:
            annotation = self._hints.resolve().get("return", Any)
            self._prepare(annotation, f"{self._hints.where}: result")
            self._hints = None

    def encode(self, value: Any) -> bytes:
        """The stored form.

        Raises:
            PayloadError: the value, or a part of it, would not come back as it is.
        """
        return self.roundtrip(value)[0]

    def roundtrip(self, value: Any) -> tuple[bytes, Any]:
        """The stored form and what a replay will see, which live code must see too.

        Raises:
            PayloadError: the value, or a part of it, would not come back as it is.
        """
        try:
            data = encode_json(value)
            restored = self._decode(data)
            same = restored == value
        except DefinitionError:
            raise
        except Exception as error:
            data, restored = self._explain(value, error)
            same = False
        if not same:
            offence = difference(value, restored, loose=self._loose)
            if offence is not None:
                raise PayloadError(f"{self.where}{offence.path}: {offence}")
        if len(data) > MAX_PAYLOAD:
            raise PayloadError(too_large(self.where, len(data)))
        return data, restored

    def decode(self, data: bytes) -> Any:
        """The value again.

        Raises:
            DecodeFailure: the bytes are not JSON of this annotation.
        """
        try:
            return self._decode(data)
        except DefinitionError:
            raise
        except Exception as error:
            raise DecodeFailure(f"{self.where}: {error}") from error

    def _prepare(self, annotation: Any, declared_at: str) -> None:
        self._annotation = _storable(annotation)
        self._decode, self._loose = restorer(self._annotation, declared_at)

    def _resolve_and_decode(self, data: bytes) -> Any:
        self.resolve()
        return self._decode(data)

    def _explain(self, value: Any, error: Exception) -> tuple[bytes, Any]:
        offence, data, restored = _offence(value, self._decode, error)
        if offence is None:  # only a comparison failed
            return data, restored
        raise PayloadError(f"{self.where}{offence.path}: {offence}") from error


class SignatureCodec:
    """Stores and restores the arguments of one function as a JSON array.

    Args:
        fn: the function; positional parameters only.
        where: how errors name it ("workflow shop:order_flow").

    Raises:
        DefinitionError: `*args`, `**kwargs`, keyword-only parameters, a mutable default, an
            annotation that plain JSON cannot restore.
    """

    __slots__ = ("_arity", "_decode", "_defaults", "_hints", "_loose", "_signature", "_types",
                 "names", "where")  # fmt: skip

    def __init__(self, fn: Callable[..., Any], where: str, hints: Hints | None = None) -> None:
        self.where = where
        self._hints = hints or Hints(fn, where_of(fn))
        self._signature = inspect.signature(fn)
        self.names: tuple[str, ...] = tuple(self._signature.parameters)
        self._arity = len(self.names)
        self._defaults = _checked_defaults(self._signature, self._hints.where)
        self._loose = False
        self._types: list[Any] | None = None
        self._decode: Callable[[bytes], Any] = self._resolve_and_decode
        if self._hints.ready:
            self.resolve()

    @property
    def annotations(self) -> tuple[Sequence[Any], int]:
        """The types of the arguments, and how many of the last of them have defaults.

        Raises:
            DefinitionError: some still do not exist.
        """
        if self._types is None:
            self.resolve()
        return self._types or [], len(self._defaults)

    def resolve(self) -> None:
        """Look up annotations that did not exist at decoration.

        Raises:
            DefinitionError: they still do not exist, or do not fit a default.
        """
        hints, at = self._hints.resolve(), self._hints.where
        types = [_storable(hints.get(name, Any)) for name in self.names]
        for name, annotation in zip(self.names, types, strict=True):
            codec = ValueCodec(annotation, name, declared_at=f"{at}: parameter {name}")
            if name in self._defaults:
                _check_default(codec, self._defaults[name], at)
        annotation = tuple[tuple(types)] if types else tuple[()]
        self._decode, self._loose = restorer(annotation, at)
        self._types = types

    def encode(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """The stored form of one call.

        Raises:
            PayloadError: the call does not fit the signature, or an argument cannot be stored;
                the message names argument and path.
        """
        return self.roundtrip(args, kwargs)[0]

    def roundtrip(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[bytes, tuple[Any, ...]]:
        """The stored form, and the arguments as a replay will see them."""
        if kwargs or len(args) != self._arity:
            args = self._bind(args, kwargs)
        try:
            data = encode_json(args)
            restored = self._decode(data)
            same = restored == args
        except DefinitionError:
            raise
        except Exception as error:
            data, restored = self._explain(args, error)
            same = False
        if not same:
            offence = difference(args, restored, loose=self._loose)
            if offence is not None:
                raise PayloadError(f"{self.where}, {self._named(offence.path)}: {offence}")
        if len(data) > MAX_PAYLOAD:
            raise PayloadError(too_large(f"{self.where}, arguments", len(data)))
        return data, restored

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """The arguments again; trailing ones that are absent take their defaults.

        Raises:
            DecodeFailure: the bytes are not a JSON array that fits the signature.
        """
        try:
            return self._decode(data)
        except DefinitionError:
            raise
        except Exception as error:
            completed = self._with_defaults(data)
            if completed is None:
                text = _renamed(str(error), self._named)
                raise DecodeFailure(f"{self.where}: {text}") from error
            return self.decode(completed)

    def _resolve_and_decode(self, data: bytes) -> Any:
        self.resolve()
        return self._decode(data)

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise PayloadError(f"{self.where}: {error}") from None
        bound.apply_defaults()
        return bound.args

    def _with_defaults(self, data: bytes) -> bytes | None:
        try:
            given = msgspec.json.decode(data, type=list[msgspec.Raw])
        except msgspec.DecodeError:
            return None
        missing = self.names[len(given) :]
        if not missing or any(name not in self._defaults for name in missing):
            return None
        return encode_json([*given, *(self._defaults[name] for name in missing)])

    def _explain(self, args: tuple[Any, ...], error: Exception) -> tuple[bytes, Any]:
        offence, data, restored = _offence(args, self._decode, error)
        if offence is None:
            return data, restored
        raise PayloadError(f"{self.where}, {self._named(offence.path)}: {offence}") from error

    def _named(self, path: str) -> str:
        """`[0].price` as `argument order.price`."""
        index, bracket, rest = path.removeprefix("[").partition("]")
        if bracket and index.isdigit() and int(index) < self._arity:
            return f"argument {self.names[int(index)]}{rest}"
        return f"arguments{path}"


def _offence(
    value: Any, decode: Callable[[bytes], Any], error: Exception
) -> tuple[Offence | None, bytes, Any]:
    """Finds out which of the three steps failed; no offence when only `==` did."""
    try:
        data = encode_json(value)
    except Exception:  # whatever a user's type raises
        return unencodable(value, encode_json), b"", None
    try:
        return None, data, decode(data)
    except msgspec.ValidationError:
        text, _, decoder_path = str(error).partition(" - at `")
        path, part = at_path(value, decoder_path.removesuffix("`"))
        text = " ".join(text.split())
        reason = f"does not fit: {text[:1].lower()}{text[1:]}"
        hidden = difference(part, None, loose=False) if part is not None else None
        if hidden is not None and "JSON" in hidden.reason:
            reason = hidden.reason
        return Offence(path, part, reason), data, None
    except Exception as failure:
        return Offence("", value, f"cannot be restored: {failure}"), data, None


def _checked_defaults(signature: inspect.Signature, at: str) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            raise DefinitionError(
                f"{at}: parameter {parameter.replace(annotation=parameter.empty)} "
                "is not positional",
                hint="journaled arguments are positional: use a dataclass for options",
            )
        if type(parameter.default).__hash__ is None:  # as `dataclasses` tells mutable ones
            raise DefinitionError(
                f"{at}: parameter {parameter.name} has a mutable default",
                hint="use None, a tuple or a frozen dataclass",
            )
        if parameter.default is not parameter.empty:
            defaults[parameter.name] = parameter.default
    return defaults


def _check_default(codec: ValueCodec, default: Any, at: str) -> None:
    try:
        codec.encode(default)
    except PayloadError as error:
        raise DefinitionError(f"{at}: default of {error.message}") from error


def _storable(annotation: Any) -> Any:
    """`object` means JSON types, as `Any` does; what never returns has nothing to restore."""
    return Any if annotation in (object, NoReturn, Never) else annotation


def _renamed(text: str, named: Callable[[str], str]) -> str:
    message, separator, path = text.partition(" - at `")
    if not separator:
        return text
    return f"{named(path.removesuffix('`').removeprefix('$'))}: {message}"


def too_large(what: str, size: int) -> str:
    """Text for a payload beyond the limit."""
    return f"{what}: {size:,} bytes are more than the limit of {MAX_PAYLOAD:,}"
