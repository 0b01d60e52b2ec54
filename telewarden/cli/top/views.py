"""The tables of the live view: their columns, and their rows from the warden's state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...console.commands.shown import STYLES, when

State = Mapping[str, Any]
Row = tuple[str, tuple[Any, ...]]
"""A key that stays from look to look, and a value for each column."""

DASH: Final = "-"


def text(value: Any, _now: float) -> str:
    """The value itself."""
    return DASH if value is None or value == "" else str(value)


def age(value: Any, now: float) -> str:
    """How long ago a moment was."""
    return DASH if not value else duration(now - value)


def clock(value: Any, now: float) -> str:
    """A moment to come, and in how long."""
    return DASH if not value or value <= now else f"{when(value)} ({duration(value - now)})"


def seconds(value: Any, _now: float) -> str:
    """A time."""
    return DASH if value is None else duration(value)


def duration(value: float) -> str:
    """A time in few letters: ``40ms``, ``12s``, ``3m20s``, ``2h05m``, ``3d04h``."""
    if value < 1.0:
        return f"{max(0.0, value) * 1000:.0f}ms"
    whole = int(value)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{whole}s"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and how a value below it is shown."""

    title: str
    show: Callable[[Any, float], str] = text


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One table.

    Args:
        name: its tab's.
        columns: from left to right.
        rows: makes them from the state, in the order in which they are told.
    """

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[State], Iterator[Row]]


def arranged(
    rows: Sequence[Row], *, wanted: str = "", column: int | None = None, backwards: bool = False
) -> list[Row]:
    """The rows that have ``wanted`` in one of their texts, sorted by a column.

    What has no value there comes last, whichever way it is sorted.
    """
    wanted = wanted.casefold()
    found = [row for row in rows if any(wanted in str(one).casefold() for one in row[1])]
    if column is None:
        return found
    there = [row for row in found if row[1][column] not in {None, ""}]
    there.sort(key=lambda row: _rank(row[1][column]), reverse=backwards)
    return there + [row for row in found if row[1][column] in {None, ""}]


def style_of(value: str) -> str:
    """The colour of a cell that says just this."""
    return STYLES.get(value, MORE_STYLES.get(value, ""))


def summary(state: State) -> str:
    """The line above the tables: readiness, and what has been done."""
    counters = state["counters"]
    kept = ("forwarded", "dead_letters", "restarts", "recoveries", "waiting")
    done = "  ".join(f"{name.replace('_', ' ')} {counters[name]:.0f}" for name in kept)
    return f"{'ready' if state['ready'] else 'NOT READY'}: {state['readiness']}\n{done}"


def advice(state: State, key: str) -> str:
    """What a session's state or a verdict means and what to do, for the line below the tables."""
    for one in state["sessions"]:
        if one["session"] == key:
            needed = one["advice"] if one["advice_needed"] else ""
            return f"{one['explanation']} {needed} {one.get('notice', '')}".strip()
    for one in state["verdicts"]:
        if one["subject"] == key:
            return f"{one['explanation']}. {one['advice']}"
    return ""


def _rank(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, int | float) else (1, str(value).casefold())


def _sessions(state: State) -> Iterator[Row]:
    left = {node["path"]: node["restarts_left"] for node, _ in _nodes(state["tree"])}
    for one in state["sessions"]:
        heard = None if one["update_age"] is None else state["at"] - one["update_age"]
        yield (
            one["session"],
            (
                one["session"],
                one["phase"],
                one["health"],
                one["since"],
                one["until"],
                one["probe_seconds"],
                heard,
                one["parked"],
                left.get(f"sessions/session:{one['session']}"),
                one["reason"],
            ),
        )


def _pairs(state: State) -> Iterator[Row]:
    for group in state["groups"]:
        for one in group["pairs"]:
            standing = "paused" if one["paused"] else "ready" if one["ready"] else "behind"
            yield (
                str(one["id"]),
                (
                    one["id"],
                    group["session"],
                    standing,
                    one["waiting"],
                    one["delivered"],
                    one["dead"],
                    f"{one['source']} > {one['target']}",
                    one["paused"],
                ),
            )


