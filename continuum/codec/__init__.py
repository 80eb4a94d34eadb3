"""How values, failures and attributes are stored: plain JSON, bounded, always restorable."""

from __future__ import annotations

from continuum.codec.annotations import MAX_PAYLOAD, DecodeFailure, SignatureCodec, ValueCodec
from continuum.codec.attributes import check_attributes, check_json, check_namespace
from continuum.codec.failures import capture_failure
from continuum.codec.hooks import IDENTITY, PayloadCodec

__all__ = [
    "IDENTITY",
    "MAX_PAYLOAD",
    "DecodeFailure",
    "PayloadCodec",
    "SignatureCodec",
    "ValueCodec",
    "capture_failure",
    "check_attributes",
    "check_json",
    "check_namespace",
]
