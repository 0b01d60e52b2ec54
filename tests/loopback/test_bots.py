"""Bots: an unmodified Telethon as a bot, and people who write to it and press its buttons."""

from __future__ import annotations

import asyncio

import pytest
from telethon import Button, errors, events, functions, types

from telewarden.loopback import Fault, Limits, LoopbackTelegram, Silence

pytestmark = pytest.mark.loopback

DEFAULT = types.BotCommandScopeDefault()
HELP = types.BotCommand("help", "what can be done")


@pytest.fixture
def helper(tg, alice):
    return tg.add_bot("Helper", "helper_bot", owner=alice, about="Helps.")


@pytest.fixture
async def bot(helper, loopback_client):
    """A Telethon client that has signed in by the bot's token."""
    client = await loopback_client()
    await client.sign_in(bot_token=helper.bot_token)
    return client


@pytest.fixture
async def person(alice, loopback_client):
    return await loopback_client(alice)


@pytest.fixture
async def met(bot, person, hear):
    """What the bot heard; the person has written to it."""
    heard = hear(bot)
    await person.send_message("helper_bot", "/start")
    await heard.next()
    return heard


# Signing in


async def test_a_token_of_ones_own_is_taken_and_names_the_bot(tg, loopback_client):
    token = "7000000001:" + "A1-_" * 8 + "xyz"
    tg.add_bot("Own", "own_bot", token)
    client = await loopback_client()

    me = await client.sign_in(bot_token=token)

    assert (me.id, me.bot, me.username) == (7000000001, True, "own_bot")


@pytest.mark.parametrize(
    ("name", "token"), [("own_bot", "7000000001:short"), ("own_bot", "x"), ("robo", None)]
)
def test_a_bot_that_telegram_would_not_have_is_refused(tg, name, token):
    with pytest.raises(ValueError, match=r"give an id|does not end in 'bot'"):
        tg.add_bot("Own", name, token)


async def test_a_wrong_token_and_a_revoked_one_are_refused_each_in_its_own_words(
    tg, helper, loopback_client
):
    old = helper.bot_token
    new = tg.revoke_token(helper)
    client = await loopback_client()

    with pytest.raises(errors.AccessTokenExpiredError):
        await client.sign_in(bot_token=old)
    with pytest.raises(errors.AccessTokenInvalidError):
        await client.sign_in(bot_token=new[:-1] + ("B" if new[-1] == "A" else "A"))
    assert (await client.sign_in(bot_token=new)).id == helper.id


async def test_revoking_a_token_ends_the_logins_with_it(tg, helper, bot):
    tg.revoke_token(helper)

    with pytest.raises(errors.SessionRevokedError):
        await bot(functions.updates.GetStateRequest())


async def test_a_bot_elsewhere_is_signed_in_there(connect):
    async with LoopbackTelegram(other_dcs=(4,)) as tg:
        tg.trust()
        helper = tg.add_bot("Helper", "helper_bot", dc_id=4)
        client = await connect(tg)

        await client.sign_in(bot_token=helper.bot_token)

        assert (client.session.dc_id, client.session.port) == (4, tg.ports[4])
        await client.disconnect()


# What is seen of a bot


async def test_a_bot_is_told_from_a_person_and_its_owner_may_edit_it(
    bot, person, loopback_client, bob
):
    seen = await person.get_entity("helper_bot")
    by_another = await (await loopback_client(bob)).get_entity("helper_bot")

    assert (seen.bot, seen.bot_info_version, seen.bot_can_edit) == (True, 1, True)
    assert (by_another.bot, by_another.bot_can_edit) == (True, False)
    assert not (await bot.get_me()).bot_can_edit


async def test_a_bots_description_lists_its_commands(bot, person, met):
    await bot(functions.bots.SetBotCommandsRequest(DEFAULT, "", [HELP]))

    full = await person(functions.users.GetFullUserRequest("helper_bot"))

    assert full.full_user.about == "Helps."
    assert shown_of(full) == ["help"]
    assert full.users[0].bot_info_version == 2


# Commands


