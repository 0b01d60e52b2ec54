"""Commands that bring logins in and out, and change keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .model import CARE_WITHIN, NOT_IN_CHATS, Command, Danger, Given, Needs
from .parameters import Kind, flag, option
from .sessions import SESSION
from .shown import Block

GROUP: Final = "Logins"
KEYS: Final = "Keys"


def _imported(result: Given) -> Iterator[Block]:
    damage = f"; {result['damage']}" if result["damage"] else ""
    yield f"{result['session']}: Telegram takes it, key {result['key_id']}{damage}"


def _exported(result: Given) -> Iterator[Block]:
    yield f"{result['file']} is written" if result["file"] else str(result["string"])


def _turned(result: Given) -> Iterator[Block]:
    yield f"the {result['key']} is changed; {result['resealed']} session files sealed anew"
    for one in result["damaged"]:
        yield f"{one} did not open before either, and stays as it is"


COMMANDS: Final = (
    Command(
        name="import",
        help="Use a login that another program made, once Telegram has confirmed it.",
        more="From a Telethon .session file, or by --string. Stop that program first: two"
        " connections on one key end the key.",
        group=GROUP,
        parameters=(
            SESSION,
            option("file", "A Telethon .session file.", Kind.PATH, option=False, metavar="FILE"),
            option("string", "A session string instead.", Kind.SECRET),
        ),
        danger=Danger.CHANGES,
        surfaces=NOT_IN_CHATS,
        needs=Needs.STORE,
        result="moving.Imported",
        show=_imported,
        within=CARE_WITHIN,
    ),
    Command(
        name="export",
        help="Give a login out: as a Telethon .session file, or print its session string.",
        more="Whoever has it has the account. Stop this session before it is used elsewhere.",
        group=GROUP,
        parameters=(
            SESSION,
            option("file", "The file to write.", Kind.PATH, option=False, metavar="FILE"),
        ),
        danger=Danger.HARMS,
        question="Give the login of {session} out? Whoever has it has the account.",
        needs=Needs.STORE,
        surfaces=NOT_IN_CHATS,
        result="moving.Exported",
        show=_exported,
        within=CARE_WITHIN,
    ),
    Command(
        name="keys rotate",
        help="Put another master key in charge; with --data another data key.",
        more="A key in a file is replaced there. Of one that is elsewhere give the new text by"
        " --key, and put it to its place before the next start. The old one is kept, sealed,"
        " for the copies of its time.",
        group=KEYS,
        parameters=(
            flag("data", "Seal everything under a new data key; the master key stays."),
            option("key", "The new master key, or passphrase.", Kind.SECRET),
        ),
        danger=Danger.HARMS,
        question="Put another key in charge?",
        needs=Needs.STORE,
        surfaces=NOT_IN_CHATS,
        result="moving.Turned",
        show=_turned,
        within=CARE_WITHIN,
    ),
)
