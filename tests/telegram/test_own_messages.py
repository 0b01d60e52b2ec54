"""What an account says, edits and deletes itself: told like everything else, and once."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from telethon import functions, types

from telewarden.telegram import Arrived, Client, Deleted, Edited, Gap
from telewarden.telegram.incoming import event_of
from telewarden.telegram.mtproto.own_updates import own_updates
from telewarden.telegram.sending.message_pages import fetch

from .conftest import Heard, Line

pytestmark = pytest.mark.telegram

WHERE = ["channel", "supergroup", "basic group", "private chat", "saved messages"]
OF_CHANNELS = {"channel", "supergroup"}
NUMBERS = itertools.count(1)


class Desk:
    """Alice's client, what it tells, and a place of each kind to write in."""

    def __init__(self, line: Line, heard: Heard, client: Client) -> None:
        self.line, self.heard, self.client = line, heard, client

    @property
    def own_calls(self) -> Any:
        return self.line.tg.stats.calls

    async def place(self, kind: str) -> int:
        """The marked id of a place; alice may write there, and her client knows it."""
        tg, alice, bob = self.line.tg, self.line.alice, self.line.bob
        match kind:
            case "channel":
                chat = tg.add_channel("Hers", owner=alice).peer_id
            case "supergroup":
                chat = tg.add_channel("Ours", owner=bob, members=[alice], megagroup=True).peer_id
            case "basic group":
                chat = tg.add_group("Few", owner=bob, members=[alice]).peer_id
            case "private chat":
                tg.post(bob, "first of all", author=alice)
                chat = bob.id
            case _:
                chat = alice.id
        await self.client.learn_chats()
        return int(chat)

    async def say(self, chat: int, text: str, **more: Any) -> None:
        request = functions.messages.SendMessageRequest(
            self.client.peer(chat), text, random_id=next(NUMBERS), **more
        )
        await self.client.call(request)

    async def arrived(self, text: str) -> Any:
        """The message with a text, once it is told."""
        while True:
            found = [one.message for one in self.heard.of(Arrived) if one.message.text == text]
            if found:
                return found[0]
            await self.heard.until(Arrived, len(self.heard.of(Arrived)) + 1)

    async def delete(self, chat: int, *ids: int) -> None:
        peer = self.client.peer(chat)
        if isinstance(peer, types.InputPeerChannel):
            request = functions.channels.DeleteMessagesRequest(peer, list(ids))
        else:
            request = functions.messages.DeleteMessagesRequest(list(ids), revoke=True)
        await self.client.call(request)


@pytest.fixture
async def desk(line: Line) -> Desk:
    heard = line.heard()
    return Desk(line, heard, await line.open(line.alice, heard))


@pytest.mark.parametrize("kind", WHERE)
async def test_what_the_account_says_is_an_arrival(desk: Desk, kind: str) -> None:
    chat = await desk.place(kind)

    await desk.say(chat, "mine", silent=True)

    message = await desk.arrived("mine")
    assert (message.chat, message.outgoing) == (chat, True)
    assert message.sender in {desk.line.alice.id, None if kind == "channel" else 0}
    assert message.raw.silent


@pytest.mark.parametrize("kind", WHERE)
async def test_what_is_told_in_short_says_the_same_as_history(desk: Desk, kind: str) -> None:
    chat = await desk.place(kind)
    await desk.say(chat, "first")
    answered = (await desk.arrived("first")).id
    bold = types.MessageEntityBold(0, 4)
    await desk.say(chat, "bold", entities=[bold], reply_to=types.InputReplyToMessage(answered))

    told = await desk.arrived("bold")
    (read,) = await _read(desk.client, chat, told.id)

    assert told == read
    assert (told.reply_to, told.raw.entities) == (answered, read.raw.entities)


async def _read(client: Client, chat: int, message: int) -> list[Any]:
    return list(await fetch(client, chat, [message]))


@pytest.mark.parametrize("kind", WHERE)
async def test_what_the_account_edits_is_told(desk: Desk, kind: str) -> None:
    chat = await desk.place(kind)
    await desk.say(chat, "draft")
    message = await desk.arrived("draft")

    await desk.client.call(
        functions.messages.EditMessageRequest(desk.client.peer(chat), message.id, message="final")
    )

    (edited,) = await desk.heard.until(Edited)
    assert (edited.message.id, edited.message.text) == (message.id, "final")


