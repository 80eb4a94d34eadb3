"""Findings as text, JSON or annotations of a pull request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from continuum.check.rules import Finding, Severity


def as_text(findings: Sequence[Finding]) -> str:
    """One finding on two lines, as ruff prints, and a summary."""
    lines: list[str] = []
    for each in findings:
        warning = "warning: " if each.severity is Severity.WARNING else ""
        lines.append(
            f"{each.path}:{each.line}:{each.column}: {each.code} {warning}{each.message}\n"
            f"  help: {each.hint}"
        )
    lines.append(summary(findings))
    return "\n".join(lines)


def summary(findings: Sequence[Finding]) -> str:
    """How much was found."""
    if not findings:
        return "All checks passed."
    warnings = sum(each.severity is Severity.WARNING for each in findings)
    return f"Found {_count(len(findings) - warnings, 'error')}, {_count(warnings, 'warning')}."


def as_json(findings: Sequence[Finding]) -> str:
    """A list of objects."""
    return json.dumps([_record(each) for each in findings], indent=2)


def as_github(findings: Sequence[Finding]) -> str:
    """Workflow commands that GitHub shows at the line."""
    return "\n".join(
        f"::{each.severity} file={_property(each.path)},line={each.line},col={each.column},"
        f"title={each.code}::{_escaped(f'{each.message} ({each.hint})')}"
        for each in findings
    )


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "hint": finding.hint,
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
