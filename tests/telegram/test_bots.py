"""A bot on our terms: its sign-in, what it hears and sends, against a stock client of a person."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import TelegramClient, events
from telethon.sessions import StringSession

from telewarden.errors import PeerUnknownError, TelegramAuthError
from telewarden.loopback import Account, LoopbackTelegram
from telewarden.telegram import (
    Arrived,
    ChatButton,
    Client,
    Gateway,
    LoginFlow,
    Pressed,
    ServerAddress,
    bot_edit_request,
    bot_message_request,
    classify,
    menu_request,
    message_id_of,
    press_answer_request,
    unsend_request,
)

pytestmark = pytest.mark.telegram


@pytest.fixture
def helper(line: Any) -> Account:
    made: Account = line.tg.add_bot("Helper", "helper_bot")
    return made


@pytest.fixture
async def bot(line: Any, helper: Account) -> tuple[Client, Any]:
    """A client that is signed in by the bot's token, and what it hears."""
    async with LoginFlow(line.gateway, name="bot") as flow:
        done = await flow.submit_token(helper.bot_token or "")
    heard = line.heard()
    return await line.gateway.open("bot", done.session, heard), heard


@pytest.fixture
async def person(line: Any) -> AsyncIterator[Any]:
    """The stock client of a person who has written to the bot."""
    client = TelegramClient(StringSession(line.tg.mint(line.alice)), 1, "any")
    await client.connect()
    yield client
    await client.disconnect()


async def ask(line: Any, client: Client, person: Any, heard: Any, *rows: Any) -> Any:
    """A question of the bot's with buttons, as the person got it."""
    questions: asyncio.Queue[Any] = asyncio.Queue()
    person.add_event_handler(questions.put, events.NewMessage(incoming=True))
    await person.send_message("helper_bot", "/start")
    await heard.until(Arrived)
    request = bot_message_request(
        client, line.alice.id, "Sure?", random_id=random.getrandbits(62), keyboard=rows
    )
    sent = message_id_of(await client.call(request))
    async with asyncio.timeout(30):
        return sent, (await questions.get()).message


async def test_a_token_signs_the_bot_in_and_what_is_said_to_it_is_heard(
    line: Any, helper: Account, bot: tuple[Client, Any], person: Any
) -> None:
    client, heard = bot
    await person.send_message("helper_bot", "/status alice")

    (told,) = await heard.until(Arrived)

    assert client.user_id == helper.id
    assert (told.message.chat, told.message.sender) == (line.alice.id, line.alice.id)
    assert told.message.text == "/status alice"


@pytest.mark.parametrize("revoked", [True, False])
async def test_a_token_that_telegram_does_not_take_says_where_to_get_another(
    line: Any, helper: Account, revoked: bool
) -> None:
    token = helper.bot_token or ""
    line.tg.revoke_token(helper)

    with pytest.raises(TelegramAuthError) as refused:
        async with LoginFlow(line.gateway, name="bot") as flow:
            await flow.submit_token(token if revoked else token[:-1] + "!")

    assert "@BotFather" in classify(refused.value).advice
    assert token not in repr(refused.value) + repr(refused.value.__cause__)


async def test_a_bot_elsewhere_signs_in_where_it_lives() -> None:
    async with LoopbackTelegram(other_dcs=(4,)) as tg:
        helper = tg.add_bot("Helper", "helper_bot", dc_id=4)
        dc_id, host, port = tg.address
        server = ServerAddress(dc_id=dc_id, host=host, port=port, pem=tg.pem)
        gateway = Gateway(1, "feedc0de", server=server)
        async with LoginFlow(gateway, name="bot") as flow:
            done = await flow.submit_token(helper.bot_token or "")

    assert (done.user_id, done.session.dc_id) == (helper.id, 4)


async def test_a_bot_cannot_write_to_whom_it_never_met(line: Any, bot: tuple[Client, Any]) -> None:
    client, _ = bot

    with pytest.raises(PeerUnknownError):
        bot_message_request(client, line.alice.id, "hello", random_id=1)


async def test_a_pressed_button_hands_its_data_back_and_is_answered(
    line: Any, bot: tuple[Client, Any], person: Any
) -> None:
    client, heard = bot
    rows = (ChatButton("Yes", "y:1"), ChatButton("No", "n:1")), (ChatButton("Help", "/help"),)
    sent, question = await ask(line, client, person, heard, *rows)

    pressing = asyncio.create_task(question.click(data=b"y:1"))
    (press,) = await heard.until(Pressed)
    await client.call(press_answer_request(press.query, "not yours"))

    assert [[one.text for one in row] for row in question.buttons] == [["Yes", "No"], ["Help"]]
    assert (press.chat, press.sender, press.message) == (line.alice.id, line.alice.id, sent)
    assert press.data == "y:1"
    answer = await pressing
    assert (answer.message, answer.alert) == ("not yours", True)


async def test_an_edit_takes_buttons_away_that_it_does_not_repeat(
    line: Any, bot: tuple[Client, Any], person: Any
) -> None:
    client, heard = bot
    sent, question = await ask(line, client, person, heard, (ChatButton("Yes", "y"),))

    await client.call(bot_edit_request(client, line.alice.id, sent, "done"))

    now = await person.get_messages("helper_bot", ids=question.id)
    assert (now.raw_text, now.buttons) == ("done", None)


async def test_what_a_person_wrote_is_taken_out_of_the_chat_for_both(
    line: Any, bot: tuple[Client, Any], person: Any
) -> None:
    client, heard = bot
    await person.send_message("helper_bot", "+12025550123")
    (told,) = await heard.until(Arrived)

    await client.call(unsend_request(told.message.id))

    assert await person.get_messages("helper_bot") == []


async def test_each_person_has_a_menu_of_ones_own(
    line: Any, helper: Account, bot: tuple[Client, Any], person: Any
) -> None:
    client, heard = bot
    await person.send_message("helper_bot", "/start")
    await heard.until(Arrived)

    await client.call(menu_request(client, line.alice.id, [("status", "how it is" * 40)]))

    assert helper.bot is not None
    ((scope, listed),) = helper.bot.commands.items()
    assert scope == (f"peer:{line.alice.id}", "")
    assert [(one.command, len(one.description)) for one in listed] == [("status", 256)]
