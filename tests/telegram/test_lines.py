"""Lines and the clients on them: frames cut anywhere, bad ones refused, Telethon's all there."""

from __future__ import annotations

import asyncio
import struct
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import TelegramClient
from telethon.errors import InvalidBufferError, InvalidChecksumError
from telethon.sessions import MemorySession

from telewarden.telegram import Arrived, WardenSession
from telewarden.telegram.mtproto.transport import MtprotoTransport

pytestmark = pytest.mark.telegram


class Noted:
    """What a line hands on."""

    def __init__(self) -> None:
        self.line = MtprotoTransport("127.0.0.1", 443)
        self.frames: list[bytes] = []
        self.losses: list[Exception] = []
        self.line.serve(self.frames.append, self.losses.append)


def framed(body: bytes, number: int = 0) -> bytes:
    frame = struct.pack("<ii", len(body) + 12, number) + body
    return frame + struct.pack("<I", crc32(frame))


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6), st.data())
def test_frames_come_whole_wherever_the_stream_is_cut(bodies: list[bytes], data: Any) -> None:
    noted = Noted()
    stream = b"".join(framed(body, number) for number, body in enumerate(bodies))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))

    for start, end in zip((0, *cuts), (*cuts, len(stream)), strict=True):
        noted.line.data_received(stream[start:end])

    assert noted.frames == bodies
    assert noted.losses == []


def test_frames_before_and_after_the_first_listener_come_in_order() -> None:
    line, frames = MtprotoTransport("127.0.0.1", 443), []
    line.data_received(framed(b"one") + framed(b"two"))

    line.serve(frames.append, frames.append)
    line.data_received(framed(b"three"))

    assert frames == [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (framed(b"hello")[:-1] + b"\0", InvalidChecksumError),
        (struct.pack("<ii", 9, 0), InvalidBufferError),
        (struct.pack("<ii", 1 << 30, 0), InvalidBufferError),
        (struct.pack("<iii", -429, -429, -429), InvalidBufferError),
    ],
    ids=["checksum", "too short", "too long", "refusal"],
)
def test_a_frame_that_cannot_be_is_one_loss_and_nothing_after_it_counts(
    stream: bytes, error: type[Exception]
) -> None:
    noted = Noted()

    noted.line.data_received(framed(b"good") + stream)
    noted.line.data_received(framed(b"late"))
    noted.line.connection_lost(None)

    assert noted.frames == [b"good"]
    assert [type(loss) for loss in noted.losses] == [error]


def test_a_refusal_names_its_code() -> None:
    noted = Noted()

    noted.line.data_received(struct.pack("<ii", -429, -429))
    noted.line.data_received(struct.pack("<i", -429))

    (loss,) = noted.losses
    assert isinstance(loss, InvalidBufferError)
    assert loss.code == 429


def test_a_bare_code_before_the_end_is_handed_on() -> None:
    noted = Noted()

    noted.line.data_received(struct.pack("<i", -404))
    noted.line.connection_lost(None)

    assert noted.frames == [struct.pack("<i", -404)]
    assert [type(loss) for loss in noted.losses] == [asyncio.IncompleteReadError]


async def test_a_client_has_whatever_telethons_constructor_makes(line: Any) -> None:
    made = vars(TelegramClient(MemorySession(), 1, "hash"))

    ours = line.gateway.make(WardenSession(), deliver=print, gap=print)

    assert [name for name in made if not hasattr(ours, name)] == []


async def test_a_quiet_client_keeps_no_task(line: Any) -> None:
    before = asyncio.all_tasks()

    client = await line.open(line.alice)
    await client.probe()

    ours = {task for task in asyncio.all_tasks() - before if "telegram" in str(task.get_coro())}
    assert ours == set()


async def test_many_updates_come_in_order(line: Any) -> None:
    heard = line.heard()
    await line.open(line.alice, heard)

    for number in range(200):
        line.tg.post(line.news, str(number), author=line.bob)

    told = await heard.until(Arrived, 200)
    assert [one.message.text for one in told] == [str(number) for number in range(200)]
