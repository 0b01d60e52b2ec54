"""The world: all records, and the only source of ids.

No networking: ``delivery`` tells people, ``state_file`` writes it down.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from .._tl import AuthKey
from ..clock import Clock
from ..rpc import RpcError
from .callback_queries import CallbackQuery
from .file_store import FileShelf
from .pending_logins import PendingLogins
from .records import Account, Authorization, Chat, ChatKind, Member, Message

Entropy = Callable[[int], bytes]
"""So many random bytes."""

_FIRST_USER: Final = 5_000_000_001
_FIRST_GROUP: Final = 4_000_001
_FIRST_CHANNEL: Final = 1_500_000_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where the data centre draws its lines; the defaults are Telegram's own, or near them.

    Args:
        difference: events in one answer to ``updates.getDifference``, at most.
        too_long: events behind which an account is told that the difference is too long.
        channel_too_long: the same for one channel.
        history: messages in one answer, at most.
        text: characters of a message; ``caption`` of a caption, ``premium_caption`` of one that an
            account with Premium writes.
        album: media of an album.
        rich_blocks: blocks of a rich message that come with it; the rest is asked for.
        edit_window: seconds in which an ordinary member may edit.
        fresh_login: seconds for which a new login may not end others.
        code_life, token_life: seconds a login code and a QR token are good for.
        code_timeout: seconds that a client is told to wait before it has a code sent again.
        callback_answer: seconds of real time that a bot has to answer a pressed button.
    """

    difference: int = 100
    too_long: int = 10_000
    channel_too_long: int = 1_000
    history: int = 100
    text: int = 4096
    caption: int = 1024
    premium_caption: int = 4096
    album: int = 10
    rich_blocks: int = 20
    edit_window: float = 48 * 3600.0
    fresh_login: float = 24 * 3600.0
    code_life: float = 300.0
    code_timeout: int = 60
    token_life: float = 30.0
    callback_answer: float = 15.0


