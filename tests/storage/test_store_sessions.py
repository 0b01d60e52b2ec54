"""Sessions, credentials, backups and latches."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telewarden.errors import (
    CredentialDamagedError,
    InvalidRecordError,
    KeyLatchedError,
    PairsAssignedError,
    UnknownRecordError,
)
from telewarden.storage import (
    Entity,
    MasterKey,
    PairRecord,
    SessionRecord,
    Store,
    UpdateState,
    check_name,
)

from .backends import BACKENDS, IN_A_FILE  # noqa: F401 - conftest reads BACKENDS

pytestmark = pytest.mark.storage

STRING = "1" + "A" * 352
KEY = 0xDEAD_BEEF_0000_0001  # above 2**63: SQLite's integers are signed


def damage(store: Store, sql: str, *params: object) -> None:
    """Change a row behind the store's back, as a bad disk or a curious hand would."""
    assert store.execute(sql, params).rowcount


def test_a_session_comes_back_as_it_was_declared(store: Store) -> None:
    record = SessionRecord(
        name="alice",
        phone="+12025550123",
        priority=1,
        max_pairs=50,
        metadata={"owner": "süd", "tags": ["a", "b"], "nested": {"n": 1}},
        user_id=777,
        created=1.5,
        updated=2.5,
    )

    store.put_session(record)

    assert store.session("alice") == record
    assert store.session("bob") is None


def test_declaring_a_session_again_keeps_its_credential_and_birthday(alice: Store) -> None:
    alice.put_session(SessionRecord(name="alice", priority=2, created=99.0, updated=99.0))

    record = alice.session("alice")

    assert record is not None
    assert (record.priority, record.created, record.updated) == (2, 1.0, 99.0)
    assert (record.key_id, record.dc_id) == (KEY, 2)
    assert alice.credential("alice") is not None


def test_declaring_a_session_without_a_user_id_keeps_the_known_one(store: Store) -> None:
    store.put_session(SessionRecord(name="alice", user_id=777))
    store.put_session(SessionRecord(name="alice"))

    record = store.session("alice")

    assert record is not None
    assert record.user_id == 777


def test_sessions_come_by_priority_then_name(store: Store) -> None:
    for name, priority in (("carol", 5), ("bob", 1), ("alice", 5)):
        store.put_session(SessionRecord(name=name, priority=priority))

    assert [record.name for record in store.sessions()] == ["bob", "alice", "carol"]


@pytest.mark.parametrize("name", ["", "a b", "../alice", "alice\n", "a" * 65, "älice", "a/b", "."])
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(InvalidRecordError, match="letters, digits and underscores"):
        check_name(name)
    with pytest.raises(InvalidRecordError):
        SessionRecord(name=name)


@pytest.mark.parametrize(
    ("field", "value"),
    [("priority", 0), ("priority", 11), ("max_pairs", 0), ("max_pairs", 51), ("phone", "call me")],
)
def test_a_senseless_value_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidRecordError, match=field):
        SessionRecord(name="alice", **{field: value})  # type: ignore[arg-type] # a table of errors


