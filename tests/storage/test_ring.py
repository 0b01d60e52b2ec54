"""What a pair of a ring may carry on: nothing comes into a chat twice, however it goes round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from telewarden.storage import MasterKey, OutboxRow, Store

from .backends import BACKENDS  # noqa: F401 - conftest reads BACKENDS

pytestmark = pytest.mark.storage

A, B, C = -1, -2, -3
SAID, OTHER = 111, 222  # what messages say, as numbers


class Ring:
    """Pairs between chats, by number; each sends by asking first, as the worker groups do."""

    def __init__(self, store: Store, ways: dict[int, tuple[int, int]]) -> None:
        self.store, self.ways, self.now = store, ways, 0.0
        self.newest = dict.fromkeys((A, B, C), 100)

    def asks(self, pair: int, number: int, says: int = SAID) -> str:
        """A pair has accepted a message of its source, and would send it."""
        source, target = self.ways[pair]
        row = OutboxRow(
            pair_id=pair, source_chat=source, source_id=number, random_id=pair * 1000 + number,
            enqueued_at=self.now, version=says,
        )  # fmt: skip
        self.store.enqueue([row])
        return self.store.ring(pair, source, target, {number: (says, says)}, self.now)[number]

    def arrives(self, pair: int) -> int:
        """A number in the target is given; nobody has been told it yet."""
        target = self.ways[pair][1]
        self.newest[target] += 1
        return self.newest[target]

    def told(self, pair: int, number: int, target: int | None) -> None:
        """The answer has come, and is on the disk."""
        self.store.complete(pair, number, target, self.now)

    def carries(self, pair: int, number: int) -> int:
        """Ask, send, be told; returns the number in the target."""
        assert self.asks(pair, number) == "go"
        arrived = self.arrives(pair)
        self.told(pair, number, arrived)
        return arrived


@pytest.fixture
def ring(open_store: Callable[[], Store]) -> Callable[..., Ring]:
    return lambda **ways: Ring(open_store(), {int(k[1:]): way for k, way in ways.items()})


@pytest.fixture
def open_store(place: Path | str, master: MasterKey) -> Iterator[Callable[[], Store]]:
    with ExitStack() as opened:
        yield lambda: opened.enter_context(Store.open(place, master))


def test_a_copy_does_not_come_back(ring: Callable[..., Ring]) -> None:
    two = ring(p1=(A, B), p2=(B, A))

    copy = two.carries(1, 5)

    assert two.asks(2, copy) == "stay"


def test_what_others_say_goes_both_ways(ring: Callable[..., Ring]) -> None:
    two = ring(p1=(A, B), p2=(B, A))
    two.carries(1, 5)

    assert two.carries(2, 50)
    assert two.carries(1, 6)


def test_in_a_ring_of_three_each_chat_has_it_once(ring: Callable[..., Ring]) -> None:
    three = ring(p1=(A, B), p2=(B, C), p3=(C, A))

    in_b = three.carries(1, 5)
    in_c = three.carries(2, in_b)

    assert three.asks(3, in_c) == "stay"


@pytest.mark.parametrize("direct_first", [True, False])
def test_where_two_ways_lead_the_first_carries(
    ring: Callable[..., Ring], direct_first: bool
) -> None:
    every = ring(p1=(A, B), p2=(A, C), p3=(B, C), p4=(B, A), p5=(C, A), p6=(C, B))
    in_b = every.carries(1, 5)

    if direct_first:
        in_c = every.carries(2, 5)
        assert every.asks(3, in_b) == "stay"
    else:
        in_c = every.carries(3, in_b)
        assert every.asks(2, 5) == "stay"

    assert {every.asks(4, in_b), every.asks(5, in_c), every.asks(6, in_c)} == {"stay"}


def test_a_copy_whose_number_is_not_told_yet_waits_until_it_is(ring: Callable[..., Ring]) -> None:
    two = ring(p1=(A, B), p2=(B, A))
    assert two.asks(1, 5) == "go"
    copy = two.arrives(1)  # its update comes before its sender's answer, or that was lost
    two.now = 1000.0

    assert two.asks(2, copy) == "wait"
    two.told(1, 5, copy)
    assert two.asks(2, copy) == "stay"


def test_a_message_of_somebody_else_that_says_the_same_goes_when_it_is_known(
    ring: Callable[..., Ring],
) -> None:
    two = ring(p1=(A, B), p2=(B, A))
    assert two.asks(1, 5) == "go"
    two.now = 1000.0

    assert two.asks(2, 50) == "wait"
    two.told(1, 5, 51)

    assert two.asks(2, 50) == "go"


def test_a_copy_that_telegram_has_changed_is_known_in_the_first_moment(
    ring: Callable[..., Ring],
) -> None:
    two = ring(p1=(A, B), p2=(B, A))
    assert two.asks(1, 5) == "go"
    copy = two.arrives(1)

    assert two.asks(2, copy, OTHER) == "wait"
    two.told(1, 5, copy)
    assert two.asks(2, copy, OTHER) == "stay"


def test_a_message_that_says_something_else_waits_for_no_flood(ring: Callable[..., Ring]) -> None:
    two = ring(p1=(A, B), p2=(B, A))
    assert two.asks(1, 5) == "go"
    assert two.asks(2, 50, OTHER) == "wait"
    two.now = 1.0

    assert two.asks(2, 50, OTHER) == "go"


def test_two_people_who_say_the_same_at_once_do_not_wait_for_each_other(
    ring: Callable[..., Ring],
) -> None:
    two = ring(p1=(A, B), p2=(B, A))
    assert two.asks(1, 5) == "go"
    assert two.asks(2, 50) == "wait"

    assert two.asks(1, 5) == "go"  # asked again after a lost line: it is on its way
    two.told(1, 5, 51)
    assert two.asks(2, 50) == "go"


def test_what_cannot_be_found_any_more_is_known_by_what_it_says(ring: Callable[..., Ring]) -> None:
    two = ring(p1=(A, B), p2=(B, A))
    assert two.asks(1, 5) == "go"
    copy = two.arrives(1)
    two.store.complete(1, 5, None, 0.0, SAID)  # had arrived, and is not found again

    assert two.asks(2, copy) == "stay"


def test_the_pair_that_put_it_there_may_be_gone_by_then(ring: Callable[..., Ring]) -> None:
    two = ring(p1=(A, B), p2=(B, A))
    copy = two.carries(1, 5)

    two.store.delete_pair(1)

    assert two.asks(2, copy) == "stay"


def test_it_is_known_after_a_restart(
    ring: Callable[..., Ring], open_store: Callable[[], Store]
) -> None:
    two = ring(p1=(A, B), p2=(B, A))
    copy = two.carries(1, 5)
    two.store.close()

    two.store = open_store()

    assert two.asks(2, copy) == "stay"


def test_what_went_round_long_ago_is_forgotten(ring: Callable[..., Ring]) -> None:
    two = ring(p1=(A, B), p2=(B, A))
    two.carries(1, 5)
    two.now = 91 * 86_400.0

    two.carries(1, 6)

    count = two.store.execute("select count(*) from ring_messages").fetchone()
    assert count == (1,)
