"""A disk that refuses, a journal that dies: what was answered holds, what was not is not seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telewarden.actors import ChangeSession, Journal, PairPlan, SessionChanged, SessionPlan
from telewarden.api.registry_client import RegistryClient
from telewarden.errors import (
    AskTimeoutError,
    ChildUnavailableError,
    DrillError,
    JournalUnavailableError,
    RegistryFullError,
)
from telewarden.storage import MasterKey, SessionRecord, Store
from telewarden.supervision import Drill
from telewarden.testing import RegistryKit

pytestmark = pytest.mark.actors

NAMES = [f"s{number}" for number in range(20)]


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[RegistryKit]:
    async with RegistryKit(tmp_path) as kit:
        await asyncio.gather(*(kit.make_session(name) for name in NAMES))
        yield kit


def refuse_priority_seven(store: Store) -> None:
    store.db.execute(
        "create trigger no before update on user_sessions when new.priority = 7"
        " begin select raise(abort, 'no'); end"
    )


def on_disk(kit: RegistryKit) -> dict[str, int]:
    master = MasterKey.from_file(kit.folder / "master.key")
    with Store.open_reader(kit.folder / "telewarden.db", master) as store:
        return {record.name: record.priority for record in store.sessions()}


def shown(kit: RegistryKit) -> dict[str, int]:
    return {entry.name: entry.priority for entry in kit.registry.sessions.list()}


@pytest.mark.crashes(logged="change not written")
async def test_a_change_that_the_disk_refuses_is_not_seen_and_costs_the_others_nothing(
    kit: RegistryKit,
) -> None:
    await Journal(kit.tree.ref("journal")).do(refuse_priority_seven)
    priorities = {name: 7 if name == "s3" else 2 for name in NAMES}

    outcomes = await asyncio.gather(
        *(kit.registry.sessions.change(name, priority=at) for name, at in priorities.items()),
        return_exceptions=True,
    )

    failed = [name for name, one in zip(NAMES, outcomes, strict=True) if isinstance(one, Exception)]
    assert failed == ["s3"]
    assert shown(kit) == on_disk(kit) == {name: 5 if name == "s3" else 2 for name in NAMES}
    assert "s3" not in {event.session for event in kit.log.of(SessionChanged)}


@pytest.mark.crashes(logged="change not written")
async def test_it_takes_changes_again_after_the_disk_refused_one(kit: RegistryKit) -> None:
    await Journal(kit.tree.ref("journal")).do(refuse_priority_seven)
    with pytest.raises(Exception, match="no"):
        await kit.registry.sessions.change("s0", priority=7)

    assert (await kit.registry.sessions.change("s0", priority=6)).priority == 6


async def test_changes_stand_on_those_that_are_being_written(kit: RegistryKit) -> None:
    sessions, operations = kit.registry.sessions, kit.registry.operations
    begun = await kit.make_operation(steps=3)

    await asyncio.gather(
        sessions.change("s0", priority=2),  # written at once, alone; the others are tried meanwhile
        sessions.change("s0", max_pairs=7),
        sessions.change("s0", metadata={"team": "news"}),
    )
    await asyncio.gather(
        operations.advance(begun.id, step=1),
        operations.put_part(begun.id, 1, "first"),
        operations.put_part(begun.id, 2, "second"),
    )

    s0, now = sessions.get("s0"), operations.get(begun.id)
    assert (s0.priority, s0.max_pairs, s0.metadata) == (2, 7, {"team": "news"})
    assert (now.step, [part.text for part in now.parts]) == (1, ["first", "second"])
    assert on_disk(kit)["s0"] == 2


async def test_limits_and_numbers_count_what_is_being_written(kit: RegistryKit) -> None:
    await kit.registry.reconfigure(max_sessions=len(NAMES) + 2)

    made = await asyncio.gather(
        *(kit.make_session(name) for name in ("a", "b", "c")), return_exceptions=True
    )
    begun = await asyncio.gather(*(kit.make_operation() for _ in range(3)))

    assert [isinstance(one, RegistryFullError) for one in made] == [False, False, True]
    assert len({operation.id for operation in begun}) == 3


@pytest.mark.crashes(logged="change not written")
async def test_what_stood_on_a_change_that_the_disk_refused_is_done_without_it(
    kit: RegistryKit,
) -> None:
    await Journal(kit.tree.ref("journal")).do(refuse_priority_seven)

    refused, done = await asyncio.gather(
        kit.registry.sessions.change("s0", priority=7),
        kit.registry.sessions.change("s0", max_pairs=9),
        return_exceptions=True,
    )

    assert isinstance(refused, Exception)
    assert not isinstance(done, BaseException)
    assert (done.priority, done.max_pairs) == (5, 9)
    assert on_disk(kit)["s0"] == 5


@pytest.mark.parametrize("victim", ["journal", "registry"])
@pytest.mark.crashes("*", DrillError)
async def test_what_was_answered_before_a_crash_holds_and_what_is_shown_is_on_disk(
    kit: RegistryKit, victim: str
) -> None:
    calls = [kit.registry.sessions.change(name, priority=2) for name in NAMES]
    tasks = [asyncio.ensure_future(call) for call in calls[:10]]
    await asyncio.sleep(0)
    kit.tree.ref(victim).tell(Drill(reason="test"))
    tasks += [asyncio.ensure_future(call) for call in calls[10:]]

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    last = await kit.registry.sessions.change("s0", priority=9)

    for name, outcome in zip(NAMES[1:], outcomes[1:], strict=True):
        if isinstance(outcome, BaseException):
            assert isinstance(outcome, ChildUnavailableError | JournalUnavailableError)
        else:
            assert kit.registry.sessions.get(name) == outcome
    assert shown(kit) == on_disk(kit)
    assert last.priority == 9


@pytest.mark.crashes("registry", DrillError)
async def test_what_was_decided_at_run_time_outlives_a_crash_of_the_registry(
    tmp_path: Path,
) -> None:
    plans = (
        SessionPlan(
            record=SessionRecord(name="alice"),
            pairs=(PairPlan(id=1, session="alice", source=-1, target=1),),
        ),
        SessionPlan(record=SessionRecord(name="bob", priority=2)),
        SessionPlan(record=SessionRecord(name="carol")),
    )
    async with RegistryKit(tmp_path, plans=plans) as kit:
        await kit.registry.sessions.change("bob", priority=9)
        await kit.registry.sessions.delete("carol")
        await kit.registry.sessions.delete("alice", force=True)
        await kit.registry.reconfigure(max_sessions=3)

        kit.tree.ref("registry").tell(Drill(reason="test"))
        await kit.registry.audit(limit=1)

        (bob,) = kit.registry.sessions.list()
        assert (bob.name, bob.priority, bob.pairs) == ("bob", 9, 1)
        assert kit.registry.snapshot.limits.max_sessions == 3
        assert [one.name for one in kit.registry.snapshot.deleted] == ["carol", "alice"]


class Said(logging.Filter):
    """Lets every line through, and tells of the one that is waited for; from any thread."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text, self._loop = text, asyncio.get_running_loop()
        self.told = asyncio.Event()

    def filter(self, record: logging.LogRecord) -> bool:
        if self._text in record.getMessage():
            self._loop.call_soon_threadsafe(self.told.set)
        return True


