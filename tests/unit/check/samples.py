"""Sample applications: kept as text, so that no other tool reads their sins as ours."""

from __future__ import annotations

import re
from pathlib import Path

from continuum.check.checking import check_paths
from continuum.check.rules import Finding

FOLDER = Path(__file__).parent / "samples"
_MARK = re.compile(r"#! (CTM\d+)")


def unpack(name: str, folder: Path) -> Path:
    """Write a sample and its helpers as Python files; answers the sample's."""
    helpers = {"sins": "sin_helpers", "innocents": "innocent_helpers"}[name]
    for source in [FOLDER / f"{name}.txt", *(FOLDER / helpers).iterdir()]:
        target = folder / source.relative_to(FOLDER).with_suffix(".py")
        target.parent.mkdir(exist_ok=True)
        target.write_text(source.read_text())
    return folder / f"{name}.py"


def marked(folder: Path) -> set[tuple[str, int, str]]:
    """The marks `#! CTM001` as (file, line, code)."""
    return {
        (str(file.relative_to(folder)), number, match[1])
        for file in folder.rglob("*.py")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        for match in _MARK.finditer(line)
    }


def found(findings: list[Finding], folder: Path) -> set[tuple[str, int, str]]:
    """Findings as (file, line, code)."""
    return {
        (str(Path(f.path).resolve().relative_to(folder.resolve())), f.line, f.code)
        for f in findings
    }


def check_source(source: str, folder: Path, **options: list[str]) -> list[str]:
    """The findings in one file, as `line code` texts."""
    (folder / "app.py").write_text(source)
    findings = check_paths([folder / "app.py"], options.get("trusted", ()))
    return [f"{each.line} {each.code}" for each in findings]
