"""How large a query may be, in either spelling."""

from __future__ import annotations

from typing import Final

MAX_EXPRESSION: Final = 16 * 1024
"""Bytes of an expression."""
MAX_DEPTH: Final = 32
"""Nested conditions, or brackets."""
MAX_CONDITIONS: Final = 256
MAX_VALUES: Final = 1000
"""Values of one `in`."""
MAX_PATH: Final = 16
"""Keys of an attribute path."""
MAX_INTEGER: Final = 10**100
MAX_TEXT: Final = 16 * 1024
"""Characters of a value."""
