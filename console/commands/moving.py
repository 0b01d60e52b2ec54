"""Commands that bring logins in and out, and change keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...errors.root import counted
from .model import CARE_WITHIN, LINE_ALONE, NOT_IN_CHATS, Command, Danger, Given, Needs
from .parameters import Kind, flag, option
from .sessions import SESSION
from .shown import Block

GROUP: Final = "Logins"
KEYS: Final = "Keys"


def _imported(result: Given) -> Iterator[Block]:
    damage = f"; {result['damage']}" if result["damage"] else ""
    what = f"{result['format']}, key {result['key_id']}"
    yield f"{result['session']}: Telegram takes it ({what}){damage}"


def _identified(result: Given) -> Iterator[Block]:
    servers = "Telegram's test servers" if result["test"] else "Telegram"
    several = f", account {result['account']} of {result['accounts']}"
    yield f"{result['title']}{several if result['accounts'] > 1 else ''}"
    yield f"key {result['key_id']} of {servers}, data centre {result['dc_id']}"
    if result["user_id"] is not None:
        yield f"account {result['user_id']}"
    if result["entities"]:
        yield f"{counted(result['entities'], 'chat')} known to it"
    yield "stop the program that uses it, then: telewarden import SESSION, and the same again"


def _exported(result: Given) -> Iterator[Block]:
    yield f"{result['file']} is written" if result["file"] else str(result["string"])


def _turned(result: Given) -> Iterator[Block]:
    yield f"the {result['key']} is changed; {result['resealed']} session files sealed anew"
    for one in result["damaged"]:
        yield f"{one} did not open before either, and stays as it is"


LOGIN_FILE: Final = option(
    "file", "A file or folder of another program.", Kind.PATH, option=False, metavar="FILE"
)
FORMATS: Final = ("telethon", "pyrogram", "gramjs", "mtcute", "gotd")
TDATA: Final = (
    option("passcode", "Telegram Desktop's local passcode.", Kind.SECRET),
    option("account", "Which of Telegram Desktop's accounts, from 1.", Kind.INTEGER, least=1),
)
COMMANDS: Final = (
    Command(
        name="import",
        help="Use a login that another program made, once Telegram has confirmed it.",
        more="A .session file of Telethon, or of Pyrogram, Kurigram, Pyrofork or Hydrogram; a"
        " session folder of GramJS; gotd's JSON; Telegram Desktop's tdata; a file that holds a"
        " session string, or the string of any of them by --string. It is read, never changed."
        " Stop that program first: two connections on one key end the key.",
        group=GROUP,
        parameters=(
            SESSION,
            LOGIN_FILE,
            option("string", "A session string instead.", Kind.SECRET),
            *TDATA,
        ),
        danger=Danger.CHANGES,
        surfaces=NOT_IN_CHATS,
        needs=Needs.STORE,
        result="moving.Imported",
        show=_imported,
        within=CARE_WITHIN,
    ),
    Command(
        name="identify",
        help="Say what a login of another program is; nothing is sent and nothing is changed.",
        more="What `import` takes, it names, with the key's id, the data centre, the account where"
        " the format holds it, and what is to be done next. What it does not take, it names too.",
        group=GROUP,
        parameters=(LOGIN_FILE, option("string", "A session string.", Kind.SECRET), *TDATA),
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
        show=_identified,
    ),
    Command(
        name="export",
        help="Give a login out: as a Telethon .session file, or print its session string.",
        more="Whoever has it has the account. Stop this session before it is used elsewhere. With"
        " --format as the string of another library, or gotd's JSON; a file then holds that text.",
        group=GROUP,
        parameters=(
            SESSION,
            option("file", "The file to write.", Kind.PATH, option=False, metavar="FILE"),
            option(
                "login_format",
                "For which library.",
                Kind.CHOICE,
                choices=FORMATS,
                default="telethon",
                word="format",
            ),
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
        result="moving.KeysRotated",
        show=_turned,
        within=CARE_WITHIN,
    ),
)