def _tree(state: State) -> Iterator[Row]:
    for node, depth in _nodes(state["tree"]):
        resumes = node["resumes_in"]
        yield (
            node["path"],
            (
                "  " * depth + node["id"],
                node["state"],
                node["incarnation"],
                node["restarts"],
                node["restarts_left"],
                node["waiting"],
                node["seconds"],
                None if resumes is None else state["at"] + resumes,
                node["why"],
            ),
        )


def _nodes(node: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[Mapping[str, Any], int]]:
    yield node, depth
    for child in node["children"]:
        yield from _nodes(child, depth + 1)


def _floods(state: State) -> Iterator[Row]:
    for one in state["floods"]:
        yield f"{one['session']} {one['method']}", (one["session"], one["method"], one["until"])


def _waits(state: State) -> Iterator[Row]:
    for number, one in enumerate(state["waits"]):
        cells = (one["who"], one["kind"], one["since"], one["until"], one["what"])
        yield f"{number} {one['who']}", cells


def _operations(state: State) -> Iterator[Row]:
    for one in reversed(state["operations"]):
        step = f"{one['step']}/{one['steps']}"
        what = one["error"] or one["description"]
        cells = (one["id"], one["kind"], one["session"], one["state"], step, one["updated"], what)
        yield str(one["id"]), cells


def _verdicts(state: State) -> Iterator[Row]:
    for one in state["verdicts"]:
        if one["ill"]:
            steps = ", ".join(f"{step['step']} {step['times']}x" for step in one["steps"])
            why = "; ".join(one["why"]) or one["explanation"]
            cells = (one["subject"], one["health"], one["reason"], one["since"], steps, why)
            yield one["subject"], cells


def _events(state: State) -> Iterator[Row]:
    for one in state["facts"]:
        yield str(one["number"]), (one["at"], one["kind"], one["text"])


def moment(value: Any, _now: float) -> str:
    """A moment."""
    return when(value)


VIEWS: Final = (
    View(
        name="Sessions",
        columns=(
            Column("session"),
            Column("phase"),
            Column("health"),
            Column("for", age),
            Column("until", clock),
            Column("answers", seconds),
            Column("heard", age),
            Column("parked"),
            Column("left"),
            Column("why"),
        ),
        rows=_sessions,
    ),
    View(
        name="Pairs",
        columns=(
            Column("pair"),
            Column("session"),
            Column("state"),
            Column("waits"),
            Column("done"),
            Column("dead"),
            Column("from > to"),
            Column("paused for"),
        ),
        rows=_pairs,
    ),
    View(
        name="Tree",
        columns=(
            Column("child"),
            Column("state"),
            Column("starts"),
            Column("restarts"),
            Column("left"),
            Column("mailbox"),
            Column("up", seconds),
            Column("resumes", clock),
            Column("why"),
        ),
        rows=_tree,
    ),
    View(
        name="Floods",
        columns=(Column("session"), Column("method"), Column("until", clock)),
        rows=_floods,
    ),
    View(
        name="Waits",
        columns=(
            Column("who"),
            Column("for"),
            Column("since", age),
            Column("until", clock),
            Column("what"),
        ),
        rows=_waits,
    ),
    View(
        name="Operations",
        columns=(
            Column("id"),
            Column("kind"),
            Column("session"),
            Column("state"),
            Column("step"),
            Column("told", age),
            Column("what"),
        ),
        rows=_operations,
    ),
    View(
        name="Events",
        columns=(Column("at", moment), Column("kind"), Column("what")),
        rows=_events,
    ),
    View(
        name="Health",
        columns=(
            Column("who"),
            Column("health"),
            Column("finding"),
            Column("for", age),
            Column("done"),
            Column("why"),
        ),
        rows=_verdicts,
    ),
)

MORE_STYLES: Final = {
    "online": "green",
    "ready": "green",
    "waiting": "yellow",
    "behind": "yellow",
    "paused": "yellow",
    "recovering": "yellow",
    "connecting": "yellow",
    "needs_login": "red",
    "quarantined": "red",
    "restarting": "yellow",
    "stopped": "dim",
}
