"""Reports, and findings in them."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from typing import Any

from continuum import Continuum
from continuum.cli.catalogue import COMMANDS
from continuum.health.report import Finding, HealthReport, Limits
from tests.worker.cluster import eventually


async def report(ct: Continuum, **limits: Any) -> HealthReport:
    """A report without the second that measuring the load takes."""
    found = await ct.health(limits=Limits(**limits), sample=0)
    check_fixes(found)
    return found


async def finding(ct: Continuum, code: str, **limits: Any) -> Finding:
    """The one finding of that kind, as soon as there is one."""

    async def look() -> list[Finding]:
        return [each for each in (await report(ct, **limits)).findings if each.code == code]

    [found] = await eventually(look)
    return found


async def codes(ct: Continuum, **limits: Any) -> list[str]:
    """The kinds of findings, the worst first."""
    return [each.code for each in (await report(ct, **limits)).findings]


def check_fixes(found: HealthReport) -> None:
    """Every fix that is a command names one that exists, with options that it has."""
    for each in found.findings:
        words = each.fix.split()
        if words[0] != "continuum":
            assert each.fix.endswith(";"), each.fix
            continue
        name = next(n for n in (" ".join(words[1:3]), words[1]) if n in COMMANDS)
        for option in re.findall(r"--[\w-]+", each.fix):
            assert option in _help_of(name), each.fix


@cache
def _help_of(command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "continuum.cli", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
