"""Records of the data centre: accounts, keys, chats, members, messages.

Plain records without behaviour beyond looking themselves up; ``world`` holds
them, ``delivery`` changes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from .feed import MessageFeed

DEFAULT_WAYS: Final = ("app", "sms", "call")
CHANNEL_MARK: Final = 1_000_000_000_000  # a channel's marked id is -(this + id), as Telethon has it


@dataclass(slots=True, kw_only=True)
class PasswordRecord:
    """A two-step password as a server keeps it: salts and a verifier, never the password."""

    salt1: bytes = field(repr=False)
    salt2: bytes = field(repr=False)
    verifier: int = field(repr=False)
    hint: str = ""
    reset_at: int | None = None  # when a reset that is under way takes it away


@dataclass(slots=True, kw_only=True)
class BotRecord:
    """What makes an account a bot.

    ``commands`` has the lists of commands by scope and language, ``acquainted`` the accounts that
    wrote to it first: to nobody else may a bot write. Tokens that were replaced are in ``expired``.
    """

    token: str = field(repr=False)
    owner_id: int | None = None
    about: str = ""
    version: int = 1
    expired: set[str] = field(default_factory=set, repr=False)
    commands: dict[tuple[str, str], list[Any]] = field(default_factory=dict, repr=False)
    acquainted: set[int] = field(default_factory=set, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """An account is read-only: since when, until when it may be appealed against, and where."""

    since: int
    until: int
    appeal_url: str


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A user of the data centre, person or bot."""

    id: int
    phone: str = field(repr=False)
    first_name: str
    last_name: str = ""
    username: str | None = None
    bot: BotRecord | None = field(default=None, repr=False)
    dc_id: int = 2
    premium: bool = False
    password: PasswordRecord | None = field(default=None, repr=False)
    ban: str | None = None
    contacts: set[int] = field(default_factory=set, repr=False)
    blocked: set[int] = field(default_factory=set, repr=False)
    authorization_ttl_days: int = 180
    code_ways: tuple[str, ...] = DEFAULT_WAYS  # how a login code goes, the next way at each resend
    stars: int = 0
    communities: tuple[str, ...] = ()  # titles; they stand among the dialogs and are no chats
    login_email: str | None = field(default=None, repr=False)
    relogin_days: int | None = None  # until a login by code works again, for who has no password
    account_ttl_days: int = 548  # of absence, after which the account is deleted
    frozen: Freeze | None = None
    unofficial_risk: bool = False  # others are told that it uses a client that may be unsafe
    gives_tokens: bool = False  # whether a login or a logout lets the next one do without a code
    feed: MessageFeed[Message] = field(default_factory=lambda: MessageFeed[Message](), repr=False)
    box: dict[int, Message] = field(default_factory=dict, repr=False)
    next_message_id: int = 1

    @property
    def bot_token(self) -> str | None:
        """The token that a bot signs in with; None for a person."""
        return None if self.bot is None else self.bot.token

    @property
    def peer_id(self) -> int:
        """The marked id, which for a user is its id."""
        return self.id


@dataclass(slots=True, kw_only=True, eq=False)
class Authorization:
    """An auth key and who is signed in with it.

    ``void`` is the error text that every request with the key is answered with,
    once the key is dead; a key that is not known at all is answered -404.
    """

    key: bytes = field(repr=False)
    key_id: int
    salt: int = field(repr=False)
    dc_id: int
    created: int
    active: int
    account: Account | None = None
    pending: Account | None = None  # signed in but for the two-step password
    void: str | None = None
    hash: int = 0
    seq: int = 0  # containers of updates that were sent unasked
    device: dict[str, str] = field(default_factory=dict)
    place: str = "loopback"
    unconfirmed: bool = False  # the account's owner is asked whether the login was theirs


class ChatKind(StrEnum):
    """The four kinds of conversation, which differ in where message ids are counted."""

    PRIVATE = "private"
    GROUP = "group"
    BROADCAST = "broadcast"
    MEGAGROUP = "megagroup"