@dataclass(slots=True, kw_only=True, eq=False)
class World:
    """Accounts, keys, chats, messages. One loop owns it; it has no locks."""

    clock: Clock
    dc_id: int = 2
    entropy: Entropy = os.urandom
    limits: Limits = field(default_factory=Limits)
    secret: bytes = field(default=b"", repr=False)
    accounts: dict[int, Account] = field(default_factory=dict)
    chats: dict[int, Chat] = field(default_factory=dict)
    privates: dict[frozenset[int], Chat] = field(default_factory=dict)
    keys: dict[int, Authorization] = field(default_factory=dict)
    sent: dict[tuple[int, int], Message] = field(default_factory=dict)
    files: FileShelf = field(init=False)
    logins: PendingLogins = field(default_factory=PendingLogins)
    callback_queries: dict[int, CallbackQuery] = field(default_factory=dict)
    next_user_id: int = _FIRST_USER
    next_group_id: int = _FIRST_GROUP
    next_channel_id: int = _FIRST_CHANNEL
    changes: int = 0
    hash_rounds: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.secret = self.secret or self.entropy(16)
        self.files = FileShelf(entropy=self.entropy)

    def now(self) -> int:
        """The date that what happens now carries."""
        return int(self.clock())

    def random_long(self) -> int:
        """A random signed 64-bit number other than 0."""
        return int.from_bytes(self.entropy(8), "little", signed=True) or 1

    # Accounts and keys

    def add_account(self, account: Account) -> Account:
        """Take in an account whose phone and username are free."""
        self.accounts[account.id] = account
        self.next_user_id = max(self.next_user_id, account.id + 1)
        self.touch()
        return account

    def account_by_phone(self, phone: str) -> Account | None:
        """Who has that number, written with or without a plus."""
        wanted = digits(phone)
        if not wanted:
            return None
        return next((a for a in self.accounts.values() if digits(a.phone) == wanted), None)

    def by_username(self, username: str) -> Account | Chat | None:
        """Who or what goes by that name; case does not matter, nor a leading @."""
        wanted = username.lstrip("@").lower()
        everybody: Iterable[Account | Chat] = (*self.accounts.values(), *self.chats.values())
        return next((x for x in everybody if (x.username or "").lower() == wanted), None)

    def add_key(self, key: bytes, *, dc_id: int | None = None) -> Authorization:
        """Register an auth key that nobody is signed in with yet."""
        now = self.now()
        authorization = Authorization(
            key=key,
            key_id=AuthKey(key).key_id,
            salt=self.random_long(),
            dc_id=dc_id or self.dc_id,
            created=now,
            active=now,
            hash=self.random_long(),
        )
        self.keys[authorization.key_id] = authorization
        self.touch()
        return authorization

    def authorizations(self, account: Account) -> list[Authorization]:
        """The live authorizations of an account, oldest first."""
        return [a for a in self.keys.values() if a.account is account and a.void is None]

    # Chats

    def add_chat(self, chat: Chat) -> Chat:
        """Take in a group or channel."""
        self.chats[chat.id] = chat
        self.touch()
        return chat

    def take_group_id(self) -> int:
        """A fresh id for a basic group."""
        self.next_group_id += 1
        return self.next_group_id - 1

    def take_channel_id(self) -> int:
        """A fresh id for a channel or supergroup."""
        self.next_channel_id += 1
        return self.next_channel_id - 1

    def private(self, one: Account, other: Account) -> Chat:
        """The conversation of two accounts, made when needed; with oneself: saved messages."""
        pair = frozenset((one.id, other.id))
        chat = self.privates.get(pair)
        if chat is None:
            chat = Chat(id=0, kind=ChatKind.PRIVATE, date=self.now())
            for account_id in sorted(pair):
                chat.members[account_id] = Member(
                    account_id=account_id, date=chat.date, inviter_id=account_id
                )
            self.privates[pair] = chat
        return chat

    def chat(self, chat_id: int, *, channel: bool) -> Chat | None:
        """A group or channel by its bare id."""
        chat = self.chats.get(chat_id)
        return chat if chat is not None and chat.is_channel is channel and not chat.gone else None

    def chats_of(self, account: Account) -> list[Chat]:
        """The groups and channels an account is in."""
        return [
            chat
            for chat in self.chats.values()
            if not chat.gone and (m := chat.members.get(account.id)) is not None and m.present
        ]

    # Access

    def access_hash(self, viewer: Account | None, peer_id: int) -> int:
        """The hash by which ``viewer`` may name a peer; everybody gets another one."""
        viewer_id = 0 if viewer is None else viewer.id
        rounds = self.hash_rounds.get((viewer_id, peer_id), 0)
        return _access_hash(self.secret, viewer_id, peer_id, rounds)

    def void_access_hash(self, viewer: Account, peer_id: int) -> None:
        """Let the hash by which ``viewer`` names a peer be no good any more; there is a new one."""
        key = viewer.id, peer_id
        self.hash_rounds[key] = self.hash_rounds.get(key, 0) + 1
        self.touch()

    def remember_sending(self, account: Account, random_id: int, message: Message) -> None:
        """Keep a client's ``random_id`` for ever, so that a repeat is refused."""
        self.sent[(account.id, random_id)] = message

    def refuse_repeats(self, account: Account, random_ids: Iterable[int]) -> None:
        """Raise RANDOM_ID_DUPLICATE when any of the ids has been used by the account."""
        if any((account.id, random_id) in self.sent for random_id in random_ids):
            raise RpcError("RANDOM_ID_DUPLICATE")

    def touch(self) -> None:
        """Note that there is something new to write down."""
        self.changes += 1


def digits(phone: str) -> str:
    """A phone number without anything but its digits."""
    return "".join(filter(str.isdigit, phone))


@functools.lru_cache(maxsize=4096)  # several in every answer and update, of the same few peers
def _access_hash(secret: bytes, viewer_id: int, peer_id: int, rounds: int) -> int:
    seed = b"%d:%d" % (viewer_id, peer_id)
    if rounds:
        seed += b":%d" % rounds
    digest = hashlib.blake2b(seed, key=secret, digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1
