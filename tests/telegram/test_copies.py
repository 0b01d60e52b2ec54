"""Copies that go at once: order, refusals, floods, lost answers; on the loopback data centre."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from telethon import functions

from telewarden.loopback import CutConnection, Delay, Fault, FloodWait, RpcError, Silence
from telewarden.telegram import (
    Incoming,
    RichText,
    Shipment,
    classify,
    deliver,
    history,
    random_id_for,
)

pytestmark = pytest.mark.telegram

SEND = "messages.sendMessage"


@pytest.fixture
def target(line: Any) -> Any:
    """A channel that alice may write in."""
    return line.tg.add_channel("Target", owner=line.alice)


@pytest.fixture
async def client(line: Any, target: Any) -> Any:
    """Alice, who reads News and writes Target."""
    client = await line.open(line.alice)
    await client.learn_chats()
    return client


async def said(line: Any, client: Any, *texts: str) -> list[Incoming]:
    """Have bob say these in News; returns them as alice reads them."""
    for text in texts:
        line.tg.post(line.news, text, author=line.bob)
    return await history(client, line.news.peer_id)


def copies(target: Any, messages: Sequence[Incoming], **fields: Any) -> Shipment:
    return Shipment(
        action="copies",
        target=target.peer_id,
        messages=tuple(messages),
        random_ids=tuple(random_id_for(1, one.chat, one.id) for one in messages),
        **fields,
    )


async def test_copies_that_go_at_once_arrive_in_order(line: Any, client: Any, target: Any) -> None:
    messages = await said(line, client, *"abcdefgh")
    line.tg.faults.add(Fault(method=SEND, action=Delay(0.05), times=1))  # only the first is slow

    receipt = await deliver(client, copies(target, messages))

    assert target.texts == [*"abcdefgh"]
    assert list(receipt.target_ids.values()) == [one.id for one in target.messages]


async def test_nothing_goes_behind_a_copy_that_is_refused_before_it_is_given_up(
    line: Any, client: Any, target: Any
) -> None:
    messages = await said(line, client, *"abcd")
    empty = {messages[1].id: RichText("\u200b" * 5000)}

    receipt = await deliver(client, copies(target, messages, texts=empty))

    assert target.texts == ["a"]
    assert [verdict.name for verdict in receipt.refused.values()] == ["MESSAGE_TOO_LONG"]
    assert list(receipt.refused) == [messages[1].id]
    assert [receipt.tells(one.id) for one in messages] == [True, True, False, False]


async def test_a_copy_that_cannot_be_made_is_refused_like_one_that_is_not_taken(
    line: Any, client: Any, target: Any
) -> None:
    first, *rest = await said(line, client, *"abc")
    bare = replace(first, text="", raw=None)

    receipt = await deliver(client, copies(target, [bare, *rest]))

    assert target.texts == []
    assert list(receipt.refused) == [first.id]


async def test_behind_a_flood_nothing_is_sent_and_what_went_is_told(
    line: Any, client: Any, target: Any
) -> None:
    messages = await said(line, client, *"abcde")
    line.tg.faults.add(Fault(method=SEND, action=FloodWait(30), after=2))

    receipt = await deliver(client, copies(target, messages))

    assert target.texts == ["a", "b"]
    assert list(receipt.target_ids) == [one.id for one in messages[:2]]
    assert receipt.trouble is not None
    assert classify(receipt.trouble).wait == 30
    assert line.tg.stats.calls[SEND] == 3  # the two behind the flood were not carried out


async def test_copies_of_which_some_had_arrived_are_completed_and_found(
    line: Any, client: Any, target: Any
) -> None:
    messages = await said(line, client, *"abcdef")
    await deliver(client, copies(target, messages[:4]))

    receipt = await deliver(client, copies(target, messages))

    assert target.texts == [*"abcdef"]
    assert list(receipt.target_ids.values()) == [one.id for one in target.messages]
    assert receipt.repeated == 4


@pytest.mark.parametrize("action", [CutConnection(), Silence()], ids=["cut", "silent"])
async def test_copies_without_an_answer_are_told_apart_from_those_with_one(
    line: Any, client: Any, target: Any, action: Any
) -> None:
    messages = await said(line, client, *"abcd")
    line.tg.faults.add(Fault(method=SEND, action=action, after=2, times=1))

    receipt = None
    with contextlib.suppress(OSError):  # the answers of the first two may go with the line
        receipt = await deliver(client, copies(target, messages), deadline=0.3)

    assert target.texts == ["a", "b"]
    if receipt is not None:
        assert list(receipt.target_ids) == [one.id for one in messages[:2]]
        assert isinstance(receipt.trouble, OSError)


async def test_copies_that_are_cancelled_leave_nothing_behind(
    line: Any, client: Any, target: Any
) -> None:
    messages = await said(line, client, *"abc")
    line.tg.faults.add(Fault(method=SEND, action=Silence()))
    sending = asyncio.ensure_future(deliver(client, copies(target, messages)))
    while not line.tg.stats.calls[SEND]:
        await asyncio.sleep(0)

    sending.cancel()
    await asyncio.wait({sending})

    assert await client.call(functions.help.GetConfigRequest())
    assert not client._wire._sender._pending_state


async def test_the_same_error_comes_out_when_nothing_has_gone(
    line: Any, client: Any, target: Any
) -> None:
    messages = await said(line, client, *"ab")
    line.tg.faults.add(Fault(method=SEND, action=RpcError("CHAT_WRITE_FORBIDDEN")))

    with pytest.raises(Exception, match="write") as caught:
        await deliver(client, copies(target, messages))

    assert classify(caught.value).name == "CHAT_WRITE_FORBIDDEN"
    assert target.texts == []
