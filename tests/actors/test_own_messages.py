"""What the account itself puts into a chat is the news of the pairs that begin there."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import functions

from telewarden.loopback import ChatHandle

from .conftest import ALICE, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


def chained(newsroom: Newsroom, tables: dict[str, Any], *, mode: str, kind: str) -> ChatHandle:
    """A -> B -> C by one account; returns B."""
    alice, press = newsroom.account(ALICE), newsroom.account(PRESS)
    if kind == "basic group":
        middle = newsroom.telegram.add_group("Middle", owner=press, members=[alice])
    else:
        middle = newsroom.telegram.add_channel(
            "Middle", owner=press, members=[alice], megagroup=True
        )
    tables["sessions"] = tables["sessions"][:1]
    way = {"session": "alice", "mode": mode}
    tables["pairs"] = [
        {"id": 1, "source": "@news_in", "target": middle.peer_id, **way},
        {"id": 2, "source": middle.peer_id, "target": "@news_out", **way},
    ]
    newsroom.reconfigure(tables)
    return middle


@pytest.mark.parametrize("mode", ["copy", "forward"])
@pytest.mark.parametrize("kind", ["basic group", "supergroup"])
async def test_a_chain_of_pairs_carries_every_message_to_its_end_in_order(
    newsroom: Newsroom, tables: dict[str, Any], mode: str, kind: str
) -> None:
    middle = chained(newsroom, tables, mode=mode, kind=kind)
    await newsroom.start()

    newsroom.say("news_in", "one", "two")
    await newsroom.until(lambda: middle.texts == ["one", "two"])
    newsroom.telegram.post(middle, "by somebody")
    newsroom.say("news_in", "three")

    await newsroom.until(lambda: len(middle.texts) == 4)
    await newsroom.arrives("news_out", *middle.texts)


@pytest.mark.parametrize("kind", ["basic group", "supergroup"])
async def test_edits_and_deletions_go_through_a_chain(
    newsroom: Newsroom, tables: dict[str, Any], kind: str
) -> None:
    middle = chained(newsroom, tables, mode="copy", kind=kind)
    await newsroom.start()
    newsroom.say("news_in", "one", "two")
    await newsroom.arrives("news_out", "one", "two")
    source = newsroom.chats["news_in"]
    first, second = source.messages[-2:]

    source.edit_message(first, "one, edited")
    source.delete_messages([second])

    await newsroom.until(lambda: newsroom.texts("news_out") == ["one, edited"])
    assert middle.texts == ["one, edited"]


async def test_a_chain_with_echoes_doubles_nothing(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    chained(newsroom, tables, mode="copy", kind="supergroup")
    newsroom.telegram.pushes.echo = newsroom.telegram.pushes.number_channels = True
    await newsroom.start()
    said = [str(number) for number in range(20)]

    newsroom.say("news_in", *said)
    await newsroom.arrives("news_out", *said)
    newsroom.say("news_in", "the last")

    await newsroom.arrives("news_out", *said, "the last")


async def test_what_an_app_posts_by_a_call_of_its_own_is_forwarded(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    middle = chained(newsroom, tables, mode="copy", kind="supergroup")
    warden = await newsroom.start()

    await warden.session("alice").call(
        functions.messages.SendMessageRequest(middle.peer_id, "by the app", random_id=5)
    )
    newsroom.telegram.post(middle, "by somebody")

    await newsroom.arrives("news_out", "by the app", "by somebody")


async def test_the_pushes_of_a_whole_run_are_lost_and_every_message_arrives(
    newsroom: Newsroom,
) -> None:
    newsroom.telegram.pushes.number_channels = True
    await newsroom.start()
    newsroom.say("news_in", "seen")
    await newsroom.arrives("news_out", "seen")
    alice = newsroom.account(ALICE)

    said = ["seen"]
    for number in range(5):
        newsroom.telegram.pushes.lose(alice)
        newsroom.say("news_in", f"lost {number}", f"heard {number}")
        said += [f"lost {number}", f"heard {number}"]
        await newsroom.arrives("news_out", *said)


async def test_what_is_deleted_while_the_account_is_out_of_a_chat_goes_when_it_is_back(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.say("news_in", "one", "two")
    await newsroom.arrives("news_out", "one", "two")
    chat, alice = newsroom.chats["news_in"], newsroom.account(ALICE)

    chat.leave(alice)
    chat.delete_messages(message for message in chat.messages if message.text == "one")
    chat.join(alice)

    await newsroom.until(lambda: newsroom.texts("news_out") == ["two"])
