"""Code that readers copy from README and docs type-checks strictly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.docs.documents import REPOSITORY, blocks
from tests.docs.test_documents import RUNNING

CHECKED = [path for path in RUNNING if path.name != "testing.md"]
"""What users deploy; lambdas that stand in for activities in a test have no types."""

STRICT = {
    "typeCheckingMode": "strict",
    "include": ["."],
    "extraPaths": [str(REPOSITORY)],
    "reportMissingTypeStubs": False,
}


def write_code(folder: Path, documents: list[Path]) -> int:
    """Save the Python blocks of each document in a folder of its own; how many there are."""
    count = 0
    for document in documents:
        own = folder / document.stem.replace(".", "_")
        own.mkdir()
        for block in blocks(document.read_text(encoding="utf-8")):
            if block.language == "python":
                (own / (block.title or f"line_{block.line}.py")).write_text(block.text)
                count += 1
    return count


def test_code_blocks_type_check(tmp_path: Path) -> None:
    """No block of any document has a type error in strict mode."""
    count = write_code(tmp_path, CHECKED)
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(STRICT))
    answer = subprocess.run(
        [
            sys.executable, "-m", "basedpyright", "--outputjson", "-p", str(tmp_path),
            "--pythonpath", sys.executable,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    report = json.loads(answer.stdout)
    assert report["summary"]["filesAnalyzed"] == count >= 10
    assert [
        f"{Path(each['file']).relative_to(tmp_path)}:{each['range']['start']['line'] + 1}"
        f" {each['message']}"
        for each in report["generalDiagnostics"]
    ] == []
