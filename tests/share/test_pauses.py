"""A restart of the session or its owner is a pause, and what cannot be repeated is told."""

from __future__ import annotations

import asyncio

import pytest
from telethon import events, functions

from telewarden.errors import DrillError, OutcomeUnknownError, SharedSessionOfflineError
from telewarden.loopback import CutConnection, Fault, Silence
from telewarden.telegram import Phase, PhaseChanged

from .conftest import ALICE, Heard, House

pytestmark = pytest.mark.session

NEAREST = functions.help.GetNearestDcRequest
EDIT = "channels.editTitle"


async def _asked(house: House, method: str, *, times: int = 1) -> None:
    await house.until(lambda: house.telegram.stats.calls[method] >= times)


async def test_a_request_waits_for_a_session_that_comes_back(house: House) -> None:
    async with house.client() as client:
        house.telegram.cut()

        assert await client(NEAREST())


async def test_what_only_looks_is_asked_again_when_its_answer_is_lost(house: House) -> None:
    house.telegram.faults.add(Fault(method="help.getNearestDc", action=Silence(), times=1))
    async with house.client() as client:
        asking = asyncio.ensure_future(client(NEAREST()))
        await _asked(house, "help.getNearestDc")

        house.telegram.cut()

        assert await asking
    assert house.telegram.stats.calls["help.getNearestDc"] == 2


async def test_what_changes_something_is_not_and_that_is_said(house: House) -> None:
    house.telegram.faults.add(Fault(method=EDIT, action=Silence(), times=1))
    async with house.client() as client:
        channel = await client.get_input_entity("@news_out")
        asking = asyncio.ensure_future(client(functions.channels.EditTitleRequest(channel, "New")))
        await _asked(house, EDIT)

        house.telegram.cut()

        with pytest.raises(OutcomeUnknownError, match="look before you repeat it") as caught:
            await asking
    assert caught.value.method == EDIT
    assert house.telegram.stats.calls[EDIT] == 1


@pytest.mark.crashes("share", DrillError)
async def test_the_same_holds_where_the_connection_to_the_owner_is_lost(house: House) -> None:
    for method in (EDIT, "help.getNearestDc"):
        house.telegram.faults.add(Fault(method=method, action=Silence(), times=1))
    async with house.client() as client:
        channel = await client.get_input_entity("@news_out")
        editing = asyncio.ensure_future(client(functions.channels.EditTitleRequest(channel, "New")))
        looking = asyncio.ensure_future(client(NEAREST()))
        for method in (EDIT, "help.getNearestDc"):
            await _asked(house, method)

        await house.warden.drill("share")

        with pytest.raises(OutcomeUnknownError, match="the connection to its owner ended"):
            await editing
        assert await looking
    assert house.telegram.stats.calls[EDIT] == 1
    assert house.telegram.stats.calls["help.getNearestDc"] == 2


async def test_a_message_is_sent_once_though_its_answer_was_lost(house: House) -> None:
    async with house.client() as client:
        peer = await client.get_input_entity("@news_out")
        house.telegram.faults.add(
            Fault(method="messages.sendMessage", action=CutConnection(executed=True), times=1)
        )

        with pytest.raises(OutcomeUnknownError, match="it was done") as caught:
            await client.send_message(peer, "once")

        assert caught.value.done
        assert house.texts("news_out") == ["once"]


async def test_another_warden_on_the_same_folder_is_a_pause(house: House) -> None:
    async with house.client("reader") as client:
        heard = Heard(client, events.NewMessage(chats="@news_in"))
        house.say("news_in", "before")
        await heard.until(lambda found: len(found) == 1)

        await house.stop()
        asking = asyncio.ensure_future(client.get_me())
        house.say("news_in", "while nobody is there")
        await house.start(signed_in=False)

        assert (await asking).phone.endswith("96620001")
        house.say("news_in", "after")
        await heard.until(lambda found: len(found) >= 3)
        assert heard.texts == ["before", "while nobody is there", "after"]


async def test_an_owner_that_does_not_come_is_told_after_the_patience(house: House) -> None:
    async with house.client("reader", patience=0.3) as client:
        await house.stop()

        with pytest.raises(SharedSessionOfflineError, match="telewarden run"):
            await client(NEAREST())
        with pytest.raises(SharedSessionOfflineError):
            await client.run_until_disconnected()


async def test_a_session_that_needs_a_login_is_told_at_once(house: House) -> None:
    async with house.client("reader") as client:
        since = house.mark()
        house.telegram.revoke(house.account(ALICE))
        await house.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)

        with pytest.raises(SharedSessionOfflineError, match="Log in again"):
            await client(NEAREST())
