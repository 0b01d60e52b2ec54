"""What Telegram tells a session unasked: a key's end, a text to show, somebody else's login.

Owns what each means, in words, and what follows for the session. Pure: callers pass the clock's
reading in. What has been told is in ``events``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .errors.meanings import KEY_DROPPED
from .errors.verdict import Verdict
from .events import KeyDropped, NewAuthorization, NewBotConnection, Notice, Popup
from .phases import StatusText


class NoticeKind(StrEnum):
    """Kinds of notices."""

    KEY_DROP = "key_drop"
    POPUP = "popup"
    NEW_AUTHORIZATION = "new_authorization"
    UNCONFIRMED_AUTHORIZATION = "unconfirmed_authorization"
    NEW_BOT_CONNECTION = "new_bot_connection"


NOTICES: Final[Mapping[NoticeKind, StatusText]] = {
    NoticeKind.KEY_DROP: StatusText(
        explanation="Telegram says that a second program uses this login, and ends its key.",
        advice=KEY_DROPPED.advice,
    ),
    NoticeKind.POPUP: StatusText(
        explanation="Telegram has a text for this account, mostly about what it has just refused.",
        advice="Read it; it says what Telegram wants.",
    ),
    NoticeKind.NEW_AUTHORIZATION: StatusText(
        explanation="The account was logged in elsewhere.",
        advice="If it was nobody you know, end that login and change the cloud password.",
    ),
    NoticeKind.UNCONFIRMED_AUTHORIZATION: StatusText(
        explanation="The account was logged in elsewhere, and Telegram asks whether that was you.",
        advice="Confirm it in the official app if it was; if not, end that login at once and change"
        " the cloud password. Nothing is confirmed by itself.",
    ),
    NoticeKind.NEW_BOT_CONNECTION: StatusText(
        explanation="A bot was connected to the account and can act for it.",
        advice="If you did not connect it, take it out in the official app: Settings, Telegram"
        " Business, Chatbots.",
    ),
}

_KEY_DROP: Final = re.compile(r"(AUTH_KEY_DROP_[A-Z_]*[A-Z])(?:_\d+)?")
_NUMBERS: Final = re.compile(r"\+?\d(?:[ -]?\d){4,}")  # codes and phone numbers
LONGEST: Final = 400  # characters of a text; one is a sentence or two
PAIRED_WITHIN: Final = 5.0  # seconds between an error and the text about it
_WITHOUT_WORDS: Final = frozenset({400, 403, 406})  # 406 by rule, which Telethon files under others


def kind_of_notice(notice: Notice) -> NoticeKind:
    """What kind of notice it is."""
    match notice:
        case KeyDropped():
            return NoticeKind.KEY_DROP
        case Popup():
            return NoticeKind.POPUP
        case NewBotConnection():
            return NoticeKind.NEW_BOT_CONNECTION
        case NewAuthorization(confirmed=True):
            return NoticeKind.NEW_AUTHORIZATION
        case NewAuthorization():
            return NoticeKind.UNCONFIRMED_AUTHORIZATION


def key_drop_name(kind: str) -> str | None:
    """The name of a notice that ends the key, without its number; ``None`` of any other."""
    found = _KEY_DROP.fullmatch(kind)
    return None if found is None else found[1]


def verdict_of(dropped: KeyDropped) -> Verdict:
    """What the end of a key means for its session."""
    row = KEY_DROPPED
    return Verdict(
        kind=row.kind, action=row.action, name=dropped.name, advice=row.advice, terminal=True
    )


def shown(text: str) -> str:
    """A text of Telegram's as it may stand in a log: one line, without codes and numbers.

    A device's name is whatever its owner has given it.
    """
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return _NUMBERS.sub("(number)", " ".join(line.split()))[:LONGEST]


class Popups:
    """Texts and the refusals that they are about, of one client; either may come first.

    Telegram's rule for a 406 is that its text is not shown, but that of a notice beside it.
    """

    __slots__ = ("_refused", "_text")

    def __init__(self) -> None:
        self._refused: tuple[str, float] = ("", float("-inf"))
        self._text: tuple[str, float] = ("", float("-inf"))

    def told(self, text: str, now: float) -> Popup:
        """A text has come."""
        error, at = self._refused
        paired = error if now - at <= PAIRED_WITHIN else ""
        self._text = ("", now) if paired else (text, now)
        return Popup(text=text, error=paired)

    def refused(self, name: str, code: object, now: float) -> Popup | None:
        """A call was refused; what is to be told again, as its text had come before."""
        if code not in _WITHOUT_WORDS:
            return None
        self._refused = name, now
        (text, at), self._text = self._text, ("", now)
        return Popup(text=text, error=name) if text and now - at <= PAIRED_WITHIN else None
