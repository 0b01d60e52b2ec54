"""Pairs as a graph: a chat that feeds itself, the same twice, rings; all of it in linear time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telewarden.actors import PairPlan
from telewarden.actors.pair_graph import PairGraph, Way, faults_of, way_of

pytestmark = pytest.mark.actors

CHANNEL = 1_000_000_000_001  # marked ids from minus that down are channels'


def plan(pair: int, source: int | str, target: int | str, **fields: Any) -> PairPlan:
    return PairPlan(id=pair, session="alice", source=source, target=target, **fields)


def faults(*plans: PairPlan) -> list[tuple[str, tuple[int, ...]]]:
    ways = (way_of(one) for one in plans)
    found = faults_of(way for way in ways if way is not None)
    return [(fault.name, fault.pairs) for fault in found]


def test_pairs_that_meet_in_no_ring_are_fine() -> None:
    assert not faults(plan(1, "@a", "@b"), plan(2, "@a", "@c"), plan(3, "@b", "@c"))


def test_a_ring_is_named_from_its_lowest_pair_on() -> None:
    ring = plan(2, "@b", "@c"), plan(3, "@c", "@a"), plan(1, "@a", "@b"), plan(4, "@c", "@d")

    assert faults(*ring) == [("PAIR_RING", (1, 2, 3))]


@pytest.mark.parametrize("marked", [(), (1,), (2,)])
def test_a_ring_stays_one_until_every_pair_of_it_says_so(marked: tuple[int, ...]) -> None:
    first, second = (plan(n, a, b, ring=n in marked) for n, a, b in ((1, -1, -2), (2, -2, -1)))

    assert faults(first, second) == [("PAIR_RING", (1, 2))]
    assert not faults(plan(1, -1, -2, ring=True), plan(2, -2, -1, ring=True))


def test_a_pair_in_a_wanted_ring_that_does_not_say_so_is_named_with_it() -> None:
    wanted = plan(1, "@a", "@b", ring=True), plan(2, "@b", "@a", ring=True)

    assert faults(*wanted, plan(3, "@b", "@c"), plan(4, "@c", "@b", ring=True)) == [
        ("PAIR_RING", (3, 4))
    ]


def test_a_name_counts_in_any_case_and_as_the_chat_that_it_was_found_to_be() -> None:
    names = {"@news": -1001}

    assert way_of(plan(1, "@News", "@b"), names=names) == way_of(
        plan(1, "@News", "@b"), source=-1001
    )
    assert faults(plan(1, "@News", "@NEWS")) == [("PAIR_TO_ITSELF", (1,))]


def test_a_chat_does_not_feed_itself_in_a_wanted_ring_either() -> None:
    assert faults(plan(1, "@a", "@a", ring=True)) == [("PAIR_TO_ITSELF", (1,))]


def test_the_same_way_twice_is_one_too_many() -> None:
    same = plan(1, "@a", "@b"), plan(7, "@a", "@B", rules={"footer": "x"}, edits=False)

    assert faults(*same) == [("PAIR_TWICE", (1, 7))]


@pytest.mark.parametrize(
    "other",
    [
        {"rules": {"allow": {"kinds": ["photo"]}}},
        {"rules": {"deny": {"words": ["advert"]}}},
        {"mode": "copy"},
        {"topic": 5},
        {"topics": {5: 7}},
        {"handler": "webhook"},
        {"enabled": False},
    ],
)
def test_pairs_that_carry_other_things_or_elsewhere_are_two(other: dict[str, Any]) -> None:
    assert not faults(plan(1, "@a", "@b"), plan(2, "@a", "@b", **other))


def test_a_pair_that_is_switched_off_or_has_a_handler_closes_no_ring() -> None:
    way = plan(1, "@a", "@b")

    assert not faults(way, plan(2, "@b", "@a", enabled=False))
    assert not faults(way, plan(2, "@b", 0, handler="webhook"))


def test_the_pair_that_closes_a_ring_is_not_taken_in_and_the_others_stay() -> None:
    graph = PairGraph()
    assert graph.enter(Way(pair=1, source=-1, target=-2)) is None
    assert graph.enter(Way(pair=2, source=-2, target=-3)) is None

    fault = graph.enter(Way(pair=3, source=-3, target=-1))

    assert fault is not None
    assert fault.pairs == (1, 2, 3)
    assert {way.pair for way in graph.ways} == {1, 2}


def test_a_group_that_was_upgraded_is_the_chat_that_it_has_become() -> None:
    graph = PairGraph()
    graph.put(1, Way(pair=1, source=-5, target=-6))

    graph.upgrade(-5, -1005)
    graph.upgrade(-6, -1006)
    twice = graph.fault(Way(pair=2, source=-1005, target=-1006))
    back = graph.fault(Way(pair=3, source=-1006, target=-5))

    assert [fault and fault.name for fault in (twice, back)] == ["PAIR_TWICE", "PAIR_RING"]
    assert graph.enter(Way(pair=1, source=-1005, target=-1006)) is None


def test_a_way_that_is_only_tried_changes_nothing() -> None:
    graph = PairGraph()
    graph.enter(Way(pair=1, source=-1, target=-2))
    back = Way(pair=2, source=-2, target=-1)

    assert graph.fault(back) is not None
    assert graph.fault(back, {1: None}) is None
    assert [way.pair for way in graph.ways] == [1]
    assert graph.enter(Way(pair=1, source=-1, target=-3)) is None  # in place of the earlier one
    assert graph.enter(back) is None


PLACES = st.integers(0, 6)
WAYS = st.lists(st.tuples(PLACES, PLACES, st.booleans()), max_size=12)


def numbered(ways: Iterable[tuple[int, int, bool]]) -> list[Way]:
    return [
        Way(pair=number, source=source, target=target, ring=ring, carries=number)
        for number, (source, target, ring) in enumerate(ways)
    ]


def reaches(ways: list[Way], start: object, end: object) -> bool:
    places = {start}
    while more := {way.target for way in ways if way.source in places} - places:
        places |= more
    return end in places


def wrong(ways: list[Way]) -> bool:
    """By the definition: some way leads to itself, or one that may not is in a ring."""
    return any(
        way.source == way.target or (reaches(ways, way.target, way.source) and not way.ring)
        for way in ways
    )


@given(WAYS)
def test_faults_are_found_where_by_definition_there_are_any(
    given_ways: list[tuple[int, int, bool]],
) -> None:
    ways = numbered(given_ways)

    found = faults_of(ways)

    assert bool(found) is wrong(ways)
    for fault in found:
        path = [ways[pair] for pair in fault.pairs]
        assert all(a.target == b.source for a, b in zip(path, [*path[1:], path[0]], strict=True))
        assert fault.name == "PAIR_TO_ITSELF" or not all(way.ring for way in path)


@given(WAYS)
def test_what_is_taken_in_one_by_one_is_always_fine_together(
    given_ways: list[tuple[int, int, bool]],
) -> None:
    graph, taken = PairGraph(), list[Way]()
    for way in numbered(given_ways):
        fault = graph.enter(way)
        assert (fault is not None) is wrong([*taken, way])
        taken += [way] if fault is None else []

    assert set(graph.ways) == set(taken)
    assert not faults_of(graph.ways)


def test_ten_thousand_pairs_are_looked_at_in_a_moment() -> None:
    plans = [plan(n, f"@chat_{n}", f"@chat_{n + 1}") for n in range(1, 10_001)]
    began = time.thread_time()

    found = faults(*plans, plan(10_001, "@chat_10001", "@chat_1"))

    assert [name for name, _ in found] == ["PAIR_RING"]
    assert len(found[0][1]) == 10_001
    assert time.thread_time() - began < 5


def test_a_ring_of_many_is_told_in_a_sentence_that_can_be_read() -> None:
    ways = [way_of(plan(n, -n, -(n % 50 + 1))) for n in range(1, 51)]

    (fault,) = faults_of(way for way in ways if way is not None)

    assert len(fault.sentence) < 250
    assert "pairs 1, 2, 3, 4, 5, 6 and 44 more make a ring, -1 -> -2 ->" in fault.sentence


@pytest.mark.parametrize(
    ("sessions", "group", "fault"),
    [
        (("alice", "bob"), -7, "RING_DIVIDED"),
        (("alice", "alice"), -7, None),
        (("alice", "bob"), -CHANNEL, None),
    ],
)
def test_two_accounts_of_a_ring_do_not_meet_in_a_basic_group(
    sessions: tuple[str, str], group: int, fault: str | None
) -> None:
    there = replace(plan(1, group, -CHANNEL - 1, ring=True), session=sessions[0])
    back = replace(plan(2, -CHANNEL - 1, group, ring=True), session=sessions[1])
    graph = PairGraph()
    first = way_of(there, source=group, target=-CHANNEL - 1)
    second = way_of(back, source=-CHANNEL - 1, target=group)
    assert first is not None
    assert second is not None

    graph.enter(first)
    found = graph.enter(second)

    assert (found and found.name) == fault
    assert [one.name for one in faults_of((first, second))] == ([fault] if fault else [])
