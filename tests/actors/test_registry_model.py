"""The registry against a plain dict: whatever is asked in whatever order, both say the same."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from telewarden.actors import RegistryLimits
from telewarden.errors import TelewardenError
from telewarden.testing import RegistryKit

pytestmark = pytest.mark.actors

NAMES = st.sampled_from(["alice", "bob", "carol", "dave", "eve", "bad name"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(0, 11),
        "max_pairs": st.integers(1, 50),
        "phone": st.sampled_from([None, "+12025550123", "12"]),
        "metadata": st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2),
        "size": st.just(1),
    },
)
DEFAULTS: dict[str, Any] = {"priority": 5, "max_pairs": 30, "phone": None, "metadata": {}}
SESSIONS, OPERATIONS = 4, 5  # the limits: small, so that they are met


def sensible(fields: dict[str, Any]) -> bool:
    """Whether a plain reader of the rules would take these fields."""
    return (
        "size" not in fields
        and 1 <= fields.get("priority", 1) <= 10
        and fields.get("phone") != "12"
    )


class RegistryMachine(RuleBasedStateMachine):
    """Does everything twice: to the registry, and to dicts."""

    ids: Bundle[int] = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.sessions: dict[str, dict[str, Any]] = {}
        self.operations: dict[int, dict[str, Any]] = {}
        self.last_id = 0
        self.began = 1_000_000.0
        self.kit = self.enter()

    def enter(self) -> RegistryKit:
        limits = RegistryLimits(max_sessions=SESSIONS, max_operations=OPERATIONS)
        kit = RegistryKit(self.folder, limits=limits, began=self.began)
        return kit.__enter__()

    def teardown(self) -> None:
        self.kit.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    def refused(self, call: Any, *args: Any, **fields: Any) -> bool:
        try:
            call(*args, **fields)
        except TelewardenError:
            return True
        return False

    # Sessions

    @rule(name=NAMES, fields=FIELDS)
    def register(self, name: str, fields: dict[str, Any]) -> None:
        legal = (
            name != "bad name"
            and name not in self.sessions
            and len(self.sessions) < SESSIONS
            and sensible(fields)
        )
        assert self.refused(self.kit.blocking.sessions.register, name, **fields) is not legal
        if legal:
            self.sessions[name] = DEFAULTS | fields

    @rule(name=NAMES, fields=FIELDS)
    def change(self, name: str, fields: dict[str, Any]) -> None:
        legal = name in self.sessions and sensible(fields)
        assert self.refused(self.kit.blocking.sessions.change, name, **fields) is not legal
        if legal:
            self.sessions[name] |= fields

    @rule(changes=st.dictionaries(NAMES, FIELDS, max_size=4))
    def change_many(self, changes: dict[str, dict[str, Any]]) -> None:
        outcomes = self.kit.blocking.sessions.change_many(changes)
        assert [one.name for one in outcomes] == list(changes)
        for outcome in outcomes:
            legal = outcome.name in self.sessions and sensible(changes[outcome.name])
            assert (outcome.error is None) is legal
            if legal:
                self.sessions[outcome.name] |= changes[outcome.name]

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        legal = name in self.sessions
        assert self.refused(self.kit.blocking.sessions.delete, name) is not legal
        self.sessions.pop(name, None)

    # Operations

    @rule(target=ids, steps=st.integers(0, 4))
    def begin(self, steps: int) -> Any:
        ended = [id_ for id_, one in self.operations.items() if one["state"] != "running"]
        room = len(self.operations) < OPERATIONS or bool(ended)
        legal = steps >= 1 and room
        call = self.kit.blocking.operations.begin
        assert self.refused(call, "backfill", steps=steps) is not legal
        if not legal:
            return multiple()
        if len(self.operations) == OPERATIONS:
            del self.operations[min(ended)]
        self.last_id += 1
        self.operations[self.last_id] = {"state": "running", "step": 0, "steps": steps, "parts": {}}
        return self.last_id

    @rule(id_=ids, step=st.integers(0, 5))
    def advance(self, id_: int, step: int) -> None:
        known = self.operations.get(id_)
        legal = known is not None and known["state"] == "running" and step <= known["steps"]
        call = self.kit.blocking.operations.advance
        assert self.refused(call, id_, step=step) is not legal
        if legal and known is not None:
            known["step"] = step

    @rule(id_=ids, number=st.integers(0, 3), text=st.text(max_size=3))
    def put_part(self, id_: int, number: int, text: str) -> None:
        known = self.operations.get(id_)
        legal = known is not None and known["state"] == "running" and number >= 1
        call = self.kit.blocking.operations.put_part
        assert self.refused(call, id_, number, text) is not legal
        if legal and known is not None:
            known["parts"][number] = text.replace("\x00", "")

    @rule(id_=ids, state=st.sampled_from(["finished", "failed", "cancelled"]))
    def end(self, id_: int, state: str) -> None:
        known = self.operations.get(id_)
        legal = known is not None and known["state"] == "running"
        operations = self.kit.blocking.operations
        match state:
            case "finished":
                refused = self.refused(operations.finish, id_)
            case "failed":
                refused = self.refused(operations.fail, id_, "no")
            case _:
                refused = self.refused(operations.cancel, id_)
        assert refused is not legal
        if legal and known is not None:
            known["state"] = state
            if state == "finished":
                known["step"] = known["steps"]

    @rule(what=st.sampled_from(["finished", "failed", "all", "expired"]))
    def clean(self, what: Any) -> None:
        meant = {
            "finished": {"finished", "cancelled"},
            "failed": {"failed"},
            "all": {"finished", "failed", "cancelled"},
            "expired": set(),
        }[what]
        gone = [id_ for id_, one in self.operations.items() if one["state"] in meant]
        assert list(self.kit.blocking.operations.clean(what)) == gone
        for id_ in gone:
            del self.operations[id_]

    @rule(id_=ids)
    def remove(self, id_: int) -> None:
        known = self.operations.get(id_)
        legal = known is not None and known["state"] != "running"
        assert self.refused(self.kit.blocking.operations.remove, id_) is not legal
        if legal:
            del self.operations[id_]

    @rule(id_=consumes(ids))
    def forget_the_number(self, id_: int) -> None:
        """So that the others come up more often."""

    # Time

    @rule()
    def restart(self) -> None:
        """A new process on the same folder: what ran has failed, all else is there."""
        self.began = self.kit.now() + 1.0
        self.kit.__exit__(None, None, None)
        self.kit = self.enter()
        for one in self.operations.values():
            if one["state"] == "running":
                one["state"] = "failed"

    @initialize()
    def nothing_yet(self) -> None:
        assert len(self.kit.blocking.sessions) == 0

    @invariant()
    def the_same(self) -> None:
        snapshot = self.kit.blocking.snapshot
        sessions = {
            entry.name: {
                "priority": entry.priority,
                "max_pairs": entry.max_pairs,
                "phone": entry.phone,
                "metadata": dict(entry.metadata),
            }
            for entry in snapshot.sessions.values()
        }
        operations = {
            one.id: {
                "state": one.state.value,
                "step": one.step,
                "steps": one.steps,
                "parts": {part.number: part.text for part in one.parts},
            }
            for one in snapshot.operations.values()
        }
        assert sessions == self.sessions
        assert operations == self.operations
        assert len(snapshot.sessions) == len(self.sessions)
        assert len(snapshot.operations) == len(self.operations)
        assert sum(len(found) for found in snapshot.by_state.values()) == len(self.operations)


RegistryMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, print_blob=True
)


class TestRegistry(RegistryMachine.TestCase):  # type: ignore[misc,name-defined]  # made at run time
    """What Hypothesis found a way to say, the registry and the dicts both say."""
