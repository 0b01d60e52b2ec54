"""What the data centre tells an account unasked, as a stock Telethon client hears it."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import errors, events, functions, types

from telewarden.loopback import Fault, LoopbackTelegram, ServiceNotice

pytestmark = pytest.mark.loopback


@pytest.fixture
async def raw(tg: LoopbackTelegram, alice: Any, loopback_client: Any, hear: Any) -> Any:
    client = await loopback_client(alice)
    return client, hear(client, events.Raw())


async def test_a_notice_that_ends_a_key_lets_it_work_on(
    tg: LoopbackTelegram, alice: Any, raw: Any
) -> None:
    client, heard = raw

    assert tg.notify(alice, "Log in again.", kind="AUTH_KEY_DROP_DUPLICATE_1", popup=False) == 1

    notice = await heard.next()
    assert isinstance(notice, types.UpdateServiceNotification)
    assert (notice.type, notice.message) == ("AUTH_KEY_DROP_DUPLICATE_1", "Log in again.")
    assert not notice.popup
    assert (await client.get_me()).id == alice.id


@pytest.mark.parametrize("late", [False, True])
async def test_a_text_comes_beside_a_406(tg: LoopbackTelegram, raw: Any, late: bool) -> None:
    client, heard = raw
    notice = ServiceNotice("Not here.", error="UPDATE_APP_TO_LOGIN", late=late)
    tg.faults.add(Fault(method="help.getNearestDc", action=notice, times=1))

    with pytest.raises(errors.UpdateAppToLoginError):
        await client(functions.help.GetNearestDcRequest())

    shown = await heard.next()
    assert (shown.message, shown.popup) == ("Not here.", True)
    assert await client(functions.help.GetNearestDcRequest())


async def test_a_login_elsewhere_is_told_listed_and_confirmed(
    tg: LoopbackTelegram, alice: Any, raw: Any
) -> None:
    client, heard = raw

    elsewhere = tg.login_elsewhere(alice, device="Pixel", place="Hanoi")

    told = await heard.next()
    assert isinstance(told, types.UpdateNewAuthorization)
    assert (told.hash, told.unconfirmed) == (elsewhere.hash, True)
    assert (told.device, told.location) == ("Pixel", "Hanoi")
    listed = (await client(functions.account.GetAuthorizationsRequest())).authorizations
    assert [one.unconfirmed for one in listed if one.hash == elsewhere.hash] == [True]
    change = functions.account.ChangeAuthorizationSettingsRequest(elsewhere.hash, confirmed=True)
    assert await client(change)
    assert not elsewhere.unconfirmed
    with pytest.raises(errors.HashInvalidError):
        await client(functions.account.ChangeAuthorizationSettingsRequest(7, confirmed=True))


async def test_a_connected_bot_is_told(tg: LoopbackTelegram, alice: Any, raw: Any) -> None:
    _, heard = raw
    bot = tg.add_bot("Helper", "helper_bot")

    tg.connect_bot(alice, bot, device="iPhone", place="Oslo")

    told = await heard.next()
    assert isinstance(told, types.UpdateNewBotConnection)
    assert (told.bot_id, told.device, told.location) == (bot.id, "iPhone", "Oslo")