@pytest.mark.crashes(logged="session row damaged")
def test_a_senseless_row_does_not_cost_the_other_sessions(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("alice", "bob"):
        store.put_session(SessionRecord(name=name))
    damage(store, "update user_sessions set priority = 77 where name = 'alice'")

    with caplog.at_level(logging.ERROR):
        assert [record.name for record in store.sessions()] == ["bob"]

    assert "session row damaged" in caplog.text


def test_damaged_metadata_costs_the_metadata_only(store: Store) -> None:
    store.put_session(SessionRecord(name="alice", metadata={"a": 1}))
    damage(store, "update user_sessions set metadata = '{oops'")

    record = store.session("alice")

    assert record is not None
    assert record.metadata == {}


@given(
    text=st.text(min_size=1, max_size=400),
    key_id=st.integers(0, 2**64 - 1),
    dc_id=st.integers(1, 65535),
)
def test_any_credential_comes_back_exactly(text: str, key_id: int, dc_id: int) -> None:
    with _memory_store() as store:
        store.put_session(SessionRecord(name="alice"))
        store.put_credential("alice", text, key_id, dc_id)

        found = store.credential("alice")

        assert found is not None
        assert (found.session_string, found.key_id, found.dc_id) == (text, key_id, dc_id)
        record = store.session("alice")
        assert record is not None
        assert record.key_id == key_id


def _memory_store() -> Store:
    """A store that no disk knows of: hypothesis wants hundreds."""
    import sqlite3
    from pathlib import Path

    from telewarden.storage import Vault
    from telewarden.storage.database import _migrate
    from telewarden.storage.sqlite_connection import SqliteConnection

    conn = sqlite3.connect(":memory:", isolation_level=None)
    _migrate(conn)
    place = Path("memory")
    return Store(SqliteConnection(conn, place), place, Vault(MASTER))


MASTER = MasterKey.from_text(MasterKey.generate())


def test_a_session_without_a_login_has_no_credential(store: Store) -> None:
    store.put_session(SessionRecord(name="alice"))

    assert store.credential("alice") is None
    assert store.credential("nobody") is None
    assert store.add_backup("alice", "by hand", 1.0) is None


def test_a_credential_needs_its_session(store: Store) -> None:
    with pytest.raises(UnknownRecordError, match="no session bob"):
        store.put_credential("bob", STRING, KEY, 2)


@IN_A_FILE
def test_a_string_is_on_no_disk_in_the_clear(alice: Store) -> None:
    alice.add_backup("alice", "by hand", 1.0)
    alice.checkpoint()

    for path in alice.path.parent.iterdir():
        assert b"A" * 20 not in path.read_bytes(), path.name


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("update user_sessions set sealed = x'00'", "too few"),
        ("update user_sessions set sealed = x''", "too few"),
        ("update user_sessions set sealed = x'" + 500 * "00" + "'", "format 0"),
        ("update user_sessions set sealed = substr(sealed, 1, 100)", "altered"),
        ("update user_sessions set digest = 'abcd'", "digest"),
        ("update user_sessions set digest = null", "digest"),
        ("update user_sessions set key_id = key_id + 1", "another key"),
        ("update user_sessions set key_id = null", "another key"),
        ("update user_sessions set dc_id = 4", "another data centre"),
    ],
)
def test_a_damaged_credential_says_what_is_wrong_with_it(alice: Store, sql: str, what: str) -> None:
    damage(alice, sql)

    with pytest.raises(CredentialDamagedError, match=what) as caught:
        alice.credential("alice")

    assert "A" * 20 not in str(caught.value)


def test_a_credential_moved_to_another_session_is_noticed(alice: Store) -> None:
    alice.put_session(SessionRecord(name="bob"))
    damage(
        alice,
        "update user_sessions set (sealed, digest, key_id, dc_id) ="
        " (select sealed, digest, key_id, dc_id from user_sessions where name = 'alice')"
        " where name = 'bob'",
    )

    with pytest.raises(CredentialDamagedError, match="another row"):
        alice.credential("bob")


def test_every_byte_of_a_sealed_credential_counts(alice: Store) -> None:
    (sealed,) = alice.execute("select sealed from user_sessions").fetchone()

    for position in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[position] ^= 0x80
        damage(alice, "update user_sessions set sealed = ?", bytes(damaged))
        with pytest.raises(CredentialDamagedError):
            alice.credential("alice")


def test_all_credentials_come_with_the_damaged_ones_marked(alice: Store) -> None:
    alice.put_session(SessionRecord(name="bob"))
    alice.put_session(SessionRecord(name="carol"))
    alice.put_credential("carol", STRING, 7, 2)
    damage(alice, "update user_sessions set sealed = x'00' where name = 'alice'")

    found = list(alice.credentials())

    assert [type(item).__name__ for item in found] == ["CredentialDamagedError", "Credential"]
    assert [item.name for item in found] == ["alice", "carol"]


