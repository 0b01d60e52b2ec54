"""Events of a client: small values of our own, never Telethon's events.

Chats are *marked* ids, as Telethon's ``get_peer_id`` gives them: users positive, basic groups
negative, channels ``-100...``. Texts stay out of every ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

UNREADABLE: Final = "unreadable"  # the kind of a message that the installed Telethon cannot read


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One message, as it stands in its chat.

    ``sender`` is a marked id or None (anonymous, or a channel's own post), ``reply_to`` the
    message answered, ``topic`` the forum topic it stands in. ``noforwards`` is true when the
    message or its chat is protected, ``protected_home`` when it is the chat, which may end.
    ``kind`` is ``text`` or the medium's (``photo``, ``video``, ``voice`` ...), ``forwarded`` says
    that it came from elsewhere, ``silent`` that it was posted without a sound, ``chosen_preview``
    that its author chose how a link is shown. ``besides`` are the words and addresses that a reader
    sees or can open beside the text: behind words, on buttons, in a poll, of a file. ``edited`` is
    when it was last edited, to the second. ``monoforum`` says that it stands in a channel's direct
    messages, ``partial`` that its rich text has more than came with it. ``raw`` is Telethon's own
    object, for copying.
    """

    chat: int
    id: int
    date: datetime
    text: str = field(default="", repr=False)
    sender: int | None = None
    outgoing: bool = False
    grouped_id: int | None = None
    reply_to: int | None = None
    topic: int | None = None
    has_media: bool = False
    kind: str = "text"
    forwarded: bool = False
    noforwards: bool = False
    protected_home: bool = False
    edited: datetime | None = None
    silent: bool = False
    chosen_preview: bool = False
    monoforum: bool = False
    partial: bool = False
    besides: tuple[str, ...] = field(default=(), repr=False)
    raw: object = field(default=None, repr=False, compare=False)

    @property
    def by_media(self) -> bool:
        """Whether a copy is sent as a medium."""
        return self.has_media or self.chosen_preview

    @property
    def marks(self) -> tuple[Any, ...]:
        """The entities that lie over its text."""
        return tuple(getattr(self.raw, "entities", None) or ())

    @property
    def whole(self) -> str:
        """All that a reader sees or can open: the text, then everything else, a line each."""
        return "\n".join((self.text, *self.besides))


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message came, or was missed and has been caught up."""

    message: Incoming


@dataclass(frozen=True, slots=True)
class Edited:
    """A message was changed."""

    message: Incoming


@dataclass(frozen=True, slots=True)
class Deleted:
    """Messages are gone.

    ``chat`` is None in private chats and basic groups, where Telegram does not tell it.
    """

    chat: int | None
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Updates were missed that Telegram will not tell again: read history.

    ``chat`` is None when any chat may be concerned.
    """

    chat: int | None


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A basic group is a supergroup from now on: another chat, ``to``, which counts anew."""

    chat: int
    to: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone and stays so. ``reason`` is None when it was closed on our side."""

    reason: BaseException | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """Somebody pressed a button below a message of this bot's, and waits for an answer.

    ``query`` names the press to the answer; ``data`` is what the button carries.
    """

    query: int
    chat: int
    sender: int
    message: int
    data: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class KeyDropped:
    """Telegram has told that it ends this key; requests may still work for a while.

    ``name`` is what the notice is called (``AUTH_KEY_DROP_DUPLICATE``), ``key_id`` whose end it is.
    """

    name: str
    key_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Popup:
    """A text of Telegram's own; ``error`` is the refusal that it is about, if it is about one."""

    text: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAuthorization:
    """The account was logged in elsewhere, or such a login was confirmed.

    ``hash`` is the login's number, by which it can be ended; ``date`` is in epoch seconds. What
    Telegram does not tell is empty.
    """

    hash: int
    confirmed: bool
    date: float | None = None
    device: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBotConnection:
    """A bot was connected to the account; fields as in ``NewAuthorization``."""

    bot_id: int
    confirmed: bool
    date: float | None = None
    device: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Telegram has sent something of a constructor that no known layer has; the rest is read."""

    constructor: int


Notice = KeyDropped | Popup | NewAuthorization | NewBotConnection
ClientEvent = Arrived | Edited | Deleted | Gap | Upgraded | Pressed | Lost | Unreadable | Notice