@dataclass(slots=True, kw_only=True)
class Member:
    """One account's place in a chat. Rights are named as in Telegram's own flags."""

    account_id: int
    date: int
    inviter_id: int
    creator: bool = False
    admin_rights: frozenset[str] = frozenset()
    banned_rights: frozenset[str] = frozenset()
    kicked: bool = False
    left: bool = False
    rank: str | None = None
    last_sent: float = 0.0
    protects: bool = False  # a private chat: nothing of it is forwarded
    read_up_to: int = 0

    @property
    def present(self) -> bool:
        """Whether the account is in the chat now."""
        return not (self.left or self.kicked)

    @property
    def admin(self) -> bool:
        """Whether the account runs the chat or helps to."""
        return self.creator or bool(self.admin_rights)


@dataclass(slots=True, kw_only=True)
class Topic:
    """A topic of a forum; its id is that of the message that opened it."""

    id: int
    title: str
    icon_color: int
    creator_id: int
    date: int
    closed: bool = False
    deleted: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Chat:
    """A conversation: between two accounts, a basic group, a channel or a supergroup."""

    id: int
    kind: ChatKind
    title: str = ""
    date: int = 0
    about: str = ""
    username: str | None = None
    members: dict[int, Member] = field(default_factory=dict, repr=False)
    messages: list[Message] = field(default_factory=list, repr=False)
    by_id: dict[int, Message] = field(default_factory=dict, repr=False)
    feed: MessageFeed[Message] = field(default_factory=lambda: MessageFeed[Message](), repr=False)
    next_message_id: int = 1
    noforwards: bool = False
    forum: bool = False
    monoforum: bool = False  # a channel's direct messages
    slowmode: int = 0
    price: int = 0  # Stars that a message of who is no administrator costs
    default_banned: frozenset[str] = frozenset()
    topics: dict[int, Topic] = field(default_factory=dict, repr=False)
    invite: str | None = None
    approval: bool = False  # who wants to come in has to ask
    requests: dict[int, int] = field(default_factory=dict, repr=False)  # who asked, and when
    gone: bool = False
    moved_to: int | None = None  # the supergroup that a basic group was upgraded to
    pinned_id: int = 0

    @property
    def is_channel(self) -> bool:
        """Whether it counts its own message ids and pts."""
        return self.kind in (ChatKind.BROADCAST, ChatKind.MEGAGROUP)

    @property
    def peer_id(self) -> int:
        """The marked id as Telethon's ``get_peer_id`` gives it; 0 for a private chat."""
        match self.kind:
            case ChatKind.PRIVATE:
                return 0
            case ChatKind.GROUP:
                return -self.id
            case _:
                return -(CHANNEL_MARK + self.id)

    @property
    def protected(self) -> bool:
        """Whether nothing of it may be forwarded."""
        return self.noforwards or any(member.protects for member in self.members.values())

    def present(self) -> list[int]:
        """The account ids of those who are in it now."""
        return [member.account_id for member in self.members.values() if member.present]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Where a forwarded message comes from."""

    date: int
    from_id: int | None = None
    channel_id: int | None = None
    channel_post: int | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message as the server keeps it.

    A channel counts ``id`` itself. Elsewhere each account counts its own: ``ids``
    has them all, and ``id`` is the author's.
    """

    id: int
    chat: Chat = field(repr=False)
    author: Account | None
    date: int
    sent_as: int | None = None  # a channel, in whose name the author wrote
    text: str = field(default="", repr=False)
    ids: dict[int, int] = field(default_factory=dict, repr=False)
    post: bool = False
    entities: list[Any] = field(default_factory=list, repr=False)
    media: Any = field(default=None, repr=False)
    action: Any = field(default=None, repr=False)
    grouped_id: int | None = None
    reply_to: Message | None = field(default=None, repr=False)
    topic_id: int | None = None
    forward: Forward | None = None
    edit_date: int | None = None
    silent: bool = False
    noforwards: bool = False
    invert_media: bool = False
    quote: Any = field(default=None, repr=False)  # an InputReplyToMessage with the words quoted
    further: dict[str, Any] = field(default_factory=dict, repr=False)  # fields told as they are
    deleted: bool = False
    random_id: int | None = None

    def id_for(self, account_id: int) -> int:
        """The id under which ``account_id`` knows it; 0 when it does not."""
        return self.id if self.chat.is_channel else self.ids.get(account_id, 0)
