"""Deserialisation of a world from plain JSON values."""

from __future__ import annotations

import base64
from typing import Any

from .._tl import read_object
from .feed import Event, EventKind, MessageFeed
from .file_store import StoredFile
from .records import (
    Account,
    Authorization,
    BotRecord,
    Chat,
    ChatKind,
    Forward,
    Freeze,
    Member,
    Message,
    PasswordRecord,
    Topic,
)
from .world import World


def thaw(world: World, data: dict[str, Any]) -> None:
    """Fill an empty world; raises whatever Python does when a value is not as it should be."""
    world.secret = _bytes(data["secret"])
    world.next_user_id, world.next_group_id, world.next_channel_id = data["next"]
    world.hash_rounds.update({(v, p): rounds for v, p, rounds in data.get("hashes", ())})
    for given in data["accounts"]:
        world.accounts[given["id"]] = _account_in(given)
    for given in data["keys"]:
        account = world.accounts.get(given["account"] or 0)
        key = Authorization(**given | {"key": _bytes(given["key"]), "account": account})
        world.keys[key.key_id] = key
    for given in data["chats"]:
        world.chats[given["id"]] = _chat_in(given)
    for given in data["privates"]:
        chat = _chat_in(given)
        world.privates[frozenset(chat.members)] = chat
    messages = [_message_in(world, given) for given in data["messages"]]
    for message, given in zip(messages, data["messages"], strict=True):
        reply = given.get("reply_to")
        message.reply_to = messages[reply] if reply is not None else None
    _connect(world, data, messages)
    for a, r, index in data["sent"]:
        world.sent[a, r] = messages[index]
    for given in data["files"]:
        reference, content = _bytes(given["reference"]), _bytes(given["data"])
        attributes = tuple(_bytes(one) for one in given.get("attributes", ()))
        read = {"reference": reference, "data": content, "attributes": attributes}
        stored = StoredFile(**given | read)
        world.files.stored[stored.id] = stored


def _account_in(given: dict[str, Any]) -> Account:
    apart = ("feed", "password", "contacts", "blocked", "bot", "bot_token", "frozen")
    plain = {k: v for k, v in given.items() if k not in apart}
    password, bot = given["password"], given.get("bot")
    account = Account(**plain, contacts=set(given["contacts"]))
    account.code_ways = tuple(account.code_ways)
    account.blocked = set(given.get("blocked", ()))  # without it where an earlier version wrote
    if frozen := given.get("frozen"):
        account.frozen = Freeze(**frozen)
    if token := given.get("bot_token"):  # and a bot had nothing but its token there
        account.bot = BotRecord(token=token)
    elif bot is not None:
        account.bot = _bot_in(bot)
    if password is not None:
        account.password = PasswordRecord(
            salt1=_bytes(password["salt1"]),
            salt2=_bytes(password["salt2"]),
            verifier=int(password["verifier"], 16),
            hint=password["hint"],
            reset_at=password.get("reset_at"),
        )
    return account


def _bot_in(given: dict[str, Any]) -> BotRecord:
    commands = {
        (scope, language): [read_object(_bytes(one)) for one in listed]
        for scope, language, listed in given["commands"]
    }
    read: dict[str, Any] = {"commands": commands}
    for name in ("expired", "acquainted"):
        read[name] = set(given[name])
    return BotRecord(**{**given, **read})


def _chat_in(given: dict[str, Any]) -> Chat:
    plain = {k: v for k, v in given.items() if k not in ("feed", "messages")}
    return Chat(
        **plain
        | {
            "kind": ChatKind(given["kind"]),
            "default_banned": frozenset(given["default_banned"]),
            "requests": dict(given.get("requests", ())),
            "topics": {topic["id"]: Topic(**topic) for topic in given["topics"]},
            "members": {member["account_id"]: _member_in(member) for member in given["members"]},
        }
    )


def _member_in(given: dict[str, Any]) -> Member:
    rights: dict[str, Any] = {
        "admin_rights": frozenset(given["admin_rights"]),
        "banned_rights": frozenset(given["banned_rights"]),
    }
    return Member(**given | rights)


def _message_in(world: World, given: dict[str, Any]) -> Message:
    where = given["chat"]
    chat = world.privates[frozenset(where)] if isinstance(where, list) else world.chats[where]
    forward, media, action = (given.get(name) for name in ("forward", "media", "action"))
    quote, further = given.get("quote"), given.get("further", {})
    return Message(
        **given
        | {
            "id": given.get("id", 0),
            "chat": chat,
            "author": world.accounts.get(given.get("author") or 0),
            "ids": dict(given.get("ids", ())),
            "entities": [read_object(_bytes(entity)) for entity in given.get("entities", ())],
            "media": read_object(_bytes(media)) if media else None,
            "action": read_object(_bytes(action)) if action else None,
            "forward": Forward(**forward) if forward else None,
            "quote": read_object(_bytes(quote)) if quote else None,
            "further": {
                name: read_object(_bytes(value["tl"])) if isinstance(value, dict) else value
                for name, value in further.items()
            },
            "reply_to": None,
        }
    )


def _connect(world: World, data: dict[str, Any], messages: list[Message]) -> None:
    """Put messages where they are looked for: chats, boxes, feeds."""
    chats = [*world.chats.values(), *world.privates.values()]
    for chat, given in zip(chats, [*data["chats"], *data["privates"]], strict=True):
        chat.messages = [messages[index] for index in given["messages"]]
        chat.feed = _feed_in(given["feed"], messages)
        if chat.is_channel:
            chat.by_id = {message.id: message for message in chat.messages}
    for message in messages:
        for account_id, message_id in message.ids.items():
            world.accounts[account_id].box[message_id] = message
    for given in data["accounts"]:
        world.accounts[given["id"]].feed = _feed_in(given["feed"], messages)


def _feed_in(given: list[Any], messages: list[Message]) -> MessageFeed[Message]:
    pts, floor, events, *changed = given  # without it where an earlier version has written
    return MessageFeed(
        pts,
        floor,
        [
            Event(
                pts=at,
                count=count,
                kind=EventKind(kind),
                date=date,
                message=messages[index] if index is not None else None,
                ids=tuple(ids),
            )
            for at, count, kind, date, index, ids in events
        ],
        *(changed or [events[-1][3] if events else 0]),
    )


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