def test_a_cleared_credential_leaves_the_session_and_its_backups(alice: Store) -> None:
    alice.add_backup("alice", "before logout", 1.0)

    alice.clear_credential("alice")

    record = alice.session("alice")
    assert alice.credential("alice") is None
    assert record is not None
    assert record.key_id is None
    assert len(alice.backups("alice")) == 1


def test_a_backup_holds_what_the_session_had(alice: Store) -> None:
    backup = alice.add_backup("alice", "before 2FA", 5.0)
    alice.put_credential("alice", "another", 7, 4)

    assert backup is not None
    assert (backup.name, backup.reason, backup.at) == ("alice", "before 2FA", 5.0)
    assert alice.backups("alice") == [backup]
    assert alice.backup_credential(backup.id).session_string == STRING


def test_the_five_newest_backups_of_each_session_stay(alice: Store) -> None:
    alice.put_session(SessionRecord(name="bob"))
    alice.put_credential("bob", STRING, 7, 2)
    alice.add_backup("bob", "only", 0.0)

    for number in range(8):
        alice.add_backup("alice", f"number {number}", float(number))

    assert [backup.reason for backup in alice.backups("alice")] == [
        f"number {number}" for number in (7, 6, 5, 4, 3)
    ]
    assert len(alice.backups("bob")) == 1
    assert len(alice.backups()) == 6


def test_a_damaged_credential_replaces_no_backup(alice: Store) -> None:
    for number in range(5):
        alice.add_backup("alice", f"number {number}", float(number))
    damage(alice, "update user_sessions set sealed = x'00'")

    with pytest.raises(CredentialDamagedError):
        alice.add_backup("alice", "damaged", 9.0)

    assert [backup.at for backup in alice.backups("alice")] == [4.0, 3.0, 2.0, 1.0, 0.0]


def test_backups_outlive_their_session(alice: Store) -> None:
    backup = alice.add_backup("alice", "before delete", 5.0)

    assert alice.delete_session("alice")

    assert backup is not None
    assert alice.session("alice") is None
    assert alice.backup_credential(backup.id).session_string == STRING


def test_a_backup_that_opens_and_is_not_latched_is_found(alice: Store) -> None:
    for key_id in (1, 2, 3):
        alice.put_credential("alice", f"string {key_id}", key_id, 2)
        alice.add_backup("alice", "by hand", float(key_id))
    damage(alice, "update session_backups set sealed = x'00' where key_id = 3")
    alice.latch_key(2, "AUTH_KEY_DUPLICATED", 9.0)

    found = alice.usable_backups("alice")

    assert [(kept.at, held.session_string) for kept, held in found] == [(1.0, "string 1")]
    assert alice.usable_backups("bob") == []


def test_a_restore_backs_up_what_it_replaces(alice: Store) -> None:
    backup = alice.add_backup("alice", "by hand", 1.0)
    alice.put_credential("alice", "newer", 7, 4)
    assert backup is not None

    restored = alice.restore_backup(backup.id, at=8.0)

    current = alice.credential("alice")
    assert restored.session_string == STRING
    assert current is not None
    assert (current.session_string, current.key_id) == (STRING, KEY)
    assert [entry.reason for entry in alice.backups("alice")] == ["before restore", "by hand"]


def test_a_restore_repairs_a_damaged_credential(alice: Store) -> None:
    backup = alice.add_backup("alice", "by hand", 1.0)
    damage(alice, "update user_sessions set sealed = x'00'")
    assert backup is not None

    alice.restore_backup(backup.id, at=8.0)

    assert alice.credential("alice") is not None


