"""Programs are told of updates in order, each in its own time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import events

from telewarden.errors import DrillError, PlaceLostError
from telewarden.telegram import SessionRecovered

from .conftest import ALICE, PRESS, SOON, Heard, House

pytestmark = pytest.mark.session


async def test_updates_come_in_order_to_every_program(house: House) -> None:
    async with house.client() as one, house.client("reader") as two:
        heard = [Heard(client, events.NewMessage(chats="@news_in")) for client in (one, two)]
        texts = [f"line {number}" for number in range(50)]

        house.say("news_in", *texts)

        for each in heard:
            await each.until(lambda found: len(found) >= len(texts))
            assert each.texts == texts


async def test_what_one_program_sends_the_others_are_told_and_it_is_not(house: House) -> None:
    async with house.client() as one, house.client("reader") as two:
        told, own = Heard(two), Heard(one)

        await one.send_message("@news_out", "from a program")
        house.say("news_in", "from outside")
        await told.until(lambda found: len(found) >= 2)
        await own.until(lambda found: len(found) >= 1)

        assert told.texts == ["from a program", "from outside"]
        assert own.texts == ["from outside"]
        assert told.events[0].out


async def test_a_conversation_gets_its_reply(house: House) -> None:
    press = house.account(PRESS)
    house.telegram.post(house.account(ALICE), "first words", author=press)
    async with house.client() as client, house.own_client(PRESS) as other:

        async def answer(event: Any) -> None:
            await event.reply(f"you said {event.raw_text}")

        other.add_event_handler(answer, events.NewMessage(incoming=True))
        await client.get_dialogs()
        async with client.conversation(press.id, timeout=SOON) as talk:
            await talk.send_message("hello")
            reply = await talk.get_response()

    assert reply.raw_text == "you said hello"


async def test_an_album_is_one_event(house: House, png: bytes) -> None:
    async with house.client("reader") as client, house.own_client(PRESS) as press:
        albums = Heard(client, events.Album())

        await press.send_file("@news_in", [png, png, png], caption=["", "", "all three"])
        (album,) = await albums.until(lambda found: bool(found))

        assert len(album.messages) == 3
        assert album.raw_text == "all three"


@pytest.mark.parametrize("options", [{"catch_up": True}, {"sequential_updates": True}])
async def test_telethons_options_for_updates_hold(house: House, options: dict[str, Any]) -> None:
    async with house.client("reader", **options) as client:
        heard = Heard(client)
        house.say("news_in", "one", "two")
        await heard.until(lambda found: len(found) >= 2)

    assert heard.texts == ["one", "two"]


async def test_who_wants_no_updates_is_told_none(house: House) -> None:
    async with house.client("reader") as told, house.client(receive_updates=False) as quiet:
        heard, nothing = Heard(told), Heard(quiet)
        house.say("news_in", "one")
        await heard.until(lambda found: bool(found))
        assert await quiet.get_me()  # whatever came before has been handled

    assert nothing.texts == []


async def test_a_handler_answers_by_the_owner(house: House) -> None:
    async with house.client() as client:

        @client.on(events.NewMessage(chats="@news_in", pattern="ping"))  # type: ignore[untyped-decorator]
        async def pong(event: Any) -> None:
            await client.send_message("@news_out", f"pong to {event.raw_text}")

        house.say("news_in", "ping 1")
        await house.until(lambda: bool(house.texts("news_out")))

    assert house.texts("news_out") == ["pong to ping 1"]


async def test_what_comes_while_the_session_is_away_is_told_afterwards_and_once(
    house: House,
) -> None:
    async with house.client("reader") as client:
        heard = Heard(client)
        house.say("news_in", "before")
        await heard.until(lambda found: len(found) == 1)
        since = house.mark()

        house.telegram.cut()
        house.say("news_in", "while away 1", "while away 2")
        await house.hears(SessionRecovered, since=since, session="alice")
        house.say("news_in", "after")
        await heard.until(lambda found: len(found) >= 4)

    assert heard.texts == ["before", "while away 1", "while away 2", "after"]


@pytest.mark.crashes("share", DrillError)
async def test_a_crash_of_who_serves_programs_is_a_pause(house: House) -> None:
    async with house.client("reader") as client:
        heard = Heard(client)
        house.say("news_in", "before")
        await heard.until(lambda found: len(found) == 1)

        await house.warden.drill("share")
        house.say("news_in", "meanwhile")
        await heard.until(lambda found: len(found) == 2)

        assert await client.get_me()
        assert heard.texts == ["before", "meanwhile"]


async def test_who_does_not_read_loses_its_own_place_only(house: House) -> None:
    house.share_queue(10)
    async with house.client() as slow, house.client("reader") as quick:
        heard = Heard(quick, events.NewMessage(chats="@news_in"))
        slow_heard = Heard(slow, events.NewMessage(chats="@news_in"))
        slow._sender._line._transport.pause_reading()
        texts = [f"{number} " + "x" * 4000 for number in range(200)]

        for number in range(0, len(texts), 20):  # the kernel keeps some for who does not read
            house.say("news_in", *texts[number : number + 20])
            await heard.until(lambda found, upto=number + 20: len(found) >= upto)
        slow._sender._line._transport.resume_reading()
        with pytest.raises(PlaceLostError, match=r"catch_up\(\)"):
            await asyncio.wait_for(slow.disconnected, SOON)

        assert heard.texts == texts
        await slow.connect()
        await slow.catch_up()
        house.say("news_in", "the last")
        await slow_heard.until(lambda found: len(found) > len(texts))
        assert slow_heard.texts == [*texts, "the last"]
