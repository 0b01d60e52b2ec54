"""Sixty calls as people write them, each with what of its result can be compared."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from telethon import Button, errors, functions, types
from telethon.tl.custom import Message

Call = Callable[[Any, dict[str, Any]], Awaitable[Any]]

PICTURE: Final = b"\x89PNG\r\n\x1a\n" + bytes(100)
FAR: Final = datetime(2100, 1, 1, tzinfo=UTC)


def text(message: Message) -> tuple[str, bool, list[str]]:
    """What a message says, whether it is one's own, and how it is marked up."""
    marks = [type(one).__name__ for one in message.entities or ()]
    return message.raw_text, bool(message.out), marks


async def _collected(iterator: Any) -> list[Any]:
    return [one async for one in iterator]


async def _kept(name: str, keep: dict[str, Any], made: Awaitable[Any]) -> Any:
    keep[name] = found = await made
    return found


async def _sent(c: Any, k: dict[str, Any]) -> Any:
    return text(await _kept("sent", k, c.send_message("@news_out", "**bold** and `code`")))


async def _album(c: Any, k: dict[str, Any]) -> Any:
    files = [named(PICTURE, f"{number}.png") for number in range(3)]
    k["album"] = found = await c.send_file("@news_out", files, caption=["", "", "three"])
    return [(text(one), bool(one.grouped_id), type(one.media).__name__) for one in found]


async def _document(c: Any, k: dict[str, Any]) -> Any:
    k["file"] = found = await c.send_file(
        "@news_out", named(b"0123456789" * 20_000, "data.bin"), force_document=True
    )
    return found.file.name, found.file.size, found.file.mime_type


async def _big(c: Any, k: dict[str, Any]) -> Any:
    data = bytes(11 * 1024 * 1024)  # above 10 MiB Telethon takes another method
    uploaded = await c.upload_file(data, file_name="big.bin")
    return type(uploaded).__name__, uploaded.parts


async def _downloaded_parts(c: Any, k: dict[str, Any]) -> Any:
    parts = [bytes(one) async for one in c.iter_download(k["file"].media, chunk_size=65_536)]
    return len(parts), b"".join(parts) == b"0123456789" * 20_000


async def _conversation(c: Any, k: dict[str, Any]) -> Any:
    async with c.conversation(k["press"], timeout=10) as talk:
        return text(await talk.send_message("a question"))


async def _forwarded(c: Any, k: dict[str, Any]) -> Any:
    found = await c.forward_messages("me", k["sent"])
    return text(found), found.fwd_from is not None


async def _group(c: Any, k: dict[str, Any]) -> Any:
    made = await c(functions.channels.CreateChannelRequest("A group", "about it", megagroup=True))
    k["group"] = made.chats[0]
    return made.chats[0].title, made.chats[0].megagroup


async def _drafted(c: Any, k: dict[str, Any]) -> Any:
    return [draft.text async for draft in c.iter_drafts()]


async def _action(c: Any, k: dict[str, Any]) -> Any:
    async with c.action("@news_out", "typing"):
        return True


async def _dialogs(c: Any, k: dict[str, Any]) -> Any:
    found = await c.get_dialogs()
    k["press"] = next(one.entity for one in found if one.is_user)
    return sorted((one.name, one.is_channel, one.is_user) for one in found)


async def _entities(c: Any, k: dict[str, Any]) -> Any:
    found = await c.get_entity(["@news_in", "@news_out", "me"])
    return [type(one).__name__ for one in found]


async def _permissions(c: Any, k: dict[str, Any]) -> Any:
    found = await c.get_permissions("@news_out", "me")
    return found.is_creator, found.is_admin


async def _several(c: Any, k: dict[str, Any]) -> Any:
    requests = [functions.help.GetNearestDcRequest(), functions.updates.GetStateRequest()]
    return [type(one).__name__ for one in await c(requests)]


async def _members(c: Any, k: dict[str, Any]) -> Any:
    return sorted(one.first_name for one in await c.get_participants("@news_out"))


async def _searched(c: Any, k: dict[str, Any]) -> Any:
    return [text(one) async for one in c.iter_messages("@news_in", search="three")]


async def _pages(c: Any, k: dict[str, Any]) -> Any:
    return [one.raw_text async for one in c.iter_messages("@news_in", limit=150)]


async def _backwards(c: Any, k: dict[str, Any]) -> Any:
    return [one.raw_text async for one in c.iter_messages("@news_in", reverse=True, limit=5)]


async def _reply(c: Any, k: dict[str, Any]) -> Any:
    found = await k["sent"].reply("a reply")
    return text(found), found.reply_to.reply_to_msg_id == k["sent"].id


async def _replied(c: Any, k: dict[str, Any]) -> Any:
    reply = await c.send_message("@news_out", "again", reply_to=k["sent"])
    return text(await reply.get_reply_message())


async def _edited(c: Any, k: dict[str, Any]) -> Any:
    return text(await c.edit_message("@news_out", k["sent"], "__other__ words"))


async def _same_edit(c: Any, k: dict[str, Any]) -> Any:
    return await k["sent"].edit("__other__ words")


async def _deleted(c: Any, k: dict[str, Any]) -> Any:
    found = await c.send_message("@news_out", "soon gone")
    (told,) = await c.delete_messages("@news_out", found)
    return told.pts_count, await c.get_messages("@news_out", ids=found.id)


async def _photo(c: Any, k: dict[str, Any]) -> Any:
    found = await c.send_file("@news_out", named(PICTURE, "one.png"), caption="a *picture*")
    return text(found), type(found.media).__name__, await found.download_media(bytes) == PICTURE


