"""A key that no client uses any more is let go while the warden runs on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from telewarden import Safety, safety_check
from telewarden.actors.context import KeyLeases
from telewarden.storage import Held, Lease
from telewarden.telegram import Phase, PhaseChanged, SessionRecovered, parse_string

from .conftest import ALICE, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


def lease(newsroom: Newsroom) -> Lease:
    return Lease(newsroom.config.folder / "leases")


def safety(newsroom: Newsroom) -> Any:
    (report,) = safety_check(newsroom.config, "alice")
    return report


async def safe(newsroom: Newsroom) -> Any:
    """Wait until alice may be used by others."""
    await newsroom.until(lambda: safety(newsroom).verdict is Safety.SAFE)
    return safety(newsroom)


@pytest.mark.parametrize("why", ["AUTH_KEY_DUPLICATED", "SESSION_REVOKED"])
@pytest.mark.parametrize("when", ["online", "coming back", "asked", "reading"])
async def test_a_dead_key_is_let_go_when_its_client_is_off_and_it_is_latched(
    newsroom: Newsroom, why: str, when: str
) -> None:
    warden = await newsroom.start()
    alice, since = warden.session("alice"), newsroom.mark()
    key_id = parse_string(await alice.export_string()).key_id
    used = safety(newsroom).verdict

    (authorization,) = (
        one
        for one in newsroom.telegram.authorizations(newsroom.account(ALICE))
        if one.key_id == key_id
    )
    authorization.void = why
    if when == "coming back":
        newsroom.telegram.cut(newsroom.account(ALICE))
    elif when == "online":
        newsroom.say("news_in", "one")
    elif when == "reading":
        await warden.pairs.pause(1)
        await warden.pairs.resume(1)
    else:
        await alice.recover()
    await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.NEEDS_LOGIN)
    report = await safe(newsroom)

    assert used is Safety.UNSAFE
    assert why in report.explanation
    assert newsroom.telegram.connections(newsroom.account(ALICE)) == []


async def test_a_session_that_finds_its_key_latched_at_a_start_holds_none(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    key_id = parse_string(await warden.session("alice").export_string()).key_id
    await newsroom.stop()
    with newsroom.store() as store:
        store.latch_key(key_id, "by hand", 1.0)
    await newsroom.start(signed_in=False)

    assert await newsroom.settled("alice") is Phase.NEEDS_LOGIN
    assert safety(newsroom).verdict is Safety.SAFE


async def test_a_logout_lets_its_key_go(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    alice = warden.session("alice")
    key_id = parse_string(await alice.export_string()).key_id

    await alice.logout()

    assert not isinstance(lease(newsroom).inspect(key_id), Held)


async def test_a_switch_to_another_key_lets_the_earlier_one_go(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    alice, since = warden.session("alice"), newsroom.mark()
    earlier = parse_string(await alice.export_string()).key_id
    string = newsroom.telegram.mint(newsroom.account(ALICE))

    await alice.import_string(string)
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="another login")

    assert not isinstance(lease(newsroom).inspect(earlier), Held)
    assert isinstance(lease(newsroom).inspect(parse_string(string).key_id), Held)


async def test_a_renewal_keeps_the_earlier_key_until_its_login_is_ended(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    alice, since = warden.session("alice"), newsroom.mark()
    earlier = parse_string(await alice.export_string()).key_id

    await alice.renew()
    await alice.login("code", newsroom.telegram.sent_code(ALICE))
    await newsroom.hears(SessionRecovered, since=since, session="alice", cause="renewal")
    held = isinstance(lease(newsroom).inspect(earlier), Held)
    await newsroom.until(lambda: not isinstance(lease(newsroom).inspect(earlier), Held))

    assert held
    assert isinstance(
        lease(newsroom).inspect(parse_string(await alice.export_string()).key_id), Held
    )


async def test_a_key_that_is_held_in_passing_stays_when_the_session_comes_online_by_another(
    tmp_path: Path,
) -> None:
    lease = Lease(tmp_path)
    ring = KeyLeases(lease, timeout=1.0)
    await ring.acquire(1, session="alice")
    await ring.acquire(2, session="alice", temporary=True)  # an import is being proven
    await ring.acquire(3, session="alice")
    await ring.acquire(4, session="bob")

    ring.keep_only(1, session="alice")
    held = [isinstance(lease.inspect(key), Held) for key in (1, 2, 3, 4)]
    ring.release_all()

    assert held == [True, True, False, True]
