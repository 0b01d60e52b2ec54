"""Small files: uploaded, sent alone and in albums, forwarded, fetched again."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from telethon import errors, functions, types

pytestmark = pytest.mark.loopback


def png(width: int = 2, height: int = 3) -> bytes:
    """A picture that is a PNG and nothing more."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">iiBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(width) for _ in range(height))))
    return b"\x89PNG\r\n\x1a\n" + head + rows + chunk(b"IEND", b"")


def named(data: bytes, name: str) -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = name
    return file


async def test_a_photo_arrives_with_its_caption_and_its_bytes(
    tg, alice, bob, loopback_client, hear
):
    sender, reader = await loopback_client(alice), await loopback_client(bob)
    heard = hear(reader)

    await sender.send_file("bobby", named(png(), "dot.png"), caption="a dot")
    event = await heard.next()

    assert event.raw_text == "a dot"
    assert (event.photo.sizes[0].w, event.photo.sizes[0].h) == (2, 3)
    assert await event.download_media(bytes) == png()


async def test_a_document_of_many_parts_arrives_whole(tg, alice, bob, loopback_client, hear):
    sender, reader = await loopback_client(alice), await loopback_client(bob)
    heard = hear(reader)
    data = bytes(range(256)) * 1024  # 256 KiB, several parts up and down

    await sender.send_file("bobby", named(data, "report.bin"), force_document=True)
    event = await heard.next()

    assert event.file.name == "report.bin"
    assert await event.download_media(bytes) == data


async def test_an_album_arrives_as_one_group_in_order(tg, alice, bob, loopback_client, hear):
    news = tg.add_channel("News", owner=alice, members=[bob])
    sender, reader = await loopback_client(alice), await loopback_client(bob)
    heard = hear(reader)
    await sender.get_dialogs()

    sent = await sender.send_file(
        news.peer_id,
        [named(png(n), f"{n}.png") for n in (1, 2, 3)],
        caption=["one", "two", "three"],
    )
    events = [await heard.next() for _ in range(3)]

    assert [event.id for event in events] == [message.id for message in sent]
    assert [event.raw_text for event in events] == ["one", "two", "three"]
    assert len({event.grouped_id for event in events}) == 1
    assert events[0].grouped_id


async def test_a_forwarded_album_is_one_group_of_its_own(tg, alice, loopback_client):
    news = tg.add_channel("News", owner=alice)
    copy = tg.add_channel("Copy", owner=alice)
    client = await loopback_client(alice)
    await client.get_dialogs()
    sent = await client.send_file(news.peer_id, [named(png(n), f"{n}.png") for n in (1, 2)])

    forwarded = await client.forward_messages(copy.peer_id, sent)

    groups = {message.grouped_id for message in forwarded}
    assert len(groups) == 1
    assert groups != {sent[0].grouped_id}
    assert [type(m.media) for m in copy.messages] == [types.MessageMediaPhoto] * 2


async def test_an_album_takes_no_media_that_is_just_being_uploaded(tg, alice, loopback_client):
    client = await loopback_client(alice)
    file = await client.upload_file(png(), file_name="dot.png")
    single = types.InputSingleMedia(types.InputMediaUploadedPhoto(file), "", random_id=1)

    with pytest.raises(errors.MediaInvalidError):
        await client(
            functions.messages.SendMultiMediaRequest(types.InputPeerSelf(), [single, single])
        )


async def test_an_upload_with_a_part_missing_is_refused(tg, alice, loopback_client):
    client = await loopback_client(alice)
    await client(functions.upload.SaveFilePartRequest(1, 0, b"half"))
    file = types.InputFile(1, 2, "half.png", "")

    with pytest.raises(errors.FilePartsInvalidError):
        await client(
            functions.messages.UploadMediaRequest(
                types.InputPeerSelf(), types.InputMediaUploadedPhoto(file)
            )
        )


async def test_an_old_file_reference_is_refused_until_the_message_is_read_again(
    tg, alice, loopback_client
):
    client = await loopback_client(alice)
    sent = await client.send_file("me", named(png(), "dot.png"))
    tg.expire_file_references()

    with pytest.raises(errors.FileReferenceExpiredError):
        await client.send_file("me", sent.media)
    fresh = await client.get_messages("me", ids=sent.id)
    await client.send_file("me", fresh.media)

    assert len(await client.get_messages("me", limit=10)) == 2


async def test_a_right_to_send_media_can_be_taken(tg, alice, bob, loopback_client):
    room = tg.add_channel("Room", owner=alice, members=[bob], megagroup=True)
    room.set_rights(bob, media=False)
    client = await loopback_client(bob)
    await client.get_dialogs()

    with pytest.raises(errors.ChatSendPhotosForbiddenError):
        await client.send_file(room.peer_id, named(png(), "dot.png"))
    await client.send_message(room.peer_id, "words are allowed")

    assert room.texts == ["words are allowed"]


async def test_a_caption_can_be_edited(tg, alice, loopback_client):
    news = tg.add_channel("News", owner=alice)
    client = await loopback_client(alice)
    await client.get_dialogs()
    sent = await client.send_file(news.peer_id, named(png(), "dot.png"), caption="old")

    await client.edit_message(sent, "new")

    assert news.texts == ["new"]
    assert isinstance(news.messages[0].media, types.MessageMediaPhoto)


async def test_a_caption_that_is_too_long_is_refused(tg, alice, loopback_client):
    client = await loopback_client(alice)

    with pytest.raises(errors.MediaCaptionTooLongError):
        await client.send_file("me", named(png(), "dot.png"), caption="x" * 1025)
