"""The Python blocks of README and docs pass a strict type checker, with the types they promise."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.docs.documents import REPOSITORY, Block, blocks

DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
UNTYPED = {
    # Django tells nothing of its types, and wrong ones are inferred.
    "docs_integrations": {
        "reportUnknownMemberType": False,
        "reportUnknownVariableType": False,
        "reportUnknownArgumentType": False,
        "reportGeneralTypeIssues": False,
        "reportAttributeAccessIssue": False,
    },
}
REVEALED = {
    # what a reader's editor shows where a result is used: document, block, name, type
    ("README.md", "shop.py", "charge"): "Activity[(order: Order), str]",
    ("README.md", "shop.py", "order_flow"): "Workflow[(order: Order), str]",
}


def python_blocks() -> Iterator[tuple[Path, Block]]:
    """The Python blocks of all documents."""
    for document in DOCUMENTS:
        for block in blocks(document.read_text(encoding="utf-8")):
            if block.language == "python":
                yield document, block


def findings() -> list[dict[str, Any]]:
    """What basedpyright says of all blocks: one process, a directory for each document.

    A file's first lines are empty, so that lines are those of its document. What is revealed
    comes after the last line. The library is linked into each directory, since an installed copy
    of another checkout would be preferred to a path.
    """
    rules = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["basedpyright"]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        roots: dict[str, None] = {}
        for document, block in python_blocks():
            root = str(document.relative_to(REPOSITORY)).replace("/", "_").removesuffix(".md")
            roots[root] = None
            if not (folder / root).exists():
                (folder / root).mkdir()
                (folder / root / "continuum").symlink_to(REPOSITORY / "continuum")
            name = block.title or f"line_{block.line}.py"
            shown = [
                f"reveal_type({what})"
                for path, title, what in REVEALED
                if (path, title) == (str(document.relative_to(REPOSITORY)), block.title)
            ]
            text = "\n" * block.line + block.text + "\n".join([*shown, ""])
            (folder / root / name).write_text(text)
        (folder / "pyrightconfig.json").write_text(
            json.dumps({
                **rules,
                "include": [*roots],
                "exclude": ["**/continuum"],
                "executionEnvironments": [
                    {"root": root, **UNTYPED.get(root, {})} for root in roots
                ],
            })
        )  # fmt: skip
        answer = subprocess.run(
            [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable,
             "--project", folder],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
    report = json.loads(answer.stdout)
    assert report["summary"]["filesAnalyzed"] == len(list(python_blocks())), answer.stdout
    return report["generalDiagnostics"]


def test_there_are_blocks() -> None:
    """The suite cannot pass by finding nothing."""
    assert len(list(python_blocks())) >= 10
    text = "".join(block.text for _, block in python_blocks())
    assert text.count("@workflow") >= 3


def test_every_block_is_strictly_typed() -> None:
    """No error in any block, and decorated functions keep their parameters and results.

    One test, so that the type checker runs once.
    """
    found = findings()
    errors = [
        f"{Path(each['file']).parent.name}:{each['range']['start']['line'] + 1}: {each['message']}"
        for each in found
        if each["severity"] == "error"
    ]
    assert errors == []
    shown = [each["message"] for each in found if each["severity"] == "information"]
    revealed = [f'Type of "{what}" is "{kind}"' for (_, _, what), kind in REVEALED.items()]
    assert sorted(shown) == sorted(revealed)