async def test_a_full_disk_is_told_of_once_and_waited_for(
    kit: RegistryKit, caplog: pytest.LogCaptureFixture
) -> None:
    journal, waits = Journal(kit.tree.ref("journal")), Said("a write waits for it")

    def pages(store: Store, most: int = 0) -> None:
        (now,) = store.db.execute("pragma page_count").fetchone()
        store.db.execute(f"pragma max_page_count = {most or now}")

    with caplog.filtering(waits):
        await journal.do(pages)
        changing = asyncio.ensure_future(
            kit.registry.sessions.change("s0", metadata={"note": "x" * 200_000})
        )
        async with asyncio.timeout(30):
            await waits.told.wait()
        await journal.do(lambda store: pages(store, 1_000_000))

        assert len(str((await changing).metadata["note"])) == 200_000
    assert caplog.text.count("a write waits for it") == 1


async def test_who_waits_for_a_full_disk_hears_so_and_the_change_is_made_when_there_is_room(
    kit: RegistryKit,
) -> None:
    client = RegistryClient(lambda: kit.tree.ref("registry"), kit.board, kit.events, kit.now)
    journal = Journal(kit.tree.ref("journal"))
    await journal.do(lambda store: store.db.execute("pragma query_only = on"))

    with pytest.raises(AskTimeoutError, match=r"the registry did not answer .* may still be done"):
        await client.ask(ChangeSession(name="s0", fields={"priority": 9}), timeout=0.3)
    assert kit.registry.sessions.get("s0").priority != 9
    await journal.do(lambda store: store.db.execute("pragma query_only = off"))

    assert (await kit.registry.sessions.change("s0", max_pairs=7)).priority == 9
    assert kit.board.waits_for == ""


@pytest.mark.crashes("registry", DrillError)
async def test_what_was_written_by_a_registry_that_crashed_before_telling_is_told(
    kit: RegistryKit,
) -> None:
    def written(store: Store) -> None:  # as by an incarnation that is gone
        store.change_sessions({"priority": {"s0": 9}}, updated=1.0)

    await Journal(kit.tree.ref("journal")).do(written)
    kit.log.clear()
    kit.tree.ref("registry").tell(Drill(reason="test"))

    told = await kit.hears(SessionChanged, session="s0")
    assert (told.who, dict(told.before), dict(told.after)) == (
        "registry",
        {"priority": 5},
        {"priority": 9},
    )
    await kit.registry.audit()
    assert len(kit.log.of(SessionChanged)) == 1