async def test_the_narrowest_list_of_commands_is_shown_and_each_is_kept_apart(bot, person, met):
    users, mine = (
        types.BotCommandScopeUsers(),
        types.BotCommandScopePeer(await bot.get_input_entity("alice")),
    )
    status = types.BotCommand("status", "how it is")
    for scope, listed in ((DEFAULT, [HELP]), (users, [HELP, status]), (mine, [status])):
        await bot(functions.bots.SetBotCommandsRequest(scope, "", listed))

    shown = []
    for scope in (mine, users, DEFAULT):
        full = await person(functions.users.GetFullUserRequest("helper_bot"))
        shown.append(shown_of(full))
        await bot(functions.bots.ResetBotCommandsRequest(scope, ""))

    assert shown == [["status"], ["help", "status"], ["help"]]
    assert await bot(functions.bots.GetBotCommandsRequest(DEFAULT, "")) == []


async def test_commands_are_shown_in_the_viewers_language(bot, alice, loopback_client):
    viet = types.BotCommand("help", "trợ giúp")
    await bot(functions.bots.SetBotCommandsRequest(DEFAULT, "", [HELP]))
    await bot(functions.bots.SetBotCommandsRequest(DEFAULT, "vi", [viet]))
    person = await loopback_client(alice, lang_code="vi")

    full = await person(functions.users.GetFullUserRequest("helper_bot"))

    assert full.full_user.bot_info.commands[0].description == "trợ giúp"
    (kept,) = await bot(functions.bots.GetBotCommandsRequest(DEFAULT, ""))
    assert kept.description == "what can be done"


async def test_who_has_met_a_bot_is_told_of_its_new_commands(bot, person, met, hear):
    heard = hear(person, events.Raw(types.UpdateBotCommands))

    await bot(functions.bots.SetBotCommandsRequest(DEFAULT, "", [HELP]))

    assert [one.command for one in (await heard.next()).commands] == ["help"]


@pytest.mark.parametrize(
    ("commands", "language", "error"),
    [
        ([types.BotCommand("Help", "x")], "", errors.BotCommandInvalidError),
        ([types.BotCommand("a" * 33, "x")], "", errors.BotCommandInvalidError),
        ([types.BotCommand("help", "")], "", errors.BotCommandDescriptionInvalidError),
        ([types.BotCommand("help", "x" * 257)], "", errors.BotCommandDescriptionInvalidError),
        ([HELP] * 101, "", errors.BotCommandsTooMuchError),
        ([HELP], "vie", errors.LangCodeInvalidError),
    ],
)
async def test_a_list_of_commands_that_telegram_would_not_take_is_refused(
    bot, commands, language, error
):
    with pytest.raises(error):
        await bot(functions.bots.SetBotCommandsRequest(DEFAULT, language, commands))


# Who may write to whom


async def test_a_bot_cannot_write_first(tg, bot, alice, person, hear):
    known = await bot.get_input_entity("alice")
    with pytest.raises(errors.PeerIdInvalidError):
        await bot.send_message(known, "hello?")
    heard = hear(person)

    await person.send_message("helper_bot", "/start")
    await bot.send_message(known, "hello")

    assert await heard.texts(1) == ["hello"]


async def test_a_bot_that_is_started_hears_start_with_what_the_link_had(bot, person, hear, helper):
    heard = hear(bot)

    for parameter in ("", "invite_7"):
        await person(functions.messages.StartBotRequest("helper_bot", "helper_bot", parameter))

    assert await heard.texts(2) == ["/start", "/start invite_7"]


async def test_only_a_bot_is_started_and_with_nothing_odd(bot, person, bob):
    with pytest.raises(errors.BotInvalidError):
        await person(functions.messages.StartBotRequest("bobby", "bobby", ""))
    with pytest.raises(errors.StartParamInvalidError):
        await person(functions.messages.StartBotRequest("helper_bot", "helper_bot", "a b"))


async def test_a_bot_names_whom_it_has_met_by_number_alone(tg, helper, alice, met, connect):
    again = await connect(tg)
    await again.sign_in(bot_token=helper.bot_token)

    await again.send_message(alice.id, "by number")

    assert tg.history(alice, author=helper)[-1].text == "by number"


async def test_who_blocks_a_bot_is_not_written_to(bot, alice, person, met):
    await person(functions.contacts.BlockRequest("helper_bot"))

    full = await person(functions.users.GetFullUserRequest("helper_bot"))
    with pytest.raises(errors.UserIsBlockedError):
        await bot.send_message(alice.id, "hello?")
    with pytest.raises(errors.YouBlockedUserError):
        await person.send_message("helper_bot", "hello?")
    await person(functions.contacts.UnblockRequest("helper_bot"))
    await bot.send_message(alice.id, "hello")

    assert full.full_user.blocked


