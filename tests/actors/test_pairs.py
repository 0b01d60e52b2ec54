"""What an operator can do with a pair, and what a pair's own trouble does to it alone."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import pytest

from telewarden.errors import (
    BackfillRunningError,
    ConfigError,
    DrillError,
    InvalidRecordError,
    PairsNotMovedError,
    UnknownFieldError,
    UnknownRecordError,
    UnknownSessionError,
)
from telewarden.loopback import ChatHandle, Fault, FloodWait, RpcError
from telewarden.supervision import ChildStarted
from telewarden.telegram import (
    AccountLimited,
    BackfillProgress,
    CaughtUp,
    DeadLettered,
    FloodBegan,
    Forwarded,
    Health,
    PairPaused,
    PairResumed,
)

from .conftest import ALICE, PRESS, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


async def test_a_pair_paused_by_hand_forwards_what_it_missed_when_it_is_resumed(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    paused = await warden.pairs.pause(1, "holidays")
    newsroom.say("news_in", "one", "two")
    newsroom.say("market_in", "market")
    await newsroom.arrives("market_out", "market")
    assert newsroom.texts("news_out") == []

    await warden.pairs.resume(1)

    await newsroom.arrives("news_out", "one", "two")
    assert paused.paused == "paused by hand: holidays"


async def test_what_was_ordered_of_a_pair_is_known_at_once(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=RpcError("MESSAGE_ID_INVALID"))
    )
    newsroom.say("news_in", "bad")
    await newsroom.hears(DeadLettered)

    async def known(order: Awaitable[object]) -> tuple[str | None, int]:
        await order
        groups = (await warden.known()).groups
        return next(
            (one.paused, one.dead) for group in groups for one in group.pairs if one.id == 1
        )

    assert await known(warden.pairs.pause(1, "holidays")) == ("paused by hand: holidays", 1)
    assert await known(warden.pairs.resume(1)) == (None, 1)
    assert await known(warden.pairs.drop(1)) == (None, 0)


async def test_orders_to_a_pair_are_in_the_audit_trail_refused_ones_too(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()

    await warden.pairs.pause(1, "holidays", who="ann")
    await warden.pairs.resume(1, who="bob")
    await warden.pairs.drop(1, who="ann")
    await warden.pairs.retry(1)
    await warden.pairs.backfill(1, after=7)
    with pytest.raises(UnknownRecordError):
        await warden.pairs.pause(99)
    with pytest.raises(InvalidRecordError, match="who is ''"):
        await warden.pairs.pause(1, who="")

    trail = await warden.registry.audit()
    refused, *rows = [row for row in trail if row.what.endswith((" pair", " dead"))][:6]
    assert refused.outcome.startswith("refused: there is no pair 99")
    assert [(row.who, row.what, row.subject, row.after, row.outcome) for row in rows[::-1]] == [
        ("ann", "pause pair", "pair 1", {"paused": "paused by hand: holidays"}, "done"),
        ("bob", "resume pair", "pair 1", {"paused": None}, "done"),
        ("ann", "drop dead", "pair 1", {"messages": 0}, "done"),
        ("app", "retry dead", "pair 1", {"messages": 0}, "done"),
        ("app", "backfill pair", "pair 1", {"after": 7, "since": None}, "done"),
    ]


async def test_a_refused_change_of_a_pair_is_in_the_audit_trail_wherever_it_was_refused(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    chats = {"source": "@news_in", "target": "@news_out"}
    with pytest.raises(ConfigError):
        await warden.pairs.add(session="alice", mode="nonsense", **chats)
    with pytest.raises(UnknownSessionError):
        await warden.pairs.add(session="nobody", **chats)
    with pytest.raises(UnknownRecordError):
        await warden.pairs.change(77, enabled=False)
    with pytest.raises(UnknownFieldError):
        await warden.pairs.change(1, target="@elsewhere")
    with pytest.raises(PairsNotMovedError):
        await warden.pairs.reassign("1", "nobody")
    with pytest.raises(PairsNotMovedError):
        await warden.pairs.reassign("1", "bob")  # who is not in its chats
    with pytest.raises(UnknownRecordError):
        await warden.pairs.pause(77)

    rows = [
        (row.what, row.subject, row.before, row.after)
        for row in await warden.registry.audit()
        if row.outcome.startswith("refused: ")
    ]
    assert rows[::-1] == [
        ("add pair", "pair (new)", None, None),
        ("add pair", "pair (new)", None, None),
        ("change pair", "pair 77", None, None),
        ("change pair", "pair 1", None, None),
        ("reassign", "nobody", None, None),
        ("reassign", "bob", None, None),
        ("pause pair", "pair 77", None, None),
    ]


async def test_a_pause_by_hand_outlives_a_restart_and_nobody_resumes_it(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {"recheck_initial": 0.01, "recheck_max": 0.01, "groups_every": 0.05}
    newsroom.reconfigure(tables)
    await newsroom.start()
    await newsroom.warden.pairs.pause(1)
    await newsroom.stop()
    since = newsroom.mark()

    await newsroom.start()
    newsroom.say("news_in", "news")
    newsroom.say("market_in", "market")
    await newsroom.arrives("market_out", "market")

    assert newsroom.texts("news_out") == []
    assert not [one for one in newsroom.heard[since:] if isinstance(one, PairResumed)]


async def test_an_order_for_a_pair_that_is_not_there_says_so(newsroom: Newsroom) -> None:
    warden = await newsroom.start()

    with pytest.raises(UnknownRecordError, match="pair 99"):
        await warden.pairs.pause(99)


async def test_the_past_is_forwarded_on_request_and_nothing_twice(newsroom: Newsroom) -> None:
    newsroom.say("news_in", *(f"old {n}" for n in range(250)))
    warden = await newsroom.start()
    newsroom.say("news_in", "new")
    await newsroom.arrives("news_out", "new")

    await warden.pairs.backfill(1, after=100)
    await newsroom.hears(BackfillProgress, done=True)
    await newsroom.arrives("news_out", "new", *(f"old {n}" for n in range(100, 250)))
    since = newsroom.mark()
    await warden.pairs.backfill(1, after=240)
    again = await newsroom.hears(BackfillProgress, since=since, done=True)

    assert again.found == 0
    assert len(newsroom.texts("news_out")) == 151
    assert newsroom.telegram.stats.duplicates == 0


async def test_the_past_is_forwarded_from_a_date(newsroom: Newsroom) -> None:
    newsroom.say("news_in", *(f"old {n}" for n in range(4)))
    for message, at in zip(newsroom.chats["news_in"].messages, (100, 200, 300, 400), strict=True):
        message.date = at
    warden = await newsroom.start()

    await warden.pairs.backfill(1, since=datetime.fromtimestamp(300, tz=UTC))

    await newsroom.arrives("news_out", "old 2", "old 3")


async def test_a_backfill_goes_on_after_a_restart(newsroom: Newsroom) -> None:
    newsroom.say("news_in", *(f"old {n}" for n in range(350)))
    warden = await newsroom.start()
    await warden.pairs.backfill(1)
    with pytest.raises(BackfillRunningError):
        await warden.pairs.backfill(1)
    await newsroom.until(lambda: len(newsroom.texts("news_out")) > 20)

    await newsroom.stop()
    await newsroom.start()

    await newsroom.arrives("news_out", *(f"old {n}" for n in range(350)))


async def test_a_backfill_that_was_ordered_is_not_forgotten_whatever_comes(
    newsroom: Newsroom,
) -> None:
    newsroom.say("news_in", *(f"old {n}" for n in range(4)))
    for message, at in zip(newsroom.chats["news_in"].messages, (100, 200, 300, 400), strict=True):
        message.date = at
    warden = await newsroom.start()
    await warden.pairs.pause(1)

    await warden.pairs.backfill(1, since=datetime.fromtimestamp(300, tz=UTC))
    await newsroom.stop()
    await newsroom.start()
    await newsroom.warden.pairs.resume(1)

    await newsroom.arrives("news_out", "old 2", "old 3")


@pytest.mark.parametrize("path", ["journal", "sessions/session:alice/groups/group-1"])
@pytest.mark.crashes("*", DrillError)
@pytest.mark.crashes("sessions/*", dropped="*", possible=True)
async def test_a_crash_in_the_middle_of_a_backfill_loses_and_doubles_nothing(
    newsroom: Newsroom, path: str
) -> None:
    newsroom.say("news_in", *(f"old {n}" for n in range(350)))
    warden = await newsroom.start()
    await warden.pairs.backfill(1)

    for reached in (20, 150, 250):
        await newsroom.until(lambda reached=reached: len(newsroom.texts("news_out")) > reached)
        since = newsroom.mark()
        await warden.drill(path)
        await newsroom.hears(ChildStarted, since=since, child=path, restarted=True)

    await newsroom.arrives("news_out", *(f"old {n}" for n in range(350)))


async def test_dead_letters_are_listed_sent_again_or_dropped(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=2, action=RpcError("MESSAGE_ID_INVALID"))
    )
    newsroom.say("news_in", "one")
    await newsroom.hears(DeadLettered, source_id=1)
    newsroom.say("news_in", "two")
    await newsroom.hears(DeadLettered, source_id=2)

    await newsroom.stop()
    warden = await newsroom.start()
    assert (await newsroom.pairs())[1].dead == 2
    listed = await warden.pairs.dead(1)
    retried = await warden.pairs.retry(1, [1])
    await newsroom.arrives("news_out", "one")
    assert (await newsroom.pairs())[1].dead == 1
    dropped = await warden.pairs.drop(1)

    assert [(one.source_id, one.reason.partition(":")[0]) for one in listed] == [
        (1, "MESSAGE_ID_INVALID"),
        (2, "MESSAGE_ID_INVALID"),
    ]
    assert (retried, dropped) == (1, 1)
    assert await warden.pairs.dead() == ()


async def test_filters_and_footers_come_from_the_configuration(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["pairs"][1] |= {
        "allow": {"words": ["gold", "silver"]},
        "deny": {"patterns": ["(?i)advert"]},
        "replace": [{"find": "gold", "with": "Gold"}],
        "footer": "via us",
    }
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.say("market_in", "gold up", "an advert for gold", "tin down", "silver up")

    await newsroom.arrives("market_out", "Gold up\n\nvia us", "silver up\n\nvia us")


# A pair's trouble


async def test_a_pair_goes_on_by_itself_when_its_right_comes_back(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {"recheck_initial": 0.05, "recheck_max": 0.2}
    group = newsroom.telegram.add_channel(
        "Group",
        owner=newsroom.account(PRESS),
        members=[newsroom.account(ALICE)],
        megagroup=True,
        username="group_out",
    )
    tables["pairs"][0]["target"] = "@group_out"
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    group.set_rights(newsroom.account(ALICE), send=False)

    newsroom.say("news_in", "one", "two")
    await newsroom.hears(PairPaused, pair=1)
    asked = newsroom.telegram.stats.calls["messages.forwardMessages"]
    await newsroom.until(lambda: newsroom.telegram.stats.calls["channels.getChannels"] >= 3)
    assert (await warden.session("alice").report()).health is Health.HEALTHY
    assert newsroom.telegram.stats.calls["messages.forwardMessages"] == asked
    group.set_rights(newsroom.account(ALICE), send=True)

    await newsroom.hears(PairResumed, pair=1)
    await newsroom.until(lambda: group.texts == ["one", "two"])


async def test_a_lost_right_is_noticed_before_anything_is_said(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {"groups_every": 0.1}
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.chats["news_in"].kick(newsroom.account(ALICE))
    paused = await newsroom.hears(PairPaused, pair=1)

    assert paused.reason.startswith("CHANNEL_PRIVATE")


async def test_a_lost_right_to_write_is_noticed_before_anything_is_said(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["health"] = {"groups_every": 0.1}
    group = newsroom.telegram.add_channel(
        "Group",
        owner=newsroom.account(PRESS),
        members=[newsroom.account(ALICE)],
        megagroup=True,
        username="group_out",
    )
    tables["pairs"][0]["target"] = "@group_out"
    newsroom.reconfigure(tables)
    await newsroom.start()

    group.set_rights(newsroom.account(ALICE), send=False)
    paused = await newsroom.hears(PairPaused, pair=1)

    assert paused.reason.startswith("CHAT_WRITE_FORBIDDEN")
    assert newsroom.telegram.stats.calls["messages.forwardMessages"] == 0


async def test_the_same_ban_in_three_chats_is_the_accounts_and_parks_everything(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    alice, author = newsroom.account(ALICE), newsroom.account(PRESS)
    sources: list[ChatHandle] = []
    tables["pairs"] = []
    for number in range(1, 5):
        names = f"source_{number}", f"target_{number}"
        sources.append(
            newsroom.telegram.add_channel(
                names[0], owner=author, members=[alice], username=names[0]
            )
        )
        newsroom.telegram.add_channel(names[1], owner=alice, username=names[1])
        tables["pairs"].append(
            {"id": number, "session": "alice", "source": f"@{names[0]}", "target": f"@{names[1]}"}
        )
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=3, action=RpcError("USER_BANNED_IN_CHANNEL"))
    )

    for source in sources[:3]:
        newsroom.telegram.post(source, "news")
    limited = await newsroom.hears(AccountLimited, session="alice")
    asked = newsroom.telegram.stats.calls["messages.forwardMessages"]
    newsroom.telegram.post(sources[3], "news")
    report = await warden.session("alice").report()

    assert limited.reason.startswith("USER_BANNED_IN_CHANNEL")
    assert report.limited_until == pytest.approx(limited.until, abs=1.0)
    assert report.parked >= 1
    assert newsroom.telegram.stats.calls["messages.forwardMessages"] == asked
    assert sum(isinstance(one, PairPaused) for one in newsroom.heard) == 2


async def test_slow_mode_of_a_chat_is_obeyed_and_loses_nothing(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    group = newsroom.add_slow_group(1)
    tables["pairs"][0] |= {"target": "@slow_group", "mode": "copy"}
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.say("news_in", "one", "two", "three")
    await newsroom.hears(FloodBegan, method="*")
    newsroom.say("market_in", "market")
    await newsroom.arrives("market_out", "market")

    await newsroom.until(lambda: group.texts == ["one", "two", "three"])
    assert newsroom.telegram.stats.errors["SLOWMODE_WAIT"] <= 2


async def test_a_busy_pair_does_not_hold_up_a_quiet_one(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["pacing"] = {"per_account": 100.0, "per_chat": 1000.0, "burst": 10}
    tables["pairs"][1] |= {"session": "alice", "mode": "forward"}
    newsroom.chats["market_in"].join(newsroom.account(ALICE))
    newsroom.chats["market_out"].join(newsroom.account(ALICE))
    newsroom.chats["market_out"].set_rights(newsroom.account(ALICE), admin=True)
    newsroom.reconfigure(tables)
    await newsroom.start()

    newsroom.say("news_in", *(f"news {n}" for n in range(150)))
    newsroom.say("market_in", "market")

    await newsroom.arrives("market_out", "market")
    assert len(newsroom.texts("news_out")) < 100
    await newsroom.arrives("news_out", *(f"news {n}" for n in range(150)))


async def test_a_flood_slows_the_account_down(newsroom: Newsroom, tables: dict[str, Any]) -> None:
    tables["pacing"] = {"per_account": 20.0, "per_chat": 20.0, "burst": 1, "after_flood": 0.5}
    tables["pairs"][0]["mode"] = "copy"
    newsroom.reconfigure(tables)
    await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="messages.sendMessage", times=1, action=FloodWait(1)))

    newsroom.say("news_in", *(f"news {n}" for n in range(8)))
    await newsroom.hears(Forwarded, source_id=1)
    await newsroom.hears(Forwarded, source_id=8)

    at = [one.at for one in newsroom.heard if isinstance(one, Forwarded)]
    assert at[-1] - at[0] >= 7 * 0.1 * 0.9


async def test_a_restart_reads_on_where_the_mark_is(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")
    await newsroom.stop()
    since = newsroom.mark()
    newsroom.say("news_in", "two")

    await newsroom.start()
    caught_up = await newsroom.hears(CaughtUp, since=since, session="alice")

    assert caught_up.missed == 1
