"""Commands about sessions: which there are, how they are, register, change, delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from .model import CARE_WITHIN, Command, Danger, Given, Needs
from .parameters import Kind, Parameter, argument, flag, option
from .shown import Block, Grid, ago, ahead, grid, span, when

GROUP: Final = "Sessions"
WAITS_SHOWN: Final = 40  # rows
PAIRS_SHOWN: Final = 50  # rows; those in trouble are shown all

SESSION: Final = argument("session", "The session's name.", Kind.NAME, metavar="SESSION")
PROPERTIES: Final[tuple[Parameter, ...]] = (
    option("priority", "Who is first to get pairs: 1.", Kind.INTEGER, least=1, most=10),
    option("max_pairs", "How many pairs it takes.", Kind.INTEGER, least=1, most=50),
    option("metadata", "What else to note: KEY=VALUE, again for more.", Kind.FIELDS),
)


def _list(result: Given) -> Iterator[Block]:
    rows = [
        (
            one["name"],
            one["health"],
            one["phase"],
            ago(one["since"]),
            f"{one['pairs']}/{one['max_pairs']}",
            one["priority"],
            _reason(one),
        )
        for one in result["sessions"]
    ]
    columns = ("session", "health", "phase", "for", "pairs", "priority", "reason")
    yield grid("sessions", columns, rows, wide=6, empty="no session is registered")


def _reason(one: Given) -> str:
    until = ahead(one["until"])
    return f"{one['reason']} until {until}".strip() if until else str(one["reason"])


def _one(result: Given) -> Iterator[Block]:
    yield from _list({"sessions": [result]})


def _status(result: Given) -> Iterator[Block]:
    yield sessions_grid(result)
    yield from _advice(result)
    yield groups_grid(result)
    if result["floods"]:
        rows = [(one["session"], one["method"], ahead(one["until"])) for one in result["floods"]]
        yield grid("floods", ("session", "method", "until"), rows, wide=1)
    if running := result.get("operations"):
        yield _under_way(running)
    if result["waits"]:
        yield waits_grid(result)


def _under_way(operations: Sequence[Given]) -> Grid:
    """One row for each of the operations that are not over, the newest first."""
    rows: list[tuple[Any, ...]] = [
        (
            one["id"],
            one["kind"],
            one["session"],
            f"{one['step']}/{one['steps']}",
            ago(one["started"]),
            one["description"],
        )
        for one in operations[: -WAITS_SHOWN - 1 : -1]
    ]
    if len(operations) > WAITS_SHOWN:
        rows.append(("", "", "", "", "", f"and {len(operations) - WAITS_SHOWN} more"))
    columns = ("operation", "kind", "session", "step", "begun", "what")
    return grid("under way", columns, rows, wide=5)


def sessions_grid(state: Given) -> Grid:
    """One row a session, those in trouble first: how it is, since when, and why."""
    sessions = sorted(state.get("sessions", ()), key=lambda one: one["health"] == "healthy")
    rows = [
        (
            one["session"],
            one["health"],
            one["phase"],
            ago(one["since"]),
            one["recoveries"],
            ago(one["last_update"]),
            _reason(one),
        )
        for one in sessions
    ]
    columns = ("session", "health", "phase", "for", "back", "heard", "reason")
    return grid("sessions", columns, rows, wide=6, empty="no session has reported yet")


def _advice(state: Given) -> Iterator[Block]:
    for one in state["sessions"]:
        advice = one["health_advice"] or one["advice"]
        if one["health"] != "healthy" and advice:
            yield f"{one['session']}: {advice}"
        if limited := ahead(one["limited_until"]):
            yield f"{one['session']}: Telegram limits the account until {limited}"
        if one["notice"]:
            yield f"{one['session']}: {one['notice']}"
        yield from _account(one)


def _account(one: Given) -> Iterator[Block]:
    """What an operator has to know of the account, and when it dies if nobody uses it."""
    known = one.get("account")
    for fact in () if known is None else known["facts"]:
        told = [part for part in (when(fact["until"]), fact["url"]) if part]
        dates = f" ({', '.join(told)})" if told else ""
        explanation = fact["explanation"].rstrip(".")
        yield f"{one['session']}: {explanation}{dates}. {fact['advice']}"
    no_login = one["phase"] == "needs_login" or one["phase"].startswith("awaiting")
    login_ends = None if known is None or no_login else known["login_ends"]
    ends = known and min(filter(None, (login_ends, known["account_ends"])), default=None)
    if ends and one["health"] != "healthy":
        yield f"{one['session']}: dies if unused by {when(ends)}"


def groups_grid(state: Given) -> Grid:
    """One row a pair, those in trouble first; of many that are well only how many there are."""
    found = [(group, pair) for group in state.get("groups", ()) for pair in group["pairs"]]
    found.sort(key=lambda one: not _is_troubled(one[1]))
    troubled = sum(_is_troubled(pair) for _, pair in found)
    shown = found[: max(PAIRS_SHOWN, troubled)]
    rows = [_pair_row(group, pair) for group, pair in shown]
    if left := len(found) - len(shown):
        rows.append(
            ("", "", f"and {left} more that are well; name a session to see its", *[""] * 4)
        )
    columns = ("pair", "group", "way", "wait", "done", "again", "dead")
    return grid("pairs", columns, rows, wide=2, empty="no pair")


def _is_troubled(pair: Given) -> bool:
    return bool(pair["paused"] or pair["dead"] or pair.get("deaf_since"))


def _pair_row(group: Given, pair: Given) -> tuple[Any, ...]:
    where = f"{group['session']}/{group['group']}"
    paused = f"; paused: {pair['paused']}" if pair["paused"] else ""
    deaf = (
        f"; deaf for its source since {when(pair['deaf_since'])}" if pair.get("deaf_since") else ""
    )
    way = f"{pair['source']} -> {pair['target']}, {pair['mode']}{paused}{deaf}"
    counts = (pair["waiting"], pair["delivered"], pair["repeated"], pair["dead"])
    return (pair["id"], where, way, *counts)


def waits_grid(state: Given) -> Grid:
    """One row for each of those that wait, who does for longest first."""
    waits = state["waits"]
    rows: list[tuple[Any, ...]] = [
        (one["who"], one["kind"], ago(one["since"]), ahead(one["until"]), one["what"])
        for one in waits[:WAITS_SHOWN]
    ]
    if len(waits) > WAITS_SHOWN:
        rows.append(("", "", "", "", f"and {len(waits) - WAITS_SHOWN} more"))
    return grid("waits", ("who", "for", "since", "until", "what"), rows, wide=4)


def _registered(result: Given) -> Iterator[Block]:
    yield f"{result['name']} is registered; log it in with: telewarden auth {result['name']}"


def _changed(result: Given) -> Iterator[Block]:
    yield f"{result['name']} is changed"
    yield from _one(result)


def _changed_many(result: Given) -> Iterator[Block]:
    done = "would be changed" if result["dry_run"] else "changed"
    rows = [
        (one["session"], done if one["changed"] else f"refused: {one['error']}")
        for one in result["outcomes"]
    ]
    yield grid("changes", ("session", "what"), rows, wide=1, empty="no session is so")


def _some_refused(result: Given) -> int:
    outcomes = result["outcomes"]
    return 0 if outcomes and all(one["changed"] for one in outcomes) else 1


def _deleted(result: Given) -> Iterator[Block]:
    moved = [f"pair {pair} to {name}" for pair, name in result["moved"].items()]
    done = "would be deleted" if result["dry_run"] else "is deleted; its backups are kept"
    yield f"{result['name']} {done}" + (f"; {', '.join(moved)}" if moved else "")


def _optimal(result: Given) -> Iterator[Block]:
    yield f"{result['name']}: {result['reason']}"
    rows = [
        (one["name"], "yes" if one["fits"] else "no", one["reason"]) for one in result["candidates"]
    ]
    yield grid("looked at", ("session", "fits", "why"), rows, wide=2)


def _workers(result: Given) -> Iterator[Block]:
    rows = [
        (
            f"{one['session']}/{one['group']}",
            "online" if one["online"] else "offline",
            len(one["pairs"]),
            sum(pair["waiting"] for pair in one["pairs"]),
            sum(pair["dead"] for pair in one["pairs"]),
            sum(pair["paused"] is not None for pair in one["pairs"]),
        )
        for one in result["groups"]
    ]
    columns = ("group", "line", "pairs", "wait", "dead", "paused")
    yield grid("worker groups", columns, rows, wide=0, empty="no worker group")
    one = result["process"]
    yield (
        f"process {one['pid']}: up for {span(one['uptime'])},"
        f" {one['memory'] / (1 << 20):.0f} MiB, {one['processor']:.0f} s of processor"
    )


COMMANDS: Final = (
    Command(
        name="status",
        help="Show how sessions and pairs are, what waits, and what to do.",
        more="With a session's name only that one. Times are in the zone of this machine's user.",
        group=GROUP,
        parameters=(option("session", "Only this one.", Kind.NAME, option=False),),
        needs=Needs.STORE,
        result="sessions.Status",
        show=_status,
    ),
    Command(
        name="sessions",
        help="List the registered sessions.",
        group=GROUP,
        parameters=(
            option(
                "health",
                "Only those that are so.",
                Kind.CHOICE,
                choices=("healthy", "unhealthy", "expired", "unauthorized", "unknown", "deleted"),
            ),
        ),
        needs=Needs.STORE,
        result="sessions.SessionList",
        show=_list,
    ),
    Command(
        name="register",
        help="Register a session that no configuration declares.",
        more="It stays registered through restarts. Log it in with `auth`.",
        group=GROUP,
        parameters=(
            argument("session", "Letters, digits and underscores.", Kind.NAME, metavar="SESSION"),
            option("phone", "Its number, as +12025550123.", Kind.SECRET, option=False),
            *PROPERTIES,
        ),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="sessions.Session",
        show=_registered,
    ),
    Command(
        name="change",
        help="Change fields of a session at once, all or none.",
        group=GROUP,
        parameters=(SESSION, option("phone", "Its number.", Kind.SECRET), *PROPERTIES),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="sessions.Session",
        show=_changed,
    ),
    Command(
        name="change-many",
        help="Change fields of many sessions with one command, each all or none.",
        more="Which ones: their names, --all, or --where: health=unhealthy, priority=3, or a field"
        " of their metadata, as team=news; of several all must hold. Exit code 1 if one is refused,"
        " or none is so.",
        group=GROUP,
        parameters=(
            option(
                "sessions",
                "Their names.",
                Kind.WORDS,
                option=False,
                default=[],
                metavar="SESSION...",
            ),
            flag("all", "All that are registered."),
            option(
                "where", "Those that are so: KEY=VALUE, again for more.", Kind.FIELDS, default={}
            ),
            flag("dry_run", "Only tell which would be changed."),
            *PROPERTIES,
        ),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="sessions.ChangedMany",
        show=_changed_many,
        exit_code=_some_refused,
    ),
    Command(
        name="delete",
        help="Stop a session and forget it; its backups are kept.",
        more="Refused while it has pairs. With --force they go to other sessions first, all or"
        " none, each to the best one that may serve it. The login at Telegram goes on; `logout`"
        " ends it.",
        group=GROUP,
        parameters=(
            SESSION,
            flag("force", "Give its pairs to other sessions first."),
            flag("accept_doubt", "Also pairs of which it is not known what has arrived."),
            flag("dry_run", "Only tell where the pairs would go."),
        ),
        danger=Danger.HARMS,
        question="Delete session {session}? Its backups are kept.",
        needs=Needs.STORE,
        result="sessions.Deleted",
        show=_deleted,
        within=CARE_WITHIN,
    ),
    Command(
        name="optimal",
        help="Tell which session is best for one more pair, and why.",
        group=GROUP,
        parameters=(flag("any_health", "Also those that may come back later."),),
        needs=Needs.STORE,
        result="sessions.Optimal",
        show=_optimal,
    ),
    Command(
        name="workers",
        help="Show the worker groups, and the process: its number, age and memory.",
        group=GROUP,
        result="process.Workers",
        show=_workers,
    ),
)
