"""Pairs come, change and go while the warden runs; what was decided outlives it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telewarden import Warden
from telewarden.actors import PairAdded, PairChanged, PairPlan, PairRemoved
from telewarden.actors.registry.pair_plans import decision, effective_plans, fingerprint
from telewarden.errors import (
    BlockingAskError,
    ConfigError,
    InvalidRecordError,
    PairExistsError,
    SessionFullError,
    UnknownFieldError,
    UnknownHandlerError,
    UnknownRecordError,
    UnknownSessionError,
)
from telewarden.loopback import Fault, RpcError
from telewarden.telegram import DeadLettered, Forwarded

from .conftest import ALICE, BOB, LOOK_EVERY, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]


def add_chats(newsroom: Newsroom) -> None:
    """One more way: from @more_in to @more_out, both alice's."""
    alice = newsroom.account(ALICE)
    for name in ("more_in", "more_out"):
        newsroom.chats[name] = newsroom.telegram.add_channel(name, owner=alice, username=name)


async def served(newsroom: Newsroom, pair: int) -> None:
    """Wait until a pair forwards what is said."""
    async with asyncio.timeout(30):
        while not ((report := (await newsroom.pairs()).get(pair)) and report.ready):
            await asyncio.sleep(LOOK_EVERY)


async def test_an_added_pair_forwards_at_once_and_after_a_restart(newsroom: Newsroom) -> None:
    add_chats(newsroom)
    warden = await newsroom.start()

    plan = await warden.pairs.add(session="alice", source="@more_in", target="@more_out")
    await served(newsroom, plan.id)
    newsroom.say("more_in", "one")
    await newsroom.arrives("more_out", "one")
    await newsroom.stop()
    newsroom.say("more_in", "two")
    await newsroom.start()

    await newsroom.arrives("more_out", "one", "two")
    assert plan.id == 3
    assert [one.id for one in await newsroom.warden.pairs.list("alice")] == [1, 3]
    assert (await newsroom.warden.pairs.get(3)).source == "@more_in"
    assert newsroom.warden.sessions.get("alice").pairs == 2


async def test_a_pair_is_added_by_the_number_that_the_configuration_calls_id(
    newsroom: Newsroom,
) -> None:
    add_chats(newsroom)
    warden = await newsroom.start()
    fields = {"session": "alice", "source": "@more_in", "target": "@more_out"}

    with pytest.raises(InvalidRecordError, match="id"):
        await warden.pairs.add(8, id=9, **fields)
    with pytest.raises(ConfigError, match="id"):
        await warden.pairs.add(id="nine", **fields)
    plan = await warden.pairs.add(id=9, **fields)

    assert plan.id == 9
    with pytest.raises(PairExistsError):
        await warden.pairs.add(id=9, **fields)


async def test_an_added_pair_takes_orders_as_soon_as_it_is_there(newsroom: Newsroom) -> None:
    add_chats(newsroom)
    newsroom.say("more_in", "past 1", "past 2")
    warden = await newsroom.start()

    plan = await warden.pairs.add(session="alice", source="@more_in", target="@more_out")
    await warden.pairs.backfill(plan.id)

    await newsroom.arrives("more_out", "past 1", "past 2")


async def test_without_a_session_the_best_one_takes_the_pair(newsroom: Newsroom) -> None:
    add_chats(newsroom)
    warden = await newsroom.start()
    await warden.sessions.change("alice", priority=1)

    plan = await warden.pairs.add(source="@more_in", target="@more_out", who="test")
    added = await newsroom.hears(PairAdded)

    assert (plan.session, added.pair, added.who) == ("alice", plan.id, "test")
    (row,) = await warden.registry.audit(what="add pair")
    assert (row.who, row.subject) == ("test", f"pair {plan.id}")