def test_a_restore_of_a_dead_key_is_refused(alice: Store) -> None:
    backup = alice.add_backup("alice", "by hand", 1.0)
    alice.put_credential("alice", "newer", 7, 4)
    alice.latch_key(KEY, "SESSION_REVOKED", 2.0)
    assert backup is not None

    with pytest.raises(KeyLatchedError, match="SESSION_REVOKED"):
        alice.restore_backup(backup.id, at=8.0)

    current = alice.credential("alice")
    assert current is not None
    assert current.session_string == "newer"
    assert len(alice.backups("alice")) == 1


def test_a_restore_of_nothing_names_the_backup(alice: Store) -> None:
    with pytest.raises(UnknownRecordError, match="no backup 404"):
        alice.restore_backup(404, at=1.0)


@pytest.mark.parametrize("key_id", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_latched_key_stays_latched_with_its_first_reason(store: Store, key_id: int) -> None:
    store.latch_key(key_id, "AUTH_KEY_DUPLICATED", 1.0)
    store.latch_key(key_id, "SESSION_REVOKED", 2.0)

    latch = store.latched(key_id)

    assert latch is not None
    assert (latch.key_id, latch.reason, latch.at) == (key_id, "AUTH_KEY_DUPLICATED", 1.0)
    assert store.latches() == [latch]
    assert store.latched(12345) is None


def test_a_session_with_pairs_is_not_deleted(alice: Store) -> None:
    alice.put_pair(PairRecord(id=1, session="alice", source=-1, target=-2))

    with pytest.raises(PairsAssignedError, match="still has 1 pair;"):
        alice.delete_session("alice")

    assert alice.session("alice") is not None


def test_a_deleted_session_takes_along_what_it_had_heard(alice: Store) -> None:
    alice.put_entities("alice", [Entity(id=1, access_hash=2)])
    alice.put_update_states("alice", [UpdateState(entity_id=0, pts=5)])
    alice.put_flood("alice", "messages.sendMessage", None, 99.0, 30.0)

    assert alice.delete_session("alice")
    assert not alice.delete_session("alice")

    assert alice.entities("alice") == []
    assert alice.update_states("alice") == []
    assert alice.floods("alice") == []


def test_no_secret_or_phone_number_is_in_a_repr(alice: Store) -> None:
    alice.put_session(SessionRecord(name="alice", phone="+12025550123"))

    shown = f"{alice!r} {alice.credential('alice')!r} {alice.sessions()!r}"

    assert "A" * 20 not in shown
    assert "2025550123" not in shown


ALTERED = {
    "another number": "update user_sessions set user_id = 666",
    "none": "update user_sessions set user_id = null",
    "another session's seal": (
        "update accounts set sealed = (select sealed from accounts where session = 'bob')"
        " where session = 'alice'"
    ),
}


@pytest.mark.parametrize("statement", ALTERED.values(), ids=ALTERED.keys())
def test_an_altered_account_is_not_believed(alice: Store, statement: str) -> None:
    alice.put_session(SessionRecord(name="bob", user_id=88))
    alice.put_user_id("alice", 77)

    alice.execute(statement)

    found = alice.session("alice")
    assert found is not None
    assert found.user_id == (None if "accounts" in statement else 77)
    assert [one.user_id for one in alice.sessions() if one.name == "alice"] == [found.user_id]


def test_an_account_goes_with_its_session(alice: Store) -> None:
    alice.put_user_id("alice", 77)
    alice.delete_session("alice")

    alice.put_session(SessionRecord(name="alice"))

    found = alice.session("alice")
    assert found is not None
    assert found.user_id is None
    assert alice.execute("select count(*) from accounts").fetchone() == (0,)


def test_who_reads_without_a_key_is_told_what_stands_in_the_clear(alice: Store) -> None:
    alice.put_user_id("alice", 77)

    with Store.open_reader(alice.place) as reader:
        found = reader.session("alice")

    assert found is not None
    assert found.user_id == 77
