"""What a session has learnt, what it must wait for, what failed and who changed what."""

from __future__ import annotations

import pytest

from telewarden.storage import (
    AuditRow,
    CrashRow,
    Entity,
    FloodRow,
    Store,
    UpdateState,
)

from .backends import BACKENDS  # noqa: F401 - conftest reads BACKENDS

pytestmark = pytest.mark.storage

SEND = "messages.sendMessage"


def test_entities_come_back_newest_first_and_bounded(store: Store) -> None:
    entities = [Entity(id=-n, access_hash=-(2**63) + n, seen=float(n)) for n in range(1, 6)]

    store.put_entities("alice", entities)
    store.put_entities("bob", [Entity(id=1, access_hash=1, username="x")])

    assert store.entities("alice") == entities[::-1]
    assert store.entities("alice", limit=2) == [entities[4], entities[3]]
    assert store.entities("bob") == [Entity(id=1, access_hash=1, username="x")]


def test_an_entity_seen_again_keeps_its_name_and_takes_the_new_hash(store: Store) -> None:
    store.put_entities("alice", [Entity(id=1, access_hash=5, username="news", seen=9.0)])
    store.put_entities("alice", [Entity(id=1, access_hash=6, seen=3.0)])

    assert store.entities("alice") == [Entity(id=1, access_hash=6, username="news", seen=9.0)]


def test_entities_not_seen_for_long_are_pruned(store: Store) -> None:
    store.put_entities("alice", [Entity(id=n, access_hash=n, seen=float(n)) for n in range(10)])
    store.put_entities("bob", [Entity(id=1, access_hash=1)])

    assert store.prune_entities("alice", keep=3) == 7

    assert [entity.id for entity in store.entities("alice")] == [9, 8, 7]
    assert len(store.entities("bob")) == 1


def test_update_states_come_back_and_the_latest_counts(store: Store) -> None:
    account = UpdateState(entity_id=0, pts=5, qts=1, date=1_700_000_000.0, seq=3)
    channel = UpdateState(entity_id=1234, pts=9)

    store.put_update_states("alice", [UpdateState(entity_id=0, pts=1), channel])
    store.put_update_states("alice", [account])

    assert store.update_states("alice") == [account, channel]
    store.drop_update_state("alice", 1234)
    assert store.update_states("alice") == [account]
    assert store.update_states("bob") == []


def test_a_flood_deadline_never_comes_nearer(store: Store) -> None:
    store.put_flood("alice", SEND, None, 100.0, 30.0)
    store.put_flood("alice", SEND, None, 90.0, 5.0)
    store.put_flood("alice", SEND, -100, 95.0, 10.0)
    store.put_flood("bob", SEND, None, 50.0, 1.0)

    assert store.floods("alice") == [
        FloodRow(account="alice", method=SEND, chat=-100, until=95.0, seconds=10),
        FloodRow(account="alice", method=SEND, chat=None, until=100.0, seconds=30),
    ]
    assert len(store.floods()) == 3


def test_a_passed_deadline_is_forgotten_and_a_coming_one_is_not(store: Store) -> None:
    for until in (10.0, 20.0, 30.0):
        store.put_flood("alice", f"method {until}", None, until, 1.0)

    assert store.clear_expired(20.0) == 2
    assert [row.until for row in store.floods()] == [30.0]


def test_login_codes_are_counted_by_phone_and_time(store: Store) -> None:
    for phone, at in (("+1555", 1.0), ("+1555", 50.0), ("+1666", 60.0), ("+1555", 99.0)):
        store.record_login_code(phone, at)

    assert store.login_codes("+1555", since=50.0) == [50.0, 99.0]


def test_crashes_are_kept_by_child_and_time(store: Store) -> None:
    for path, at in (("warden/a", 1.0), ("warden/b", 2.0), ("warden/a", 3.0)):
        store.record_crash(path, "ValueError", at)

    assert store.crashes("warden/a", since=2.0) == [
        CrashRow(path="warden/a", reason="ValueError", at=3.0)
    ]
    assert len(store.crashes()) == 3
    assert store.prune_crashes(before=3.0) == 2
    assert [row.at for row in store.crashes()] == [3.0]


def test_the_audit_trail_says_who_changed_what_newest_first(store: Store) -> None:
    store.audit("cli", "register", "alice", None, {"priority": 5}, at=1.0)
    store.audit("bot:42", "delete", "bob", {"priority": 1}, None, "refused", at=2.0)

    assert store.audit_rows() == [
        AuditRow(
            who="bot:42",
            what="delete",
            subject="bob",
            before={"priority": 1},
            after=None,
            outcome="refused",
            at=2.0,
        ),
        AuditRow(who="cli", what="register", subject="alice", after={"priority": 5}, at=1.0),
    ]
    assert len(store.audit_rows(limit=1)) == 1
    assert len(store.audit_rows(since=2.0)) == 1


def test_what_json_has_no_form_for_is_audited_as_text(store: Store) -> None:
    store.audit("cli", "move", "pairs", before={1, 2}, at=1.0)

    (row,) = store.audit_rows()
    assert row.before == "{1, 2}"
