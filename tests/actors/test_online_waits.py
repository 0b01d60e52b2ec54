"""A call waits for a session that is coming, and for no other; what it waits for it is told."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from telethon import functions

from telewarden import Warden
from telewarden.errors import (
    DrillError,
    InvalidRecordError,
    SessionOfflineError,
    TelegramSessionError,
)
from telewarden.loopback import CutConnection, Fault, FloodWait
from telewarden.telegram import Health, Phase, PhaseChanged

from .conftest import ALICE, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

NEAREST = functions.help.GetNearestDcRequest()
LONG = 60.0  # seconds; nothing here takes so long
AT_ONCE = 5.0  # seconds, on a machine that is busy with other things


async def test_a_call_right_after_the_start_waits_until_the_session_is_online(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()

    async with newsroom.warden as warden:
        answer = await warden.session("alice").call(NEAREST)

    assert answer.this_dc == 2


async def test_waiting_for_a_session_ends_when_it_is_online(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()

    async with newsroom.warden as warden:
        report = await warden.session("alice").wait_online(LONG)

    assert (report.phase, report.health) == (Phase.ONLINE, Health.HEALTHY)


async def test_a_session_that_needs_a_login_is_not_waited_for(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)
    alice = warden.session("alice")
    assert await newsroom.settled("alice") is Phase.NEEDS_LOGIN
    began = time.monotonic()

    for waits in (alice.call(NEAREST, patience=LONG), alice.wait_online(LONG)):
        with pytest.raises(SessionOfflineError, match=r"needs_login.*Log in again") as refused:
            await waits
        assert not refused.value.coming
        assert isinstance(refused.value, TelegramSessionError)

    assert time.monotonic() - began < AT_ONCE


async def test_who_waits_is_told_as_soon_as_the_session_turns_out_to_need_a_login(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    newsroom.telegram.revoke(newsroom.account(ALICE))
    began = time.monotonic()

    async with newsroom.warden as warden:
        with pytest.raises(SessionOfflineError, match="needs_login"):
            await warden.session("alice").wait_online(LONG)

    assert time.monotonic() - began < LONG / 2


async def test_a_session_that_tries_nothing_before_the_time_is_over_is_not_waited_for(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    newsroom.telegram.faults.add(Fault(method="updates.getState", action=FloodWait(3000)))
    began = time.monotonic()

    async with newsroom.warden as warden:
        with pytest.raises(SessionOfflineError, match="waiting") as refused:
            await warden.session("alice").wait_online(LONG)

    assert refused.value.coming
    assert refused.value.until is not None
    assert time.monotonic() - began < LONG / 2


async def test_a_session_that_does_not_come_in_time_is_told_with_where_it_stands(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    newsroom.telegram.faults.add(
        Fault(method="updates.getState", action=CutConnection(), times=None)
    )

    async with newsroom.warden as warden:
        with pytest.raises(SessionOfflineError):
            await warden.session("alice").call(NEAREST, patience=0.3)


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_a_wait_goes_on_through_a_crash_of_the_session(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    alice = warden.session("alice")
    since = newsroom.mark()

    await warden.drill("sessions/session:alice/session")
    report = await alice.wait_online(LONG)
    answer = await alice.call(NEAREST)

    assert report.phase is Phase.ONLINE
    assert answer.this_dc == 2
    assert await newsroom.hears(PhaseChanged, since=since, after=Phase.ONLINE, session="alice")


async def test_plain_code_waits_and_calls_the_same_way(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()

    async with newsroom.warden as warden:
        alice = warden.blocking.session("alice")
        report, answer = await asyncio.to_thread(lambda: (alice.wait_online(), alice.call(NEAREST)))

    assert report.phase is Phase.ONLINE
    assert answer.this_dc == 2


@pytest.mark.parametrize("wrong", ["soon", True, -1, float("nan"), 1e30, [1]])
async def test_a_time_to_wait_that_is_none_is_refused(newsroom: Newsroom, wrong: Any) -> None:
    warden = await newsroom.start(signed_in=False)
    alice = warden.session("alice")

    for waits in (
        alice.wait_online(wrong),
        alice.call(NEAREST, patience=wrong),
        alice.call(NEAREST, deadline=wrong),
    ):
        with pytest.raises(InvalidRecordError, match="seconds"):
            await waits


@pytest.mark.parametrize("wrong", ["help.getConfig", functions.help.GetConfigRequest, None, []])
async def test_what_is_no_request_is_refused(newsroom: Newsroom, wrong: Any) -> None:
    warden = await newsroom.start(signed_in=False)

    with pytest.raises(InvalidRecordError, match="request is"):
        await warden.session("alice").call(wrong)


async def test_on_a_data_centre_of_its_own_a_call_waits_for_the_login_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tables = {
        "telegram": {"api_id": 1},
        "storage": {"folder": "s", "master_key": {"file": "key", "create": True}},
        "console": {"port": 0, "socket": "c.sock"},
        "sessions": [{"name": "alice", "phone": ALICE}],
        "loopback": {"accounts": [{"name": "alice", "phone": ALICE}]},
    }

    async with Warden(tables) as warden:
        answer = await warden.session("alice").call(NEAREST)

    assert answer.this_dc == 2


def test_a_reason_of_whole_sentences_is_not_followed_by_the_same_advice() -> None:
    advice = "Enter the code here."
    told = SessionOfflineError("alice", phase="awaiting_code", reason=advice, advice=advice)

    assert str(told) == "session alice is not online: awaiting_code. Enter the code here."
