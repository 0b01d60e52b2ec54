"""What people call a chat, read into one spelling. Pure.

A chat has many names: ``@news``, ``t.me/news/5``, ``-1001234567890``, ``t.me/c/1234567890/7``, the
link of an invitation, ``me``. They are read here and nowhere else, so that a pair, a ring and a
command mean the same by each. Whether there is such a chat is Telegram's to say.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

CHANNEL_MARK: Final = 1_000_000_000_000  # a channel's marked id is -(this + id)
ME: Final = "me"
INVITATION: Final = "https://t.me/+"  # how an invitation is spelled, before its hash
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")
HASH: Final = re.compile(r"[A-Za-z0-9_-]{6,64}")
NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
PHONE: Final = re.compile(r"[0-9]{5,15}")  # of a link ``t.me/+4912345``; hashes are longer
HOSTS: Final = ("t.me", "telegram.me", "telegram.dog")
SHOWN_OF_A_HASH: Final = 4  # characters; whoever has all of them may come in
OTHER_LINKS: Final = frozenset(
    {
        *("addemoji", "addlist", "addstickers", "addtheme", "auction", "bg", "boost", "call"),
        *("confirmphone", "contact", "giftcode", "invoice", "iv", "login", "m", "nft", "proxy"),
        *("setlanguage", "share", "socks", "stickers"),
    }
)
"""First words of links to something else than a chat."""

A_PHONE: Final = "it links to a phone number, which is no chat's name; give a @username"
A_CHAT: Final = (
    "a @username (4 to 32 letters, digits or _, a letter first), a chat's number, a t.me link, the"
    ' link of an invitation, or "me"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatName:
    """A chat in its one spelling, and the forum topic that a link names besides.

    ``chat`` is a number, a ``@username``, ``https://t.me/+HASH`` or ``me``.
    """

    chat: int | str
    topic: int | None = None


def read_chat(given: int | str) -> ChatName:
    """Read whatever people call a chat.

    Raises:
        ValueError: it is no chat's name; what to give instead.
    """
    if isinstance(given, int):
        return ChatName(chat=given)
    text = given.strip()
    if NUMBER.fullmatch(text):
        return ChatName(chat=int(text))
    if text.casefold() == ME:
        return ChatName(chat=ME)
    if text.startswith("@"):
        return ChatName(chat=_name(text[1:]))
    if text.casefold().startswith(("tg:", "tg://")):
        return _app_link(text)
    link = _parts(text if "://" in text else f"https://{text}")
    host = (link.hostname or "").removeprefix("www.")
    if host == "web.telegram.org":
        return read_chat(_web_place(link.fragment))
    if host in HOSTS:
        return _web_link(link.path, dict(parse_qsl(link.query)))
    name, _, rest = host.partition(".")
    if rest in HOSTS:
        return ChatName(chat=_name(name))
    if NAME.fullmatch(text):
        raise ValueError(f"give @{text}, if that is its name; or {A_CHAT}")
    raise ValueError(f"give {A_CHAT}")


def is_invitation(chat: int | str) -> bool:
    """Whether a chat is known by the link of an invitation alone."""
    return isinstance(chat, str) and chat.startswith(INVITATION)


def invitation_hash(chat: str) -> str:
    """The hash of an invitation."""
    return chat.removeprefix(INVITATION)


def shown_chat(chat: int | str) -> str:
    """A chat's name for others to read: an invitation without what lets one in."""
    if is_invitation(chat):
        return f"{INVITATION}{invitation_hash(str(chat))[:SHOWN_OF_A_HASH]}..."
    return str(chat)


def masked(chat: int | str) -> int | str:
    """The same; a number stays one."""
    return shown_chat(chat) if isinstance(chat, str) else chat


def same_chat(chat: int | str) -> Hashable:
    """What is equal for two spellings of one chat, as far as they tell without asking.

    A channel's number may have its mark, a minus alone, or neither. A person's number is as long,
    and no two of them have been seen to be equal in one configuration.
    """
    if isinstance(chat, str):
        return chat if is_invitation(chat) else chat.casefold()
    bare = abs(chat)
    return bare - CHANNEL_MARK if bare > CHANNEL_MARK else bare