@pytest.mark.parametrize("kind", WHERE)
async def test_what_the_account_deletes_is_told(desk: Desk, kind: str) -> None:
    chat = await desk.place(kind)
    await desk.say(chat, "one")
    await desk.say(chat, "two")
    ids = ((await desk.arrived("one")).id, (await desk.arrived("two")).id)

    await desk.delete(chat, *ids)

    assert await desk.heard.until(Deleted) == [Deleted(chat if kind in OF_CHANNELS else None, ids)]
    assert desk.heard.of(Gap) == []


async def test_a_deletion_of_which_not_all_can_be_told_is_a_gap(desk: Desk) -> None:
    chat = await desk.place("supergroup")
    await desk.say(chat, "one")
    message = (await desk.arrived("one")).id

    await desk.delete(chat, message, 4_000)

    assert await desk.heard.until(Gap) == [Gap(chat)]


async def test_a_whole_history_that_is_deleted_is_a_gap(desk: Desk) -> None:
    chat = await desk.place("private chat")
    await desk.say(chat, "one")

    await desk.client.call(
        functions.messages.DeleteHistoryRequest(desk.client.peer(chat), max_id=0, revoke=True)
    )

    assert await desk.heard.until(Gap) == [Gap(chat)]


@pytest.mark.parametrize("kind", ["channel", "private chat"])
async def test_what_the_account_does_leaves_no_gap_in_its_own_count(desk: Desk, kind: str) -> None:
    chat = await desk.place(kind)
    await desk.say(chat, "one")
    await desk.delete(chat, (await desk.arrived("one")).id)
    await desk.say(chat, "two")

    await desk.arrived("two")

    assert not desk.client._wire._message_box.incomplete
    assert desk.client.behind == 0


@pytest.mark.parametrize("kind", ["supergroup", "private chat"])
async def test_messages_sent_at_once_are_told_in_their_order(desk: Desk, kind: str) -> None:
    chat = await desk.place(kind)
    texts = [f"number {one}" for one in range(5)]
    peer = desk.client.peer(chat)

    await desk.client.call_in_turn(
        [
            functions.messages.SendMessageRequest(peer, text, random_id=next(NUMBERS))
            for text in texts
        ]
    )

    await desk.arrived(texts[-1])
    told = [one.message.text for one in desk.heard.of(Arrived)]
    assert [text for text in told if text in texts] == texts


@pytest.mark.parametrize("kind", WHERE)
async def test_an_echo_of_what_the_answer_told_is_told_once(desk: Desk, kind: str) -> None:
    chat = await desk.place(kind)
    desk.line.tg.pushes.echo = desk.line.tg.pushes.number_channels = True

    for text in ("one", "two", "three"):
        await desk.say(chat, text)
    await desk.client.probe()  # what was pushed before its answer has been heard
    desk.line.tg.post(desk.line.news, "news")
    await desk.arrived("news")

    told = [one.message.text for one in desk.heard.of(Arrived)]
    assert [text for text in told if text != "first of all"] == ["one", "two", "three", "news"]
    assert desk.own_calls["updates.getDifference"] == 0


async def test_a_message_by_the_server_for_the_account_is_read_from_history(desk: Desk) -> None:
    """An answer that says only which number it got, of which the request holds no text."""
    chat = await desk.place("private chat")
    request = functions.messages.SendInlineBotResultRequest(
        desk.client.peer(chat), query_id=1, id="7", random_id=5
    )
    answer = types.UpdateShortSentMessage(id=9, pts=30, pts_count=1, date=None, out=True)

    own = own_updates(request, answer, desk.line.alice.id)

    assert (own.gap, own.chat) == (True, chat)
    assert own.updates[0].update.pts == 30


async def test_what_is_only_scheduled_is_no_arrival(desk: Desk) -> None:
    message = types.Message(id=1, peer_id=types.PeerUser(5), date=None, message="later")

    assert event_of(types.UpdateNewScheduledMessage(message), desk.line.alice.id) is None
