"""Serialisation of the world to plain JSON values, messages by number."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from .feed import MessageFeed
from .file_store import StoredFile
from .records import Account, Authorization, BotRecord, Chat, ChatKind, Member, Message
from .world import World

FORMAT: Final = 1


def freeze(world: World) -> dict[str, Any]:
    """Everything that is to be kept."""
    messages = _all_messages(world)
    number = {id(message): index for index, message in enumerate(messages)}
    return {
        "format": FORMAT,
        "secret": _text(world.secret),
        "hashes": [[*key, rounds] for key, rounds in world.hash_rounds.items()],
        "next": [world.next_user_id, world.next_group_id, world.next_channel_id],
        "accounts": [_account_out(account, number) for account in world.accounts.values()],
        "keys": [_key_out(key) for key in world.keys.values()],
        "chats": [_chat_out(chat, number) for chat in world.chats.values()],
        "privates": [_chat_out(chat, number) for chat in world.privates.values()],
        "messages": [_message_out(message, number) for message in messages],
        "sent": [[a, r, number[id(m)]] for (a, r), m in world.sent.items()],
        "files": [_file_out(stored) for stored in world.files.stored.values()],
    }


def _all_messages(world: World) -> list[Message]:
    """Every message that something still points to, those it answers before it."""
    found: dict[int, Message] = {}
    waiting: list[Message] = [*world.sent.values()]
    for chat in (*world.chats.values(), *world.privates.values()):
        waiting += chat.messages
        waiting += [event.message for event in chat.feed.events if event.message is not None]
    for account in world.accounts.values():
        waiting += [e.message for e in account.feed.events if e.message is not None]
    for message in waiting:
        chain: Message | None = message
        while chain is not None and id(chain) not in found:
            found[id(chain)] = chain
            chain = chain.reply_to
    return list(found.values())


def _account_out(account: Account, number: Mapping[int, int]) -> dict[str, Any]:
    password = account.password
    return {
        "id": account.id,
        "phone": account.phone,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "username": account.username,
        "bot": account.bot and _bot_out(account.bot),
        "dc_id": account.dc_id,
        "premium": account.premium,
        "ban": account.ban,
        "contacts": sorted(account.contacts),
        "blocked": sorted(account.blocked),
        "authorization_ttl_days": account.authorization_ttl_days,
        "code_ways": list(account.code_ways),
        "login_email": account.login_email,
        "stars": account.stars,
        "relogin_days": account.relogin_days,
        "gives_tokens": account.gives_tokens,
        "account_ttl_days": account.account_ttl_days,
        "frozen": account.frozen and asdict(account.frozen),
        "unofficial_risk": account.unofficial_risk,
        "next_message_id": account.next_message_id,
        "feed": _feed_out(account.feed, number),
        "password": password
        and {
            "salt1": _text(password.salt1),
            "salt2": _text(password.salt2),
            "verifier": hex(password.verifier),
            "hint": password.hint,
            "reset_at": password.reset_at,
        },
    }


def _bot_out(bot: BotRecord) -> dict[str, Any]:
    return {
        "token": bot.token,
        "owner_id": bot.owner_id,
        "about": bot.about,
        "version": bot.version,
        "expired": sorted(bot.expired),
        "commands": [
            [*place, [_text(bytes(one)) for one in commands]]
            for place, commands in bot.commands.items()
        ],
        "acquainted": sorted(bot.acquainted),
    }


def _key_out(key: Authorization) -> dict[str, Any]:
    return {
        "key": _text(key.key),
        "key_id": key.key_id,
        "salt": key.salt,
        "dc_id": key.dc_id,
        "created": key.created,
        "active": key.active,
        "account": key.account and key.account.id,
        "void": key.void,
        "hash": key.hash,
        "seq": key.seq,
        "device": key.device,
        "place": key.place,
        "unconfirmed": key.unconfirmed,
    }


def _chat_out(chat: Chat, number: Mapping[int, int]) -> dict[str, Any]:
    return {
        "id": chat.id,
        "kind": chat.kind.value,
        "title": chat.title,
        "date": chat.date,
        "about": chat.about,
        "username": chat.username,
        "next_message_id": chat.next_message_id,
        "noforwards": chat.noforwards,
        "forum": chat.forum,
        "monoforum": chat.monoforum,
        "slowmode": chat.slowmode,
        "price": chat.price,
        "default_banned": sorted(chat.default_banned),
        "invite": chat.invite,
        "approval": chat.approval,
        "requests": [[*one] for one in chat.requests.items()],
        "gone": chat.gone,
        "moved_to": chat.moved_to,
        "pinned_id": chat.pinned_id,
        "topics": [asdict(topic) for topic in chat.topics.values()],
        "members": [_member_out(member) for member in chat.members.values()],
        "feed": _feed_out(chat.feed, number),
        "messages": [number[id(message)] for message in chat.messages],
    }


def _member_out(member: Member) -> dict[str, Any]:
    rights = {
        "admin_rights": sorted(member.admin_rights),
        "banned_rights": sorted(member.banned_rights),
    }
    return asdict(member) | rights


def _feed_out(feed: MessageFeed[Message], number: Mapping[int, int]) -> list[Any]:
    events = [
        [e.pts, e.count, e.kind.value, e.date, e.message and number[id(e.message)], e.ids]
        for e in feed.events
    ]
    return [feed.pts, feed.floor, events, feed.changed]


def _message_out(message: Message, number: Mapping[int, int]) -> dict[str, Any]:
    chat = message.chat
    where = sorted(chat.members) if chat.kind is ChatKind.PRIVATE else chat.id
    plain = {
        "id": message.id,
        "chat": where,
        "author": message.author and message.author.id,
        "date": message.date,
        "sent_as": message.sent_as,
        "text": message.text,
        "ids": sorted(message.ids.items()),
        "post": message.post,
        "entities": [_text(bytes(entity)) for entity in message.entities],
        "media": message.media and _text(bytes(message.media)),
        "action": message.action and _text(bytes(message.action)),
        "grouped_id": message.grouped_id,
        "reply_to": message.reply_to and number[id(message.reply_to)],
        "topic_id": message.topic_id,
        "forward": message.forward and asdict(message.forward),
        "edit_date": message.edit_date,
        "silent": message.silent,
        "noforwards": message.noforwards,
        "invert_media": message.invert_media,
        "quote": message.quote and _text(bytes(message.quote)),
        "further": {
            name: value if isinstance(value, bool | int | str) else {"tl": _text(bytes(value))}
            for name, value in message.further.items()
        },
        "deleted": message.deleted,
        "random_id": message.random_id,
    }
    # 0 stays: it is a number like any other, and equal to False
    return {
        k: v for k, v in plain.items() if v is not None and v is not False and v not in ([], "", {})
    }


def _file_out(stored: StoredFile) -> dict[str, Any]:
    return {
        "id": stored.id,
        "access_hash": stored.access_hash,
        "reference": _text(stored.reference),
        "data": _text(stored.data),
        "photo": stored.photo,
        "name": stored.name,
        "mime_type": stored.mime_type,
        "attributes": [_text(one) for one in stored.attributes],
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
