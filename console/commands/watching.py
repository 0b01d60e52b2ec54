"""Commands that look: health, events, floods, audit trail, history, tree, stacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .model import CARE_WITHIN, NOT_IN_CHATS, Command, Danger, Given, Needs
from .parameters import Kind, argument, flag, option
from .sessions import SESSION
from .shown import Block, ago, ahead, grid, when

GROUP: Final = "Looking"
LIMIT: Final = option("limit", "How many at most.", Kind.INTEGER, default=50, least=1, most=10_000)
SINCE: Final = option("since", "Only later than this date, or so long ago, as 2h.", Kind.MOMENT)
NAMED: Final = option("session", "Only this one.", Kind.NAME, option=False)

ON_ITS_WAY: Final = ("waiting", "logging_in")  # what is not well, and needs nobody


def _tree(result: Given) -> Iterator[Block]:
    yield result["text"]


def _drilled(result: Given) -> Iterator[Block]:
    yield f"{result['child']}: struck; watch it with: telewarden tree"


def _health(result: Given) -> Iterator[Block]:
    yield ("ready" if result["ready"] else "not ready") + f": {result['readiness']}"
    yield f"registry {result['overall']}" + "".join(f"; {one}" for one in result["reasons"])
    for what in ("sessions", "operations"):
        counted = ", ".join(f"{count} {word}" for word, count in result[what].items() if count)
        yield f"{what}: {counted or 'none'}"
    yield f"pairs: {result['pairs']} of {result['pair_room']} that all sessions take"
    for one in result["ill"]:
        why = f": {'; '.join(one['why'])}" if one["why"] else ""
        since = when(one["since"])
        yield f"{one['subject']} is {one['health']} ({one['reason']}) since {since}{why}"
        if one["steps"]:
            yield f"    steps of the health monitor: {'; '.join(one['steps'])}"
    for pair in result["troubled"]:
        yield f"pair {pair} is paused for trouble; see: telewarden pairs why {pair}"
    for one in result.get("alerts", ()):
        subject = f": {one['subject']}" if one["subject"] else ""
        yield f"[{one['severity']}] {one['name']}{subject}, for {ago(one['since'])}"
    if result.get("alerts"):
        yield "what to do about alerts: telewarden alerts"
    if result["stuck"]:
        yield f"stuck operations: {', '.join(map(str, result['stuck']))}"


def _not_well(result: Given) -> int:
    ill = any(one["reason"] not in ON_ITS_WAY for one in result["ill"])
    well = result["ready"] and result["overall"] == "healthy" and not result["troubled"]
    critical = any(one["severity"] == "critical" for one in result.get("alerts", ()))
    return 0 if well and not ill and not critical else 1


def _events(result: Given) -> Iterator[Block]:
    for one in result["events"]:
        yield f"{when(one['at'])} {one['text']}"


def _floods(result: Given) -> Iterator[Block]:
    rows = [(one["session"], one["method"], ahead(one["until"])) for one in result["floods"]]
    columns, empty = ("session", "method", "until"), "no flood: nobody was asked to wait"
    yield grid("floods", columns, rows, wide=1, empty=empty)


def _audit(result: Given) -> Iterator[Block]:
    rows = [
        (when(one["at"]), one["who"], one["what"], one["subject"], one["outcome"])
        for one in result["rows"]
    ]
    columns = ("at", "who", "what", "subject", "outcome")
    yield grid("audit trail", columns, rows, wide=4, empty="nothing was noted")


def _history(result: Given) -> Iterator[Block]:
    rows = [(when(one["at"]), one["kind"], one["what"]) for one in result["moments"]]
    empty = f"nothing is known of {result['session']} yet"
    yield grid(f"history of {result['session']}", ("at", "", "what"), rows, wide=2, empty=empty)


def _stack(result: Given) -> Iterator[Block]:
    for one in (*result["threads"], *result["tasks"]):
        yield one["name"]
        for line in one["frames"]:
            yield f"    {line}"


def _diagnosis(result: Given) -> Iterator[Block]:
    for one in result["findings"]:
        yield f"[{one['level']}] {one['area']}: {one['what']}"
        for number, step in enumerate(one["steps"], start=1):
            yield f"    {number}. {step}"


def _unhealthy(result: Given) -> int:
    return 0 if result["healthy"] else 1


def _safety(result: Given) -> Iterator[Block]:
    for one in result["sessions"]:
        yield f"{one['session']}: {one['verdict']}: {one['explanation']}; {one['advice']}"
    if not result["sessions"]:
        yield "no session is stored"


def _verdict(result: Given) -> int:
    return int(result["exit_code"])


def _tested(result: Given) -> Iterator[Block]:
    for one in result["sessions"]:
        yield f"{one['session']}: {'good' if one['good'] else 'not good'}: {one['explanation']}"
        if one["advice"]:
            yield f"    {one['advice']}"


def _all_good(result: Given) -> int:
    return 0 if all(one["good"] for one in result["sessions"]) else 1


COMMANDS: Final = (
    Command(
        name="health",
        help="Tell whether all is well: readiness, registry, pairs, alerts, stuck operations.",
        more="Exit code 1 if not. Of alerts that are firing all are named, and a critical one makes"
        " it 1.",
        group=GROUP,
        result="watching.Health",
        show=_health,
        exit_code=_not_well,
    ),
    Command(
        name="test",
        help="Ask Telegram whether logins are good; no code is sent.",
        more="Exit code 1 if one is not.",
        group=GROUP,
        parameters=(NAMED,),
        needs=Needs.STORE,
        result="watching.Tested",
        show=_tested,
        exit_code=_all_good,
        within=CARE_WITHIN,
    ),
    Command(
        name="safety-check",
        help="Tell whether a session may be used now: SAFE, CAUTION or UNSAFE, and who uses it.",
        more="Exit code 0 for SAFE, 1 for CAUTION, 2 for UNSAFE; of several the worst.",
        group=GROUP,
        parameters=(
            NAMED,
            flag("clear", "First remove what owners that have ended left behind."),
        ),
        needs=Needs.STORE,
        result="watching.Safety",
        show=_safety,
        exit_code=_verdict,
    ),
    Command(
        name="diagnostics",
        help="Look at storage, keys, locks, clock, network and accounts, with steps to take.",
        more="Nothing secret is in it: it can be pasted into an issue. Exit code 1 for a problem.",
        group=GROUP,
        needs=Needs.STORE,
        result="watching.Diagnosis",
        show=_diagnosis,
        exit_code=_unhealthy,
        within=CARE_WITHIN,
    ),
    Command(
        name="tree",
        help="Show the supervisor tree.",
        group=GROUP,
        result="process.Tree",
        show=_tree,
    ),
    Command(
        name="drill",
        help="Crash one child on purpose, to see it come back.",
        more="CHILD is a path as `tree` shows it, for example sessions/session:alice/session.",
        group=GROUP,
        parameters=(argument("child", "Its path in the tree.", metavar="CHILD"),),
        danger=Danger.CHANGES,
        surfaces=NOT_IN_CHATS,
        result="process.Drilled",
        show=_drilled,
    ),
    Command(
        name="events",
        help="Show what happened last.",
        more="Exit code 1 if the warden ends while its events are followed.",
        group=GROUP,
        parameters=(
            option("limit", "How many at most.", Kind.INTEGER, default=20, least=1, most=1000),
            option("after", "Only behind this number.", Kind.INTEGER, default=0, least=0),
        ),
        line_options=(flag("follow", "Go on with what happens, until Ctrl-C.", short="f"),),
        result="watching.Events",
        show=_events,
    ),
    Command(
        name="floods",
        help="Show who was asked by Telegram to wait, and until when.",
        group=GROUP,
        parameters=(NAMED,),
        result="watching.Floods",
        show=_floods,
    ),
    Command(
        name="audit",
        help="Show who changed what, newest first.",
        group=GROUP,
        parameters=(
            option("who", "Only by them."),
            option("what", "Only this, as register or login."),
            option("subject", "Only of this: a session's name, `pair 3`, `operation 17`."),
            SINCE,
            option("before", "Only earlier than this date, or so long ago.", Kind.MOMENT),
            LIMIT,
        ),
        needs=Needs.STORE,
        result="watching.Audit",
        show=_audit,
    ),
    Command(
        name="history",
        help="Show one session's timeline: changes, operations, backups, recent events.",
        group=GROUP,
        parameters=(SESSION, LIMIT),
        result="watching.History",
        show=_history,
    ),
    Command(
        name="stack",
        help="Show what every thread and task of the warden is at; no values are in it.",
        group=GROUP,
        surfaces=NOT_IN_CHATS,
        result="process.Stacks",
        show=_stack,
    ),
)
