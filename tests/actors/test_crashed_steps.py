"""A session that crashes during a step of care or login answers whoever waits for it, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from telewarden.errors import ChildUnavailableError, DrillError
from telewarden.loopback import Delay, Fault
from telewarden.storage import Held, Lease
from telewarden.telegram import SessionRecovered, parse_string

from .conftest import ALICE, SOON, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

ALICES = "sessions/session:alice/session"


async def logged_out(newsroom: Newsroom) -> Any:
    """Alice's handle, with her login ended."""
    alice = newsroom.warden.session("alice")
    await alice.logout()
    return alice


async def importing(newsroom: Newsroom) -> Any:
    string = newsroom.telegram.mint(newsroom.account(ALICE))
    return newsroom.warden.session("alice").import_string(string)


async def logging_out(newsroom: Newsroom) -> Any:
    return newsroom.warden.session("alice").logout()


async def asking_for_a_code(newsroom: Newsroom) -> Any:
    return (await logged_out(newsroom)).login("start")


async def giving_the_code(newsroom: Newsroom) -> Any:
    alice = await logged_out(newsroom)
    await alice.login("start")
    return alice.login("code", newsroom.telegram.sent_code(ALICE))


async def renewing(newsroom: Newsroom) -> Any:
    return newsroom.warden.session("alice").renew()


@pytest.mark.parametrize(
    ("step", "method"),
    [
        (importing, "updates.getState"),
        (logging_out, "auth.logOut"),
        (asking_for_a_code, "auth.sendCode"),
        (giving_the_code, "auth.signIn"),
        (renewing, "auth.sendCode"),
    ],
)
@pytest.mark.crashes("*:alice/session", DrillError)
async def test_whoever_waits_for_a_step_is_told_when_the_session_crashes(
    newsroom: Newsroom, step: Callable[[Newsroom], Any], method: str
) -> None:
    warden = await newsroom.start()
    work = await step(newsroom)
    calls = newsroom.telegram.stats.calls
    before = calls[method]
    newsroom.telegram.faults.add(Fault(method=method, action=Delay(2), times=1))

    waiting = asyncio.ensure_future(work)
    await newsroom.until(lambda: calls[method] > before)
    await warden.drill(ALICES)

    async with asyncio.timeout(SOON):
        with pytest.raises(ChildUnavailableError, match="ended before it had the answer"):
            await waiting


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_an_import_cut_short_leaves_its_key_free_and_the_session_as_it_was(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    string = newsroom.telegram.mint(newsroom.account(ALICE))
    alice, since = warden.session("alice"), newsroom.mark()
    calls = newsroom.telegram.stats.calls
    before = calls["updates.getState"]
    newsroom.telegram.faults.add(Fault(method="updates.getState", action=Delay(2), times=1))

    waiting = asyncio.ensure_future(alice.import_string(string))
    await newsroom.until(lambda: calls["updates.getState"] > before)
    await warden.drill(ALICES)
    with pytest.raises(ChildUnavailableError):
        await waiting
    await newsroom.hears(SessionRecovered, since=since, session="alice")

    lease = Lease(newsroom.config.folder / "leases")
    assert not isinstance(lease.inspect(parse_string(string).key_id), Held)
    assert newsroom.telegram.stats.duplicate_keys == 0
    taken = await alice.import_string(string)
    assert taken.key_id == parse_string(string).key_id
