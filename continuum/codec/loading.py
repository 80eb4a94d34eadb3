"""The payload codec that the settings name."""

from __future__ import annotations

from typing import Any, cast

from continuum.codec.hooks import IDENTITY, PayloadCodec
from continuum.codec.opening import cause
from continuum.errors import ConfigurationError
from continuum.importing import import_named
from continuum.settings import CodecName, codec_name

_PROBE = b'{"continuum": "probe"}'


def configured_codec() -> PayloadCodec:
    """The codec of CONTINUUM_CODEC or pyproject.toml; payloads stay as they are without one.

    Raises:
        ConfigurationError: see `load_codec`.
    """
    named = codec_name()
    return IDENTITY if named is None else load_codec(named)


def load_codec(named: CodecName) -> PayloadCodec:
    """Import a codec, make it if it is a class or a function, and try it once.

    Args:
        named: `module:object`; the object has `seal` and `open`, or gives such a one when it is
            called without arguments.

    Raises:
        ConfigurationError: it cannot be imported or made, or is no codec; always one line.
    """
    where = f"codec {named.target!r} of {named.source}"
    module_name, _, path = named.target.partition(":")
    if not path or not all(part.isidentifier() for part in f"{module_name}.{path}".split(".")):
        raise ConfigurationError(f"{where} is not module:object", hint="like: shop.sealing:codec")
    try:
        found: Any = import_named(module_name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error.message}", hint=error.hint) from error
    for part in path.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise ConfigurationError(f"{where}: module {module_name} has no {path}")
    if isinstance(found, type) or (not _is_codec(found) and callable(found)):
        try:
            found = found()
        except Exception as error:
            raise ConfigurationError(f"{where} cannot be made: {cause(error)}") from error
    if not _is_codec(found):
        raise ConfigurationError(
            f"{where} is no codec: it has no seal and open", hint="see docs/codecs.md"
        )
    codec = cast("PayloadCodec", found)
    try:
        restored: object = codec.open(codec.seal(_PROBE))
    except Exception as error:
        raise ConfigurationError(f"{where} does not work: {cause(error)}") from error
    if restored != _PROBE:
        raise ConfigurationError(f"{where} does not open what it has sealed")
    return codec


def _is_codec(value: Any) -> bool:
    return callable(getattr(value, "seal", None)) and callable(getattr(value, "open", None))
