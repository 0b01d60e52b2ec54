"""The live session: bounded, and telling what has changed."""

from __future__ import annotations

import datetime as dt

import pytest
from telethon import types, utils
from telethon.crypto import AuthKey

from telewarden.telegram import EntityRow, UpdateState, WardenSession
from telewarden.telegram.session import marked_id

pytestmark = pytest.mark.telegram

KEY = bytes(range(256))


def user(number: int, name: str | None = None) -> types.User:
    return types.User(id=number, access_hash=number * 10, first_name="U", username=name)


def state(pts: int) -> types.updates.State:
    date = dt.datetime.fromtimestamp(1_700_000_000, tz=dt.UTC)
    return types.updates.State(pts, 1, date, 2, unread_count=0)


def test_a_fresh_session_has_nothing_to_take() -> None:
    session = WardenSession()

    assert not session.dirty
    assert session.take_changes() is None
    assert session.to_string() == ""


def test_a_name_that_changes_to_and_fro_is_told_each_time() -> None:
    session = WardenSession()
    told = []
    for name in ("Bob", "Bob", "Rob", "Bob"):
        session.process_entities([user(7, name)])
        changes = session.take_changes()
        told.append(changes is not None and [row.username for row in changes.entities])

    assert told == [["bob"], False, ["rob"], ["bob"]]


def test_key_states_and_entities_are_taken_once() -> None:
    session = WardenSession()
    session.set_dc(2, "127.0.0.1", 443)
    session.auth_key = AuthKey(KEY)
    session.set_update_state(0, state(5))
    session.process_entities([user(7, "Bob")])

    changes = session.take_changes()

    assert changes is not None
    assert changes.string == session.to_string()
    assert changes.states == {0: UpdateState(5, 1, 1_700_000_000.0, 2)}
    assert changes.entities == (EntityRow(7, 70, "bob", None, "U"),)
    assert session.take_changes() is None


def test_what_did_not_change_is_not_told_again() -> None:
    session = WardenSession()
    session.process_entities([user(7)])
    session.set_update_state(0, state(5))
    session.take_changes()

    session.process_entities([user(7)])
    session.set_update_state(0, state(5))

    assert not session.dirty


def test_the_listener_is_told_once_for_each_taking() -> None:
    told: list[bool] = []
    session = WardenSession(on_change=lambda: told.append(True))

    session.process_entities([user(1)])
    session.process_entities([user(2)])
    session.take_changes()
    session.process_entities([user(3)])

    assert len(told) == 2


def test_a_forgotten_state_is_told_as_none() -> None:
    session = WardenSession()
    session.load_states({0: UpdateState(5), 9: UpdateState(6)})

    session.forget_update_state(9)
    changes = session.take_changes()

    assert changes is not None
    assert changes.states == {9: None}
    assert set(session.update_states()) == {0}


def test_what_was_loaded_is_known_and_not_changed() -> None:
    session = WardenSession()

    session.load_entities([EntityRow(7, 70, "bob"), EntityRow(-1_000_000_000_009, 90)])
    session.load_states({0: UpdateState(5, 1, 1_700_000_000.0, 2)})

    assert not session.dirty
    assert session.get_input_entity(7) == types.InputPeerUser(7, 70)
    assert session.get_input_entity("bob") == types.InputPeerUser(7, 70)
    assert session.get_input_entity(9) == types.InputPeerChannel(9, 90)
    assert session.get_update_state(0) == state(5)


def test_the_longest_unused_entity_is_forgotten_first() -> None:
    session = WardenSession(entity_limit=2)

    session.process_entities([user(1, "one"), user(2)])
    session.process_entities([user(1, "one")])
    session.process_entities([user(3)])

    assert [row.id for row in session.entities()] == [1, 3]
    assert session.get_entity_rows_by_username("one") == (1, 10)


def test_an_entity_is_kept_once_however_often_it_is_renamed() -> None:
    session = WardenSession()

    for number in range(100):
        session.process_entities([user(1, f"name{number}")])

    assert len(session.entities()) == 1
    assert session.get_entity_rows_by_username("name99") == (1, 10)
    assert session.get_entity_rows_by_username("name3") is None


@pytest.mark.parametrize(
    "peer",
    [
        types.PeerUser(5),
        types.PeerChat(6),
        types.PeerChannel(7),
        types.User(8),
        types.UserEmpty(9),
        types.Chat(10, "group", types.ChatPhotoEmpty(), 1, None, 1),
        types.ChatEmpty(11),
        types.ChatForbidden(12, "group"),
        types.Channel(13, "channel", types.ChatPhotoEmpty(), None),
        types.ChannelForbidden(14, 1, "channel"),
        types.InputPeerChannel(15, 1),
    ],
    ids=lambda peer: type(peer).__name__,
)
def test_a_marked_id_is_the_one_that_telethon_gives(peer: object) -> None:
    assert marked_id(peer) == utils.get_peer_id(peer)
