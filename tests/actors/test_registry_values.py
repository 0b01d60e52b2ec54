"""What is given and what is shown: values that nobody can change, odd ones refused by name."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from telewarden.actors import SessionChanged
from telewarden.errors import InvalidRecordError
from telewarden.supervision import ObserverFailed
from telewarden.testing import RegistryKit

pytestmark = pytest.mark.actors


async def test_a_snapshot_takes_no_other_attributes(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        await kit.make_session("alice")
        snapshot: Any = kit.registry.snapshot
        for name in ("sessions", "operations", "revision", "limits", "deleted", "_by_health"):
            with pytest.raises(FrozenInstanceError):
                setattr(snapshot, name, None)
        assert kit.registry.sessions.by_health("unknown")
        assert snapshot.by_state


@pytest.mark.crashes(logged="observer detached observer=.*forge")
async def test_no_subscriber_changes_what_the_next_one_hears(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        await kit.make_session("alice", metadata={"team": "news"})

        def forge(event: Any) -> None:
            event.before["metadata"]["team"] = "forged"

        kit.events.subscribe(forge, [SessionChanged])
        await kit.registry.sessions.change("alice", metadata={"team": "sport"})
        assert (await kit.hears(SessionChanged)).before["metadata"] == {"team": "news"}
        assert (await kit.hears(ObserverFailed)).observer.endswith("forge")
        (row,) = await kit.registry.audit(what="change")
        assert (row.before, row.after) == (
            {"metadata": {"team": "news"}},
            {"metadata": {"team": "sport"}},
        )


async def test_odd_values_are_refused_each_by_itself_and_noted(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        await kit.make_session("alice")
        bad: Any = {None: {"priority": 1}, "alice": {"priority": 4}}
        first, second = await kit.registry.sessions.change_many(bad)
        assert isinstance(first.error, InvalidRecordError)
        assert second.entry is not None
        assert second.entry.priority == 4
        for what in (5, None):
            with pytest.raises(InvalidRecordError, match=r"changes is .*; give"):
                await kit.registry.sessions.change_many(what)  # type: ignore[arg-type]
        with pytest.raises(InvalidRecordError, match="huge"):
            await kit.registry.sessions.change("alice", metadata={"n": 10**5000})
        with pytest.raises(InvalidRecordError):
            await kit.registry.operations.clean("old", who="ann")  # type: ignore[arg-type]
        row, *_ = await kit.registry.audit()
        assert (row.who, row.what, row.subject) == ("ann", "clean", "operations")


HUGE = 10**5000  # more digits than Python is willing to show


@pytest.mark.parametrize("odd", [{"priority": HUGE}, dict, None])
async def test_one_odd_change_of_many_has_an_outcome_of_its_own(tmp_path: Path, odd: Any) -> None:
    async with RegistryKit(tmp_path) as kit:
        for name in ("alice", "bob", "carol"):
            await kit.make_session(name)
        many = {"alice": {"priority": 7}, "bob": odd, "carol": {"priority": 8}}

        alice, bob, carol = await kit.registry.sessions.change_many(many)
        (refused,) = await kit.registry.audit(what="change", subject="bob")

    assert (alice.entry.record.priority, carol.entry.record.priority) == (7, 8)
    assert isinstance(bob.error, InvalidRecordError)
    assert refused.outcome.startswith("refused")


async def test_a_value_too_long_to_show_is_refused_like_any_other(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        await kit.make_session("alice")
        with pytest.raises(InvalidRecordError, match="int"):
            await kit.registry.sessions.change("alice", priority=HUGE)
        with pytest.raises(InvalidRecordError, match="int"):
            await kit.make_operation(steps=HUGE)
        (row,) = await kit.registry.audit(what="change")

    assert row.outcome.startswith("refused")


def test_what_is_asked_for_is_what_the_fields_were_when_it_was_asked(tmp_path: Path) -> None:
    with RegistryKit(tmp_path) as kit:
        sessions, fields, metadata = kit.blocking.sessions, {"priority": 1}, {"n": 0}
        sessions.register("alice")
        answers = []
        for number in range(1, 11):
            fields["priority"] = metadata["n"] = number
            answers.append(sessions.change_many_later({"alice": fields}))
            answers.append(sessions.change_later("alice", metadata=metadata))
        many = [answer.get()[0].entry.record.priority for answer in answers[::2]]
        single = [answer.get().record.metadata["n"] for answer in answers[1::2]]

    assert many == single == list(range(1, 11))


@pytest.mark.parametrize(("before", "after"), [(1, True), (1.0, 1), (0, False)])
async def test_equal_metadata_of_another_kind_is_a_change(
    tmp_path: Path, before: object, after: object
) -> None:
    async with RegistryKit(tmp_path) as kit:
        await kit.make_session("alice", metadata={"n": before})

        entry = await kit.registry.sessions.change("alice", metadata={"n": after}, priority=5)
        (row,) = await kit.registry.audit(what="change")

    assert entry.record.metadata["n"] is after
    assert row.after == {"metadata": {"n": after}}


async def test_wrong_names_share_the_list_of_right_ones(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        await kit.make_session("alice")

        one, two = await kit.registry.sessions.change_many({"bob": {}, "carol": {}})

    assert one.error.known == ("alice",)
    assert one.error.known is two.error.known


async def test_force_is_said_in_so_many_words(tmp_path: Path) -> None:
    async with RegistryKit(tmp_path) as kit:
        await kit.make_session("alice")
        with pytest.raises(InvalidRecordError, match="True or False"):
            await kit.registry.sessions.delete("alice", force="no")  # type: ignore[arg-type]

        assert "alice" in kit.registry.sessions
