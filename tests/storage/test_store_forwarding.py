"""Pairs, outbox and marks."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import pytest

from telewarden.errors import InvalidRecordError, UnknownRecordError
from telewarden.storage import (
    Mark,
    OutboxCounts,
    OutboxRow,
    PairRecord,
    PendingChange,
    PlanRow,
    SessionRecord,
    Store,
)

from .backends import BACKENDS, IN_A_FILE  # noqa: F401 - conftest reads BACKENDS

pytestmark = pytest.mark.storage

CHANNEL = -1_000_000_000_100  # where messages have the same numbers for every account


def message(source_id: int, *, pair_id: int = 1, payload: bytes | None = b"hello") -> OutboxRow:
    return OutboxRow(
        pair_id=pair_id,
        source_chat=-100,
        source_id=source_id,
        random_id=-(2**63) + source_id,
        enqueued_at=10.0,
        payload=payload,
    )


def pair(pair_id: int, *, session: str = "alice") -> PairRecord:
    return PairRecord(id=pair_id, session=session, source=-100, target=-200)


def test_a_pair_comes_back_as_it_was_declared(alice: Store) -> None:
    record = PairRecord(
        id=7,
        session="alice",
        source=-1001234567890,
        target=4321,
        mode="copy",
        enabled=False,
        paused_reason="CHANNEL_PRIVATE",
        filters={"allow": ["news"], "media": False},
        group=3,
    )

    alice.put_pair(record)

    assert alice.pair(7) == record
    assert alice.pair(8) is None


def test_pairs_come_by_id_and_by_session(alice: Store) -> None:
    alice.put_session(SessionRecord(name="bob"))
    for pair_id, session in ((3, "alice"), (1, "bob"), (2, "alice")):
        alice.put_pair(pair(pair_id, session=session))

    assert [record.id for record in alice.pairs()] == [1, 2, 3]
    assert [record.id for record in alice.pairs("alice")] == [2, 3]
    assert alice.pairs("carol") == []


def test_a_pair_needs_its_session(store: Store) -> None:
    with pytest.raises(UnknownRecordError, match="no session alice"):
        store.put_pair(pair(1))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match="forward or copy"):
        PairRecord(id=1, session="alice", source=1, target=2, mode="steal")  # type: ignore[arg-type] # the error under test


@pytest.mark.crashes(logged="pair row damaged")
def test_a_senseless_pair_does_not_cost_the_others(
    alice: Store, caplog: pytest.LogCaptureFixture
) -> None:
    alice.put_pair(pair(1))
    alice.put_pair(pair(2))
    alice.execute("update pairs set mode = 'steal' where id = 1")

    with caplog.at_level(logging.ERROR):
        assert [record.id for record in alice.pairs("alice")] == [2]

    assert "pair row damaged" in caplog.text


def test_a_pair_is_paused_with_a_reason_and_resumed(alice: Store) -> None:
    alice.put_pair(pair(1))

    alice.put_pair(replace(pair(1), enabled=False, paused_reason="CHAT_WRITE_FORBIDDEN"))
    paused = alice.pair(1)
    alice.put_pair(pair(1))
    resumed = alice.pair(1)

    assert paused is not None
    assert (paused.enabled, paused.paused_reason) == (False, "CHAT_WRITE_FORBIDDEN")
    assert resumed is not None
    assert (resumed.enabled, resumed.paused_reason) == (True, None)


def test_a_pair_is_put_into_a_group_and_out_of_it(alice: Store) -> None:
    alice.put_pair(pair(1))

    alice.put_pair(replace(pair(1), group=4))
    assert [record.group for record in alice.pairs()] == [4]
    alice.put_pair(pair(1))
    assert [record.group for record in alice.pairs()] == [None]


def test_an_unknown_pair_is_named(alice: Store) -> None:
    with pytest.raises(
        UnknownRecordError, match=r"no pair 9; see them with: telewarden pairs list$"
    ):
        alice.move_pairs([9], "alice")


def test_pairs_move_all_together_with_what_is_on_its_way(alice: Store) -> None:
    alice.put_session(SessionRecord(name="bob"))
    for pair_id in (1, 2):
        alice.put_pair(replace(pair(pair_id), source=CHANNEL))
    alice.enqueue([message(5)])
    alice.advance_mark(1, -100, 4)

    alice.move_pairs([1, 2], "bob")

    assert [record.id for record in alice.pairs("bob")] == [1, 2]
    assert [row.source_id for row in alice.pending([1])] == [5]
    assert alice.marks([1]) == [Mark(pair_id=1, chat=-100, message_id=4)]


@pytest.mark.parametrize(("pair_ids", "target"), [([1, 99], "bob"), ([1, 2], "nobody")])
def test_a_move_that_cannot_be_whole_is_not_done_at_all(
    alice: Store, pair_ids: list[int], target: str
) -> None:
    alice.put_session(SessionRecord(name="bob"))
    for pair_id in (1, 2):
        alice.put_pair(pair(pair_id))

    with pytest.raises(UnknownRecordError):
        alice.move_pairs(pair_ids, target)

    assert [record.id for record in alice.pairs("alice")] == [1, 2]


def test_a_removed_pair_takes_along_its_messages_and_marks(alice: Store) -> None:
    alice.put_pair(pair(1))
    alice.enqueue([message(5), message(5, pair_id=2)])
    alice.advance_mark(1, -100, 4)

    assert alice.delete_pair(1)
    assert not alice.delete_pair(1)

    assert alice.outbox_counts() == OutboxCounts(pending=1)
    assert alice.marks([1]) == []


def test_a_message_is_enqueued_once(store: Store) -> None:
    assert store.enqueue([message(1), message(2), message(1)]) == 2
    assert store.enqueue([message(2), message(3)]) == 1

    assert [row.source_id for row in store.pending([1])] == [1, 2, 3]


def test_a_delivered_message_found_again_is_not_sent_again(store: Store) -> None:
    store.enqueue([message(1)])
    store.complete(1, 1, 900, 11.0)

    assert store.enqueue([message(1)]) == 0
    assert store.pending([1]) == []


def test_a_message_comes_back_as_it_was_enqueued(store: Store) -> None:
    rows = [message(1, payload=None), message(2, payload=b""), message(3, payload=b"\0\xff")]

    store.enqueue(rows)

    assert store.pending([1]) == rows


def test_pending_messages_come_in_order_for_many_pairs(store: Store) -> None:
    store.enqueue([message(n, pair_id=p) for p in range(1200, 0, -1) for n in (2, 1)])

    found = [(row.pair_id, row.source_id) for row in store.pending(range(1, 1201))]

    assert found == [(p, n) for p in range(1, 1201) for n in (1, 2)]
    assert store.pending([]) == []


def test_a_delivery_is_counted_once_and_drops_the_payload(store: Store) -> None:
    store.enqueue([message(1)])

    assert store.complete(1, 1, 900, 11.0)
    assert not store.complete(1, 1, 901, 12.0)
    assert not store.complete(1, 404, 1, 12.0)

    row = store.outbox_row(1, 1)
    assert row is not None
    assert (row.state, row.target_id, row.payload) == ("done", 900, None)
    assert store.targets(1, [1, 2]) == {1: 900}


@IN_A_FILE
def test_no_power_cut_undoes_what_others_have_seen(store: Store) -> None:
    said: list[str] = []
    store.db.conn.set_trace_callback(said.append)
    decide = partial(store.put_plans, [PlanRow(id=1, plan=None)])
    carry = partial(store.ring, 1, CHANNEL, CHANNEL - 1, {1: (5, 5)}, 10.0)
    accept = partial(store.enqueue, [message(1)])

    synced = []
    for work in (decide, carry, accept):
        said.clear()
        with store.transaction():
            work()
        after = said[[one.lower() for one in said].index("commit") :]
        synced.append("pragma synchronous = full" in after)

    assert synced == [True, True, False]
    assert store.db.execute("pragma synchronous").fetchone() == (1,)


def test_a_copy_that_turns_up_does_not_count_as_gone(store: Store) -> None:
    store.enqueue([message(1)])
    store.mark_removal_pending((1,), (1,))
    store.record_removal(1, (1,))  # nobody knew where it was

    store.complete(1, 1, 900, 11.0)

    assert store.mark_removal_pending((1,), (1,)) == [PendingChange(1, 1, "delete")]
    assert store.pending_changes([1]) == [PendingChange(1, 1, "delete")]


def test_a_delivery_seen_too_late_has_no_target(store: Store) -> None:
    store.enqueue([message(1)])

    assert store.complete(1, 1, None, 11.0)

    assert store.targets(1, [1]) == {}
    assert store.outbox_counts() == OutboxCounts(done=1)


def test_a_failed_try_is_counted_and_the_message_stays(store: Store) -> None:
    store.enqueue([message(1)])

    assert store.fail(1, 1, "FLOOD_WAIT_30", 11.0)
    assert store.fail(1, 1, "timeout", 12.0)

    (row,) = store.pending([1])
    assert (row.attempts, row.reason, row.payload) == (2, "timeout", b"hello")


def test_a_dead_message_waits_to_be_retried_or_dropped(store: Store) -> None:
    store.enqueue([message(1), message(2), message(3)])
    for source_id in (1, 2):
        assert store.fail(1, source_id, "MEDIA_EMPTY", 11.0, dead=True)

    assert [(row.source_id, row.reason) for row in store.dead()] == [
        (1, "MEDIA_EMPTY"),
        (2, "MEDIA_EMPTY"),
    ]
    assert store.dead([2]) == []
    assert store.retry(1, 1)
    assert store.drop(1, 2)
    assert not store.retry(1, 3)
    assert not store.drop(1, 3)
    assert [(row.source_id, row.attempts) for row in store.pending([1])] == [(1, 0), (3, 0)]


def test_a_delivered_message_cannot_fail_any_more(store: Store) -> None:
    store.enqueue([message(1)])
    store.complete(1, 1, 900, 11.0)

    assert not store.fail(1, 1, "late answer", 12.0, dead=True)
    assert store.outbox_counts() == OutboxCounts(done=1)


def test_a_damaged_payload_is_said_and_holds_up_nothing(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.enqueue([message(1), message(2)])
    store.execute("update outbox set payload = ? where source_id = 1", (b"\x01\x02",))

    first, second = store.pending([1])

    assert (first.payload, first.payload_damaged) == (None, True)
    assert (second.payload, second.payload_damaged) == (b"hello", False)
    assert "outbox payload damaged" in caplog.text


@IN_A_FILE
def test_a_message_text_is_on_no_disk_in_the_clear(store: Store) -> None:
    store.enqueue([message(1, payload=b"a very private text")])
    store.checkpoint()

    for path in store.path.parent.iterdir():
        assert b"private" not in path.read_bytes(), path.name
    assert b"private" not in repr(store.pending([1])).encode()


def test_old_deliveries_are_pruned_in_portions_and_nothing_else_is(store: Store) -> None:
    store.enqueue([message(n) for n in range(1, 8)])
    for source_id in range(1, 6):
        store.complete(1, source_id, source_id, float(source_id))
    store.fail(1, 6, "MEDIA_EMPTY", 0.0, dead=True)

    first = store.prune_outbox(before=5.0, limit=3)
    second = store.prune_outbox(before=5.0, limit=3, after=first.reached)

    assert (first.removed, second.removed, second.reached) == (3, 1, None)

    assert store.outbox_counts() == OutboxCounts(pending=1, done=1, dead=1)


def test_a_mark_only_ever_rises(store: Store) -> None:
    for message_id in (5, 9, 7, 9, 2):
        store.advance_mark(1, -100, message_id)
    store.advance_mark(1, -200, 1)
    store.advance_mark(2, -100, 3)

    assert store.marks([2, 1, 3]) == [
        Mark(pair_id=1, chat=-200, message_id=1),
        Mark(pair_id=1, chat=-100, message_id=9),
        Mark(pair_id=2, chat=-100, message_id=3),
    ]
