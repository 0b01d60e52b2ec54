"""Rendering of records as TL objects, as one account sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .._tl import types
from .peers import Peers
from .records import Account, Chat, ChatKind, Message
from .world import World

ADMIN_FLAGS: Final = (
    "change_info",
    "post_messages",
    "edit_messages",
    "delete_messages",
    "ban_users",
    "invite_users",
    "pin_messages",
    "add_admins",
    "manage_topics",
    "other",
)
BANNED_FLAGS: Final = (
    "view_messages",
    "send_messages",
    "send_media",
    "send_photos",
    "send_docs",
    "send_plain",
    "invite_users",
    "pin_messages",
    "change_info",
    "manage_topics",
)
_ALL_ADMIN: Final = frozenset(ADMIN_FLAGS)


def admin_rights(rights: Iterable[str]) -> Any:
    """A set of flags as ChatAdminRights."""
    return types.ChatAdminRights(**dict.fromkeys(rights, True))


def banned_rights(rights: Iterable[str]) -> Any:
    """A set of flags as ChatBannedRights, for ever."""
    return types.ChatBannedRights(until_date=None, **dict.fromkeys(rights, True))


def _quoted(quote: Any) -> dict[str, Any]:
    if quote is None:
        return {}
    return {
        "quote": True,
        "quote_text": quote.quote_text,
        "quote_entities": quote.quote_entities or None,
        "quote_offset": quote.quote_offset,
    }


class View:
    """What one account sees; it remembers whom it has mentioned.

    Render messages first; ``users`` and ``chats`` then hold everybody they mention.
    """

    def __init__(self, world: World, me: Account) -> None:
        self.world, self.me = world, me
        self.peers = Peers(world, me)
        self._users: dict[int, Account] = {}
        self._chats: dict[int, Chat] = {}

    @property
    def users(self) -> list[Any]:
        """The accounts mentioned so far."""
        return [self.user(account) for account in self._users.values()]

    @property
    def chats(self) -> list[Any]:
        """The groups and channels mentioned so far."""
        return [self.chat(chat) for chat in self._chats.values()]

    def mention(self, *records: Account | Chat | None) -> None:
        """Have accounts and chats among ``users`` and ``chats``."""
        for record in records:
            if isinstance(record, Account):
                self._users[record.id] = record
            elif isinstance(record, Chat) and record.kind is not ChatKind.PRIVATE:
                self._chats[record.id] = record
                self.mention(self.world.chats.get(record.moved_to or 0))
            elif isinstance(record, Chat):
                self.mention(*(self.world.accounts[i] for i in record.members))

    def user(self, account: Account) -> Any:
        """An account as a User."""
        mine = account is self.me
        known = mine or account.id in self.me.contacts
        return types.User(
            id=account.id,
            is_self=mine or None,
            contact=account.id in self.me.contacts or None,
            bot=account.bot is not None or None,
            bot_chat_history=account.bot is not None or None,  # privacy mode is not played
            bot_can_edit=(account.bot is not None and account.bot.owner_id == self.me.id) or None,
            premium=account.premium or None,
            bot_info_version=account.bot.version if account.bot is not None else None,
            access_hash=self.world.access_hash(self.me, account.id),
            first_name=account.first_name,
            last_name=account.last_name or None,
            username=account.username,
            phone=account.phone.lstrip("+") if known and account.phone else None,
        )

    def chat(self, chat: Chat) -> Any:
        """A group or channel as Chat, Channel, or its forbidden kind."""
        member = chat.members.get(self.me.id)
        if chat.gone or (member is not None and member.kicked):
            return self._forbidden(chat)
        return self._group(chat) if chat.kind is ChatKind.GROUP else self._channel(chat)

    def message(self, message: Message | None, *, whole: bool = False) -> Any:
        """A message, and everybody in it mentioned; None is one that is not there.

        Of a long rich message only the beginning comes with it, unless it is asked for ``whole``.
        """
        if message is None:
            return types.MessageEmpty(id=0, peer_id=None)
        author = message.author
        self.mention(message.chat, author)
        self.mention(self.world.accounts.get(message.further.get("via_bot_id", 0)))
        self.mention(self.world.chats.get(message.sent_as or 0))
        common = {
            "id": message.id_for(self.me.id),
            "peer_id": self.peers.peer_of(message.chat),
            "date": message.date,
            "out": author is self.me or None,
            "post": message.post or None,
            "silent": message.silent or None,
            "from_id": self._from(message),
            "reply_to": self._reply(message),
        }
        if message.action is not None:
            return types.MessageService(action=message.action, **common)
        return types.Message(
            message=message.text,
            media=self._media(message),
            entities=message.entities or None,
            grouped_id=message.grouped_id,
            fwd_from=self._forward(message),
            edit_date=message.edit_date,
            noforwards=message.noforwards or None,
            invert_media=message.invert_media or None,
            views=1 if message.post else None,
            forwards=0 if message.post else None,
            **common | message.further | ({} if whole else self._in_part(message)),
        )

    def _in_part(self, message: Message) -> dict[str, Any]:
        """The beginning of a rich message that is too long to come with its message."""
        rich, most = message.further.get("rich_message"), self.world.limits.rich_blocks
        if rich is None or len(rich.blocks) <= most:
            return {}
        part = types.RichMessage(
            rich.blocks[:most], rich.photos, rich.documents, rtl=rich.rtl, part=True
        )
        return {"rich_message": part}

    def _from(self, message: Message) -> Any:
        if message.author is None or message.post:
            return None
        if message.chat.kind is ChatKind.PRIVATE and message.author is not self.me:
            return None
        if message.sent_as is not None:
            return types.PeerChannel(message.sent_as)
        return types.PeerUser(message.author.id)

    def _media(self, message: Message) -> Any:
        media = message.media
        file: Any = getattr(media, "photo", None) or getattr(media, "document", None)
        stored = self.world.files.stored.get(getattr(file, "id", 0))
        if stored is not None:
            file.file_reference = stored.reference  # whoever reads it anew gets the current one
        return media

    def _reply(self, message: Message) -> Any:
        topic, reply = message.topic_id, message.reply_to
        if reply is not None:
            reply_id = reply.id_for(self.me.id)
            if reply_id:
                in_topic = {"reply_to_top_id": topic, "forum_topic": True} if topic else {}
                return types.MessageReplyHeader(
                    reply_to_msg_id=reply_id, **in_topic, **_quoted(message.quote)
                )
        if topic is not None:
            return types.MessageReplyHeader(reply_to_msg_id=topic, forum_topic=True)
        return None

    def _forward(self, message: Message) -> Any:
        forward = message.forward
        if forward is None:
            return None
        from_id = None
        if forward.channel_id is not None:
            self.mention(self.world.chats.get(forward.channel_id))
            from_id = types.PeerChannel(forward.channel_id)
        elif forward.from_id is not None:
            self.mention(self.world.accounts.get(forward.from_id))
            from_id = types.PeerUser(forward.from_id)
        return types.MessageFwdHeader(
            date=forward.date, from_id=from_id, channel_post=forward.channel_post
        )

    def _group(self, chat: Chat) -> Any:
        member, moved = chat.members.get(self.me.id), chat.moved_to
        secret = 0 if moved is None else self.world.access_hash(self.me, -moved)
        return types.Chat(
            id=chat.id,
            title=chat.title,
            photo=types.ChatPhotoEmpty(),
            participants_count=len(chat.present()),
            date=chat.date,
            version=1,
            creator=(member is not None and member.creator) or None,
            left=(member is None or not member.present) or None,
            deactivated=(moved is not None) or None,
            migrated_to=None if moved is None else types.InputChannel(moved, secret),
            noforwards=chat.noforwards or None,
            default_banned_rights=banned_rights(chat.default_banned),
        )

    def _channel(self, chat: Chat) -> Any:
        member = chat.members.get(self.me.id)
        here = member is not None and member.present
        rights = _ALL_ADMIN if member is not None and member.creator else frozenset()
        if member is not None and not member.creator:
            rights = member.admin_rights
        return types.Channel(
            id=chat.id,
            title=chat.title,
            photo=types.ChatPhotoEmpty(),
            date=chat.date,
            creator=(member is not None and member.creator) or None,
            left=(not here) or None,
            broadcast=chat.kind is ChatKind.BROADCAST or None,
            megagroup=chat.kind is ChatKind.MEGAGROUP or None,
            forum=chat.forum or None,
            monoforum=chat.monoforum or None,
            noforwards=chat.noforwards or None,
            slowmode_enabled=bool(chat.slowmode) or None,
            join_request=chat.approval or None,
            access_hash=self.world.access_hash(self.me, -chat.id),
            username=chat.username,
            admin_rights=admin_rights(rights) if here and rights else None,
            banned_rights=(
                banned_rights(member.banned_rights) if member and member.banned_rights else None
            ),
            default_banned_rights=banned_rights(chat.default_banned),
            participants_count=len(chat.present()),
        )

    def _forbidden(self, chat: Chat) -> Any:
        if chat.kind is ChatKind.GROUP:
            return types.ChatForbidden(id=chat.id, title=chat.title)
        return types.ChannelForbidden(
            id=chat.id,
            access_hash=self.world.access_hash(self.me, -chat.id),
            title=chat.title,
            broadcast=chat.kind is ChatKind.BROADCAST or None,
            megagroup=chat.kind is ChatKind.MEGAGROUP or None,
        )
