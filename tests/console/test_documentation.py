"""The documented keys are the registry's."""

from __future__ import annotations

from pathlib import Path

from console import actions

PAGE = Path(__file__).parents[2] / "docs" / "console.md"


def key_table() -> str:
    """The table as the registry gives it."""
    rows: dict[str, dict[str, str]] = {}
    for screen in (actions.RUNS, actions.RUN):
        for action in actions.of_screen(screen):
            keys = " ".join(f"`{actions.shown(key)}`" for key in action.keys)
            rows.setdefault(keys, {})[screen] = action.help
    lines = ["| Key | Runs | Run |", "|---|---|---|"]
    for keys, helps in rows.items():
        lines.append(f"| {keys} | {helps.get(actions.RUNS, '')} | {helps.get(actions.RUN, '')} |")
    return "\n".join(lines)


def test_the_page_shows_the_keys_of_the_registry() -> None:
    """docs/console.md holds exactly the keys, screens and sentences of the action registry."""
    page = PAGE.read_text(encoding="utf-8")
    shown = page.partition("<!-- keys -->\n")[2].partition("\n<!-- /keys -->")[0]
    assert shown == key_table()
