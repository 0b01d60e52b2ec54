"""An update state that Telegram refuses is taken anew, and history read up to it."""

from __future__ import annotations

import pytest

from telewarden.loopback import Fault, RpcError
from telewarden.telegram import SessionRecovered

from .conftest import ALICE, BOB, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

REFUSALS = [
    "PERSISTENT_TIMESTAMP_INVALID",
    "PERSISTENT_TIMESTAMP_EMPTY",
    "PERSISTENT_TIMESTAMP_OUTDATED",
]
DIFFERENCE, CHANNEL_DIFFERENCE = "updates.getDifference", "updates.getChannelDifference"


def refuse(newsroom: Newsroom, method: str, name: str) -> None:
    """Have Telegram refuse alice's update state, for as long as the test lasts."""
    alice = newsroom.account(ALICE)
    newsroom.telegram.faults.add(Fault(method=method, action=RpcError(name), account=alice))


def swallow(newsroom: Newsroom, *texts: str) -> None:
    """Say something in the channel that is not pushed, so that what follows is a gap."""
    connections = newsroom.telegram.connections(newsroom.account(ALICE))
    for connection in connections:
        connection.conversation.wants_updates = False
    newsroom.say("news_in", *texts)
    for connection in connections:
        connection.conversation.wants_updates = True


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refused_state_of_a_channel_costs_no_message(newsroom: Newsroom, name: str) -> None:
    await newsroom.start()
    calls = newsroom.telegram.stats.calls
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    refuse(newsroom, CHANNEL_DIFFERENCE, name)
    before = calls[CHANNEL_DIFFERENCE]

    swallow(newsroom, "two")
    newsroom.say("news_in", "three")
    await newsroom.arrives("news_out", "one", "two", "three")
    newsroom.say("news_in", "four")
    await newsroom.arrives("news_out", "one", "two", "three", "four")

    assert calls[CHANNEL_DIFFERENCE] - before == 1


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refused_state_of_an_account_costs_no_message_also_after_a_restart(
    newsroom: Newsroom, name: str
) -> None:
    await newsroom.start()
    calls = newsroom.telegram.stats.calls
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    refuse(newsroom, DIFFERENCE, name)
    before, since = calls[DIFFERENCE], newsroom.mark()

    newsroom.telegram.cut(newsroom.account(ALICE))
    newsroom.say("news_in", "two")
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    await newsroom.until(lambda: calls[DIFFERENCE] > before)
    newsroom.say("news_in", "three")
    await newsroom.arrives("news_out", "one", "two", "three")
    await newsroom.stop()
    newsroom.say("news_in", "four")
    await newsroom.start(signed_in=False)
    await newsroom.arrives("news_out", "one", "two", "three", "four")
    newsroom.say("news_in", "five")
    await newsroom.arrives("news_out", "one", "two", "three", "four", "five")

    assert calls[DIFFERENCE] - before == 2 + 1  # bob's start asks, too


async def test_the_state_that_was_taken_is_the_one_a_restart_begins_with(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    await newsroom.stop()
    alice = newsroom.account(ALICE)
    with newsroom.store() as store, store.transaction():
        store.db.execute("update update_states set pts = pts + 1000 where session = 'alice'")

    newsroom.telegram.post(alice, "psst", author=newsroom.account(BOB))
    newsroom.say("news_in", "two")
    await newsroom.start(signed_in=False)
    await newsroom.arrives("news_out", "one", "two")
    newsroom.say("news_in", "three")
    await newsroom.arrives("news_out", "one", "two", "three")
    await newsroom.stop()

    with newsroom.store() as store:
        states = {state.entity_id: state.pts for state in store.update_states("alice")}
    assert max(states.values()) < 1000
