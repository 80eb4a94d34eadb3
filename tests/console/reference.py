"""The tables of docs/console.md, from the registry: `python -m tests.console.reference`."""

from __future__ import annotations

from pathlib import Path

from console import actions, verbs
from tests.console.oncall_tasks import task_table

PAGE = Path(__file__).parents[2] / "docs" / "console.md"


def key_table() -> str:
    """Every key with where it works and what it does."""
    lines = ["| Key | Where | What it does |", "|---|---|---|"]
    for action in actions.ACTIONS:
        keys = " ".join(f"`{actions.shown(key)}`" for key in action.keys)
        everywhere = set(action.screens) == set(actions.SCREENS)
        names = ", ".join(actions.SCREENS[screen] for screen in action.screens)
        lines.append(f"| {keys} | {'everywhere' if everywhere else names} | {action.help} |")
    return "\n".join(lines)


def verb_table() -> str:
    """Every word that leads somewhere."""
    lines = ["| Command | Also | What it does |", "|---|---|---|"]
    for verb in verbs.VERBS:
        usage = f"{verb.name} {verb.usage}".strip().replace("|", "\\|")
        also = " ".join(f"`:{alias}`" for alias in verb.aliases)
        lines.append(f"| `:{usage}` | {also} | {verb.help} |")
    return "\n".join(lines)


TABLES = {"keys": key_table, "commands": verb_table, "tasks": task_table}


def shown(page: str, name: str) -> str:
    """The table of this name as a page shows it."""
    return page.partition(f"<!-- {name} -->\n")[2].partition(f"\n<!-- /{name} -->")[0]


def main() -> None:
    """Write the tables anew."""
    page = PAGE.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        page = page.replace(
            f"<!-- {name} -->\n{shown(page, name)}\n<!-- /{name} -->",
            f"<!-- {name} -->\n{table()}\n<!-- /{name} -->",
        )
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
