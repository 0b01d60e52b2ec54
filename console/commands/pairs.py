"""Commands about pairs: list, add, change, remove, pause, past, dead letters, moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .model import NOT_IN_CHATS, PAIRS_WITHIN, Command, Danger, Given, Needs
from .parameters import Kind, argument, flag, option
from .sessions import SESSION
from .shown import Block, ago, ahead, grid

GROUP: Final = "Pairs"

PAIR: Final = argument("pair", "Its number.", Kind.INTEGER, least=1, metavar="PAIR")
FIELDS: Final = option(
    "fields",
    "As in [[pairs]]: source=@news_in target=@news_out mode=copy.",
    Kind.FIELDS,
    option=False,
    metavar="KEY=VALUE...",
    default={},
)
MESSAGES: Final = option(
    "messages",
    "Numbers of the source's messages; all if none.",
    Kind.INTEGERS,
    option=False,
    metavar="MESSAGE...",
    default=[],
)
ACCEPT_DOUBT: Final = flag(
    "accept_doubt", "Also where nobody can be asked any more whether a message has arrived."
)
MOVE: Final = (
    argument("pairs", "1,2,3 or 1-10 or all_from:NAME.", metavar="PAIRS"),
    argument("to", "Who takes them.", Kind.NAME, metavar="SESSION"),
    flag("dry_run", "Only say what would be done."),
    ACCEPT_DOUBT,
)


def _way(pair: Given) -> str:
    return f"{pair['source']} -> {pair['target'] or pair['handler']}"


def _list(result: Given) -> Iterator[Block]:
    rows = [
        (one["id"], one["session"], _way(one), one["mode"], "" if one["enabled"] else "off")
        for one in result["pairs"]
    ]
    yield grid("pairs", ("pair", "session", "way", "mode", ""), rows, wide=2, empty="no pair")


def _added(result: Given) -> Iterator[Block]:
    yield f"pair {result['id']} added, served by {result['session']}"
    if not result["located"]:
        yield (
            "its chats have not been found yet: they are looked for when its session is online;"
            f" `telewarden pairs why {result['id']}` tells how that went"
        )


def _changed(result: Given) -> Iterator[Block]:
    yield f"pair {result['id']} changed"


def _removed(result: Given) -> Iterator[Block]:
    yield f"pair {result['id']} removed"


def _paused(result: Given) -> Iterator[Block]:
    yield f"pair {result['id']}: {result['paused']}"


def _resumed(result: Given) -> Iterator[Block]:
    if result["paused"]:
        yield f"pair {result['id']} is not paused by hand any more, but still: {result['paused']}"
    else:
        yield f"pair {result['id']} goes on"


def _confirmed(result: Given) -> Iterator[Block]:
    yield f"pair {result['id']} goes on: {_way(result)}"


def _past(result: Given) -> Iterator[Block]:
    yield f"pair {result['id']} reads its past"


def _dead(result: Given) -> Iterator[Block]:
    rows = [
        (one["pair"], one["source_id"], ago(one["at"]), one["attempts"], one["reason"])
        for one in result["dead"]
    ]
    columns = ("pair", "message", "ago", "tries", "why")
    yield grid("dead letters", columns, rows, wide=4, empty="no dead letter")
    if len(rows) < result["total"]:
        yield f"{len(rows)} of {result['total']}"


def _read(result: Given) -> Iterator[Block]:
    if result["gone"]:
        yield f"message {result['source_id']} is gone from the source"
    else:
        edited = f", edited {ago(result['edited'])} ago" if result["edited"] else ""
        yield f"{result['kind']}, {ago(result['at'])} ago{edited}  {result['link']}".rstrip()
        yield result["text"] + ("..." if result["cut"] else "")
    yield f"put aside: {result['reason']}"


def _retried(result: Given) -> Iterator[Block]:
    yield f"pair {result['pair']}: {result['retried']} on their way again"


def _dropped(result: Given) -> Iterator[Block]:
    yield f"pair {result['pair']}: {result['dropped']} dropped"


def _why(result: Given) -> Iterator[Block]:
    yield f"pair {result['id']} of {result['session']}: {result['verdict']}"
    rows = [
        (one["kind"], one["what"], ago(one["since"]), ahead(one["until"]))
        for one in result["waits"]
    ]
    if rows:
        yield grid("waits for", ("kind", "what", "for", "until"), rows, wide=1)
    if result["advice"]:
        yield result["advice"]


def _moving(result: Given) -> Iterator[Block]:
    if result["operation"] is not None and not result["pairs"]:
        yield f"operation {result['operation']} moves them to {result['to']}"
        return
    moves = [f"pair {pair} from {name}" for pair, name in result["pairs"].items()] or ["no pair"]
    would = "would move" if result["dry_run"] else "nothing to do"
    yield f"{would}: {', '.join(moves)} to {result['to']}"


def _chats(result: Given) -> Iterator[Block]:
    rows = [
        (
            one["id"],
            f"@{one['username']}" if one["username"] else None,
            one["kind"],
            one["title"],
        )
        for one in result["chats"]
    ]
    empty = f"{result['session']} is in no chat"
    yield grid("chats", ("id", "name", "kind", "title"), rows, wide=3, empty=empty)


def _reassign(name: str, *, hidden: bool = False) -> Command:
    return Command(
        name=name,
        help="Move pairs to another session: all of them or none, while messages flow.",
        more="What is on its way arrives first; nothing is lost or doubled. The move is an"
        " operation, and goes on when who asked hangs up.",
        group=GROUP,
        parameters=MOVE,
        danger=Danger.CHANGES,
        result="pairs.Move",
        show=_moving,
        within=PAIRS_WITHIN,
        hidden=hidden,
    )


COMMANDS: Final = (
    Command(
        name="pairs list",
        help="List the pairs; how they are doing is in `status`.",
        group=GROUP,
        parameters=(option("session", "Of this session only.", Kind.NAME),),
        needs=Needs.STORE,
        result="pairs.PairList",
        show=_list,
    ),
    Command(
        name="pairs add",
        help="Let there be one more pair; it begins with what is said from now on.",
        more="A chat is a @username, a number, a t.me link, an invitation's link or me. Where the"
        " session is online they are looked for first, and what is not there is refused. By an"
        " invitation the account joins with join=true alone.",
        group=GROUP,
        parameters=(
            FIELDS,
            option("session", "Who serves it; else the best one.", Kind.NAME),
            option("pair", "Its number; else the next free one.", Kind.INTEGER, least=1),
            flag("ring", "It may be in a ring, as A -> B and B -> A are."),
        ),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="pairs.AddedPair",
        show=_added,
        within=PAIRS_WITHIN,
    ),
    Command(
        name="chats",
        help="List the chats of a session's account, to pick a pair's from; asks Telegram.",
        group=GROUP,
        parameters=(
            SESSION,
            option("find", "Only those with this in name or title."),
            option("limit", "The newest so many.", Kind.INTEGER, default=100, least=1, most=100),
        ),
        surfaces=NOT_IN_CHATS,
        result="pairs.ChatList",
        show=_chats,
        within=PAIRS_WITHIN,
    ),
    Command(
        name="pairs change",
        help="Change how a pair goes on from now; its chats and handler stay what they are.",
        group=GROUP,
        parameters=(PAIR, FIELDS),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="pairs.Pair",
        show=_changed,
        within=PAIRS_WITHIN,
    ),
    Command(
        name="pairs remove",
        help="Let a pair go, with its outbox and dead letters; what is on its way arrives first.",
        group=GROUP,
        parameters=(PAIR, ACCEPT_DOUBT),
        danger=Danger.HARMS,
        question="Remove pair {pair}, with what waits in it?",
        needs=Needs.STORE,
        result="pairs.Pair",
        show=_removed,
        within=PAIRS_WITHIN,
    ),
    Command(
        name="pairs pause",
        help="Stop forwarding until `pairs resume`; what is said meanwhile is not lost.",
        group=GROUP,
        more="With --for it goes on by itself after that time, also after a restart. What keeps the"
        " pair besides (a name that has moved, a ring, its plan) is said, and stays.",
        parameters=(
            PAIR,
            option("reason", "Shown wherever the pair is.", default=""),
            option("seconds", "How long, as 2h.", Kind.SPAN, least=1, word="for"),
        ),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="sessions.PairStatus",
        show=_paused,
        within=PAIRS_WITHIN,
    ),
    Command(
        name="pairs resume",
        help="Go on now, whatever the pair was paused for.",
        more="After a pause by hand what only the plan or `pairs confirm` settles stays.",
        group=GROUP,
        parameters=(PAIR,),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="sessions.PairStatus",
        show=_resumed,
        within=PAIRS_WITHIN,
    ),
    Command(
        name="pairs why",
        help="Tell why a pair waits: for what, since when, until when, and what to do.",
        group=GROUP,
        parameters=(PAIR,),
        result="pairs.Why",
        show=_why,
    ),
    Command(
        name="pairs confirm",
        help="Say which chat is meant when a name means another one now: the one it has.",
        group=GROUP,
        parameters=(PAIR, flag("take", "Go on with the chats that its names mean now.")),
        danger=Danger.CHANGES,
        result="pairs.Pair",
        show=_confirmed,
        within=PAIRS_WITHIN,
    ),
    Command(
        name="pairs backfill",
        help="Forward the past, too; it goes on after any restart.",
        group=GROUP,
        parameters=(
            PAIR,
            option("after", "From the message behind this one.", Kind.INTEGER, default=0, least=0),
            option("since", "From this date, as 2026-01-31, or so long ago, as 2d.", Kind.MOMENT),
        ),
        line_options=(flag("follow", "Wait until it is over.", short="f"),),
        danger=Danger.CHANGES,
        result="sessions.PairStatus",
        show=_past,
        within=PAIRS_WITHIN,
    ),
    Command(
        name="pairs dead",
        help="List the messages that could not be delivered, and why.",
        group=GROUP,
        parameters=(
            option("pair", "Of this pair only.", Kind.INTEGER, least=1),
            option("session", "Of this session's pairs only.", Kind.NAME),
            option("find", "Only those with this in their reason."),
            option("limit", "How many at most.", Kind.INTEGER, default=1000, least=1, most=10_000),
            option("offset", "Leave out so many first.", Kind.INTEGER, default=0, least=0),
        ),
        needs=Needs.STORE,
        result="pairs.DeadList",
        show=_dead,
    ),
    Command(
        name="pairs read",
        help="Read what a dead letter holds; asks Telegram, which alone has it.",
        group=GROUP,
        parameters=(
            PAIR,
            argument("message", "Its number, as in pairs dead.", Kind.INTEGER, least=1),
        ),
        surfaces=NOT_IN_CHATS,
        result="pairs.DeadContent",
        show=_read,
        within=PAIRS_WITHIN,
    ),
    Command(
        name="pairs retry",
        help="Send dead letters again.",
        group=GROUP,
        parameters=(PAIR, MESSAGES),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="pairs.Retried",
        show=_retried,
        within=PAIRS_WITHIN,
    ),
    Command(
        name="pairs drop",
        help="Forget dead letters.",
        group=GROUP,
        parameters=(PAIR, MESSAGES),
        danger=Danger.HARMS,
        question="Forget the dead letters of pair {pair}?",
        needs=Needs.STORE,
        result="pairs.Dropped",
        show=_dropped,
        within=PAIRS_WITHIN,
    ),
    _reassign("reassign"),
    _reassign("changesession", hidden=True),
)
