"""Commands about operations: what takes a while, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...errors.root import counted
from .model import Command, Danger, Given, Needs
from .parameters import Kind, argument, option
from .shown import Block, ago, grid

GROUP: Final = "Operations"
STATES: Final = ("running", "finished", "failed", "cancelled")
CLEANED: Final = ("expired", "failed", "finished", "all")

ID: Final = argument("id", "Its number.", Kind.INTEGER, least=1, metavar="ID")


def _list(result: Given) -> Iterator[Block]:
    rows = [
        (
            one["id"],
            one["kind"],
            one["session"],
            one["state"],
            f"{one['step']}/{one['steps']}",
            ago(one["started"]),
            one["who"],
            one["error"] or one["description"],
        )
        for one in result["operations"]
    ]
    columns = ("id", "kind", "session", "state", "step", "begun", "who", "what")
    yield grid("operations", columns, rows, wide=7, empty="no operation")


def _one(result: Given) -> Iterator[Block]:
    yield (
        f"operation {result['id']} ({result['kind']}) is {result['state']},"
        f" {result['step']}/{result['steps']}: {result['error'] or result['description']}"
    )
    rows = [(one["number"], one["text"]) for one in result["parts"]]
    if rows:
        yield grid("parts", ("part", "what"), rows, wide=1)


def _removed(result: Given) -> Iterator[Block]:
    yield f"operation {result['id']} ({result['kind']}), which was {result['state']}, is forgotten"


def _cleaned(result: Given) -> Iterator[Block]:
    yield f"{counted(len(result['removed']), 'operation')} removed"


def _limits(result: Given) -> Iterator[Block]:
    rows = [(name, f"{value:g}") for name, value in result["limits"].items()]
    yield grid("limits of the registry", ("limit", "value"), rows)
    if result["removed"]:
        yield f"{counted(len(result['removed']), 'operation')} removed"


def _failed(result: Given) -> int:
    return 1 if result["state"] in {"failed", "cancelled"} else 0


COMMANDS: Final = (
    Command(
        name="operations list",
        help="List what takes a while, and how far it is.",
        group=GROUP,
        parameters=(
            option("state", "Only those.", Kind.CHOICE, choices=STATES),
            option("kind", "Only of this kind, as reassign."),
            option("session", "Only this session's.", Kind.NAME),
        ),
        needs=Needs.STORE,
        result="operations.OperationList",
        show=_list,
    ),
    Command(
        name="operations watch",
        help="Show one operation, on the command line until it has ended.",
        more="Exit code 1 if it failed or was cancelled.",
        group=GROUP,
        parameters=(ID,),
        result="operations.Operation",
        show=_one,
        exit_code=_failed,
    ),
    Command(
        name="operations remove",
        help="Forget one operation that is over.",
        more="One that runs is refused: `operations end` first.",
        group=GROUP,
        parameters=(ID,),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="operations.Operation",
        show=_removed,
    ),
    Command(
        name="operations clean",
        help="Forget operations that are over.",
        more="A running one stays, unless it has made no progress for a day.",
        group=GROUP,
        parameters=(
            option("what", "Which.", Kind.CHOICE, choices=CLEANED, option=False, default="expired"),
        ),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="operations.Cleaned",
        show=_cleaned,
    ),
    Command(
        name="operations begin",
        help="Begin an operation of one's own, as a script does that takes a while.",
        more="It is `running` until `operations end`.",
        group=GROUP,
        parameters=(
            argument("kind", "What it is called, as backfill.", metavar="KIND"),
            option("session", "Which session it is about.", Kind.NAME),
            option("steps", "How many it has.", Kind.INTEGER, default=1, least=1),
            option("description", "What it is doing."),
        ),
        danger=Danger.CHANGES,
        result="operations.Operation",
        show=_one,
    ),
    Command(
        name="operations advance",
        help="Say how far an operation is, and what it is doing.",
        group=GROUP,
        parameters=(
            ID,
            option("step", "How many steps are done.", Kind.INTEGER, least=0),
            option("steps", "How many it has.", Kind.INTEGER, least=1),
            option("description", "What it is doing now."),
        ),
        danger=Danger.CHANGES,
        result="operations.Operation",
        show=_one,
    ),
    Command(
        name="operations part",
        help="Add a numbered part to an operation, or replace it.",
        group=GROUP,
        parameters=(
            ID,
            argument("number", "Which part.", Kind.INTEGER, least=1, metavar="NUMBER"),
            argument("text", "What it is.", metavar="TEXT"),
        ),
        danger=Danger.CHANGES,
        result="operations.Operation",
        show=_one,
    ),
    Command(
        name="operations end",
        help="End an operation: it finished, failed, or nobody wants it any more.",
        group=GROUP,
        parameters=(
            ID,
            argument("state", "How.", Kind.CHOICE, choices=STATES[1:], metavar="STATE"),
            option("error", "Why it failed."),
        ),
        danger=Danger.CHANGES,
        result="operations.Operation",
        show=_one,
    ),
    Command(
        name="limits",
        help="Show the registry's limits, or change some until the next start.",
        more="A lower maximum of operations removes those that are over, oldest first. Nothing"
        " that is in use goes.",
        group=GROUP,
        parameters=(
            option(
                "fields",
                "As in [registry]: max_operations=500.",
                Kind.FIELDS,
                option=False,
                default={},
                metavar="KEY=VALUE...",
            ),
        ),
        danger=Danger.CHANGES,
        result="operations.Limits",
        show=_limits,
    ),
)
