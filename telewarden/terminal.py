"""Tables and panels for a terminal, made from a running warden's state.

Owns how things look in rich; takes plain data, as ``/api/state`` gives it, and asks nobody.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

WAITS_SHOWN: Final = 40  # rows

STYLES: Final[Mapping[str, str]] = {
    "healthy": "green",
    "unhealthy": "red",
    "expired": "red",
    "unauthorized": "yellow",
    "unknown": "cyan",
    "deleted": "dim",
}


def overview_tables(state: Mapping[str, Any], *, plain: bool = False) -> Iterator[Table]:
    """Everything ``telewarden status`` shows; ``plain`` for a terminal that knows ASCII alone."""
    yield sessions_table(state)
    yield groups_table(state, plain=plain)
    if state.get("waits"):
        yield waits_table(state)


def sessions_table(state: Mapping[str, Any]) -> Table:
    """One row a session: how it is, since when, and why."""
    table = Table(title="sessions", title_justify="left", expand=True, box=SIMPLE_HEAD)
    for name in ("session", "health", "phase"):
        table.add_column(name, no_wrap=True)
    for name in ("for", "back"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("reason", ratio=1, overflow="fold")
    for one in state.get("sessions", ()):
        table.add_row(
            one["session"],
            Text(one["health"], style=STYLES.get(one["health"], "")),
            one["phase"],
            _ago(one["since"]),
            str(one["recoveries"]),
            one["reason"] or "",
        )
    return table


def waits_table(state: Mapping[str, Any]) -> Table:
    """One row for each of those that wait, who does for longest first."""
    table = Table(title="waits", title_justify="left", expand=True, box=SIMPLE_HEAD)
    table.add_column("who", no_wrap=True)
    table.add_column("for", no_wrap=True)
    for name in ("since", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what", ratio=1, overflow="fold")
    for one in state["waits"][:WAITS_SHOWN]:
        left = "" if one["until"] is None else _span(one["until"] - time.time())
        table.add_row(one["who"], one["kind"], _ago(one["since"]), left, one["what"])
    if len(state["waits"]) > WAITS_SHOWN:
        table.add_row("", "", "", "", f"and {len(state['waits']) - WAITS_SHOWN} more")
    return table


def groups_table(state: Mapping[str, Any], *, plain: bool = False) -> Table:
    """One row a pair, by worker group."""
    table = Table(title="pairs", title_justify="left", expand=True, box=SIMPLE_HEAD)
    table.add_column("pair", no_wrap=True)
    table.add_column("group", no_wrap=True)
    table.add_column("way", ratio=1, overflow="fold")
    for name in ("wait", "done", "again", "dead"):
        table.add_column(name, justify="right", no_wrap=True)
    arrow = "->" if plain else "→"
    for group in state.get("groups", ()):
        for pair in group["pairs"]:
            table.add_row(
                str(pair["id"]),
                f"{group['session']}/{group['group']}",
                f"{pair['source']} {arrow} {pair['target']}, {pair['mode']}",
                *(str(pair[name]) for name in ("waiting", "delivered", "repeated", "dead")),
            )
            if pair["paused"]:
                table.add_row("", "", Text(f"paused: {pair['paused']}", style="yellow"))
    return table


def _ago(since: float) -> str:
    return _span(time.time() - since)


def _span(seconds: float) -> str:
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
