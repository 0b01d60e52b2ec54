"""The operator's commands in a private chat with the admin bot, typed by a stock client."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from telethon import functions, types

from telewarden.console.bot.chat_commands import CHAT_COMMANDS, MENU
from telewarden.console.words import Words
from telewarden.loopback import CutConnection, Fault
from telewarden.telegram import HEALTHS, Health, Phase

from .conftest import BOB, OLGA, RAY, TABLES, Office, Person

pytestmark = pytest.mark.session


def labels(message: Any) -> list[str]:
    """What is on the buttons below a message."""
    return [one.text for row in message.buttons or () for one in row]


# Looking


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/status", "alice: health healthy, phase online"),
        ("/sessionstatus alice", "alice: health healthy, phase online"),
        ("/sessionhealth alice", "alice: good"),
        ("/workerstatus", "alice/group-1: line online, pairs 1"),
        ("/optimalsession", "alice:"),
        ("/why 1", "1"),
        ("/health", "sessions:"),
        ("/alerts", "Nothing is firing."),
        ("/pairs_list", "1: session alice"),
        ("/status@ops_bot", "alice: health healthy"),
        ("/pairs_list --session alice", "1: session alice"),
        ("/pairs_list session=alice", "1: session alice"),
        ("/pairs_list \u2014session alice", "1: session alice"),
    ],
)
async def test_who_may_look_only_gets_what_there_is_to_see(
    office: Office, ray: Person, typed: str, told: str
) -> None:
    await office.start("alice")

    assert told in (await ray.asks(typed)).raw_text


async def test_each_person_is_advised_in_a_language_of_his_own(office: Office, ray: Person) -> None:
    tables = copy.deepcopy(TABLES)
    tables["bot"]["allow"][1]["language"] = "vi"
    office.configure(tables)
    await office.start()

    told = (await ray.asks("/sessionstatus alice")).raw_text

    assert Words("vi")(HEALTHS[Health.UNAUTHORIZED].advice) in told


async def test_start_greets_with_the_commands_as_buttons_that_work(
    office: Office, olga: Person
) -> None:
    await office.start("alice")
    greeting = await olga.asks("/start")

    await greeting.click(data=b"/status")

    assert "operator" in greeting.raw_text
    assert labels(greeting) == [f"/{name}" for name in MENU]
    assert "alice: health healthy" in (await olga.hears()).raw_text


async def test_what_may_be_looked_at_again_has_a_button_for_it(office: Office, ray: Person) -> None:
    await office.start("alice")
    first = await ray.asks("/why 1")

    await first.click(data=b"/why 1")

    assert labels(first) == ["Look again"]
    assert (await ray.hears()).raw_text == first.raw_text


async def test_help_lists_what_one_may_do_and_tells_one_command_whole(
    office: Office, olga: Person, ray: Person
) -> None:
    await office.start()

    for_operators, for_readers = await olga.asks("/help"), await ray.asks("/help")
    whole = await ray.asks("/help pause")

    assert "/logout: " in for_operators.raw_text
    assert "/logout: " not in for_readers.raw_text
    assert "/status: " in for_readers.raw_text
    assert "/pause PAIR" in whole.raw_text


async def test_each_person_is_shown_the_menu_of_ones_role_and_strangers_none(
    office: Office, olga: Person, ray: Person, stan: Person
) -> None:
    await office.start()
    await olga.asks("/help")
    await ray.asks("/help")

    async def menu(person: Person) -> list[str]:
        full = await person.client(functions.users.GetFullUserRequest("ops_bot"))
        return [one.command for one in full.full_user.bot_info.commands]

    assert await menu(olga) == list(MENU)
    assert await menu(ray) == [n for n in MENU if CHAT_COMMANDS[n].danger == "changes nothing"]
    assert await menu(stan) == []


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/statu", "did you mean /status"),
        ("/qqqqqq", "see /help"),
        ("/pause x", "give 1 or more"),
        ("/sessionstatus nobody", "nobody"),
        ("/workerstatus now", "too much"),
        ("/why 1 --loud", "there is no parameter"),
        ("/pairs_list --session", "wants a value"),
        ("/alerts loud", "give on, off"),
        ("hello", "see /help"),
    ],
)
async def test_what_cannot_be_done_is_answered_with_the_way_out(
    office: Office, olga: Person, typed: str, told: str
) -> None:
    await office.start()

    assert told in (await olga.asks(typed)).raw_text


async def test_a_command_without_its_session_or_pair_offers_them_as_buttons(
    office: Office, olga: Person
) -> None:
    await office.start("alice")

    sessions, pairs, all_of_them = (
        await olga.asks("/logout"),
        await olga.asks("/why"),
        await olga.asks("/recover"),
    )
    await pairs.click(data=b"/why 1")

    assert labels(sessions) == ["alice", "bob"]
    assert labels(pairs) == ["1"]
    assert labels(all_of_them) == ["alice", "bob", "all"]
    assert "1" in (await olga.hears()).raw_text


# Changing


async def test_a_pair_is_paused_with_its_reason_and_resumed(office: Office, olga: Person) -> None:
    await office.start("alice")

    await olga.asks("/pause 1 the source is \u201cdown\u201d")
    why = await olga.asks("/why 1")
    await olga.asks("/resume 1")

    assert "the source is down" in why.raw_text
    assert "paused" not in (await olga.asks("/why 1")).raw_text
    assert [(row.what, row.outcome) for row in await office.audit(OLGA)] == [
        ("resume pair", "done"),
        ("pause pair", "done"),
    ]


async def test_a_pair_is_added_by_links_and_one_whose_chat_is_not_there_is_not(
    office: Office, olga: Person
) -> None:
    await office.start("alice")

    refused = await olga.asks("/pairs_add source=@nobody_here target=@news_out --session alice")
    ring = await olga.asks(
        "/pairs_add source=t.me/news_out/3 target=tg://resolve?domain=news_in --session alice"
    )
    added = await olga.asks("/pairs_add source=https://t.me/news_in/3 target=me --session alice")

    assert "source @nobody_here was not found by session alice" in refused.raw_text
    assert "make a ring" in ring.raw_text
    assert "added, served by alice" in added.raw_text
    assert [(one.source, one.target) for one in await office.warden.pairs.list("alice")] == [
        ("@news_in", "@news_out"),
        ("@news_in", "me"),
    ]


async def test_pairs_are_moved_once_it_was_looked_at(office: Office, olga: Person) -> None:
    await office.start("alice", "bob")

    preview = await olga.asks("/changesession 1 bob --dry-run")
    moved = await olga.asks("/changesession 1 bob")

    assert "bob" in preview.raw_text
    assert "bob" in moved.raw_text

    async def is_there() -> bool:
        return (await office.warden.pairs.get(1)).session == "bob"

    await office.until(is_there)


async def test_a_session_is_registered_and_its_number_taken_out_of_the_chat(
    office: Office, olga: Person
) -> None:
    await office.start()

    answer = await olga.asks("/registersession carol +12025550123 --priority 2")

    entry = office.warden.sessions.get("carol")
    assert "carol is registered" in answer.raw_text
    assert (entry.record.phone, entry.record.priority) == ("+12025550123", 2)
    assert not any("+1202" in text for text in await olga.chat())


async def test_a_login_is_begun_in_the_chat_and_finished_elsewhere(
    office: Office, olga: Person
) -> None:
    await office.start("alice")
    await office.settles("bob")

    told = await olga.asks("/authenticate bob")
    again = await olga.asks("/authenticate bob")
    online = await olga.asks("/authenticate alice")
    which = await olga.asks("/authenticate")

    assert "telewarden auth bob" in told.raw_text
    assert "on the warden's page" in told.raw_text
    assert "bob: awaiting_code" in again.raw_text
    assert await office.phase("bob") is Phase.AWAITING_CODE
    assert office.telegram.stats.calls["auth.sendCode"] == 1
    assert "alice is online" in online.raw_text
    assert labels(which) == ["alice", "bob"]


@pytest.mark.parametrize("typed", ["22222", "2 2 2 2 2", "/authenticate bob 22222"])
async def test_a_code_is_never_taken_in_the_chat(office: Office, olga: Person, typed: str) -> None:
    await office.start("alice")
    await office.settles("bob")
    await olga.asks("/authenticate bob")

    answer = await olga.asks(typed)

    assert "No code or password is taken here" in answer.raw_text
    assert await office.phase("bob") is Phase.AWAITING_CODE


# Asking first


async def test_what_harms_is_asked_about_and_done_on_yes(office: Office, olga: Person) -> None:
    await office.start("alice", "bob")

    question = await olga.asks("/logout bob")
    await question.click(data=question.buttons[0][0].data)
    told = await olga.hears()

    assert labels(question) == ["Yes", "No"]
    assert "End the login of bob" in question.raw_text
    assert "bob is logged out" in told.raw_text
    assert await office.phase("bob") is not Phase.ONLINE
    assert office.telegram.authorizations(office.account(BOB)) == []
    assert [row.what for row in await office.audit(OLGA)] == ["logout"]
    now = await olga.client.get_messages("ops_bot", ids=question.id)
    assert (now.buttons, "being done" in now.raw_text) == (None, True)


async def test_what_harms_is_not_done_on_no(office: Office, olga: Person) -> None:
    await office.start("alice")

    question = await olga.asks("/deletesession bob")
    await question.click(data=question.buttons[0][1].data)

    assert await olga.sees_edited("Not done.")
    assert office.warden.sessions.get("bob").name == "bob"


async def test_a_confirmation_is_good_once_and_not_for_ever(
    office: Office, olga: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.start("alice", "bob")
    question = await olga.asks("/deletesession bob")
    yes = question.buttons[0][0].data
    await question.click(data=yes)
    await olga.hears()
    monkeypatch.setattr("telewarden.console.bot.confirmations.GOOD_FOR", 0.0)
    late = await olga.asks("/logout alice")

    pressed_late = await late.click(data=late.buttons[0][0].data)

    assert "has expired" in pressed_late.message
    assert await office.phase("alice") is Phase.ONLINE
    assert [row.what for row in await office.audit(OLGA)] == ["delete"]


async def test_a_button_that_is_pressed_twice_does_it_once(office: Office, olga: Person) -> None:
    await office.start("alice", "bob")
    question = await olga.asks("/logout bob")
    press = functions.messages.GetBotCallbackAnswerRequest(
        await olga.client.get_input_entity("ops_bot"),
        question.id,
        data=question.buttons[0][0].data,
    )

    first, second = [one.message for one in await olga.client([press, press])]

    assert (first, "has expired" in second) == (None, True)
    assert "bob is logged out" in (await olga.hears()).raw_text
    assert len(await office.audit(OLGA)) == 1


# Recovery


async def test_a_recovery_is_one_message_that_is_edited_as_it_goes_on(
    office: Office, olga: Person
) -> None:
    await office.start("alice")
    held = office.telegram.faults.add(Fault(method="updates.getState", action=CutConnection()))
    office.telegram.cut(office.account("+9996620001"))
    await office.until(lambda: _waits(office, "alice"))

    first = await olga.asks("/recover alice")
    office.telegram.faults.remove(held)
    edits = await olga.sees_edited("alice: online; by string")

    assert first.raw_text.startswith("alice: ")
    assert edits[-1].startswith("alice: online")
    assert sum("alice: " in text for text in await olga.chat()) == 1


async def test_recovering_what_is_online_says_so_at_once(office: Office, olga: Person) -> None:
    await office.start("alice")

    await olga.says("/recover alice")

    first = await olga.hears()
    if first.raw_text != "alice: online":
        assert await olga.sees_edited("alice: online")


async def test_all_sessions_are_recovered_and_those_shown_first_that_are_not_back(
    office: Office, olga: Person
) -> None:
    await office.start("alice")

    await olga.says("/recover --all")
    first = await olga.hears()

    final = first.raw_text
    if "needs_login" not in final or "1 online" not in final:
        final = (await olga.sees_edited("1 needs_login"))[-1]
    lines = final.splitlines()
    assert lines[0].startswith("2 sessions: ")
    assert lines[1].startswith("bob: needs_login")
    assert lines[2].startswith("alice: online")


async def _waits(office: Office, session: str) -> bool:
    return await office.phase(session) is not Phase.ONLINE


# Who may what


async def test_who_may_look_only_changes_nothing_and_it_is_noted(
    office: Office, ray: Person
) -> None:
    await office.start("alice")

    answers = [
        (await ray.asks(typed)).raw_text
        for typed in ("/pause 1", "/logout alice", "/recover alice", "/authenticate alice")
    ]

    assert set(answers) == {"You are on the list to look only; ask an operator."}
    assert await office.phase("alice") is Phase.ONLINE
    assert [(row.what, row.outcome) for row in await office.audit(RAY)] == [
        ("authenticate", "refused: on the bot's list to look only"),
        ("recover", "refused: on the bot's list to look only"),
        ("logout", "refused: on the bot's list to look only"),
        ("pause", "refused: on the bot's list to look only"),
    ]


async def test_who_is_put_on_the_list_by_a_reload_is_answered_and_who_is_taken_off_is_not(
    office: Office, olga: Person, stan: Person
) -> None:
    warden = await office.start("alice")
    await olga.asks("/status")
    bot = office.config.bot
    assert bot is not None
    others = [one for one in bot.allow if one.id != olga.account.id]
    hers = next(one for one in bot.allow if one.id == olga.account.id)
    allow = (*others, hers.model_copy(update={"id": stan.account.id}))

    report = await warden.reload(
        office.config.model_copy(update={"bot": bot.model_copy(update={"allow": allow})})
    )
    answer = await stan.asks("/status")
    await olga.says("/status")
    await office.until(lambda: _noted(office, olga))

    assert "alice" in answer.raw_text
    assert [change.key for change in report.applied] == ["bot.allow"]
    assert report.needs_restart == ()


async def test_a_stranger_is_answered_with_silence_and_noted_once_an_hour(
    office: Office, olga: Person, stan: Person
) -> None:
    await office.start("alice")
    await stan.says("/start")
    await stan.says("/status")
    await olga.asks("/status")

    await office.until(lambda: _noted(office, stan))

    assert await stan.chat() == ["/status", "/start"]
    (row,) = await office.audit(stan.account.id)
    assert (row.what, row.subject, row.outcome) == (
        "message",
        "admin bot",
        "refused: not on the bot's list",
    )


async def _noted(office: Office, person: Person) -> bool:
    return bool(await office.audit(person.account.id))


async def test_in_a_group_nothing_is_heard(office: Office, olga: Person) -> None:
    await office.start("alice")
    group = office.telegram.add_channel(
        "Ops", owner=olga.account, members=[office.bot], megagroup=True
    )
    peer = types.InputPeerChannel(
        group.record.id, office.telegram._engine.world.access_hash(olga.account, -group.record.id)
    )

    await olga.asks("/start")  # so that it could answer
    await olga.client.send_message(peer, "/help why")
    await olga.asks("/help pause")
    await olga.asks("/help resume")

    assert group.texts == ["/help why"]
    assert not any("/why PAIR" in text for text in await olga.chat())
