"""Worker groups: even, at most 30 pairs each, rearranged in place, each with its own trouble."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telewarden.actors import PairPlan, Settings, groups_of
from telewarden.actors.messages import GroupReady, Serve
from telewarden.actors.session.worker_groups import WorkerGroups
from telewarden.errors import DrillError
from telewarden.supervision import ChildFailed, ChildStarted, ChildStopped
from telewarden.telegram import Deleted, PhaseChanged, SessionRecovered

from .conftest import BOB, LOOK_EVERY, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

GROUPS = "sessions/session:alice/groups"


def plan(number: int) -> PairPlan:
    return PairPlan(id=number, session="alice", source=-1000000000001, target=-1000000000002)


def homes(ids: set[int], size: int) -> dict[int, str]:
    groups = groups_of([plan(number) for number in sorted(ids, reverse=True)], size=size)
    return {one.id: name for name, group in groups.items() for one in group}


class Told:
    """A group's reference that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def tell(self, message: object) -> None:
        self.messages.append(message)


def test_a_pair_that_a_group_let_go_of_is_given_back_when_it_stays_with_its_session() -> None:
    ref: Any = Told()
    services: Any = SimpleNamespace(settings=Settings())
    actor: Any = SimpleNamespace(watch=lambda _: None)
    groups = WorkerGroups(session="alice", services=services, actor=actor, supervisor=ref)
    plans = (plan(1), plan(2))
    groups.ready(GroupReady(group="group-1", ref=ref, pairs=(1, 2)))
    groups.serve(Serve(plans=plans))

    # asked to by a registry that has crashed since, and whose successor knows of no such thing
    groups.ready(GroupReady(group="group-1", ref=ref, pairs=(1,), again=True))

    assert [message.plans for message in ref.messages] == [plans, plans]


def test_a_change_that_is_told_before_all_groups_are_there_is_told_to_all_when_they_are() -> None:
    refs: list[Any] = [Told(), Told()]
    services: Any = SimpleNamespace(settings=Settings(group_size=1))
    actor: Any = SimpleNamespace(
        watch=lambda _: None, pipe=lambda work, **_: work.close(), actor_ref=Told()
    )
    groups = WorkerGroups(session="alice", services=services, actor=actor, supervisor=refs[0])
    change = Deleted(None, (7,))

    groups.serve(Serve(plans=(plan(1), plan(2))))
    groups.ready(GroupReady(group="group-1", ref=refs[0], pairs=()))
    groups.tell_change(change)
    early = [change in ref.messages for ref in refs]
    groups.ready(GroupReady(group="group-2", ref=refs[1], pairs=()))

    assert early == [False, False]
    assert [ref.messages.count(change) for ref in refs] == [1, 1]


@given(ids=st.sets(st.integers(1, 200), max_size=60), one=st.integers(1, 200))
def test_a_pair_that_comes_or_goes_hardly_moves_the_others(ids: set[int], one: int) -> None:
    before, after = homes(ids - {one}, 30), homes(ids | {one}, 30)

    moved = [pair for pair, home in before.items() if after[pair] != home]

    same_groups = set(before.values()) == set(after.values())
    assert len(moved) <= len(set(after.values())) - 1 or not same_groups


def with_pairs(newsroom: Newsroom, tables: dict[str, Any], count: int) -> None:
    """Let alice forward the same news ``count`` times, and bob be able to do it, too."""
    bob = newsroom.account(BOB)
    for chat in ("news_in", "news_out"):
        newsroom.chats[chat].join(bob)
    newsroom.chats["news_out"].set_rights(bob, admin=True)
    pair = tables["pairs"][0]
    tables["sessions"][0]["max_pairs"] = 50
    tables["pairs"] = [  # told apart by a word that nobody says
        {**pair, "id": number, "deny": {"words": [f"unsaid {number}"]}}
        for number in range(1, count + 1)
    ]
    newsroom.reconfigure(tables)


async def sizes(newsroom: Newsroom) -> dict[str, int]:
    overview = await newsroom.warden.overview()
    return {f"{group.session}/{group.group}": len(group.pairs) for group in overview.groups}


async def sizes_become(newsroom: Newsroom, **wanted: int) -> None:
    expected = {name.replace("_", "/", 1).replace("_", "-"): n for name, n in wanted.items()}
    async with asyncio.timeout(30):
        while await sizes(newsroom) != expected:
            await asyncio.sleep(LOOK_EVERY)


async def test_one_pair_too_many_makes_two_even_groups(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    with_pairs(newsroom, tables, 31)

    await newsroom.start()

    assert await sizes(newsroom) == {"alice/group-1": 15, "alice/group-2": 16}


async def test_groups_merge_and_split_in_place_while_messages_flow(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    with_pairs(newsroom, tables, 31)
    warden = await newsroom.start()
    await newsroom.hears(SessionRecovered, session="bob")
    since = newsroom.mark()
    said = [f"news {number}" for number in range(30)]

    for number, text in enumerate(said):
        newsroom.say("news_in", text)
        if number == 10:
            await warden.pairs.reassign("31", "bob")
            await sizes_become(newsroom, alice_group_1=30, bob_group_1=1)
        elif number == 20:
            await warden.pairs.reassign("31", "alice")
            await sizes_become(newsroom, alice_group_1=15, alice_group_2=16)
    await newsroom.until(lambda: len(newsroom.texts("news_out")) >= 31 * len(said))

    assert Counter(newsroom.texts("news_out")) == dict.fromkeys(said, 31)
    changed = [one for one in newsroom.heard[since:] if isinstance(one, PhaseChanged)]
    assert changed == []  # nobody has reconnected for it
    ended = [one for one in newsroom.heard[since:] if isinstance(one, ChildStopped)]
    assert [one.child for one in ended] == [
        f"{GROUPS}/group-2",
        "sessions/session:bob/groups/group-1",
    ]


@pytest.mark.crashes("*:alice/groups/group-2", DrillError)
async def test_the_crash_of_one_group_does_not_touch_the_others(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    with_pairs(newsroom, tables, 31)
    warden = await newsroom.start()
    since = newsroom.mark()
    newsroom.say("news_in", "before")
    await warden.drill(f"{GROUPS}/group-2")
    await newsroom.hears(ChildStarted, since=since, child=f"{GROUPS}/group-2", restarted=True)
    newsroom.say("news_in", "after")

    await newsroom.until(lambda: len(newsroom.texts("news_out")) >= 62)

    assert Counter(newsroom.texts("news_out")) == {"before": 31, "after": 31}
    failed = {one.child for one in newsroom.heard[since:] if isinstance(one, ChildFailed)}
    assert failed == {f"{GROUPS}/group-2"}


@pytest.mark.crashes("*", DrillError)
async def test_a_group_and_its_session_that_crash_have_their_pairs_again(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    with_pairs(newsroom, tables, 31)
    warden = await newsroom.start()

    for path in (f"{GROUPS}/group-1", "sessions/session:alice/session", GROUPS, "registry"):
        since = newsroom.mark()
        await warden.drill(path)
        await newsroom.hears(ChildStarted, since=since, child=path, restarted=True)
    await newsroom.pairs_ready()
    newsroom.say("news_in", "news")

    await newsroom.until(lambda: len(newsroom.texts("news_out")) >= 31)
    assert await sizes(newsroom) == {"alice/group-1": 15, "alice/group-2": 16}