def numbers_meant(chat: int) -> tuple[int, ...]:
    """The marked ids that a number may stand for, the likeliest first."""
    if abs(chat) <= CHANNEL_MARK:
        return (chat, -(CHANNEL_MARK + abs(chat)))
    return (chat,) if chat < 0 else (chat, -chat)


def _parts(link: str) -> SplitResult:
    try:
        return urlsplit(link)
    except ValueError:
        raise ValueError(f"give {A_CHAT}") from None


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError(f"give {A_CHAT}")
    return f"@{text}"


def _web_link(path: str, query: Mapping[str, str]) -> ChatName:
    """A link of t.me: a name, a private channel's number, or an invitation."""
    match [unquote(one) for one in path.split("/") if one]:
        case [word] if word.startswith("+"):
            return _invitation(word[1:])
        case ["joinchat", word]:
            return _invitation(word, by_phone=False)
        case ["c", number, *rest] if NUMBER.fullmatch(number) and int(number) > 0:
            return ChatName(chat=-(CHANNEL_MARK + int(number)), topic=_topic(rest, query))
        case ["s", word] | ["s", word, _]:
            return ChatName(chat=_name(word))
        case [word, *_] if word.casefold() in OTHER_LINKS:
            raise ValueError(f"it links to something else than a chat; give {A_CHAT}")
        case [word, *rest]:
            return ChatName(chat=_name(word.removeprefix("@")), topic=_topic(rest, query))
    raise ValueError(f"give {A_CHAT}")


def _topic(rest: list[str], query: Mapping[str, str]) -> int | None:
    """The topic of a link; of one with a single number it may be a message, and is not taken."""
    if not all(re.fullmatch(r"[0-9]{1,10}(-[0-9]{1,10})?", one) for one in rest) or len(rest) > 2:
        raise ValueError(f"give {A_CHAT}")
    told = query.get("thread", "") if len(rest) < 2 else rest[0]
    return int(told) if told.isascii() and told.isdigit() and int(told) else None


def _invitation(word: str, *, by_phone: bool = True) -> ChatName:
    if by_phone and PHONE.fullmatch(word):
        raise ValueError(A_PHONE)
    if not HASH.fullmatch(word):
        raise ValueError("it is no whole invitation; copy the link again")
    return ChatName(chat=f"{INVITATION}{word}")


def _app_link(text: str) -> ChatName:
    """A link that Telegram's apps open."""
    parts = _parts(re.sub(r"^tg:/*", "https://tg/", text, flags=re.IGNORECASE))
    query = dict(parse_qsl(parts.query))
    match parts.path.strip("/"), query:
        case "resolve", {"domain": name}:
            return ChatName(chat=_name(name), topic=_topic([], query))
        case "resolve", {"phone": _}:
            raise ValueError(A_PHONE)
        case "join", {"invite": word}:
            return _invitation(word, by_phone=False)
        case "privatepost", {"channel": number} if NUMBER.fullmatch(number) and int(number) > 0:
            return ChatName(chat=-(CHANNEL_MARK + int(number)), topic=_topic([], query))
        case ("user", {"id": number}) | ("openmessage", {"user_id": number}) if (
            NUMBER.fullmatch(number) and int(number) > 0
        ):
            return ChatName(chat=int(number))
        case "openmessage", {"chat_id": number} if NUMBER.fullmatch(number) and int(number) > 0:
            return ChatName(chat=-int(number))
    raise ValueError(f"it links to something else than a chat; give {A_CHAT}")


def _web_place(fragment: str) -> str:
    """The chat in the address of Telegram's page: ``-1001234567890``, ``-1001..._5``, ``@news``."""
    place = unquote(fragment)
    if place.startswith("?tgaddr="):
        return place.removeprefix("?tgaddr=")
    return place if place.startswith("@") else place.partition("_")[0] or "nothing"