async def test_a_pair_that_cannot_be_is_refused_and_nothing_has_changed(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["sessions"][1]["max_pairs"] = 1
    newsroom.reconfigure(tables)
    add_chats(newsroom)
    warden = await newsroom.start()
    way = {"source": "@more_in", "target": "@more_out"}

    for error, more in (
        (ConfigError, {"session": "alice", "footer": "no footer goes with a forward"}),
        (UnknownHandlerError, {"session": "alice", "handler": "telepathy", "target": None}),
        (UnknownSessionError, {"session": "dora"}),
        (SessionFullError, {"session": "bob"}),
        (PairExistsError, {"session": "alice", "pair": 1}),
    ):
        with pytest.raises(error):
            await warden.pairs.add(**{**way, **more})
    with pytest.raises(UnknownFieldError, match="source"):
        await warden.pairs.change(1, source="@elsewhere")
    with pytest.raises(UnknownRecordError):
        await warden.pairs.remove(99)

    assert [one.id for one in await warden.pairs.list()] == [1, 2]


async def test_a_change_applies_in_place_and_stands_until_the_configuration_changes(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    warden = await newsroom.start()
    newsroom.say("market_in", "one")
    await newsroom.arrives("market_out", "one")

    await warden.pairs.change(2, footer="via us")
    changed = await newsroom.hears(PairChanged, pair=2)
    newsroom.say("market_in", "two")
    await newsroom.arrives("market_out", "one", "two\n\nvia us")
    await newsroom.stop()
    await newsroom.start()
    newsroom.say("market_in", "three")
    await newsroom.arrives("market_out", "one", "two\n\nvia us", "three\n\nvia us")
    await newsroom.stop()
    tables["pairs"][1]["header"] = "News:"
    newsroom.reconfigure(tables)
    await newsroom.start()
    newsroom.say("market_in", "four")

    await newsroom.until(lambda: len(newsroom.texts("market_out")) == 4)
    assert newsroom.texts("market_out")[-1] == "News:\n\nfour"
    assert changed.fields == ("rules",)


async def test_a_pair_can_be_switched_off_and_on_by_a_change(newsroom: Newsroom) -> None:
    warden = await newsroom.start()

    await warden.pairs.change(1, enabled=False)
    newsroom.say("news_in", "one")
    newsroom.say("market_in", "market")
    await newsroom.arrives("market_out", "market")
    assert newsroom.texts("news_out") == []
    await warden.pairs.change(1, enabled=True)

    await newsroom.arrives("news_out", "one")


async def test_a_pause_by_hand_and_one_in_the_plan_are_taken_back_one_by_one(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    await warden.pairs.pause(1, "holidays")
    await warden.pairs.change(1, enabled=False)

    both = (await newsroom.pairs())[1].paused
    on = await warden.pairs.change(1, enabled=True)
    by_hand = (await newsroom.pairs())[1].paused
    await warden.pairs.change(1, enabled=False)
    left = await warden.pairs.resume(1)
    again = await warden.pairs.pause(1)
    why = await warden.command("pairs why", {"pair": 1})

    assert both == "paused by hand: holidays; besides: paused in the configuration"
    assert (on.enabled, by_hand) == (True, "paused by hand: holidays")
    assert left.paused == "paused in the configuration"
    assert again.paused == "paused by hand; besides: paused in the configuration"
    assert "`pairs change 1 enabled=true` turns it on; it is paused by hand, too" in why.verdict
    await newsroom.stop()
    await newsroom.warden.start()
    await newsroom.pairs_ready()
    assert (await newsroom.pairs())[1].paused == again.paused


async def test_a_removed_pair_stays_away_and_takes_its_rows_along(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.arrives("news_out", "one")

    await warden.pairs.remove(1)
    await newsroom.hears(PairRemoved, pair=1)
    newsroom.say("news_in", "two")
    newsroom.say("market_in", "market")
    await newsroom.arrives("market_out", "market")
    await newsroom.stop()
    with newsroom.store() as store:
        assert (store.pair(1), store.marks([1]), store.outbox_row(1, 1)) == (None, [], None)
    await newsroom.warden.start()
    newsroom.say("market_in", "more")

    await newsroom.arrives("market_out", "market", "more")
    assert newsroom.texts("news_out") == ["one"]
    assert [one.id for one in await newsroom.warden.pairs.list()] == [2]


async def test_the_number_of_a_removed_pair_is_not_given_to_another_way(
    newsroom: Newsroom,
) -> None:
    add_chats(newsroom)
    warden = await newsroom.start()
    way = {"session": "alice", "source": "@more_in", "target": "@more_out"}

    first = await warden.pairs.add(**way)
    await warden.pairs.remove(first.id)
    second = await warden.pairs.add(**way)
    await warden.pairs.remove(second.id)
    await newsroom.stop()
    await newsroom.start()
    third = await newsroom.warden.pairs.add(**way)

    assert (first.id, second.id, third.id) == (3, 4, 5)


async def test_pairs_come_and_go_while_messages_flow_and_nobody_loses_one(
    newsroom: Newsroom,
) -> None:
    add_chats(newsroom)
    warden = await newsroom.start()
    said = [f"news {number}" for number in range(60)]
    added: list[int] = []

    for number, text in enumerate(said):
        newsroom.say("news_in", text)
        if number % 10 == 5:
            plan = await warden.pairs.add(session="alice", source="@more_in", target="@more_out")
            added.append(plan.id)
        elif number % 10 == 9:
            await warden.pairs.remove(added.pop())
            await warden.pairs.change(1, deletes=number % 20 == 9)

    await newsroom.arrives("news_out", *said)


async def test_a_pair_that_is_removed_takes_its_dead_letters_along(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(
        Fault(method="messages.forwardMessages", times=1, action=RpcError("MESSAGE_ID_INVALID"))
    )
    newsroom.say("news_in", "bad")
    await newsroom.hears(DeadLettered)

    await warden.pairs.remove(1)

    assert await warden.pairs.dead() == ()


async def test_a_handler_that_cannot_be_made_is_the_pairs_own_trouble(newsroom: Newsroom) -> None:
    tries: list[object] = []

    def broken(options: object) -> Any:
        tries.append(options)
        raise OSError("no such printer")

    newsroom.handlers = {"printer": broken}
    newsroom.warden = newsroom._new_warden()
    warden = await newsroom.start()

    plan = await warden.pairs.add(session="alice", source="@news_in", handler="printer")
    await served(newsroom, plan.id)
    newsroom.say("news_in", "one")
    await newsroom.hears(Forwarded, pair=1)
    await newsroom.until(lambda: bool(tries))

    assert (await newsroom.pairs())[plan.id].waiting == 1


async def test_a_number_that_gets_another_source_begins_anew(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    await newsroom.start()
    newsroom.say("market_in", *(f"market {number}" for number in range(5)))
    await newsroom.until(lambda: len(newsroom.texts("market_out")) == 5)
    await newsroom.stop()
    add_chats(newsroom)
    newsroom.chats["more_in"].join(newsroom.account(BOB))
    tables["pairs"][1]["source"] = "@more_in"
    newsroom.reconfigure(tables)
    newsroom.say("more_in", "old 1", "old 2")
    newsroom.say("market_in", "no more")

    await newsroom.start()
    newsroom.say("more_in", "one", "two")
    await newsroom.until(lambda: len(newsroom.texts("market_out")) == 7)
    newsroom.chats["more_in"].edit_message(newsroom.chats["more_in"].messages[2], "one, edited")

    await newsroom.until(lambda: "one, edited" in newsroom.texts("market_out"))
    copies = [f"market {number}" for number in range(5)]
    assert newsroom.texts("market_out") == [*copies, "one, edited", "two"]


async def test_a_number_that_gets_another_target_goes_on_from_its_mark(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    await newsroom.start()
    newsroom.say("market_in", "one")
    await newsroom.arrives("market_out", "one")
    await newsroom.stop()
    newsroom.chats["more_out"] = newsroom.telegram.add_channel(
        "More", owner=newsroom.account(BOB), username="more_out"
    )
    tables["pairs"][1]["target"] = "@more_out"
    newsroom.reconfigure(tables)
    newsroom.say("market_in", "two")
    first = newsroom.chats["market_in"].messages[0]
    newsroom.chats["market_in"].edit_message(first, "one, edited")

    await newsroom.start()
    newsroom.say("market_in", "three")

    await newsroom.arrives("more_out", "two", "three")
    assert newsroom.texts("market_out") == ["one"]


async def test_plain_code_changes_pairs_from_another_thread(newsroom: Newsroom) -> None:
    add_chats(newsroom)
    warden = await newsroom.start()

    def work(warden: Warden) -> list[int]:
        pairs = warden.blocking.pairs
        plan = pairs.add(session="alice", source="@more_in", target="@more_out")
        pairs.change(plan.id, mode="copy", footer="via us")
        pairs.pause(plan.id)
        pairs.resume(plan.id)
        return [one.id for one in pairs.list()]

    assert await asyncio.to_thread(work, warden) == [1, 2, 3]
    await served(newsroom, 3)
    newsroom.say("more_in", "one")
    await newsroom.arrives("more_out", "one\n\nvia us")
    with pytest.raises(BlockingAskError):
        warden.blocking.pairs.get(1)


# What stands at a start


def plan(pair: int, **fields: Any) -> PairPlan:
    return PairPlan(**{"id": pair, "session": "alice", "source": 5, "target": 6, **fields})


def test_a_decision_stands_while_the_configuration_says_what_it_said_then() -> None:
    declared = {1: plan(1), 2: plan(2), 3: plan(3)}
    rows = [
        decision(1, plan(1, session="bob"), fingerprint(plan(1))),
        decision(2, None, fingerprint(plan(2))),
        decision(3, None, fingerprint(plan(3, mode="copy"))),
        decision(7, plan(7, topics={5: 12}, options={"url": "x"}), None),
        decision(8, None, None),
    ]

    plans, over = effective_plans(declared, rows)

    assert plans == {
        1: plan(1, session="bob"),
        3: plan(3),
        7: plan(7, topics={5: 12}, options={"url": "x"}),
    }
    assert over == (3,)


def test_a_pair_that_the_configuration_takes_up_is_the_configurations() -> None:
    plans, over = effective_plans({7: plan(7)}, [decision(7, plan(7, mode="copy"), None)])

    assert (plans, over) == ({7: plan(7)}, (7,))


async def test_a_plan_is_sealed_and_survives_another_data_key(newsroom: Newsroom) -> None:
    add_chats(newsroom)
    newsroom.handlers = {"printer": lambda _: pytest.fail("nothing is said")}
    newsroom.warden = newsroom._new_warden()
    warden = await newsroom.start()
    secret = {"url": "https://hook.example/secret"}
    plan = await warden.pairs.add(
        session="alice", source="@more_in", handler="printer", options=secret
    )
    await newsroom.stop()

    with newsroom.store() as store:
        assert store.rotate_data_key() == []
    raw = b"".join(path.read_bytes() for path in newsroom.config.folder.glob("telewarden.db*"))
    await newsroom.start()

    assert b"hook.example" not in raw
    assert (await newsroom.warden.pairs.get(plan.id)).options == secret
