"""Facts about an account: frozen, dying unused, a password wanted; read in time, kept and told."""

from __future__ import annotations

import asyncio

import pytest
from telethon import functions

from telewarden.commands.sessions import status_of
from telewarden.console.commands.catalogue import find
from telewarden.errors import TelegramError
from telewarden.loopback import Fault, RpcError
from telewarden.metrics import sentence
from telewarden.telegram import AccountFactChanged, AccountFacts, AccountLimited, FactKind

from .conftest import ALICE, LOOK_EVERY, SOON, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

DAY = 86_400.0


async def facts_of(newsroom: Newsroom) -> AccountFacts:
    """Alice's facts, once they have been read."""
    async with asyncio.timeout(SOON):
        while True:
            facts = (await newsroom.warden.session("alice").report()).account
            if facts is not None and facts.read_at is not None:
                return facts
            await asyncio.sleep(LOOK_EVERY)


async def test_after_a_login_it_is_known_when_login_and_account_die_unused(
    newsroom: Newsroom,
) -> None:
    account = newsroom.account(ALICE)
    account.authorization_ttl_days, account.account_ttl_days = 30, 90

    await newsroom.start()
    facts = await facts_of(newsroom)

    assert facts.read_at is not None
    assert facts.login_ends == facts.read_at + 30 * DAY
    assert facts.account_ends == facts.read_at + 90 * DAY
    assert facts.told == ()


async def test_a_write_that_a_frozen_account_is_refused_tells_until_when_and_where_to_appeal(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await facts_of(newsroom)
    frozen = newsroom.telegram.freeze(newsroom.account(ALICE), days=12)

    newsroom.say("news_in", "one")
    await newsroom.hears(AccountLimited, session="alice")
    told = await newsroom.hears(AccountFactChanged, session="alice", kind=FactKind.FROZEN)

    assert (told.until, told.url, told.over) == (frozen.until, frozen.appeal_url, False)
    assert frozen.appeal_url in (sentence(told) or "")
    facts = await facts_of(newsroom)
    assert (facts.frozen_since, facts.frozen_until) == (frozen.since, frozen.until)
    status = status_of(await newsroom.warden.overview(), "alice", ready=True, readiness="ready")
    shown = [one for one in find("status").show(status.model_dump()) if isinstance(one, str)]
    assert any("frozen the account" in one and frozen.appeal_url in one for one in shown)


async def test_an_account_that_may_write_again_is_told_of_at_the_next_look(
    newsroom: Newsroom,
) -> None:
    newsroom.telegram.freeze(newsroom.account(ALICE))
    await newsroom.start()
    await newsroom.hears(AccountFactChanged, kind=FactKind.FROZEN, over=False)
    await newsroom.stop()
    newsroom.telegram.unfreeze(newsroom.account(ALICE))

    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")
    await newsroom.warden.session("alice").recover()  # or tomorrow by itself
    told = await newsroom.hears(AccountFactChanged, kind=FactKind.FROZEN, over=True)

    assert "over" in (sentence(told) or "")
    assert (await facts_of(newsroom)).frozen_until is None


async def test_what_was_told_is_known_after_a_restart_and_not_told_again(
    newsroom: Newsroom,
) -> None:
    newsroom.account(ALICE).unofficial_risk = True
    await newsroom.start()
    await newsroom.hears(AccountFactChanged, session="alice", kind=FactKind.UNOFFICIAL_RISK)
    await newsroom.stop()
    newsroom.heard.clear()

    await newsroom.start(signed_in=False)
    await newsroom.settled("alice")

    assert (await facts_of(newsroom)).unofficial_risk
    assert not [one for one in newsroom.heard if isinstance(one, AccountFactChanged)]


async def test_what_a_login_says_of_a_password_is_kept_and_told(newsroom: Newsroom) -> None:
    newsroom.account(ALICE).relogin_days = 7
    await newsroom.start(by_code=True)

    told = await newsroom.hears(AccountFactChanged, session="alice", kind=FactKind.PASSWORD_WANTED)
    facts = await facts_of(newsroom)

    assert facts.password_wanted
    assert told.until == facts.relogin_at
    assert facts.parallel == 1
    await newsroom.stop()
    with newsroom.store() as store:
        assert '"password_wanted":true' in store.account_facts("alice")


async def test_a_question_that_is_refused_leaves_the_other_answers(newsroom: Newsroom) -> None:
    refused = Fault(method="account.getAuthorizations", action=RpcError("BOT_METHOD_INVALID"))
    newsroom.telegram.faults.add(refused)

    await newsroom.start()
    facts = await facts_of(newsroom)

    assert (facts.login_ttl_days, facts.account_ttl_days) == (None, 548)


async def test_an_apps_own_call_that_is_refused_as_frozen_has_the_facts_read(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    await facts_of(newsroom)
    newsroom.telegram.freeze(newsroom.account(ALICE))
    newsroom.telegram.faults.add(
        Fault(method="help.getNearestDc", action=RpcError("FROZEN_METHOD_INVALID"), times=1)
    )

    with pytest.raises(TelegramError, match="FROZEN"):
        await warden.session("alice").call(functions.help.GetNearestDcRequest())

    await newsroom.hears(AccountFactChanged, session="alice", kind=FactKind.FROZEN)
