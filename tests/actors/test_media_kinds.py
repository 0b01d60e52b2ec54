"""Every kind of medium goes through a pair: as it is in a forward, by reference in a copy."""

from __future__ import annotations

import io
from typing import Any

import pytest
from telethon import TelegramClient, types
from telethon.sessions import StringSession

from telewarden.telegram import DeadLettered

from .conftest import PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

PICTURE = b"\xff\xd8\xff\xe0 a picture"
SOUND = types.DocumentAttributeAudio(3, title="Song", performer="Band")
FILM = types.DocumentAttributeVideo(3, 640, 480)
PLACE = types.InputGeoPoint(48.2, 16.4)

# By kind: the attributes of a document.
DOCUMENTS: dict[str, tuple[str, list[Any]]] = {
    "document": ("application/pdf", []),
    "video": ("video/mp4", [FILM]),
    "video_note": ("video/mp4", [types.DocumentAttributeVideo(3, 240, 240, round_message=True)]),
    "audio": ("audio/mpeg", [SOUND]),
    "voice": ("audio/ogg", [types.DocumentAttributeAudio(3, voice=True, waveform=b"\x05")]),
    "animation": ("video/mp4", [FILM, types.DocumentAttributeAnimated()]),
    "sticker": ("image/webp", [types.DocumentAttributeSticker("🙂", types.InputStickerSetEmpty())]),
}
OTHERS: dict[str, Any] = {
    "contact": types.InputMediaContact("+43123", "Ann", "Lee", "BEGIN:VCARD"),
    "location": types.InputMediaGeoPoint(PLACE),
    "live location": types.InputMediaGeoLive(PLACE, period=60),
    "venue": types.InputMediaVenue(PLACE, "Café", "Street 1", "foursquare", "7", "food"),
    "dice": types.InputMediaDice("🎲"),
}


def poll(*, quiz: bool = False) -> Any:
    answers = [
        types.PollAnswer(types.TextWithEntities(text, []), text.encode()) for text in ("yes", "no")
    ]
    question = types.TextWithEntities("Rain?", [])
    return types.InputMediaPoll(types.Poll(1, question, answers, 0, quiz=quiz or None))


async def press(newsroom: Newsroom) -> Any:
    """The press's own client, a stock one."""
    session = StringSession(newsroom.telegram.mint(newsroom.account(PRESS)))
    client: Any = TelegramClient(session, 1, "any", receive_updates=False)
    TelegramClient._config = None
    await client.connect()
    await client.get_dialogs()
    return client


async def send_all(client: Any, chat: int) -> list[str]:
    """Send one of each kind; returns what was sent."""
    await client.send_file(chat, named("a.jpg"), caption="a **photo**")
    for kind, (mime, attributes) in DOCUMENTS.items():
        await client.send_file(
            chat,
            named(f"{kind}.bin"),
            caption="" if kind == "sticker" else f"a {kind}",
            attributes=attributes,
            mime_type=mime,
            force_document=kind == "document",
        )
    for medium in (*OTHERS.values(), poll()):
        await client.send_file(chat, medium)
    await client.send_message(chat, "see https://example.org now")
    await client.send_message(chat, "not https://example.org", link_preview=False)
    return ["photo", *DOCUMENTS, *OTHERS, "poll", "preview", "no preview"]


def named(name: str) -> io.BytesIO:
    file = io.BytesIO(PICTURE + name.encode())
    file.name = name
    return file


def shown(message: Any) -> Any:
    """What a reader sees of a message, and which file it is."""
    media = message.media.to_dict() if message.media is not None else None
    return message.text, [bytes(one) for one in message.entities], without(media)


def without(value: Any) -> Any:
    """The same without what is Telegram's own affair, or chance."""
    if isinstance(value, dict):
        passed = ("file_reference", "date", "id") if "url" in value else ("file_reference", "date")
        return {k: without(v) for k, v in value.items() if k not in (*passed, "value")}
    return [without(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("source", "target"), [("news_in", "news_out"), ("market_in", "market_out")]
)
async def test_every_kind_of_medium_arrives_and_no_file_is_loaded(
    newsroom: Newsroom, source: str, target: str
) -> None:
    client = await press(newsroom)
    await newsroom.start()
    kinds = await send_all(client, newsroom.chats[source].peer_id)
    await client.disconnect()
    uploads = newsroom.telegram.stats.calls["upload.saveFilePart"]

    await newsroom.until(lambda: len(newsroom.chats[target].messages) >= len(kinds))

    arrived = [shown(one) for one in newsroom.chats[target].messages]
    wanted = [shown(one) for one in newsroom.chats[source].messages]
    for kind, came, said in zip(kinds, arrived, wanted, strict=True):
        assert came == said, kind
    assert newsroom.telegram.stats.calls["upload.saveFilePart"] == uploads
    assert newsroom.telegram.stats.calls["upload.getFile"] == 0


async def test_what_cannot_be_copied_becomes_a_dead_letter_with_the_reason(
    newsroom: Newsroom,
) -> None:
    client = await press(newsroom)
    await newsroom.start()
    chat = newsroom.chats["market_in"].peer_id

    await client.send_file(chat, poll(quiz=True))  # only its author knows the answer
    await client.send_message(chat, "after it")
    await client.disconnect()

    letter = await newsroom.hears(DeadLettered, pair=2)
    await newsroom.arrives("market_out", "after it")
    assert "not all that it holds can be sent under another name" in letter.reason
