"""The message that brings a run a question."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

QUESTION: Final = "question"
"""Kind of the inbox message."""


class PostedQuestion(msgspec.Struct, frozen=True, omit_defaults=True):
    """The payload of the message; `copied` as in `QuestionReceived`."""

    question: str
    value: Raw
    copied: bool = False


def encode_question(question: str, value: bytes, *, copied: bool = False) -> bytes:
    """The payload of a message of kind QUESTION."""
    return msgspec.json.encode(PostedQuestion(question, Raw(value), copied))


def decode_question(payload: bytes) -> PostedQuestion:
    """The inverse of `encode_question`."""
    return msgspec.json.decode(payload, type=PostedQuestion)
