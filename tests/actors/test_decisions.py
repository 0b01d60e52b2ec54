"""The pure parts: pacing, floods, a pair's progress, how pairs are spread."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telewarden.actors import Pace, PairPlan, groups_of
from telewarden.actors.forwarding.pair.batching import (
    Albums,
    Change,
    Wait,
    copies_together,
    forwards_together,
    next_items,
)
from telewarden.actors.forwarding.pair.pair_queue import UnderWay
from telewarden.actors.forwarding.pair.state import HELD_LIMIT, PairState
from telewarden.actors.messages import Deliver
from telewarden.actors.rate_limit import Pacer
from telewarden.actors.session.send_queue import LIMITED, Parked, SendLater, SendNow, SendQueue
from telewarden.telegram import Incoming, Receipt, Shipment, ShipmentAction

from .conftest import go_live

pytestmark = pytest.mark.actors

FREE = Pace(per_account=1000.0, per_chat=1000.0, burst=1000)
METHOD = "messages.sendMessage"


def incoming(number: int) -> Incoming:
    return Incoming(chat=-1001, id=number, date=datetime.fromtimestamp(0, tz=UTC))


def grouped(number: int, *, album: int) -> Incoming:
    return replace(incoming(number), grouped_id=album)


def job(number: int, target: int = -1002) -> Deliver:
    return Deliver(
        pair=1,
        ticket=number,
        shipment=Shipment(
            action="copy", target=target, messages=(incoming(number),), random_ids=(number,)
        ),
        reply_to=None,  # type: ignore[arg-type]  # nobody is answered here
    )


def arrived(*numbers: int) -> Receipt:
    return Receipt(target_ids={number: number for number in numbers})


def plan(number: int) -> PairPlan:
    return PairPlan(id=number, session="alice", source=-number, target=number)


def test_one_busy_chat_does_not_slow_another() -> None:
    pacer = Pacer(Pace(per_account=100.0, per_chat=1.0, burst=1))

    waits = [pacer.reserve(1, 0.0), pacer.reserve(1, 0.0), pacer.reserve(2, 0.0)]

    assert waits[1] == pytest.approx(1.0)
    assert waits[2] < 0.1


def test_what_is_flooded_is_parked_and_everything_else_goes() -> None:
    outgoing = SendQueue(FREE)
    outgoing.record_flood((METHOD, None), 50.0)

    assert outgoing.offer(job(1), METHOD, wall=10.0, now=0.0) == Parked((METHOD, None), 50.0, True)
    assert outgoing.offer(job(2), METHOD, wall=10.0, now=0.0) == Parked((METHOD, None), 50.0, False)
    other = job(3)
    assert outgoing.offer(other, "messages.forwardMessages", wall=10.0, now=0.0) == SendNow(other)


def test_slow_mode_of_one_chat_parks_that_chat_only() -> None:
    outgoing = SendQueue(FREE)
    outgoing.record_flood((METHOD, -5), 50.0)

    assert isinstance(outgoing.offer(job(1, target=-5), METHOD, wall=10.0, now=0.0), Parked)
    assert isinstance(outgoing.offer(job(1, target=-6), METHOD, wall=10.0, now=0.0), SendNow)


def test_parked_jobs_come_back_in_order_and_not_before_the_deadline() -> None:
    outgoing = SendQueue(FREE)
    outgoing.record_flood((METHOD, None), 50.0)
    jobs = [job(1), job(2), job(3)]
    for one in jobs:
        outgoing.offer(one, METHOD, wall=10.0, now=0.0)

    assert outgoing.release((METHOD, None), wall=49.9) == 50.0
    assert outgoing.release((METHOD, None), wall=50.0) == tuple(jobs)
    assert outgoing.parked == 0


def test_a_shorter_answer_does_not_shorten_a_deadline() -> None:
    outgoing = SendQueue(FREE)
    outgoing.record_flood((METHOD, None), 100.0)
    outgoing.record_flood((METHOD, None), 20.0)

    assert outgoing.until == 100.0


def test_a_job_whose_turn_comes_later_is_booked_once() -> None:
    outgoing = SendQueue(Pace(per_account=1.0, per_chat=1.0, burst=1))
    outgoing.offer(job(1), METHOD, wall=0.0, now=0.0)

    late = job(2)
    assert outgoing.offer(late, METHOD, wall=0.0, now=0.0) == SendLater(pytest.approx(1.0), late)


def test_a_message_is_admitted_once_and_in_order() -> None:
    state = PairState(plan=plan(1), seen=3)

    fresh = state.admit([incoming(5), incoming(4), incoming(3), incoming(5)])

    assert [one.id for one in fresh] == [4, 5]
    assert state.seen == 5


def test_one_message_is_on_its_way_at_a_time() -> None:
    state = PairState(plan=plan(1), seen=0)
    go_live(state)
    state.queue.enqueue([grouped(1, album=7), incoming(2)])

    first = state.next_items(0.0)
    assert isinstance(first, tuple)
    state.queue.begin(UnderWay(1, first))

    assert state.next_items(0.0) is None
    assert state.queue.settle(1, arrived(1)) == first
    assert state.next_items(0.0) == (incoming(2),)


def test_an_answer_from_before_a_reconnect_settles_nothing() -> None:
    state = PairState(plan=plan(1), seen=0)
    state.queue.begin(UnderWay(1, (incoming(1),)))
    state.queue.enqueue((incoming(1),))

    state.interrupt(0.0)

    assert state.queue.settle(1, arrived(1)) == ()
    assert len(state.queue) == 1


def test_too_many_held_messages_are_read_from_history_instead() -> None:
    state = PairState(plan=plan(1), seen=0)

    for number in range(HELD_LIMIT + 5):
        state.hold(incoming(number + 1))

    assert state.take_overflow()
    assert state.release() == []


@given(count=st.integers(0, 200), size=st.integers(1, 50))
def test_pairs_are_spread_evenly_over_as_few_groups_as_hold_them(count: int, size: int) -> None:
    pairs = [plan(number + 1) for number in range(count)]

    groups = groups_of(pairs, size=size)
    sizes = [len(group) for group in groups.values()]

    assert sorted(one.id for group in groups.values() for one in group) == [p.id for p in pairs]
    assert len(groups) == -(-count // size)
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert not sizes or max(sizes) <= size


def test_a_flood_halves_the_pace_and_quiet_time_brings_it_back() -> None:
    pacer = Pacer(Pace(per_account=10.0, per_chat=10.0, burst=1))

    pacer.flooded(None, 0.0)
    slowed = pacer.rate
    pacer.flooded(None, 0.0)
    pacer.reserve(1, 121.0)
    recovering = pacer.rate
    pacer.reserve(1, 10_000.0)

    assert (slowed, recovering, pacer.rate) == (5.0, 4.5, 10.0)


def test_floods_never_stop_an_account_for_good() -> None:
    pacer = Pacer(Pace(per_account=16.0, per_chat=16.0, burst=1))

    for _ in range(100):
        pacer.flooded(None, 0.0)

    assert pacer.rate == 1.0


def test_slow_mode_teaches_the_pace_of_that_chat_only() -> None:
    pacer = Pacer(Pace(per_account=100.0, per_chat=10.0, burst=5))

    pacer.slow_mode(-5, 30.0, 0.0)

    assert pacer.rate_in(-5) == pytest.approx(1 / 30)
    assert pacer.rate_in(-6) == 10.0
    assert pacer.reserve(-5, 0.0) == pytest.approx(30.0)


def test_an_account_counts_as_limited_after_three_chats_within_an_hour() -> None:
    hasty, slow = SendQueue(FREE), SendQueue(FREE)

    quick = [hasty.record_ban(chat, at) for chat, at in ((1, 0.0), (1, 1.0), (2, 2.0), (3, 3.0))]
    late = [slow.record_ban(chat, at) for chat, at in ((1, 0.0), (2, 3599.0), (3, 3600.0))]

    assert quick == [False, False, False, True]
    assert late == [False, False, False]


def test_a_limited_account_parks_everything_until_the_deadline() -> None:
    outgoing = SendQueue(FREE)
    outgoing.record_flood(LIMITED, 50.0)

    assert isinstance(outgoing.offer(job(1), METHOD, wall=10.0, now=0.0), Parked)
    assert outgoing.limited_until(10.0) == 50.0
    assert outgoing.limited_until(50.0) is None


def test_an_album_waits_until_it_is_quiet_and_then_goes_whole() -> None:
    queue: deque[Any] = deque([grouped(1, album=7), incoming(2), grouped(3, album=7)])
    albums = Albums()
    albums.touch(grouped(3, album=7), now=100.0)

    early = next_items(queue, albums, now=100.1, together=None, more_to_come=False)
    later = next_items(queue, albums, now=100.6, together=None, more_to_come=False)

    assert early == Wait(pytest.approx(0.4))
    assert later == (grouped(1, album=7), grouped(3, album=7))


def test_an_album_of_ten_is_whole_at_once_and_one_item_goes_alone() -> None:
    albums = Albums()
    for number in range(11):
        albums.touch(grouped(number, album=7), now=100.0)
    ten: deque[Any] = deque(grouped(number, album=7) for number in range(11))
    alone: deque[Any] = deque([grouped(1, album=8)])

    assert len(next_items(ten, albums, now=100.0, together=None, more_to_come=False)) == 10  # type: ignore[arg-type]  # a tuple here
    assert next_items(alone, albums, now=0.0, together=None, more_to_come=False) == tuple(alone)


def test_an_album_at_the_end_of_a_page_of_history_waits_for_the_next_page() -> None:
    queue: deque[Any] = deque([grouped(1, album=7), grouped(2, album=7)])

    assert next_items(queue, Albums(), now=0.0, together=None, more_to_come=True) is None


def test_forwards_go_in_batches_but_not_past_an_album_a_change_or_another_topic() -> None:
    singles = [incoming(number) for number in range(3)]
    for stop in (grouped(9, album=7), Change(1), replace(incoming(9), topic=5)):
        queue: deque[Any] = deque([*singles, stop])
        assert next_items(
            queue, Albums(), now=0.0, together=forwards_together, more_to_come=False
        ) == tuple(singles)


def test_copies_go_together_unless_one_answers_another_or_takes_another_method() -> None:
    singles = [incoming(number) for number in range(3)]
    for stop in (replace(incoming(9), reply_to=1), replace(incoming(9), has_media=True)):
        queue: deque[Any] = deque([*singles, stop])
        together = next_items(
            queue, Albums(), now=0.0, together=copies_together, more_to_come=False
        )
        alone = next_items(
            deque([stop, *singles]),
            Albums(),
            now=0.0,
            together=copies_together,
            more_to_come=False,
        )
        assert together == tuple(singles)
        assert alone == (stop,)


def test_what_a_receipt_does_not_tell_of_stays_under_way() -> None:
    items = tuple(incoming(number) for number in (1, 2, 3))
    state = PairState(plan=plan(1), seen=3)
    state.queue.begin(UnderWay(1, items))
    state.queue.enqueue(items)

    assert state.queue.settle(1, arrived(1)) == items[:1]
    assert state.queue.under_way == UnderWay(1, items[1:])
    assert state.queue.settle(1, arrived(2, 3)) == items[1:]
    assert (state.queue.under_way, list(state.queue)) == (None, [])


def batch(action: ShipmentAction, count: int) -> Deliver:
    shipment = Shipment(
        action=action,
        target=-1002,
        messages=tuple(incoming(number) for number in range(count)),
        random_ids=tuple(range(count)),
    )
    return replace(job(1), shipment=shipment)


def test_of_several_copies_as_many_go_at_once_as_there_is_room_for() -> None:
    outgoing = SendQueue(Pace(per_account=1000.0, per_chat=1.0, burst=5))
    copies = batch("copies", 8)
    rest = copies.rest(arrived(0, 1, 2, 3, 4))

    assert outgoing.offer(copies, METHOD, wall=0.0, now=0.0) == SendNow(copies.first(5))
    assert [one.id for one in rest.shipment.messages] == [5, 6, 7]
    assert outgoing.offer(rest, METHOD, wall=0.0, now=0.0) == SendLater(
        pytest.approx(1.0), rest.first(1)
    )


@pytest.mark.parametrize("action", ["copies", "forward"])
def test_of_several_that_are_flooded_only_the_first_is_kept_back(action: ShipmentAction) -> None:
    outgoing = SendQueue(FREE)
    outgoing.record_flood((METHOD, None), 50.0)
    several = batch(action, 8)

    outgoing.offer(several, METHOD, wall=10.0, now=0.0)

    assert outgoing.release((METHOD, None), wall=50.0) == (several.first(1),)


def test_a_parked_job_is_taken_back_once() -> None:
    outgoing = SendQueue(FREE)
    outgoing.record_flood((METHOD, None), 50.0)
    for number in (1, 2):
        outgoing.offer(job(number), METHOD, wall=10.0, now=0.0)

    assert [outgoing.withdraw(1, 1), outgoing.withdraw(1, 1)] == [job(1), None]
    assert outgoing.release((METHOD, None), wall=50.0) == (job(2),)


def test_an_album_is_never_divided() -> None:
    album = batch("copy", 3)

    assert album.first(1) is album


def test_an_edit_replaces_an_older_one_that_waits() -> None:
    state = PairState(plan=plan(1), seen=5)
    first, second = replace(incoming(1), text="a"), replace(incoming(1), text="b")

    state.queue.put_change(Change(1, first))
    state.queue.put_change(Change(1, second))

    assert list(state.queue) == [Change(1, second)]
