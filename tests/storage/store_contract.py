"""The contract of the store: what every method of it promises, driven through ``Store`` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from telewarden.errors import (
    CredentialDamagedError,
    InvalidRecordError,
    KeyLatchedError,
    PairsAssignedError,
    UnknownRecordError,
    WrongMasterKeyError,
)
from telewarden.storage import (
    IN_DOUBT,
    RETRIED,
    UNWANTED,
    AlertRow,
    Backfill,
    Credential,
    Entity,
    Epoch,
    FloodRow,
    MasterKey,
    NewsRow,
    Operation,
    OperationState,
    OutboxCounts,
    OutboxPruned,
    OutboxRow,
    PairRecord,
    PendingChange,
    PlanRow,
    SessionRecord,
    Store,
    StoredFigures,
    UpdateState,
    VerdictRow,
    WebhookRow,
)

KEY, OTHER_KEY = 0xDEAD_BEEF_0000_0001, 2
STRING, OTHER_STRING = "1" + "A" * 352, "1" + "B" * 352

Opening = Callable[[MasterKey], Store]


CHANNEL = 1_000_000_000_001  # marked ids from minus that down are channels'


def message(source_id: int, *, pair_id: int = 1, payload: bytes | None = b"text") -> OutboxRow:
    return OutboxRow(
        pair_id=pair_id,
        source_chat=-1001,
        source_id=source_id,
        random_id=-source_id,
        enqueued_at=float(source_id),
        payload=payload,
    )


def delivered(store: Store, *source_ids: int, pair_id: int = 1, at: float = 5.0) -> None:
    """Have these messages delivered, each as 900 more, saying 44."""
    store.enqueue([message(one, pair_id=pair_id) for one in source_ids])
    for one in source_ids:
        store.complete(pair_id, one, 900 + one, at, 44)


def known_to(store: Store) -> None:
    """Register alice, with a login."""
    store.put_session(SessionRecord(name="alice", created=1.0, updated=1.0))
    store.put_credential("alice", STRING, KEY, 2)


def register_and_fail(store: Store, name: str) -> None:
    """Register a session in a transaction that then fails."""
    with store.transaction():
        store.put_session(SessionRecord(name=name))
        store.put_credential("nobody", STRING, KEY, 2)


class StoreContract:
    """What every store keeps to. Say in ``open_at`` how one is opened, and made, at a place."""

    def open_at(self, place: Path, master: MasterKey) -> Store:
        raise NotImplementedError

    @pytest.fixture
    def opening(self, tmp_path: Path) -> Iterator[Opening]:
        opened: list[Store] = []

        def open_again(master: MasterKey) -> Store:
            store = self.open_at(tmp_path / "contract", master)
            opened.append(store)
            return store

        yield open_again
        for store in opened:
            store.close()

    @pytest.fixture
    def port(self, opening: Opening, master: MasterKey) -> Store:
        return opening(master)

    # The whole

    def test_what_was_stored_is_there_when_it_is_opened_again(
        self, opening: Opening, master: MasterKey
    ) -> None:
        first = opening(master)
        known_to(first)
        first.checkpoint()
        first.close()
        first.close()

        assert opening(master).credential("alice") == Credential(
            name="alice", session_string=STRING, key_id=KEY, dc_id=2
        )

    def test_another_master_key_is_refused(self, opening: Opening, master: MasterKey) -> None:
        opening(master).close()

        with pytest.raises(WrongMasterKeyError):
            opening(MasterKey.from_text(MasterKey.generate()))

    def test_a_transaction_is_stored_whole_or_not_at_all(self, port: Store) -> None:
        with pytest.raises(UnknownRecordError):
            register_and_fail(port, "alice")

        assert port.sessions() == []

    def test_an_inner_transaction_undoes_its_own_part_only(self, port: Store) -> None:
        with port.transaction():
            port.put_session(SessionRecord(name="alice"))
            with pytest.raises(UnknownRecordError):
                register_and_fail(port, "bob")

        assert [one.name for one in port.sessions()] == ["alice"]

    def test_who_has_a_login_with_a_key_is_told(self, port: Store) -> None:
        known_to(port)
        port.put_session(SessionRecord(name="bob", created=1.0, updated=1.0))
        port.put_credential("bob", OTHER_STRING, OTHER_KEY, 2)

        assert port.sessions_with_key(KEY) == ["alice"]
        assert [port.key_id_of(name) for name in ("alice", "bob")] == [KEY, OTHER_KEY]
        port.clear_credential("alice")
        assert port.sessions_with_key(KEY) == []
        assert [port.key_id_of(name) for name in ("alice", "nobody")] == [None, None]

    def test_a_new_master_key_opens_it_from_then_on_and_the_old_one_does_not(
        self, opening: Opening, master: MasterKey
    ) -> None:
        other, store = MasterKey.from_text(MasterKey.generate()), opening(master)
        known_to(store)

        store.rotate_master(other, old=master)
        assert len(store.old_masters()) == 1
        store.close()

        with pytest.raises(WrongMasterKeyError):
            opening(master)
        assert opening(other).credential("alice") is not None

    def test_a_new_data_key_seals_everything_anew(self, port: Store) -> None:
        known_to(port)
        port.add_backup("alice", "by hand", 1.0)
        port.enqueue([message(1)])
        before = port.vault.slots

        assert port.rotate_data_key() == []

        assert port.vault.slots != before
        assert [isinstance(one, Credential) for one in port.credentials()] == [True]
        assert [row.payload for row in port.pending([1])] == [b"text"]

    def test_changes_are_counted_and_reading_is_none(self, port: Store) -> None:
        before = port.changes
        port.sessions()
        read = port.changes
        port.put_session(SessionRecord(name="alice"))

        assert read == before
        assert port.changes > before

    def test_a_touch_leaves_everything_as_it_was(self, port: Store) -> None:
        port.put_session(SessionRecord(name="alice"))

        port.touch()

        assert [one.name for one in port.sessions()] == ["alice"]

    # Sessions and logins

    def test_sessions_come_by_priority_then_name(self, port: Store) -> None:
        for name, priority in (("carol", 5), ("bob", 1), ("alice", 5)):
            port.put_session(SessionRecord(name=name, priority=priority))

        assert [one.name for one in port.sessions()] == ["bob", "alice", "carol"]

    def test_declaring_again_keeps_birthday_login_and_account(self, port: Store) -> None:
        known_to(port)
        port.put_user_id("alice", 77)

        port.put_session(SessionRecord(name="alice", priority=1, created=9.0, updated=9.0))

        found = port.session("alice")
        assert found is not None
        assert (found.created, found.updated, found.priority) == (1.0, 9.0, 1)
        assert (found.key_id, found.dc_id, found.user_id) == (KEY, 2, 77)
        assert port.session("nobody") is None

    def test_a_login_needs_its_session(self, port: Store) -> None:
        with pytest.raises(UnknownRecordError):
            port.put_credential("nobody", STRING, KEY, 2)
        assert port.credential("nobody") is None

    def test_a_cleared_login_is_gone_and_its_backups_stay(self, port: Store) -> None:
        known_to(port)
        port.add_backup("alice", "by hand", 1.0)
        assert port.salvaged_credential("alice") == port.credential("alice")

        port.clear_credential("alice")

        assert port.credential("alice") is None
        assert port.salvaged_credential("alice") is None
        assert len(port.backups("alice")) == 1

    def test_a_session_with_pairs_is_not_deleted(self, port: Store) -> None:
        known_to(port)
        port.put_pair(PairRecord(id=1, session="alice", source=-1, target=-2))

        with pytest.raises(PairsAssignedError):
            port.delete_session("alice")
        assert port.delete_pair(1)
        assert port.delete_session("alice")
        assert not port.delete_session("alice")

    # Backups and latches

    def test_copies_of_one_login_do_not_push_another_out(self, port: Store) -> None:
        known_to(port)
        port.add_backup("alice", "good", 1.0)
        port.put_credential("alice", OTHER_STRING, OTHER_KEY, 4)
        port.latch_key(OTHER_KEY, "dead", 1.0)
        for at in range(2, 12):
            port.add_backup("alice", f"number {at}", float(at))

        kept = [one.reason for one in port.backups("alice")]

        assert kept == [*(f"number {at}" for at in (11, 10, 9, 8)), "good"]

    def test_the_five_newest_backups_stay_and_open(self, port: Store) -> None:
        known_to(port)
        for at in range(7):
            port.add_backup("alice", f"number {at}", float(at))

        kept = port.backups("alice")

        assert [one.reason for one in kept] == [f"number {at}" for at in (6, 5, 4, 3, 2)]
        assert [one.name for one in port.backups()] == ["alice"] * 5
        assert {port.backup_credential(one.id).session_string for one in kept} == {STRING}
        with pytest.raises(UnknownRecordError):
            port.backup_credential(4711)

    def test_a_session_without_a_login_has_nothing_to_back_up(self, port: Store) -> None:
        port.put_session(SessionRecord(name="alice"))

        assert port.add_backup("alice", "by hand", 1.0) is None
        assert port.usable_backups("alice") == []

    def test_a_restore_keeps_what_it_replaces(self, port: Store) -> None:
        known_to(port)
        kept = port.add_backup("alice", "first", 1.0)
        assert kept is not None
        port.put_credential("alice", OTHER_STRING, OTHER_KEY, 4)

        assert port.restore_backup(kept.id, at=5.0).key_id == KEY

        assert [one.key_id for one in port.backups("alice")] == [OTHER_KEY, KEY]
        assert [key for key, _, _ in port.known_strings("alice")] == [KEY, OTHER_KEY]

    def test_no_copy_of_a_latched_key_is_restored_or_offered(self, port: Store) -> None:
        known_to(port)
        kept = port.add_backup("alice", "first", 1.0)
        assert kept is not None
        assert port.usable_backups("alice") != []

        port.latch_key(KEY, "revoked", 2.0)
        port.latch_key(KEY, "another reason", 3.0)

        assert [(one.key_id, one.reason) for one in port.latches()] == [(KEY, "revoked")]
        assert port.latched(KEY) == port.latches()[0]
        assert port.latched(OTHER_KEY) is None
        assert port.usable_backups("alice") == []
        with pytest.raises(KeyLatchedError):
            port.restore_backup(kept.id, at=4.0)

    # Figures

    def test_figures_of_a_session_without_anything_are_there(self, port: Store) -> None:
        port.put_session(SessionRecord(name="bob"))

        assert port.figures(0.0) == [StoredFigures(name="bob")]

    def test_figures_tell_the_newest_backup_and_a_dead_key(self, port: Store) -> None:
        known_to(port)
        port.add_backup("alice", "by hand", 5.0)
        port.add_backup("alice", "by hand", 9.0)
        before = port.figures(0.0)
        port.latch_key(KEY, "SESSION_REVOKED", 10.0)

        assert before == [StoredFigures(name="alice", key_id=KEY, backed_up=9.0)]
        assert [one.latched for one in port.figures(0.0)] == [True]

    def test_figures_count_codes_from_a_moment_on(self, port: Store) -> None:
        port.put_session(SessionRecord(name="alice", phone="+9996620001"))
        port.put_session(SessionRecord(name="bob", phone="+9996620002"))
        for at in (1.0, 5.0, 6.0):
            port.record_login_code("+9996620001", at)

        codes = {one.name: one.codes for one in port.figures(5.0)}

        assert codes == {"alice": 2, "bob": 0}

    def test_figures_tell_since_when_the_oldest_message_waits(self, port: Store) -> None:
        known_to(port)
        for number in (1, 2):
            port.put_pair(
                PairRecord(id=number, session="alice", source=-1001, target=-1002, mode="copy")
            )
        delivered(port, 3, pair_id=1)
        port.enqueue([message(8, pair_id=1), message(7, pair_id=2)])

        assert [one.waiting_since for one in port.figures(0.0)] == [7.0]

    # What was learnt

    def test_entities_come_newest_first_and_keep_their_names(self, port: Store) -> None:
        port.put_entities("alice", [Entity(id=n, access_hash=n, seen=float(n)) for n in range(4)])
        port.put_entities("alice", [Entity(id=1, access_hash=11, username="one", seen=9.0)])
        port.put_entities("alice", [Entity(id=1, access_hash=12, seen=8.0)])

        assert port.entities("alice", 2) == [
            Entity(id=1, access_hash=12, username="one", seen=9.0),
            Entity(id=3, access_hash=3, seen=3.0),
        ]
        assert port.prune_entities("alice", 1) == 3
        assert [one.id for one in port.entities("alice")] == [1]

    def test_update_states_are_the_latest_and_can_be_dropped(self, port: Store) -> None:
        port.put_update_states(
            "alice", [UpdateState(entity_id=0, pts=1), UpdateState(entity_id=5, pts=2)]
        )
        port.put_update_states("alice", [UpdateState(entity_id=0, pts=7, qts=1, seq=2)])
        port.drop_update_state("alice", 5)

        assert port.update_states("alice") == [UpdateState(entity_id=0, pts=7, qts=1, seq=2)]
        port.clear_cache("alice")
        assert port.update_states("alice") == []

    def test_what_is_owed_is_kept_in_order_until_it_is_settled(self, port: Store) -> None:
        first, second = (
            NewsRow(
                id=number,
                channel="phone",
                name="SessionDown",
                subject=number,
                what="fired",
                severity="warning",
                since=1.0,
                at=2.0,
            )
            for number in ("b", "a")
        )

        port.owe_news([first, second])
        port.owe_news([replace(first, batch="m1")])
        kept = port.news()
        port.settle_news(["b"])

        assert kept == [replace(first, batch="m1"), second]
        assert port.news() == [second]

    def test_an_alert_is_kept_with_who_was_told_and_a_silence_with_its_end(
        self, port: Store
    ) -> None:
        row = AlertRow(name="SessionDown", subject="alice", since=1.0, fired=2.0, told=("phone",))

        port.keep_alerts([row, replace(row, subject="bob")])
        port.keep_alerts([replace(row, detail="later")], [("SessionDown", "bob")])
        port.silence("SessionDown", 9.0)
        port.silence("phone", 0.0)
        port.silence("SessionDown", None)

        assert port.alerts() == [replace(row, detail="later")]
        assert port.silences() == {"phone": 0.0}

    def test_an_event_keeps_its_turn_and_is_put_aside_with_its_reason(self, port: Store) -> None:
        rows = [
            WebhookRow(id=number, webhook="app", event="Forwarded", body="{}", at=1.0)
            for number in ("b", "a", "c")
        ]

        port.put_webhook_events(rows)
        port.put_webhook_events([replace(rows[0], refused=1, reason="the receiver answered 400")])
        port.put_webhook_events([replace(rows[1], dead=True)])
        port.settle_webhook_events(["c"])

        owed = [replace(rows[0], refused=1, reason="the receiver answered 400")]
        assert port.webhook_events(dead=False) == owed
        assert port.webhook_events(dead=True) == [replace(rows[1], dead=True)]

    def test_twenty_tokens_of_a_session_are_kept_and_the_newest_come_first(
        self, port: Store
    ) -> None:
        for name in ("alice", "bob"):
            port.put_session(SessionRecord(name=name))
        port.add_future_token("bob", b"bob's", 1.0)

        for number in range(22):
            port.add_future_token("alice", b"token %d" % number, 1.0)

        newest = [b"token %d" % number for number in range(21, 1, -1)]
        assert port.future_tokens("alice") == newest
        assert port.rotate_data_key() == []
        assert (port.future_tokens("alice"), port.future_tokens("bob")) == (newest, [b"bob's"])
        port.delete_session("bob")
        assert port.future_tokens("bob") == []

    def test_a_token_that_was_put_beside_another_session_is_not_taken(self, port: Store) -> None:
        port.put_session(SessionRecord(name="alice"))
        port.add_future_token("alice", b"alice's", 1.0)

        with port.transaction():
            port.execute("update future_tokens set session = 'bob'")

        assert port.future_tokens("bob") == []

    def test_what_is_known_of_an_account_is_kept_and_goes_with_its_session(
        self, port: Store
    ) -> None:
        port.put_session(SessionRecord(name="alice"))
        port.put_account_facts("alice", '{"parallel": 1}')
        port.put_account_facts("alice", '{"parallel": 2}')

        assert port.account_facts("alice") == '{"parallel": 2}'
        assert port.account_facts("bob") is None
        port.delete_session("alice")
        assert port.account_facts("alice") is None

    def test_a_flood_deadline_never_comes_nearer(self, port: Store) -> None:
        port.put_flood("alice", "messages.sendMessage", None, 100.0, 60.0)
        port.put_flood("alice", "messages.sendMessage", None, 50.0, 5.0)
        port.put_flood("alice", "messages.sendMessage", -1, 70.0, 7.0)
        port.put_flood("bob", "messages.getHistory", None, 10.0, 1.0)

        assert port.floods("alice") == [
            FloodRow(account="alice", method="messages.sendMessage", chat=chat, until=u, seconds=s)
            for chat, u, s in ((-1, 70.0, 7.0), (None, 100.0, 60.0))
        ]
        assert [row.until for row in port.floods("bob", "alice")] == [10.0, 70.0, 100.0]
        assert len(port.floods()) == 3
        assert port.clear_expired(70.0, limit=1) == 1
        assert port.clear_expired(70.0) == 1
        assert [row.until for row in port.floods()] == [100.0]

    def test_the_count_of_time_goes_on_from_process_to_process(self, port: Store) -> None:
        first = Epoch(wall=lambda: 1_000.0, steady=lambda: 10.0)
        later = Epoch(wall=lambda: 5_000.0, steady=lambda: 20.0)  # the wall was set meanwhile

        port.continue_time_base(first, boot="one")
        port.record_server_time(3.0)
        port.adopt_time_base(later, boot="one")

        found = port.time_base()
        assert found is not None
        assert (found.boot, found.base, found.ahead) == ("one", 990.0, 3.0)
        assert later.now() == 1_010.0

    def test_login_codes_are_counted_by_phone_and_time(self, port: Store) -> None:
        for at in (3.0, 1.0, 2.0):
            port.record_login_code("+1", at)
        port.record_login_code("+2", 2.0)

        assert port.login_codes("+1", 2.0) == [2.0, 3.0]

    # Pairs

    def test_pairs_come_back_as_they_were_declared(self, port: Store) -> None:
        known_to(port)
        pair = PairRecord(id=2, session="alice", source=-1, target=-2, mode="copy")
        port.put_pair(pair)

        assert port.pair(2) == pair
        assert port.pair(3) is None
        assert port.pairs("alice") == port.pairs() == port.pairs_with([2, 3]) == [pair]
        with pytest.raises(UnknownRecordError):
            port.put_pair(PairRecord(id=3, session="nobody", source=-1, target=-2))
        with pytest.raises(InvalidRecordError):
            PairRecord(id=3, session="alice", source=-1, target=-2, mode="steal")  # type: ignore[arg-type]

    def test_pairs_are_paused_grouped_and_moved(self, port: Store) -> None:
        known_to(port)
        port.put_session(SessionRecord(name="bob"))
        ours = PairRecord(id=1, session="alice", source=-1, target=-2, paused_reason="no right")

        port.put_pair(replace(ours, enabled=False, group=3))
        port.move_pairs([1], "bob")

        found = port.pair(1)
        assert found is not None
        assert (found.enabled, found.paused_reason, found.session) == (False, None, "bob")
        port.put_pair(replace(ours, session="bob"))
        port.move_pairs([1], "bob")
        port.move_pairs([1], "bob")  # nowhere: what pauses it is still its account's
        found = port.pair(1)
        assert found is not None
        assert found.paused_reason == "no right"
        for change in (
            lambda: port.move_pairs([1, 9], "alice"),
            lambda: port.move_pairs([1], "nobody"),
        ):
            with pytest.raises(UnknownRecordError):
                change()
        found = port.pair(1)
        assert found is not None
        assert found.session == "bob"

    def test_a_pair_begins_anew_or_only_forgets_where_its_messages_went(self, port: Store) -> None:
        port.enqueue([message(1), message(2)])
        port.complete(1, 1, 901, 5.0, 44)
        port.advance_mark(1, -1001, 2)

        port.forget_targets(1)
        assert port.targets(1, [1, 2]) == {}
        assert [row.source_id for row in port.pending([1])] == [2]
        port.reset_progress(1)

        assert (port.pending([1]), port.marks([1]), port.handled(1, [1, 2])) == ([], [], set())

    def test_what_was_decided_about_pairs_is_kept_until_it_is_forgotten(self, port: Store) -> None:
        added = PlanRow(id=3, plan={"source": "@news", "topics": {"5": 12}})
        removed = PlanRow(id=1, plan=None, declared="what it said")

        port.put_plans([added, removed])
        port.put_plans([removed])

        assert port.plans() == [removed, added]
        port.forget_plans([1, 9])
        assert port.plans() == [added]

    def test_a_mark_only_ever_rises(self, port: Store) -> None:
        for message_id in (5, 9, 7):
            port.advance_mark(1, -1001, message_id)

        assert [(m.pair_id, m.chat, m.message_id) for m in port.marks([1, 2])] == [(1, -1001, 9)]

    # Messages

    def test_a_message_is_stored_once_and_delivered_once(self, port: Store) -> None:
        assert port.enqueue([message(1), message(2)]) == 2
        assert port.enqueue([message(2)]) == 0

        assert port.complete(1, 1, 901, 5.0, 44)
        assert not port.complete(1, 1, 902, 6.0)

        assert [row.source_id for row in port.pending([1])] == [2]
        done = port.outbox_row(1, 1)
        assert done is not None
        assert (done.state, done.target_id, done.payload) == ("done", 901, None)
        assert port.targets(1, [1, 2]) == {1: 901}
        assert port.last_targets([1]) == {1: 901}
        assert port.handled(1, [1, 2, 3]) == {1, 2}
        assert port.outbox_counts() == OutboxCounts(pending=1, done=1)
        assert port.outbox_counts_of([1, 2]) == {1: port.outbox_counts()}

    def test_what_is_handed_over_is_kept_until_it_is_known_what_became_of_it(
        self, port: Store
    ) -> None:
        port.enqueue([message(one, payload=None) for one in (1, 2, 3)])
        port.complete(1, 3, 900, 11.0)

        port.hand_over(1, {1: b"one", 2: b"two", 3: b"three"})
        kept = [row.payload for row in port.pending([1])]
        port.complete(1, 1, 901, 12.0)
        port.fail(1, 2, "refused", 12.0, dead=True)

        rows = [port.outbox_row(1, one) for one in (1, 2, 3)]
        assert kept == [b"one", b"two"]
        assert [row and row.payload for row in rows] == [None, None, None]

    def test_it_is_told_which_messages_of_a_target_are_known_copies(self, port: Store) -> None:
        known_to(port)
        port.put_session(SessionRecord(name="bob"))
        channel = -1_000_000_000_007
        ends = {1: ("alice", channel), 2: ("bob", channel), 3: ("alice", -7), 4: ("bob", -7)}
        for pair, (session, target) in ends.items():
            port.put_pair(PairRecord(id=pair, session=session, source=-1, target=target))
            port.enqueue([message(1, pair_id=pair), message(2, pair_id=pair)])
            port.complete(pair, 1, pair * 100 + 1, 5.0, 44)
            port.complete(pair, 2, pair * 100 + 2, 5.0, 44)

        assert port.copies_at_target(1, 10) == port.copies_at_target(2, 10) == {101, 102, 201, 202}
        assert port.copies_at_target(1, 1) == {102, 202}
        assert port.copies_at_target(3, 10) == {301, 302}  # another account counts for itself there
        assert port.copies_at_target(5, 10) == set()

    def test_a_copy_does_not_go_on_to_where_its_message_came_from(self, port: Store) -> None:
        there, back = message(1), replace(message(901, pair_id=2), source_chat=-7)
        port.enqueue([there])
        carried = port.ring(1, there.source_chat, -7, {1: (44, 44)}, 4.0)
        port.complete(1, 1, 901, 5.0, 44)
        port.enqueue([back])

        assert carried == {1: "go"}
        assert port.ring(2, -7, there.source_chat, {901: (44, 44)}, 6.0) == {901: "stay"}

    def test_a_copy_does_not_go_on_to_what_its_message_came_from_has_become(
        self, port: Store
    ) -> None:
        there, onward = replace(message(1), source_chat=-5), replace(message(901), source_chat=-7)
        port.enqueue([there])
        port.ring(1, -5, -7, {1: (44, 44)}, 4.0)
        port.complete(1, 1, 901, 5.0, 44)
        port.enqueue([replace(onward, pair_id=2)])

        port.upgrade_in_ring(-5, -1_000_000_000_005, 5.0)

        assert port.ring(2, -7, -1_000_000_000_005, {901: (44, 44)}, 6.0) == {901: "stay"}

    def test_the_dead_are_retried_or_dropped_and_nobody_else(self, port: Store) -> None:
        port.enqueue([message(1), message(2), message(3)])
        assert port.fail(1, 1, "no right", 5.0)
        assert port.fail(1, 2, "too long", 5.0, dead=True)
        assert port.fail(1, 3, "too long", 5.0, dead=True)

        assert [row.source_id for row in port.dead()] == [2, 3]
        assert [row.source_id for row in port.dead([7])] == []
        assert port.retry(1, 2)
        assert port.drop(1, 3)
        assert not port.retry(1, 1)
        assert not port.drop(1, 1)
        assert [(row.source_id, row.attempts, row.reason) for row in port.pending([1])] == [
            (1, 1, "no right"),
            (2, 0, RETRIED),
        ]

    def test_what_is_filtered_out_or_old_is_forgotten(self, port: Store) -> None:
        port.enqueue([message(1), message(2), message(3)])
        port.complete(1, 1, 901, 5.0)

        port.filter_out(1, [1, 2])

        assert port.handled(1, [1, 2, 3]) == {1, 3}
        assert port.prune_outbox(5.0) == OutboxPruned(removed=0, reached=None)
        assert port.prune_outbox(6.0, limit=10) == OutboxPruned(removed=1, reached=None)
        assert port.outbox_row(1, 1) is None

    # Pruning

    def test_a_forgotten_message_is_still_known_to_have_been_sent(self, port: Store) -> None:
        delivered(port, 11, 12, 14)
        port.enqueue([message(13)])

        assert port.prune_outbox(9.0).removed == 3

        assert port.handled(1, range(9, 17)) == {11, 12, 13, 14}
        assert port.handled(2, [11]) == set()
        assert [row.source_id for row in port.pending([1])] == [13]
        assert port.targets(1, [11, 12]) == {}
        assert port.versions(1, 10) == {}
        assert not port.complete(1, 11, 999, 10.0)
        assert not port.mark_edit_pending(1, 11, 45)
        assert port.mark_removal_pending([1], [11]) == []

    def test_the_newest_message_in_the_target_is_known_as_long_as_the_target(
        self, port: Store
    ) -> None:
        delivered(port, 11, 12)
        port.prune_outbox(9.0)
        delivered(port, 10)

        assert port.last_targets([1, 2]) == {1: 912}
        port.forget_targets(1)
        assert port.last_targets([1]) == {}
        assert port.handled(1, [10, 11, 12, 13]) == {10, 11, 12}

    def test_a_pair_that_begins_anew_knows_nothing_of_what_was_forgotten(self, port: Store) -> None:
        delivered(port, 11, 12)
        port.prune_outbox(9.0)

        port.reset_progress(1)

        assert port.handled(1, [11, 12]) == set()
        assert port.last_targets([1]) == {}

    def test_what_still_has_something_to_do_is_not_forgotten(self, port: Store) -> None:
        delivered(port, 1, 2, 3, 4)
        port.enqueue([message(5), message(6)])
        port.fail(1, 6, "too long", 1.0, dead=True)
        port.mark_edit_pending(1, 1, 45)
        port.mark_removal_pending([1], [2, 3])
        port.record_removal(1, [3])

        assert port.prune_outbox(9.0).removed == 2  # one is gone already, one is as it was

        assert [one.source_id for one in port.pending_changes([1])] == [1, 2]
        assert [row.source_id for row in (*port.pending([1]), *port.dead())] == [5, 6]
        port.record_edit(1, 1, 45)
        port.record_removal(1, [2])
        assert port.prune_outbox(9.0).removed == 2

    def test_a_pair_that_reads_its_past_forgets_nothing_meanwhile(self, port: Store) -> None:
        delivered(port, 1, 2, 9)
        delivered(port, 5, pair_id=2)
        port.put_backfill(Backfill(1, 2, 9))

        assert port.prune_outbox(9.0).removed == 1
        assert port.handled(1, [1, 2, 3, 8, 9]) == {1, 2, 9}  # 3 to 8 are still to be read

        port.end_backfill(1)
        assert port.prune_outbox(9.0).removed == 3
        assert port.handled(1, [1, 2, 3, 8, 9]) == {1, 2, 3, 8, 9}

    def test_pieces_look_at_no_more_than_their_limit_and_come_to_an_end(self, port: Store) -> None:
        delivered(port, *range(1, 8))
        delivered(port, 8, at=20.0)
        port.mark_edit_pending(1, 1, 45)
        port.mark_edit_pending(1, 2, 45)

        removed, place = [], None
        while not removed or place is not None:
            piece = port.prune_outbox(9.0, limit=2, after=place)
            removed, place = [*removed, piece.removed], piece.reached

        assert removed == [0, 2, 2, 1]
        assert port.outbox_counts() == OutboxCounts(done=3)

    def test_history_goes_oldest_first_and_what_is_young_stays(self, port: Store) -> None:
        for at in (1.0, 2.0, 3.0, 4.0):
            port.record_crash("a", "why", at)
            port.record_login_code("+1", at)
            port.audit("ann", "pause", "pair 1", at=at)

        for prune in (port.prune_crashes, port.prune_login_codes, port.prune_audit):
            assert [prune(4.0, limit=2), prune(4.0, limit=2), prune(4.0, limit=2)] == [2, 1, 0]

        assert [row.at for row in port.crashes()] == [4.0]
        assert port.login_codes("+1", 0.0) == [4.0]
        assert [row.at for row in port.audit_rows()] == [4.0]

    def test_one_row_of_a_clock_that_was_ahead_holds_up_no_other(self, port: Store) -> None:
        for at in (99.0, 1.0, 2.0, 3.0):
            port.audit("ann", "pause", "pair 1", at=at)

        assert [port.prune_audit(9.0, limit=2) for _ in range(4)] == [1, 1, 1, 0]

    def test_entities_are_forgotten_session_by_session(self, port: Store) -> None:
        for name in ("bob", "alice", "carol"):
            port.put_entities(name, [Entity(id=n, access_hash=n, seen=n / 2) for n in range(9)])

        assert port.entity_owners() == ["alice", "bob", "carol"]
        assert port.entity_owners("alice", limit=1) == ["bob"]
        assert port.entity_owners("carol") == []
        assert [port.prune_entities("bob", 4, limit=3) for _ in range(3)] == [3, 2, 0]
        assert [one.id for one in port.entities("bob")] == [8, 7, 6, 5]
        assert len(port.entities("alice")) == 9

    def test_edits_and_deletions_are_wanted_before_they_are_made(self, port: Store) -> None:
        port.enqueue([message(1), message(2)])
        for source_id in (1, 2):
            port.complete(1, source_id, 900 + source_id, 5.0, 44)

        assert port.mark_edit_pending(1, 1, 45)
        assert not port.mark_edit_pending(1, 2, 44)
        assert port.mark_removal_pending([1], [2, 9]) == [PendingChange(1, 2, "delete")]
        assert port.pending_changes([1]) == [
            PendingChange(1, 1, "edit"),
            PendingChange(1, 2, "delete"),
        ]
        port.record_edit(1, 1, 45)
        port.record_removal(1, [2])
        assert port.pending_changes([1]) == []
        assert port.versions(1, 10) == {1: 45}

    def test_a_backfill_is_kept_until_it_is_through(self, port: Store) -> None:
        port.put_backfill(Backfill(1, 0, 100))
        port.put_backfill(Backfill(1, 50, 100, 12))

        assert port.backfills([1, 2]) == [Backfill(1, 50, 100, 12)]
        port.end_backfill(1)
        assert port.backfills([1]) == []

    # History

    def test_crashes_are_kept_by_child_and_time(self, port: Store) -> None:
        for path, at in (("a", 1.0), ("b", 2.0), ("a", 3.0)):
            port.record_crash(path, "why", at)

        assert [row.at for row in port.crashes("a")] == [1.0, 3.0]
        assert [row.at for row in port.crashes(since=2.0)] == [2.0, 3.0]
        assert port.prune_crashes(3.0) == 2

    def test_the_audit_trail_is_newest_first_and_can_be_asked(self, port: Store) -> None:
        port.audit("ann", "pause", "pair 1", {"on": True}, {"on": False}, at=1.0)
        port.audit_many([("bob", "login", "alice", None, None, "done", 2.0)])

        assert [row.who for row in port.audit_rows()] == ["bob", "ann"]
        assert [row.who for row in port.audit_rows(since=2.0, limit=9)] == ["bob"]
        (found,) = port.audit_trail(who="ann", what="pause", subject="pair 1", since=0.0, limit=5)
        assert (found.before, found.after, found.outcome) == ({"on": True}, {"on": False}, "done")

    def test_the_audit_trail_is_looked_through_page_by_page(self, port: Store) -> None:
        assert port.audit_end() == 0
        port.audit_many(
            [("ann" if n % 4_000 else "bob", "w", "s", None, None, "done", n) for n in range(9_000)]
        )

        found, below, pages = [], port.audit_end(), 0
        while below:
            page, below = port.audit_page(
                below, who="bob", what="w", subject="s", since=1.0, limit=9
            )
            found += page
            pages += 1

        assert pages > 1
        assert [row.at for row in found] == [8_000.0, 4_000.0]
        assert [row.at for row in port.audit_trail(who="bob", limit=2)] == [8_000.0, 4_000.0]

    def test_operations_replace_each_other_and_their_ids_are_remembered(self, port: Store) -> None:
        port.put_operations([Operation(id=n, kind="backfill") for n in (1, 2)])
        port.put_operations(
            [Operation(id=2, kind="backfill", state=OperationState.FINISHED, ended=1.0)]
        )
        port.delete_operations([1])

        assert [(one.id, one.state) for one in port.operations()] == [(2, "finished")]
        port.delete_operations([2])
        assert port.last_operation_id() == 2

    def test_registrations_are_noted_once_and_many_sessions_at_once(self, port: Store) -> None:
        port.declare_sessions([SessionRecord(name="alice"), SessionRecord(name="bob")])
        port.put_registrations(["alice", "bob"])
        port.put_registrations(["bob"])
        port.delete_registrations(["alice"])

        assert [one.name for one in port.sessions()] == ["alice", "bob"]
        assert port.registrations() == {"bob"}

    def test_what_has_changed_of_many_sessions_is_stored_and_nothing_else(
        self, port: Store
    ) -> None:
        port.declare_sessions(
            [
                SessionRecord(name="alice", phone="+12025550123", created=1.0, updated=1.0),
                SessionRecord(name="bob", priority=3, metadata={"a": 1}, created=1.0, updated=1.0),
            ]
        )

        port.change_sessions(
            {
                "priority": {"alice": 1, "nobody": 2},
                "phone": {"alice": None},
                "metadata": {"bob": {"team": 'the "news"', "hot": True, "at": 0.1, "no": None}},
                "max_pairs": {"bob": 50},
            },
            updated=9.0,
        )

        assert port.sessions() == [
            SessionRecord(name="alice", priority=1, created=1.0, updated=9.0),
            SessionRecord(
                name="bob",
                priority=3,
                max_pairs=50,
                metadata={"team": 'the "news"', "hot": True, "at": 0.1, "no": None},
                created=1.0,
                updated=9.0,
            ),
        ]

    @pytest.mark.parametrize("askers", [1, 3, 40])
    def test_audit_rows_keep_their_order_whoever_they_are_of(
        self, port: Store, askers: int
    ) -> None:
        rows = [
            (f"who {n % askers}", "change", f"s{n}", {"n": n}, [n], f"done {n % 2}", float(n // 9))
            for n in range(60)
        ]
        port.audit_many(sorted(rows, key=lambda row: (row[0], row[5], row[6])))

        found = port.audit_trail(limit=100)

        assert [
            (one.who, one.what, one.subject, one.before, one.after, one.outcome, one.at)
            for one in reversed(found)
        ] == sorted(rows, key=lambda row: (row[0], row[5], row[6]))

    def test_credentials_come_one_by_one_with_their_damage(self, port: Store) -> None:
        known_to(port)

        found = list(port.credentials())

        assert [type(one) for one in found] == [Credential]
        assert issubclass(CredentialDamagedError, Exception)

    def test_what_a_copy_says_is_unknown_until_its_edit_is_made(self, port: Store) -> None:
        port.enqueue([message(1), message(2)])
        port.complete(1, 1, 901, 5.0, 44)

        assert not port.mark_edit_pending(1, 2, 45)  # it goes as it is now, nothing of it is edited
        assert port.mark_edit_pending(1, 1, 45)
        assert port.versions(1, 10) == {1: None}
        assert port.mark_edit_pending(
            1, 1, 44
        )  # back to what it said: the edit may have been made unseen
        port.record_edit(1, 1, 44)
        assert port.versions(1, 10) == {1: 44}

    def test_a_copy_of_which_nobody_knows_what_it_says_may_still_have_lost_its_source(
        self, port: Store
    ) -> None:
        port.enqueue([message(1), message(2)])
        port.complete(1, 1, 901, 5.0)
        port.complete(1, 2, None, 5.0)

        assert port.versions(1, 10) == {1: 0}
        assert port.mark_removal_pending([1], [1]) == [PendingChange(1, 1, "delete")]
        assert port.versions(1, 10) == {}

    def test_all_that_a_copy_may_say_is_known_until_it_has_arrived(self, port: Store) -> None:
        port.enqueue([replace(message(1), version=44), message(2), replace(message(3), version=7)])

        port.add_possible_versions(1, {1: 45, 3: 7, 9: 1})
        port.add_possible_versions(1, {1: 46})

        assert port.possible_versions([1, 2]) == {(1, 1): {44, 45, 46}, (1, 3): {7}}
        port.complete(1, 1, 901, 5.0, 46)
        port.filter_out(1, [3])
        assert port.possible_versions([1]) == {}

    def test_what_a_copy_may_say_is_not_told_of_a_message_that_was_given_up(
        self, port: Store
    ) -> None:
        port.enqueue([message(1)])
        port.add_possible_versions(1, {1: 45})

        port.fail(1, 1, "MESSAGE_ID_INVALID", 5.0, dead=True)
        assert port.possible_versions([1]) == {}
        port.retry(1, 1)
        assert port.possible_versions([1]) == {(1, 1): {45}}

    def test_a_pause_by_hand_moves_with_its_pair(self, port: Store) -> None:
        known_to(port)
        port.put_session(SessionRecord(name="bob"))
        ours = PairRecord(id=1, session="alice", source=-1, target=-2)
        port.put_pair(replace(ours, paused_reason="paused by hand: holidays"))

        port.move_pairs([1], "bob")

        found = port.pair(1)
        assert found is not None
        assert found.paused_reason == "paused by hand: holidays"

    def test_what_is_found_out_of_order_is_no_end_to_look_behind(self, port: Store) -> None:
        port.enqueue([message(1), message(2)])

        port.complete(1, 2, 902, 5.0, newest=False)
        assert port.last_targets([1]) == {}
        port.complete(1, 1, 901, 5.0)

        assert port.last_targets([1]) == {1: 901}
        assert port.targets(1, [1, 2]) == {1: 901, 2: 902}

    def test_what_is_refused_to_one_account_is_wanted_again_of_the_next(self, port: Store) -> None:
        known_to(port)
        port.put_session(SessionRecord(name="bob"))
        port.put_pair(PairRecord(id=1, session="alice", source=-CHANNEL, target=-CHANNEL - 1))
        delivered(port, 1, 2)
        port.mark_edit_pending(1, 1, 45)
        port.mark_removal_pending([1], [2])

        port.record_change_refused(1, 1)
        port.record_change_refused(1, 2)

        assert port.pending_changes([1]) == []
        assert port.versions(1, 10) == {1: 0}
        assert port.mark_edit_pending(1, 1, 46)  # the next edit may be told to an administrator
        port.record_change_refused(1, 1)
        port.move_pairs([1], "alice")  # nowhere
        assert port.pending_changes([1]) == []
        port.move_pairs([1], "bob")
        assert port.pending_changes([1]) == [
            PendingChange(1, 1, "edit"),
            PendingChange(1, 2, "delete"),
        ]

    @pytest.mark.parametrize(
        ("source", "target", "targets", "known"),
        [
            (-CHANNEL, -CHANNEL - 1, {1: 901}, {1}),
            (-CHANNEL, 0, {1: 901}, {1}),  # a handler's numbers are nobody's
            (-CHANNEL, -7, {}, {1}),
            (-7, -CHANNEL, {}, set()),
        ],
    )
    def test_numbers_that_only_one_account_has_do_not_move(
        self,
        port: Store,
        source: int,
        target: int,
        targets: dict[int, int],
        known: set[int],
    ) -> None:
        known_to(port)
        port.put_session(SessionRecord(name="bob"))
        port.put_pair(PairRecord(id=1, session="alice", source=source, target=target))
        delivered(port, 1)

        port.move_pairs([1], "bob")

        assert port.targets(1, [1]) == targets
        assert port.handled(1, [1]) == known

    def test_what_is_in_doubt_is_noted_of_what_waits(self, port: Store) -> None:
        port.enqueue([message(1), message(2), message(3)])
        port.complete(1, 3, 903, 5.0)

        port.record_doubt(1, [1, 3, 9])

        assert [(row.source_id, row.reason) for row in port.pending([1])] == [
            (1, IN_DOUBT),
            (2, None),
        ]
        port.complete(1, 1, 901, 6.0)
        row = port.outbox_row(1, 1)
        assert row is not None
        assert row.reason is None

    def test_what_is_not_wanted_any_more_stays_so_whoever_has_its_pair(self, port: Store) -> None:
        port.enqueue([message(1), message(2), message(3)])
        port.complete(1, 3, 903, 5.0)

        port.record_unwanted(1, [1, 3, 9])
        port.record_doubt(1, [1, 2])

        assert [(row.source_id, row.reason) for row in port.pending([1])] == [
            (1, UNWANTED),
            (2, IN_DOUBT),
        ]

    def test_verdicts_are_kept_until_they_are_gone(self, port: Store) -> None:
        ill = VerdictRow(
            session="alice",
            worker_group="",
            health="expired",
            reason="login_ended",
            why=["SESSION_REVOKED"],
            since=5.0,
            steps=[["disable", 1, 6.0, ""]],
        )
        group = replace(ill, worker_group="group-1", reason="behind", steps=[])
        port.keep_verdicts([group, ill], [])

        assert port.verdicts() == [ill, group]

        port.keep_verdicts([replace(ill, since=7.0)], [("alice", "group-1"), ("bob", "")])
        assert port.verdicts() == [replace(ill, since=7.0)]
