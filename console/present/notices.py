"""Banner, titles and empty states: what the console says when there is something to explain."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from rich.text import Text

from console import filters
from console.present import ages
from console.present.plain import one_line
from console.source import MAX_ROWS, RunsPage, RunsQuery
from console.themes import Palette
from continuum.errors import ContinuumError


def banner(
    error: Exception, seconds: float, retry_in: float, *, unreachable: bool, palette: Palette
) -> Text:
    """`database unreachable 12s · retry in 4s · r now`, and what the error said."""
    what = "database unreachable" if unreachable else "cannot read"
    loud = palette.bad + Style(bold=True, reverse=True)
    line = Text().append(f" ! {what} {ages.rough(seconds)} ", loud)
    again = "trying now" if retry_in <= 0 else f"retry in {ages.rough(retry_in + 0.999)}"
    line.append(f"  {again}", palette.warn).append("  r ", palette.key).append("now", palette.muted)
    return line.append(f"  {explain(error)}", palette.muted)


def explain(error: BaseException) -> str:
    """An error on one line, without a traceback."""
    if isinstance(error, ContinuumError):
        return one_line(error.message, 400)
    return one_line(f"{type(error).__name__}: {error}", 400)


def table_title(query: RunsQuery, page: RunsPage | None, counts: Mapping[str, int]) -> str:
    """`runs(billing) newest 100 of 1,204 · attributes.plan = 'pro'`."""
    parts = [f"runs({'all' if query.namespace is None else one_line(query.namespace, 40)})"]
    if page is not None:
        parts[0] += f" {shown(page, _total(query, counts))}"
        if not page.complete:
            parts.append("search not complete")
    if query.expression:
        parts.append(one_line(query.expression, 300))
    if query.conditions:
        parts.append(one_line(filters.describe(query.conditions), 120))
    return " · ".join(parts)


def _total(query: RunsQuery, counts: Mapping[str, int]) -> int | None:
    """How many match altogether, where it was counted."""
    if not counts:
        return None
    return counts.get(query.state, 0) if query.state else sum(counts.values())


def shown(page: RunsPage, total: int | None = None) -> str:
    """How many rows, and of how many."""
    count = len(page.runs)
    if not page.more:
        return f"{count:,}"
    of = f" of {total:,}" if total is not None and total > count else ""
    return f"newest {count:,}{of}" + (", narrow the query" if count >= MAX_ROWS else "")


def table_mode(*, following: bool) -> str:
    """What the cursor does when rows come and go."""
    return "following the newest · f holds" if following else "cursor held · f follows the newest"


def empty(query: RunsQuery, page: RunsPage | None, palette: Palette) -> Text:
    """Still loading, nothing matches, or nothing yet: three different things."""
    if page is None:
        return Text("reading runs…", palette.muted, justify="center")
    text = Text(justify="center")
    if not page.complete:
        text.append("The search was cut short before it found a run.\n\n", palette.warn)
        return _hint(text, "/", "narrow the filter", palette)
    if query.conditions or query.state or query.expression:
        described = filters.describe(tuple(query.where))
        described = " and ".join(part for part in (query.expression, described) if part)
        text.append("No run matches\n", palette.strong)
        text.append(one_line(described, 200) + "\n\n", palette.muted)
        _hint(text, "Esc", "clears the filter", palette)
        if query.namespace is None:
            return text
        return _hint(text.append("    "), "0", "looks in all namespaces", palette)
    if query.namespace is not None:
        text.append(f"No runs in {one_line(query.namespace, 60)}\n\n", palette.strong)
        _hint(text, "n", "chooses another namespace", palette)
        return _hint(text.append("    "), "0", "looks in all", palette)
    text.append("No runs yet\n\n", palette.strong)
    text.append("continuum demo", palette.accent).append(
        "  runs a shop that fills this list\n", palette.muted
    )
    return text.append("continuum start FLOW --input JSON", palette.accent).append(
        "  starts a run of yours", palette.muted
    )


def _hint(text: Text, key: str, words: str, palette: Palette) -> Text:
    return text.append(key, palette.key).append(f" {words}", palette.muted)