async def test_who_is_blocked_by_a_person_is_not_heard(
    tg, alice, bob, person, loopback_client, hear
):
    other, heard = await loopback_client(bob), hear(person)
    await person(functions.contacts.BlockRequest("bobby"))
    await other.send_message("alice", "unheard")
    await person(functions.contacts.UnblockRequest("bobby"))

    await other.send_message("alice", "heard")

    assert await heard.texts(1) == ["heard"]
    assert [m.raw_text for m in await person.get_messages("bobby")] == ["heard"]
    assert [m.raw_text for m in await other.get_messages("alice", limit=5)] == ["heard", "unheard"]


async def test_bots_do_not_write_to_each_other(tg, bot):
    tg.add_bot("Other", "other_bot")

    with pytest.raises(errors.UserIsBotError):
        await bot.send_message("other_bot", "hello?")


# Methods


@pytest.mark.parametrize(
    "request_",
    [
        functions.messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 10, 0),
        functions.messages.GetHistoryRequest("alice", 0, None, 0, 10, 0, 0, 0),
        functions.contacts.GetContactsRequest(0),
        functions.account.GetAuthorizationsRequest(),
        functions.account.GetPasswordRequest(),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_a_method_that_is_for_people_is_refused_to_a_bot(bot, alice, request_):
    with pytest.raises(errors.BotMethodInvalidError):
        await bot(request_)


@pytest.mark.parametrize(
    "request_",
    [
        functions.bots.SetBotCommandsRequest(DEFAULT, "", []),
        functions.messages.SetBotCallbackAnswerRequest(1, 0),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_a_method_that_is_for_bots_is_refused_to_a_person(person, request_):
    with pytest.raises(errors.UserBotRequiredError):
        await person(request_)


async def test_a_bot_reads_messages_by_their_numbers_and_fetches_what_it_missed(
    tg, helper, bot, alice, met
):
    missed = tg.post(helper, "missed", author=alice)

    (found,) = await bot.get_messages(alice.id, ids=[missed.id_for(helper.id)])
    told = await bot(functions.updates.GetDifferenceRequest(pts=1, date=None, qts=0))

    assert found.raw_text == "missed"
    assert [m.message for m in told.new_messages] == ["/start", "missed"]


# Buttons


KEYBOARD = (
    [Button.inline("Yes", b"yes"), Button.inline("No", b"no")],
    [Button.url("Docs", "https://t.me/x")],
)


async def asked(bot, alice, person, hear, keyboard=KEYBOARD):
    """A question with buttons, as the person got it."""
    heard = hear(person, events.NewMessage(incoming=True))
    await bot.send_message(alice.id, "Sure?", buttons=[list(row) for row in keyboard])
    return (await heard.next()).message


async def test_buttons_below_a_message_arrive_with_their_data_and_addresses(
    bot, alice, person, met, hear
):
    message = await asked(bot, alice, person, hear)

    assert [[(b.text, b.data, b.url) for b in row] for row in message.buttons] == [
        [("Yes", b"yes", None), ("No", b"no", None)],
        [("Docs", None, "https://t.me/x")],
    ]


async def test_a_pressed_button_is_told_to_the_bot_and_answered_to_the_person(
    bot, alice, person, met, hear
):
    presses = hear(bot, events.CallbackQuery())
    message = await asked(bot, alice, person, hear)

    pressing = asyncio.create_task(message.click(data=b"yes"))
    press = await presses.next()
    await press.answer("done", alert=True)
    answer = await pressing

    assert (press.data, press.sender_id, (await press.get_message()).raw_text) == (
        b"yes",
        alice.id,
        "Sure?",
    )
    assert (answer.message, answer.alert) == ("done", True)


async def test_an_answer_opens_no_address_but_the_bots_own(bot, alice, person, met, hear):
    presses = hear(bot, events.CallbackQuery())
    message = await asked(bot, alice, person, hear)
    pressing = asyncio.create_task(message.click(data=b"no"))
    press = await presses.next()

    answer = functions.messages.SetBotCallbackAnswerRequest
    with pytest.raises(errors.UrlInvalidError):
        await bot(answer(press.id, 0, url="https://example.org/"))
    with pytest.raises(errors.MessageTooLongError):
        await bot(answer(press.id, 0, message="x" * 201))
    await bot(answer(press.id, 0, url="https://t.me/helper_bot?start=7"))

    assert (await pressing).url == "https://t.me/helper_bot?start=7"


async def test_a_press_is_answered_once_and_by_the_bot_that_was_asked(
    tg, bot, alice, person, met, hear, connect
):
    other = await connect(tg)
    await other.sign_in(bot_token=tg.add_bot("Other", "other_bot").bot_token)
    presses = hear(bot, events.CallbackQuery())
    message = await asked(bot, alice, person, hear)
    pressing = asyncio.create_task(message.click(data=b"yes"))
    press = await presses.next()
    answer = functions.messages.SetBotCallbackAnswerRequest(press.id, 0)

    with pytest.raises(errors.QueryIdInvalidError):
        await other(answer)
    await bot(answer)
    await pressing
    with pytest.raises(errors.QueryIdInvalidError):
        await bot(answer)


async def test_a_press_that_is_not_answered_in_time_ends_with_a_timeout(connect, hear):
    async with LoopbackTelegram(limits=Limits(callback_answer=0.01)) as tg:
        tg.trust()
        alice, helper = tg.add_account("Alice"), tg.add_bot("Helper", "helper_bot")
        person, bot = await connect(tg, alice), await connect(tg)
        await bot.sign_in(bot_token=helper.bot_token)
        presses = hear(bot, events.CallbackQuery())
        tg.post(helper, "/start", author=alice)
        message = await asked(bot, alice, person, hear)

        with pytest.raises(errors.BotResponseTimeoutError):
            await person(press_of(message, b"yes"))

        press = await presses.next()
        with pytest.raises(errors.QueryIdInvalidError):
            await press.answer("late")
        await person.disconnect()
        await bot.disconnect()


async def test_the_answer_to_a_press_can_be_lost_like_any_other(tg, bot, alice, person, met, hear):
    presses = hear(bot, events.CallbackQuery())
    message = await asked(bot, alice, person, hear)
    rule = tg.faults.add(
        Fault(method="messages.getBotCallbackAnswer", action=Silence(executed=True), times=1)
    )
    lost = asyncio.create_task(message.click(data=b"yes"))
    await (await presses.next()).answer("lost")

    again = asyncio.create_task(message.click(data=b"yes"))
    await (await presses.next()).answer("kept")

    assert (await again).message == "kept"
    assert (rule.struck, lost.done()) == (1, False)
    lost.cancel()


async def test_only_a_button_that_is_there_is_pressed(bot, alice, person, met, hear):
    message = await asked(bot, alice, person, hear)

    with pytest.raises(errors.DataInvalidError):
        await person(press_of(message, b"maybe"))
    own = await person.send_message("helper_bot", "mine")
    with pytest.raises(errors.MessageIdInvalidError):
        await person(press_of(own, b"yes"))


@pytest.mark.parametrize(
    ("button", "error"),
    [
        (types.InlineButtonTypeCallback(b"x" * 65), errors.ButtonDataInvalidError),
        (types.InlineButtonTypeUrl("not an address"), errors.ButtonUrlInvalidError),
        (types.InlineButtonTypeGame(), errors.ButtonTypeInvalidError),
    ],
    ids=["data", "url", "type"],
)
async def test_a_button_that_telegram_would_not_take_is_refused(bot, alice, met, button, error):
    with pytest.raises(error):
        await bot.send_message(alice.id, "x", buttons=types.KeyboardInlineButton("B", button))


async def test_a_keyboard_has_a_hundred_buttons_at_most(bot, alice, met):
    with pytest.raises(errors.ReplyMarkupTooLongError):
        await bot.send_message(alice.id, "x", buttons=[[Button.inline("B", b"b")]] * 101)


async def test_what_a_person_sends_has_no_buttons(bot, person, hear):
    heard = hear(bot)

    await person.send_message("helper_bot", "x", buttons=Button.inline("B", b"b"))

    assert (await heard.next()).buttons is None


# Edits


async def test_an_edit_changes_text_and_buttons_and_takes_buttons_away(
    bot, alice, person, met, hear
):
    edits = hear(person, events.MessageEdited())
    sent = await bot.send_message(alice.id, "1/2", buttons=Button.inline("Stop", b"stop"))

    await sent.edit("2/2", buttons=Button.inline("Again", b"again"))
    await sent.edit("done", buttons=None)

    first, second = await edits.next(), await edits.next()
    assert (first.raw_text, first.buttons[0][0].data) == ("2/2", b"again")
    assert (second.raw_text, second.buttons) == ("done", None)


async def test_an_edit_that_changes_nothing_is_refused_unless_the_buttons_differ(bot, alice, met):
    sent = await bot.send_message(alice.id, "same", buttons=Button.inline("A", b"a"))

    with pytest.raises(errors.MessageNotModifiedError):
        await bot.edit_message(sent, "same", buttons=Button.inline("A", b"a"))
    edited = await bot.edit_message(sent, "same", buttons=Button.inline("B", b"b"))

    assert edited.buttons[0][0].data == b"b"


async def test_buttons_alone_can_be_edited_and_the_text_stays(bot, alice, person, met, hear):
    edits = hear(person, events.MessageEdited())
    sent = await bot.send_message(alice.id, "**bold**", buttons=Button.inline("A", b"a"))

    peer, markup = await sent.get_input_chat(), bot.build_reply_markup(Button.inline("B", b"b"))
    await bot(functions.messages.EditMessageRequest(peer, sent.id, reply_markup=markup))

    edited = await edits.next()
    assert (edited.text, edited.buttons[0][0].data) == ("**bold**", b"b")


async def test_a_bot_edits_its_messages_however_old(timed, clock, connect):
    alice, helper = timed.add_account("Alice"), timed.add_bot("Helper", "helper_bot")
    timed.post(helper, "/start", author=alice)
    bot = await connect(timed)
    await bot.sign_in(bot_token=helper.bot_token)
    sent = await bot.send_message(alice.id, "old")

    clock.advance(49 * 3600)

    assert (await sent.edit("new")).raw_text == "new"


async def test_a_text_longer_than_telegram_takes_is_refused_also_in_an_edit(bot, alice, met):
    sent = await bot.send_message(alice.id, "x" * 4096)

    with pytest.raises(errors.MessageTooLongError):
        await bot.send_message(alice.id, "x" * 4097)
    with pytest.raises(errors.MessageTooLongError):
        await sent.edit("y" * 4097)


# Groups and restarts


async def test_a_bot_works_in_a_group_that_it_was_brought_into(
    tg, helper, alice, bot, person, hear
):
    group = tg.add_channel("Ops", owner=alice, members=[helper], megagroup=True)
    heard, presses = hear(person), hear(bot, events.CallbackQuery())
    await bot.send_message(group.peer_id, "Sure?", buttons=Button.inline("Yes", b"yes"))
    message = (await heard.next()).message

    pressing = asyncio.create_task(message.click(data=b"yes"))
    press = await presses.next()
    await press.answer("done")

    assert (press.chat_id, (await pressing).message) == (group.peer_id, "done")


async def test_a_restart_keeps_bots_their_acquaintances_commands_and_buttons(tmp_path, connect):
    state = tmp_path / "state.json"
    async with LoopbackTelegram(state=state) as tg:
        alice, helper = tg.add_account("Alice"), tg.add_bot("Helper", "helper_bot")
        tg.post(helper, "/start", author=alice)
        old = helper.bot_token
        token = tg.revoke_token(helper)
        bot = await connect(tg)
        tg.trust()
        await bot.sign_in(bot_token=token)
        await bot(functions.bots.SetBotCommandsRequest(DEFAULT, "vi", [HELP]))
        sent = await bot.send_message(alice.id, "Sure?", buttons=Button.inline("Yes", b"yes"))
        string = bot.session.save()
        port = tg.port
        await bot.disconnect()

    async with LoopbackTelegram(port=port, state=state) as tg:
        bot = await connect(tg, string)
        kept = await bot.get_messages(alice.id, ids=sent.id)
        await bot.send_message(alice.id, "still there")
        commands = await bot(functions.bots.GetBotCommandsRequest(DEFAULT, "vi"))
        with pytest.raises(errors.AccessTokenExpiredError):
            await bot(functions.auth.ImportBotAuthorizationRequest(0, 1, "any", old))
        await bot.disconnect()

    assert (kept.buttons[0][0].data, [one.command for one in commands]) == (b"yes", ["help"])


# Helpers


def shown_of(full):
    return [one.command for one in full.full_user.bot_info.commands]


def press_of(message, data):
    return functions.messages.GetBotCallbackAnswerRequest(message.peer_id, message.id, data=data)