async def _pinned(c: Any, k: dict[str, Any]) -> Any:
    return type(await c.pin_message("@news_out", k["sent"], notify=False)).__name__


async def _kicked(c: Any, k: dict[str, Any]) -> Any:
    return type(await c.kick_participant("@news_out", "@nobody_there")).__name__


def named(data: bytes, name: str) -> io.BytesIO:
    """A file in memory with a name."""
    file = io.BytesIO(data)
    file.name = name
    return file


async def of(made: Awaitable[Any], read: Callable[[Any], Any]) -> Any:
    """What is to be compared of a result."""
    return read(await made)


CALLS: Final[dict[str, Call]] = {
    "connected": lambda c, _: _value(c.is_connected()),
    "authorised": lambda c, _: c.is_user_authorized(),
    "a bot": lambda c, _: c.is_bot(),
    "me": lambda c, _: of(c.get_me(), lambda me: (me.first_name, me.phone, me.is_self)),
    "me as input": lambda c, _: of(c.get_me(input_peer=True), lambda me: type(me).__name__),
    "dialogs": _dialogs,
    "dialogs, limited": lambda c, _: of(c.get_dialogs(limit=1), len),
    "dialogs, archived": lambda c, _: of(c.get_dialogs(archived=True), len),
    "drafts": _drafted,
    "entities": _entities,
    "an entity by link": lambda c, _: of(c.get_entity("t.me/news_in"), lambda one: one.title),
    "an input entity": lambda c, _: of(
        c.get_input_entity("@news_out"), lambda one: type(one).__name__
    ),
    "a peer's number": lambda c, _: of(c.get_peer_id("me"), lambda one: one > 0),
    "nobody": lambda c, _: c.get_entity("@nobody_of_that_name"),
    "a chat not known": lambda c, _: c.get_entity(types.PeerChannel(123456789)),
    "send": _sent,
    "send html": lambda c, _: of(
        c.send_message("@news_out", "<b>b</b> <a href='http://x.y'>l</a>", parse_mode="html"), text
    ),
    "send plain": lambda c, _: of(
        c.send_message("@news_out", "**not bold**", parse_mode=None), text
    ),
    "send silently": lambda c, _: of(c.send_message("@news_out", "hush", silent=True), text),
    "send to myself": lambda c, _: of(c.send_message("me", "a note"), text),
    "send nothing": lambda c, _: c.send_message("@news_out", ""),
    "send too much": lambda c, _: c.send_message("@news_out", "x" * 5000),
    "send where it may not": lambda c, _: c.send_message("@news_in", "no"),
    "send at a time": lambda c, _: c.send_message("me", "later", schedule=FAR),
    "send with buttons": lambda c, _: of(
        c.send_message("me", "press", buttons=[Button.text("one")]), text
    ),
    "reply": _reply,
    "the message replied to": _replied,
    "edit": _edited,
    "edit to the same": _same_edit,
    "forward": _forwarded,
    "delete": _deleted,
    "pin": _pinned,
    "unpin": lambda c, _: of(c.unpin_message("@news_out"), lambda one: type(one).__name__),
    "read": lambda c, _: c.send_read_acknowledge("@news_in"),
    "typing": _action,
    "history in pages": _pages,
    "history backwards": _backwards,
    "history by number": lambda c, k: of(c.get_messages("@news_out", ids=k["sent"].id), text),
    "history of many numbers": lambda c, _: of(
        c.get_messages("@news_in", ids=[2, 3, 9999]), lambda all_: [bool(one) for one in all_]
    ),
    "history, counted": lambda c, _: of(c.get_messages("@news_in", limit=0), lambda one: one.total),
    "history from a number": lambda c, _: of(
        c.get_messages("@news_in", min_id=100), lambda all_: [one.raw_text for one in all_]
    ),
    "search": _searched,
    "a picture": _photo,
    "a document": _document,
    "a document, down": lambda c, k: of(c.download_media(k["file"], bytes), len),
    "a document, in parts": _downloaded_parts,
    "an album": _album,
    "a big file": _big,
    "no media": lambda c, k: c.download_media(k["sent"]),
    "no profile photo": lambda c, _: c.download_profile_photo("@news_in"),
    "a dice": lambda c, _: of(
        c.send_message("me", file=types.InputMediaDice("🎲")), lambda one: one.dice.emoticon
    ),
    "a place": lambda c, _: of(
        c.send_file("me", types.InputMediaGeoPoint(types.InputGeoPoint(1.0, 2.0))),
        lambda one: (one.geo.lat, one.geo.long),
    ),
    "a conversation": _conversation,
    "members": _members,
    "permissions": _permissions,
    "kick nobody": _kicked,
    "a new group": _group,
    "its title": lambda c, k: of(
        c(functions.channels.EditTitleRequest(k["group"], "Another")), lambda one: len(one.chats)
    ),
    "its topic-less history": lambda c, k: of(c.get_messages(k["group"]), len),
    "leaving it": lambda c, k: of(c.delete_dialog(k["group"]), lambda one: type(one).__name__),
    "the whole channel": lambda c, _: of(
        c(functions.channels.GetFullChannelRequest("news_out")),
        lambda one: (one.chats[0].title, one.full_chat.participants_count),
    ),
    "several at once": _several,
    "not a request": lambda c, _: c(types.PeerUser(1)),
    "catching up": lambda c, _: c.catch_up(),
}


async def _value(value: object) -> object:
    return value


async def outcomes(client: Any) -> dict[str, Any]:
    """What comes of every call, in order; an error is its class and its text."""
    keep: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for name, call in CALLS.items():
        try:
            found[name] = await call(client, keep)
        except (errors.RPCError, ValueError, TypeError) as error:
            found[name] = type(error).__name__, str(error)
    return found
