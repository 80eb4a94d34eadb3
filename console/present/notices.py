"""Banner, titles and empty states: what the console says when there is something to explain."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text

from console.actions import RUNS, key
from console.present import ages
from console.present.plain import one_line
from console.source import MAX_ROWS, Counts, RunsPage, RunsQuery
from console.themes import Palette
from continuum.errors import ContinuumError
from continuum.query.tree import NEWEST_FIRST, All


def banner(
    error: Exception, seconds: float, retry_in: float, *, unreachable: bool, palette: Palette
) -> Text:
    """`database unreachable 12s · retry in 4s · r now`, and what the error said."""
    what = "database unreachable" if unreachable else "cannot read"
    loud = palette.bad + Style(bold=True, reverse=True)
    line = Text().append(f" ! {what} {ages.rough(seconds)} ", loud)
    again = "trying now" if retry_in <= 0 else f"retry in {ages.rough(retry_in + 0.999)}"
    line.append(f"  {again}", palette.warn).append(
        f"  {key('refresh', RUNS)} ", palette.key
    ).append("now", palette.muted)
    return line.append(f"  {explain(error)}", palette.muted)


def explain(error: BaseException) -> str:
    """An error on one line, without a traceback."""
    if isinstance(error, ContinuumError):
        return one_line(error.message, 400)
    return one_line(f"{type(error).__name__}: {error}", 400)


def table_title(query: RunsQuery, page: RunsPage | None, counts: Counts | None) -> str:
    """`runs(billing) newest 100 of 1,204`, and what is missing of the answer."""
    title = f"runs({'all' if query.namespace is None else one_line(query.namespace, 40)})"
    if page is None:
        return title
    title += f" {shown(query, page, counts)}"
    if not page.complete:
        title += f" · incomplete, {key('more', RUNS)} searches on"
    return title


def shown(query: RunsQuery, page: RunsPage, counts: Counts | None = None) -> str:
    """How many rows, and of how many; at least so many when they could not all be counted."""
    count = len(page.runs)
    if not page.more:
        return f"{count:,}"
    of = ""
    if counts is not None:
        total = counts.total if query.state is None else counts[query.state]
        if total > count:
            of = f" of {total:,}" if counts.exact else f" of at least {total:,}"
    kind = "newest" if query.order == NEWEST_FIRST else "first"
    return f"{kind} {count:,}{of}" + (", narrow the query" if count >= MAX_ROWS else "")


def table_mode(marked: str, *, following: bool) -> str:
    """What the cursor does when rows come and go; instead of it what is marked, if anything is."""
    if marked:
        acts = " ".join(key(name, RUNS) for name in ("signal", "attributes", "hold", "cancel"))
        return f"{marked} · {acts} act upon them · {key('unmark', RUNS)} unmarks"
    follow = key("follow", RUNS)
    if following:
        return f"following the newest · {follow} holds"
    return f"cursor held · {follow} follows the newest"


def empty(query: RunsQuery, page: RunsPage | None, palette: Palette) -> Text:
    """Still loading, nothing matches, or nothing yet: three different things."""
    if page is None:
        return Text("reading runs…", palette.muted, justify="center")
    text = Text(justify="center")
    if not page.complete:
        text.append("None found so far: the search stopped before its end.\n\n", palette.warn)
        _hint(text, key("more", RUNS), "searches on", palette)
        return _hint(text.append("    "), key("query", RUNS), "narrows the query", palette)
    if query.condition != All():
        text.append("No run matches\n", palette.strong)
        text.append(one_line(query.expression, 200) + "\n\n", palette.muted)
        _hint(text, key("clear", RUNS), "clears the query", palette)
        if query.namespace is None:
            return text
        return _hint(
            text.append("    "), key("all_namespaces", RUNS), "looks in all namespaces", palette
        )
    if query.namespace is not None:
        text.append(f"No runs in {one_line(query.namespace, 60)}\n\n", palette.strong)
        _hint(text, key("namespace", RUNS), "chooses another namespace", palette)
        return _hint(text.append("    "), key("all_namespaces", RUNS), "looks in all", palette)
    text.append("No runs yet\n\n", palette.strong)
    text.append("continuum demo", palette.accent).append(
        "  runs a shop that fills this list\n", palette.muted
    )
    return text.append("continuum start FLOW --input JSON", palette.accent).append(
        "  starts a run of yours", palette.muted
    )


def _hint(text: Text, named: str, words: str, palette: Palette) -> Text:
    return text.append(named, palette.key).append(f" {words}", palette.muted)
