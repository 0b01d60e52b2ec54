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
