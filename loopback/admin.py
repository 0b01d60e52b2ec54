"""The server's administration: accounts, chats, messages and sessions without a client."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from . import srp
from ._tl import types
from .chat_handles import ChatHandle, author_of
from .data_centre import DataCentre
from .faults.actions import Unknown
from .handlers.channels import protect
from .handlers.code_ways import WAYS
from .handlers.qr import accept
from .issued_sessions import mint, string_of
from .rpc import RpcError
from .threads import LoopGate, in_loop
from .updates.delivery import service_notification, unknown_update
from .world.peers import Peers
from .world.records import (
    Account,
    Authorization,
    BotRecord,
    Chat,
    ChatKind,
    Freeze,
    Member,
    Message,
)
from .world.update_events import Draft
from .world.world import digits

_TOKEN: Final = re.compile(r"([1-9][0-9]{5,11}):[A-Za-z0-9_-]{35}")
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class ServerAdmin:
    """What can be done to a data centre from its own side.

    Nothing is asked of any account and no right is checked; whoever is concerned and
    connected hears of it by updates. May be called from any thread.
    """

    _engine: DataCentre

    @property
    def gate(self) -> LoopGate:
        """The way into the loop that owns the data centre."""
        return self._engine.gate

    # People and chats

    @in_loop
    def add_account(
        self,
        name: str,
        *,
        phone: str | None = None,
        password: str | None = None,
        username: str | None = None,
        last_name: str = "",
        dc_id: int | None = None,
        hint: str = "",
        premium: bool = False,
    ) -> Account:
        """Make an account; with ``password`` it has two-step verification on."""
        world = self._engine.world
        number = world.next_user_id
        phone = phone or f"+99966{number % 100_000:05}"
        if world.account_by_phone(phone) is not None:
            raise ValueError(f"the phone number of {name} is taken; give another")
        self._require_free(username)
        account = Account(
            id=number,
            phone=phone,
            first_name=name,
            last_name=last_name,
            username=username,
            dc_id=dc_id or world.dc_id,
            premium=premium,
        )
        if password is not None:
            account.password = srp.new_password(password, hint)
        return world.add_account(account)

    @in_loop
    def add_bot(
        self,
        name: str,
        username: str,
        token: str | None = None,
        *,
        owner: Account | None = None,
        about: str = "",
        dc_id: int | None = None,
    ) -> Account:
        """Make a bot, as @BotFather does; it signs in with its ``bot_token``.

        A ``token`` of one's own begins with the bot's id: ``"7000000001:"`` and 35 characters.
        """
        world = self._engine.world
        number = _id_in(token) if token else world.next_user_id
        if number in world.accounts:
            raise ValueError(f"the id {number} in the token of {name} is taken; give another")
        if not username.lower().endswith("bot"):
            raise ValueError(f"username {username!r} of a bot does not end in 'bot'")
        self._require_free(username)
        account = Account(
            id=number,
            phone="",
            first_name=name,
            username=username,
            dc_id=dc_id or world.dc_id,
            bot=BotRecord(
                token=token or self._new_token(number),
                owner_id=owner.id if owner is not None else None,
                about=about,
            ),
        )
        return world.add_account(account)

    @in_loop
    def revoke_token(self, bot: Account) -> str:
        """Give a bot another token, which is returned; the old one is expired, its logins end."""
        if bot.bot is None:
            raise ValueError(f"{bot.first_name} is no bot: there is no token to revoke")
        bot.bot.expired.add(bot.bot.token)
        bot.bot.token = self._new_token(bot.id)
        self.revoke(bot)
        return bot.bot.token

    @in_loop
    def add_channel(
        self,
        title: str,
        *,
        owner: Account,
        members: Iterable[Account] = (),
        megagroup: bool = False,
        forum: bool = False,
        noforwards: bool = False,
        monoforum: bool = False,
        username: str | None = None,
    ) -> ChatHandle:
        """Make a channel, or with ``megagroup``, ``forum`` or ``monoforum`` a supergroup."""
        grouped = megagroup or forum or monoforum
        kind = ChatKind.MEGAGROUP if grouped else ChatKind.BROADCAST
        chat = self._new_chat(kind, title, owner)
        chat.monoforum = monoforum
        chat.forum, chat.noforwards, chat.username = forum, noforwards, username
        return self._with_members(chat, owner, members)

    @in_loop
    def add_group(
        self, title: str, *, owner: Account, members: Iterable[Account] = ()
    ) -> ChatHandle:
        """Make a basic group."""
        return self._with_members(self._new_chat(ChatKind.GROUP, title, owner), owner, members)

    @property
    def accounts(self) -> list[Account]:
        """All accounts."""
        return list(self._engine.world.accounts.values())

    @property
    def chats(self) -> list[ChatHandle]:
        """All groups and channels."""
        return [self._handle(chat) for chat in self._engine.world.chats.values()]

    def account(self, phone: str) -> Account | None:
        """The account with a phone number."""
        return self._engine.world.account_by_phone(phone)

    def chat(self, peer_id: int) -> ChatHandle | None:
        """The group or channel with a marked id."""
        return next((chat for chat in self.chats if chat.peer_id == peer_id), None)

    # Messages

    @in_loop
    def post(
        self,
        chat: ChatHandle | Account,
        text: str,
        *,
        author: Account | None = None,
        reply_to: Message | None = None,
        topic_id: int | None = None,
        silent: bool = False,
        noforwards: bool = False,
        media: Any = None,
        action: Any = None,
        entities: Iterable[Any] = (),
        invert_media: bool = False,
        quote: Any = None,
        further: Mapping[str, Any] = NOTHING,
    ) -> Message:
        """Write a message from the server's side; members hear of it by updates.

        ``chat`` may be an account: then ``author`` writes to it. In a channel or group
        the owner writes when no author is named. ``media`` and ``entities`` are TL objects, and
        ``action`` is one that makes it a service message,
        ``quote`` an ``InputReplyToMessage`` whose words are quoted of ``reply_to``. What is in
        ``further`` is told as it is: fields of a TL ``Message`` (buttons, an effect, a bot).
        """
        target = self._conversation(chat, author)
        writer = author or author_of(target, self._engine)
        draft = Draft(
            text=text,
            entities=list(entities),
            media=media,
            action=action,
            reply_to=reply_to,
            topic_id=topic_id,
            noforwards=noforwards,
            silent=silent,
            invert_media=invert_media,
            quote=quote,
            further=further,
        )
        self._engine.delivery.post(target, writer, [draft])
        return target.messages[-1]

    @in_loop
    def history(
        self, chat: ChatHandle | Account, *, author: Account | None = None
    ) -> list[Message]:
        """The messages of a chat, or of the private one between two accounts."""
        return list(self._conversation(chat, author).messages)

    @in_loop
    def protect_private(self, account: Account, other: Account, *, enabled: bool = True) -> None:
        """Let an account protect its private chat with another, or no longer; both are told."""
        protect(
            self._engine.delivery,
            self._engine.world.private(account, other),
            account,
            enabled=enabled,
        )

    @in_loop
    def send_ephemeral(self, chat: ChatHandle, author: Account, reader: Account, text: str) -> int:
        """Write what one reader of a chat sees for a moment; how many clients are told."""
        message = types.EphemeralMessage(
            id=1,
            from_id=types.PeerUser(author.id),
            peer_id=Peers(self._engine.world, reader).peer_of(chat.record),
            receiver_id=reader.id,
            date=self._engine.world.now(),
            message=text,
        )
        self._engine.delivery.tell(
            [reader], [types.UpdateNewEphemeralMessage(message)], author, chat.record
        )
        return len(self._engine.connections.of_account(reader))

    # Sessions

    @in_loop
    def mint(self, account: Account) -> str:
        """A session string that is signed in already: no code, no key exchange."""
        return string_of(self._engine, mint(self._engine, account))

    @in_loop
    def sent_code(self, phone: str) -> str | None:
        """The login code that was last sent to a number: what its owner would read."""
        return self._engine.world.logins.codes_sent.get(digits(phone))

    @in_loop
    def send_codes_by(self, account: Account, *ways: str, email: str | None = None) -> None:
        """Send an account's login codes in these ways, the next one at each resend.

        They are ``app``, ``sms``, ``call``, ``flash_call``, ``missed_call``, ``email`` (to the
        account's login ``email``), ``setup_email`` (an address is asked for first; the next way
        follows), ``fragment``, ``firebase``, ``word``, ``phrase`` and ``payment``.
        """
        unknown = [way for way in ways if way not in WAYS]
        if unknown or not ways:
            raise ValueError(f"ways are {ways}; give some of {', '.join(WAYS)}")
        account.code_ways = ways
        account.login_email = email or account.login_email

    @in_loop
    def reset_password(self, account: Account, *, days: int = 7) -> int:
        """Begin the reset of a forgotten two-step password; returns when it ends, epoch seconds."""
        if account.password is None:
            raise ValueError(f"{account.first_name} has no password to reset")
        account.password.reset_at = self._engine.world.now() + days * 86_400
        return account.password.reset_at

    @in_loop
    def authorizations(self, account: Account) -> list[Authorization]:
        """The account's live authorizations, oldest first."""
        return self._engine.world.authorizations(account)

    @in_loop
    def notify(self, account: Account, text: str, *, kind: str = "", popup: bool = True) -> int:
        """Tell an account's clients something in Telegram's name; how many there are.

        ``kind`` is the notice's type, such as ``AUTH_KEY_DROP_DUPLICATE_1``: with it a key is said
        to end, and works on until it is voided.
        """
        notice = service_notification(text, kind=kind, popup=popup)
        return self._tell(account, notice)

    @in_loop
    def login_elsewhere(
        self, account: Account, *, device: str, place: str, confirmed: bool = False
    ) -> Authorization:
        """Log an account in by somebody else's device; its own clients are told."""
        authorization = mint(self._engine, account)
        authorization.device = {"device_model": device}
        authorization.place, authorization.unconfirmed = place, not confirmed
        now = self._engine.world.now()
        told = {"date": now, "device": device, "location": place} if not confirmed else {}
        update = types.UpdateNewAuthorization(
            authorization.hash, unconfirmed=not confirmed or None, **told
        )
        self._tell(account, update)
        return authorization

    @in_loop
    def scan_qr(self, account: Account, url: str) -> None:
        """Scan a QR code (``tg://login?token=...``) with a phone of the account's owner."""
        token = url.partition("token=")[2]
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            accept(self._engine, account, raw)
        except (ValueError, RpcError) as refused:
            raise ValueError(f"the QR code cannot be scanned: {refused}") from refused

    @in_loop
    def connect_bot(
        self, account: Account, bot: Account, *, device: str, place: str, confirmed: bool = False
    ) -> int:
        """Connect a bot to an account, as a device of it does; how many clients are told."""
        now = self._engine.world.now()
        update = types.UpdateNewBotConnection(
            bot.id, confirmed=confirmed or None, date=now, device=device, location=place
        )
        return self._tell(account, update)

    @in_loop
    def revoke(
        self, account: Account, *, text: str = "SESSION_REVOKED", notify: bool = True
    ) -> int:
        """End every login of an account, as its owner does elsewhere; how many there were.

        With ``notify`` connected clients are nudged (updatesTooLong); without it only
        their next request tells.
        """
        doomed = self._engine.world.authorizations(account)
        for authorization in doomed:
            self._engine.end_authorization(authorization, text, notify=notify)
        return len(doomed)

    @in_loop
    def void_key(self, account: Account, text: str = "AUTH_KEY_UNREGISTERED") -> int:
        """Let the account's keys die without telling; how many there were."""
        return self.revoke(account, text=text, notify=False)

    @in_loop
    def forget_keys(self, account: Account) -> int:
        """Forget the account's keys altogether: they are answered -404; how many there were."""
        doomed = [a for a in self._engine.world.keys.values() if a.account is account]
        for authorization in doomed:
            self._engine.forget_key(authorization)
        return len(doomed)

    @in_loop
    def ban(self, account: Account, text: str = "USER_DEACTIVATED_BAN") -> None:
        """Ban an account: its requests are answered with ``text``, its number gets no code."""
        account.ban = text
        self._engine.world.touch()

    @in_loop
    def unban(self, account: Account) -> None:
        """Take a ban back."""
        account.ban = None
        self._engine.world.touch()

    @in_loop
    def freeze(
        self, account: Account, *, days: int = 30, appeal_url: str = "https://t.me/spambot"
    ) -> Freeze:
        """Make an account read-only; nobody is told before it writes or asks."""
        now = self._engine.world.now()
        account.frozen = Freeze(since=now, until=now + days * 86_400, appeal_url=appeal_url)
        self._engine.world.touch()
        return account.frozen

    @in_loop
    def unfreeze(self, account: Account) -> None:
        """Let an account write again, as after an appeal."""
        account.frozen = None
        self._engine.world.touch()

    @in_loop
    def send_unknown(
        self,
        account: Account,
        *,
        constructor: int = 0xFEEDBEEF,
        in_updates: bool = False,
        beside: Callable[[], object] | None = None,
    ) -> int:
        """Send an account's clients what no layer has; how many there are.

        With ``in_updates`` as an update among others, otherwise as a message of its own. What
        ``beside`` does, such as a post, is told in the same container.
        """
        body = bytes(Unknown(constructor))
        if in_updates:
            body = unknown_update(body, self._engine.world.now())
        links = self._engine.connections.of_account(account)
        with contextlib.ExitStack() as corked:
            for link in links:
                corked.enter_context(link.conversation.corked())
                link.conversation.send_body(body, reply=False)
            if beside is not None:
                beside()
        return len(links)

    # Helpers

    def _require_free(self, username: str | None) -> None:
        if username and self._engine.world.by_username(username) is not None:
            raise ValueError(f"username {username!r} is taken; give another")

    def _new_token(self, number: int) -> str:
        secret = base64.urlsafe_b64encode(self._engine.world.entropy(27)).decode()
        return f"{number}:{secret[:35]}"

    def _tell(self, account: Account, update: Any) -> int:
        self._engine.delivery.tell([account], [update])
        return len(self._engine.connections.of_account(account))

    def _new_chat(self, kind: ChatKind, title: str, owner: Account) -> Chat:
        world = self._engine.world
        take = world.take_group_id if kind is ChatKind.GROUP else world.take_channel_id
        chat = Chat(id=take(), kind=kind, title=title, date=world.now())
        chat.members[owner.id] = Member(
            account_id=owner.id, date=chat.date, inviter_id=owner.id, creator=True
        )
        return world.add_chat(chat)

    def _with_members(self, chat: Chat, owner: Account, members: Iterable[Account]) -> ChatHandle:
        self._engine.delivery.chat_changed(chat, [owner])
        handle = self._handle(chat)
        handle.join(*members)
        return handle

    def _handle(self, chat: Chat) -> ChatHandle:
        return ChatHandle(self._engine, chat)

    def _conversation(self, chat: ChatHandle | Account, author: Account | None) -> Chat:
        if isinstance(chat, ChatHandle):
            return chat.record
        return self._engine.world.private(author or chat, chat)


def _id_in(token: str) -> int:
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise ValueError("that is no token of a bot; give an id, a colon, 35 of A-Z a-z 0-9 _ -")
    return int(found[1])
