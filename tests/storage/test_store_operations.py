"""Operations, run-time registrations and the audit trail: written in groups, read back whole."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telewarden.storage import (
    AuditRow,
    MasterKey,
    Operation,
    OperationState,
    Part,
    SessionRecord,
    Store,
)

from .backends import BACKENDS  # noqa: F401 - conftest reads BACKENDS

pytestmark = pytest.mark.storage

BACKFILL = Operation(
    id=1,
    kind="backfill",
    session="alice",
    step=2,
    steps=3,
    description='half "done"\n',
    parts=(Part(1, "read"), Part(2, "send ü")),
    who="app",
    started=1.5,
    updated=2.5,
)


def test_operations_come_back_as_they_were_put(store: Store) -> None:
    ended = replace(
        BACKFILL, id=2, state=OperationState.FAILED, error="no room", ended=3.0, session=None
    )

    store.put_operations([BACKFILL, ended])

    assert store.operations() == [BACKFILL, ended]


def test_an_operation_that_is_put_again_replaces_the_one_before(store: Store) -> None:
    store.put_operations([BACKFILL])

    store.put_operations([replace(BACKFILL, step=3)])

    assert [one.step for one in store.operations()] == [3]


def test_the_id_of_a_deleted_operation_is_remembered(store: Store) -> None:
    assert store.last_operation_id() == 0
    store.put_operations([BACKFILL, replace(BACKFILL, id=7)])

    store.delete_operations([1, 7])

    assert store.operations() == []
    assert store.last_operation_id() == 7


def test_declaring_many_sessions_is_the_same_as_putting_each(alice: Store) -> None:
    records = [
        SessionRecord(name="alice", phone="+15550100", priority=2, created=9.0, updated=9.0),
        SessionRecord(name="bob", metadata={"team": "news", "tags": 'a "b"'}, user_id=7),
    ]

    alice.declare_sessions(records)

    found = {record.name: record for record in alice.sessions()}
    assert found["bob"] == records[1]
    assert found["alice"].created == 1.0  # the first one is kept
    assert found["alice"].key_id == 0xDEAD_BEEF_0000_0001
    assert (found["alice"].phone, found["alice"].priority) == ("+15550100", 2)


def test_registrations_are_noted_once_and_forgotten(store: Store) -> None:
    store.put_registrations(["alice", "bob"])
    store.put_registrations(["bob"])

    store.delete_registrations(["alice"])

    assert store.registrations() == {"bob"}


def test_the_audit_trail_is_asked_by_who_what_subject_and_time(store: Store) -> None:
    rows = [
        AuditRow(
            who="app", what="change", subject="alice", before={"p": 1}, after={"p": 2}, at=1.0
        ),
        AuditRow(who="bot:7", what="delete", subject="alice", outcome="refused: pairs", at=2.0),
        AuditRow(who="app", what="change", subject="bob", at=3.0),
    ]
    store.audit_many([astuple(row) for row in rows])

    assert store.audit_trail() == rows[::-1]
    assert store.audit_trail(who="bot:7") == [rows[1]]
    assert store.audit_trail(what="change", limit=1) == [rows[2]]
    assert store.audit_trail(subject="alice") == [rows[1], rows[0]]
    assert store.audit_trail(since=2.5) == [rows[2]]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@settings(max_examples=50)
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_any_text_survives_the_way_through_json(texts: list[str], tmp_path_factory: object) -> None:
    folder: Path = tmp_path_factory.mktemp("texts")  # type: ignore[attr-defined]  # pytest's own
    parts = tuple(Part(number, text) for number, text in enumerate(texts, start=1))
    record = replace(BACKFILL, description=texts[0], error=texts[-1], parts=parts)

    with Store.open(folder / "a.db", MasterKey.from_text(MasterKey.generate())) as store:
        store.put_operations([record])

        assert store.operations() == [record]


def test_half_a_character_costs_neither_the_trail_nor_the_operations(store: Store) -> None:
    broken = b"caf\xe9".decode(errors="surrogateescape")  # as a terminal's broken bytes arrive

    store.audit_many([(broken, "change", broken, None, {"team": broken}, "done", 1.0)])
    store.put_operations([replace(BACKFILL, who=broken)])

    assert [(one.who, one.subject) for one in store.audit_trail()] == [("caf?", "caf?")]
    assert [one.who for one in store.operations()] == ["caf?"]
