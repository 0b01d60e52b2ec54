"""A call that Telegram has asked to wait for is not made early, not even by the next process."""

from __future__ import annotations

import pytest
from telethon import errors, functions

from telewarden.errors import TelegramRateLimitError
from telewarden.loopback import Fault, FloodWait
from telewarden.telegram import SessionRecovered, method_name

from .conftest import Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

NEAREST = functions.help.GetNearestDcRequest


async def test_a_flooded_method_waits_and_others_go_on_across_a_restart(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(600)))
    with pytest.raises(errors.FloodWaitError):
        await warden.session("alice").call(NEAREST())
    with pytest.raises(TelegramRateLimitError) as at_once:
        await warden.session("alice").call(NEAREST())
    await warden.session("alice").call(functions.updates.GetStateRequest())

    await newsroom.stop()
    since = newsroom.mark()
    warden = await newsroom.start(signed_in=False)
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    with pytest.raises(TelegramRateLimitError) as afterwards:
        await warden.session("alice").call(NEAREST())

    assert newsroom.telegram.stats.early == 0
    assert newsroom.telegram.stats.calls["help.getNearestDc"] == 1
    for caught in (at_once, afterwards):
        assert caught.value.session == "alice"
        assert caught.value.deadline is not None
        assert 590 < (caught.value.wait or 0.0) <= 600


def test_a_method_is_named_as_telegram_does() -> None:
    assert method_name(NEAREST()) == "help.getNearestDc"
    assert method_name(functions.messages.GetDialogsRequest(None, 0, None, 0, 0)) == (
        "messages.getDialogs"
    )
    assert method_name(functions.PingRequest(1)) == "ping"
