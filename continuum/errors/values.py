"""What callers hand in and cannot be used: payloads, attributes, names, queries."""

from __future__ import annotations

from continuum.errors.base import ContinuumError


class PayloadError(ContinuumError):
    """A value cannot be stored in the journal."""


class PayloadSealed(ContinuumError, ValueError):
    """A stored payload cannot be opened: it is sealed by another codec."""

    default_hint = (
        "name the codec of this database: CONTINUUM_CODEC=module:object,"
        " or codec in pyproject.toml or the profile"
    )


class AttributesError(ContinuumError):
    """Attributes must be a JSON object that PostgreSQL can store."""


class NamespaceError(ContinuumError):
    """A namespace is 1 to 255 printable characters."""


class QueryError(ContinuumError):
    """A query expression, condition, order or cursor is wrong.

    Attributes:
        expression: the text that is wrong, if there is one.
        position: offset of the fault in it.
        suggestion: the nearest valid name, if there is one.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        position: int | None = None,
        suggestion: str | None = None,
        hint: str | None = None,
        expression: str | None = None,
    ) -> None:
        self.position = position
        self.suggestion = suggestion
        self.expression = expression
        if hint is None and suggestion is not None:
            hint = f"did you mean {suggestion}?"
        super().__init__(message or "The query is wrong.", hint=hint)

    def located(self, expression: str, position: int) -> QueryError:
        """The same error at that place of an expression, unless it has a place already."""
        if self.position is not None:
            return self
        return QueryError(self.message, position=position, suggestion=self.suggestion,
                          hint=self.hint, expression=expression)  # fmt: skip

    @property
    def line(self) -> int | None:
        """Line of the fault, from 1."""
        return None if self.expression is None else self._before().count("\n") + 1

    @property
    def column(self) -> int | None:
        """Character of that line at which the fault begins, from 1."""
        return None if self.expression is None else len(self._before().rpartition("\n")[2]) + 1

    @property
    def excerpt(self) -> str | None:
        """The faulty line with a caret below the fault, where that is known."""
        if self.expression is None or self.line is None or self.column is None:
            return None
        line = self.expression.split("\n")[self.line - 1]
        return f"{line}\n{' ' * (self.column - 1)}^"

    def _before(self) -> str:
        return (self.expression or "")[: self.position]

    def __str__(self) -> str:
        place = "" if self.line is None else f" at line {self.line}, column {self.column}"
        return f"{self.message}{place}" + (f" ({self.hint})" if self.hint else "")
