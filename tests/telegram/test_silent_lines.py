"""Lines that are open and dead: noticed by pings, given up at deadlines."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from telethon import functions

from telewarden.loopback import AcceptAndStaySilent, Fault, Silence, StallReading
from telewarden.telegram import Deadlines, ErrorClass, Lost, classify

pytestmark = pytest.mark.telegram


async def test_a_line_without_pong_is_lost(line: Any) -> None:
    line.gateway = line.make_gateway(
        deadlines=Deadlines(connect=5.0, close=5.0, ping=0.01, pong=0.1)
    )
    line.tg.faults.add(Fault(method="ping*", action=Silence()))
    heard = line.heard()

    await line.open(line.alice, heard)

    (lost,) = await heard.until(Lost)
    assert classify(lost.reason).kind is ErrorClass.NET
    assert "pong" in str(lost.reason)
    assert Deadlines().ping == 60.0


async def test_a_line_with_pong_stays(line: Any) -> None:
    line.gateway = line.make_gateway(deadlines=Deadlines(connect=5.0, close=5.0, ping=0.01))

    client = await line.open(line.alice)
    async with asyncio.timeout(30):
        while line.tg.stats.calls["ping"] < 3:
            await client.probe()

    assert client.alive


async def test_a_client_whose_peer_does_not_read_is_cut_off(line: Any) -> None:
    client = await line.open(line.alice)
    line.tg.faults.add(Fault(method="help.getNearestDc", action=StallReading()))
    with pytest.raises(TimeoutError):
        await client.call(functions.help.GetNearestDcRequest(), deadline=0.1)
    part = os.urandom(512 * 1024)  # zeros would be packed to nothing
    uploads = [
        asyncio.create_task(client.call(functions.upload.SaveFilePartRequest(1, number, part)))
        for number in range(80)
    ]
    transport = client._wire._sender._connection.transport
    async with asyncio.timeout(30):
        while not transport.get_write_buffer_size():
            await asyncio.sleep(0)

    went = await client.close(deadline=0.2)
    results = await asyncio.gather(*uploads, return_exceptions=True)

    assert not went
    assert client.disconnected.done()
    assert all(isinstance(result, ConnectionError) for result in results)
    assert (await line.open(line.alice)).alive


async def test_a_server_that_never_answers_is_given_up_at_the_deadline(line: Any) -> None:
    line.tg.faults.add(Fault(action=AcceptAndStaySilent()))

    with pytest.raises(TimeoutError):
        await line.gateway.open("alice", line.session(line.alice), line.heard(), deadline=0.1)

    assert line.gateway.clients == ()
