"""Commands about backups: of one login, and of the whole database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .model import CARE_WITHIN, Command, Danger, Given, Needs
from .parameters import Kind, argument, option
from .sessions import SESSION
from .shown import Block, ago, grid, size, when

GROUP: Final = "Backups"


def _taken(result: Given) -> Iterator[Block]:
    backup = result["backup"]
    if backup is None:
        yield f"{result['session']} has no login yet; nothing to keep"
    else:
        yield f"{result['session']}: backup {backup['id']} is kept, and opens"


def _list(result: Given) -> Iterator[Block]:
    rows = [
        (one["id"], when(one["at"]), ago(one["at"]), one["reason"]) for one in result["backups"]
    ]
    empty = f"{result['session']} has no backup yet"
    yield grid(f"backups of {result['session']}", ("id", "at", "ago", "why"), rows, empty=empty)


def _restored(result: Given) -> Iterator[Block]:
    yield f"{result['session']}: {result['phase']} by the backup; what it replaced is kept, too"


def _snapshot(result: Given) -> Iterator[Block]:
    yield f"the database is copied: {result['file']}, {size(result['size'])}, opens"


def _snapshots(result: Given) -> Iterator[Block]:
    rows = [
        (one["file"], when(one["at"]), ago(one["at"]), size(one["size"]))
        for one in result["backups"]
    ]
    columns, empty = ("file", "at", "ago", "size"), "the database was never copied"
    yield grid("copies of the database", columns, rows, wide=0, empty=empty)


COMMANDS: Final = (
    Command(
        name="backup",
        help="Keep a copy of a session's login, opened after writing.",
        more="The five newest of a session stay.",
        group=GROUP,
        parameters=(SESSION, option("reason", "Why, in a few words.", default="by hand")),
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="backups.BackupTaken",
        show=_taken,
        within=CARE_WITHIN,
    ),
    Command(
        name="backups",
        help="List the kept copies of a session's login.",
        group=GROUP,
        parameters=(SESSION,),
        needs=Needs.STORE,
        result="backups.BackupList",
        show=_list,
    ),
    Command(
        name="restore",
        help="Make a backup the login again, and come online by it.",
        more="`backups` lists what there is. What it replaces is kept, too; a backup whose key"
        " is dead is refused.",
        group=GROUP,
        parameters=(
            SESSION,
            argument("backup", "Its number.", Kind.INTEGER, least=1, metavar="BACKUP"),
        ),
        danger=Danger.HARMS,
        question="Replace the login of {session} by backup {backup}?",
        needs=Needs.STORE,
        result="sessions.Phase",
        show=_restored,
        within=CARE_WITHIN,
    ),
    Command(
        name="database backup",
        help="Copy the whole database now, and open the copy.",
        group=GROUP,
        danger=Danger.CHANGES,
        needs=Needs.STORE,
        result="backups.DatabaseBackup",
        show=_snapshot,
        within=CARE_WITHIN,
    ),
    Command(
        name="database backups",
        help="List the kept copies of the whole database.",
        group=GROUP,
        needs=Needs.STORE,
        result="backups.DatabaseBackupList",
        show=_snapshots,
    ),
)
