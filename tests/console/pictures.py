"""The screenshots as PNG, for readers that show no SVG: `python -m tests.console.pictures`.

The SVG is what the program drew and what tests compare; a PNG is derived from it, with the one font
that is kept beside it, so that it looks alike on every machine.
"""

from __future__ import annotations

import re
import sys
from typing import Final

import resvg_py

from console.shots import FOLDER

FONTS: Final = FOLDER / "fonts"
FAMILY: Final = "DejaVu Sans Mono"
PICTURED: Final = (
    "runs-80x24", "runs-140x40", "runs-filter", "runs-light", "run-140x40", "run-children",
    "run-timeline-200x50", "run-waits-80x24", "run-diff-200x50", "plan-100x30", "audit-140x40",
    "nodes-140x40", "health-140x40", "query-builder",
    "journal-140x40", "peek-140x40",
)  # fmt: skip
"""Those that the pages show, and one of each screen."""


def png(svg: str) -> bytes:
    """The picture of an SVG that the console has drawn."""
    # Web fonts cannot be fetched here, and their names would be looked for first.
    drawn = re.sub(r"@font-face \{.*?\n    \}\n", "", svg, flags=re.DOTALL)
    drawn = re.sub(r"font-family: [^;]+;", f"font-family: '{FAMILY}';", drawn)
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=drawn,
            skip_system_fonts=True,
            font_files=[str(each) for each in sorted(FONTS.glob("*.ttf"))],
            font_family=FAMILY,
            monospace_family=FAMILY,
            sans_serif_family=FAMILY,
        )
    )


def main() -> None:
    """Write all of them, or those named so."""
    wanted = sys.argv[1:]
    for name in PICTURED:
        if wanted and not any(name.startswith(each) for each in wanted):
            continue
        path = FOLDER / f"{name}.png"
        path.write_bytes(png(path.with_suffix(".svg").read_text(encoding="utf-8")))
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
