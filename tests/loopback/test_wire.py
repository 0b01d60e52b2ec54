"""The wire itself: frames, encryption, message ids, clocks that are off, and plain garbage."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import errors, functions
from telethon.network.connection.tcpfull import FullPacketCodec
from telethon.tl.types import MsgsAck

from telewarden.loopback import LoopbackTelegram
from telewarden.loopback.transport.envelope import (
    BadEnvelopeError,
    Envelope,
    MessageClock,
    pack_container,
    unseal,
)
from telewarden.loopback.transport.framing import BadFrameError, FrameReader, FrameWriter

pytestmark = pytest.mark.loopback


@given(
    payloads=st.lists(st.binary(max_size=200), max_size=5),
    cuts=st.lists(st.integers(1, 50), min_size=1, max_size=20),
)
def test_frames_come_out_whole_however_the_stream_is_cut(payloads, cuts):
    codec = FullPacketCodec(None)
    stream = b"".join(map(codec.encode_packet, payloads))
    reader, found, position, turn = FrameReader(), [], 0, 0

    while position < len(stream):
        step = cuts[turn % len(cuts)]
        found += reader.feed(stream[position : position + step])
        position, turn = position + step, turn + 1

    assert found == payloads


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<iiI", 5, 0, 0),
        struct.pack("<iiI", -1, 0, 0),
        struct.pack("<iiI", 2**30, 0, 0),
        FrameWriter().wrap(b"abcd", spoil_checksum=True),
        b"\xef" * 12,
    ],
    ids=["too short", "negative", "too long", "checksum", "another transport"],
)
def test_what_is_no_frame_is_said_to_be_none(data):
    with pytest.raises(BadFrameError):
        list(FrameReader().feed(data))


@given(st.binary(max_size=300))
def test_what_is_not_sealed_with_the_key_does_not_open(payload):
    with pytest.raises(BadEnvelopeError):
        unseal(bytes(256), payload)


def test_a_container_is_taken_apart_into_what_was_put_in():
    inside = [(1, 1, b"abcd"), (5, 3, b""), (9, 5, b"efghijkl")]

    assert list(Envelope(0, 0, 13, 6, pack_container(inside)).messages()) == inside


def test_message_ids_are_odd_rise_strictly_and_tell_answers_from_the_rest():
    ids = MessageClock(wall=lambda: 1_750_000_000.5)

    made = [ids.next_id(reply=number % 2 == 0) for number in range(100)]

    assert made == sorted(set(made))
    assert [number % 4 for number in made] == [1, 3] * 50
    assert all(abs((number >> 32) - 1_750_000_000) <= 1 for number in made)


@pytest.mark.parametrize("off", [-1000, 1000], ids=["behind", "ahead"])
async def test_a_client_whose_clock_is_off_is_told_and_goes_on(connect, off):
    async with LoopbackTelegram(wall=lambda: time.time() + off) as tg:
        client = await connect(tg, tg.add_account("Alice"))

        assert (await client.get_me()).first_name == "Alice"
        assert abs(client._sender._state.time_offset - off) <= 2
        await client.disconnect()


async def test_garbage_closes_the_connection_and_nothing_else(tg, alice, loopback_client):
    client = await loopback_client(alice)
    for data in (
        os.urandom(200),
        b"GET / HTTP/1.1\r\n\r\n",
        FrameWriter().wrap(bytes(8) + os.urandom(40)),
        FrameWriter().wrap(bytes(20) + bytes(MsgsAck([1]))),
    ):
        reader, writer = await asyncio.open_connection(tg.host, tg.port)
        writer.write(data)
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    assert (await client.get_me()).id == alice.id


@pytest.mark.parametrize("turns", range(8))
async def test_a_stop_closes_whoever_dialled_just_before_it(turns):
    async with LoopbackTelegram() as tg:
        client = socket.socket()
        client.setblocking(False)
        dialled = asyncio.create_task(
            asyncio.get_running_loop().sock_connect(client, (tg.host, tg.port))
        )
        for _ in range(turns):
            await asyncio.sleep(0)

    with contextlib.suppress(ConnectionError), client:  # the port may have been closed by then
        await dialled
        async with asyncio.timeout(30):
            assert await asyncio.get_running_loop().sock_recv(client, 1) == b""


async def test_an_unknown_key_is_answered_404(tg):
    reader, writer = await asyncio.open_connection(tg.host, tg.port)
    writer.write(FrameWriter().wrap(os.urandom(88)))

    [payload] = FrameReader().feed(await reader.read(100))

    assert struct.unpack("<i", payload) == (-404,)
    writer.close()
    await writer.wait_closed()


async def test_a_request_of_another_layer_is_refused_and_not_fatal(tg, alice, loopback_client):
    class Unknown(functions.updates.GetStateRequest):
        def _bytes(self) -> bytes:
            return b"\xde\xad\xbe\xef" * 3

    client = await loopback_client(alice)

    with pytest.raises(errors.InputFetchFailError):
        await client._sender.send(Unknown())
    assert await client.get_me()


async def test_many_requests_at_once_are_each_answered(tg, alice, loopback_client):
    client = await loopback_client(alice)

    answers = await asyncio.gather(
        *(client._sender.send(functions.PingRequest(number)) for number in range(300))
    )

    assert [pong.ping_id for pong in answers] == list(range(300))


async def test_a_large_answer_is_packed_and_arrives_whole(tg, alice, loopback_client):
    news = tg.add_channel("News", owner=alice)
    texts = [f"{number} " + "long " * 700 for number in range(20)]
    for text in texts:
        tg.post(news, text)
    client = await loopback_client(alice)
    await client.get_dialogs()

    read = [m.raw_text async for m in client.iter_messages(news.peer_id, limit=20)]

    assert read == texts[::-1]
