"""The pictures on the pages are what the program draws."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from console.shots import FOLDER, SHOTS, render
from tests.console.pictures import FONTS, PICTURED, png
from tests.console.snapshots import in_utc
from tests.console.test_snapshots import steady

ROOT = Path(__file__).parents[2]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("name", PICTURED)
async def test_the_picture_is_what_the_program_draws(name: str) -> None:
    """Byte for byte, on a clock that stands still; to accept what is new: `make screenshots`."""
    [shot] = [shot for shot in SHOTS if shot.name == name]
    with in_utc():
        drawn = await render(shot)
    kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert steady(drawn) == steady(kept)


@pytest.mark.parametrize("name", PICTURED)
def test_a_png_is_made_of_its_svg(name: str) -> None:
    """There is one of the size of the SVG, and making it again gives the same."""
    kept = (FOLDER / f"{name}.png").read_bytes()
    svg = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box is not None
    assert kept.startswith(SIGNATURE)
    size = struct.unpack(">II", kept[16:24])
    assert all(
        abs(pixels - float(length)) <= 1 for pixels, length in zip(size, box.groups(), strict=True)
    )
    assert png(svg) == kept


def test_the_font_of_the_pictures_has_its_licence() -> None:
    """Kept beside it."""
    assert {each.name for each in FONTS.glob("*.ttf")} == {
        "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf",
    }  # fmt: skip
    assert "Bitstream" in (FONTS / "LICENSE").read_text(encoding="utf-8")


def test_the_pages_show_pictures_that_are_compared() -> None:
    """Every picture of the README and of the console's page is one of them."""
    shown: set[str] = set()
    for page in ("README.md", "docs/console.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        shown |= set(re.findall(r"screenshots/([\w-]+)\.(?:svg|png)", text))
    assert shown <= set(PICTURED)
    assert {"runs-140x40", "plan-100x30", "audit-140x40", "health-140x40"} <= shown
