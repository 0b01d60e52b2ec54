"""The journal: one writer, many callers, one commit for what has queued up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from telewarden.actors import Journal, JournalActor, JournalStats
from telewarden.errors import DrillError, JournalUnavailableError, StorageNotWritableError
from telewarden.storage import MasterKey, SessionRecord, Store
from telewarden.supervision import ChildSpec, Drill, SupervisorSpec, Tree

pytestmark = pytest.mark.actors


class Office:
    """A journal in a tree of its own, and what it says about itself."""

    def __init__(self, tree: Tree, stats: list[JournalStats]) -> None:
        self.ref: Any = tree.ref("journal")
        self.journal, self.stats = Journal(self.ref), stats


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    master = MasterKey.from_text(MasterKey.generate())
    stats: list[JournalStats] = []
    spec = ChildSpec(
        id="journal",
        actor=JournalActor,
        args=(lambda: Store.open(tmp_path / "a.db", master), stats.append),
    )
    async with Tree(SupervisorSpec(children=(spec,))) as tree:
        yield Office(tree, stats)


def register(name: str) -> Any:
    return lambda store: store.put_session(SessionRecord(name=name))


def names(store: Store) -> list[str]:
    return [record.name for record in store.sessions()]


async def test_an_answer_comes_after_the_commit(office: Office) -> None:
    await office.journal.do(register("alice"))

    assert await office.journal.do(names) == ["alice"]


async def test_what_queues_up_is_committed_together(office: Office) -> None:
    await asyncio.gather(*(office.journal.do(register(f"s{n}")) for n in range(200)))

    assert office.stats[-1].writes == 200
    assert office.stats[-1].groups < 100


async def test_a_write_that_fails_costs_the_others_nothing(office: Office) -> None:
    def fail(_: Store) -> None:
        raise ValueError("no")

    results = await asyncio.gather(
        office.journal.do(register("alice")),
        office.journal.do(fail),
        office.journal.do(register("bob")),
        return_exceptions=True,
    )

    assert isinstance(results[1], ValueError)
    assert await office.journal.do(names) == ["alice", "bob"]


async def test_nothing_of_a_failed_write_is_kept(office: Office) -> None:
    def half(store: Store) -> None:
        store.put_session(SessionRecord(name="half"))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await office.journal.do(half)

    assert await office.journal.do(names) == []


async def test_posted_writes_are_done_in_order_with_the_next_commit(office: Office) -> None:
    office.journal.post(register("alice"))
    office.journal.post(register("bob"))

    assert await office.journal.do(names) == ["alice", "bob"]


async def test_what_the_disk_refuses_is_not_overtaken_by_what_comes_after_it(
    office: Office,
) -> None:
    wrote: list[str] = []

    def write(name: str) -> Any:
        def work(store: Store) -> None:
            store.put_session(SessionRecord(name=name))
            wrote.append(name)

        return work

    def disk(statement: str) -> Any:
        return lambda store: store.db.execute(f"pragma query_only = {statement}")

    await office.journal.do(disk("on"))
    first = asyncio.ensure_future(office.journal.do_in_order(write("first")))
    with pytest.raises(StorageNotWritableError):
        await office.journal.do(register("hasty"), wait_for_disk=False)
    await office.journal.do(disk("off"))
    office.journal.post(write("second"))
    await asyncio.gather(first, office.journal.do_in_order(write("third")))

    assert wrote == ["first", "second", "third"]


@pytest.mark.crashes(logged="writes lost")
async def test_who_waits_for_the_disk_is_told_when_the_journal_stops_first(tmp_path: Path) -> None:
    master = MasterKey.from_text(MasterKey.generate())
    spec = ChildSpec(
        id="journal", actor=JournalActor, args=(lambda: Store.open(tmp_path / "a.db", master),)
    )
    async with Tree(SupervisorSpec(children=(spec,))) as tree:
        journal = Journal(tree.ref("journal"))
        await journal.do(lambda store: store.db.execute("pragma query_only = on"))
        waiting = asyncio.ensure_future(journal.do_in_order(register("alice")))
        with pytest.raises(StorageNotWritableError):
            await journal.do(register("hasty"), wait_for_disk=False)

    with pytest.raises(JournalUnavailableError):
        await waiting


@pytest.mark.crashes("journal", DrillError)
async def test_it_works_again_after_a_crash(office: Office) -> None:
    await office.journal.do(register("alice"))

    office.ref.tell(Drill(reason="test"))

    assert await office.journal.do(names) == ["alice"]


async def test_a_journal_that_is_gone_says_so(office: Office, tmp_path: Path) -> None:
    spec = ChildSpec(
        id="journal",
        actor=JournalActor,
        args=(lambda: Store.open(tmp_path / "b.db", MasterKey.from_text(MasterKey.generate())),),
    )
    async with Tree(SupervisorSpec(children=(spec,))) as tree:
        journal = Journal(tree.ref("journal"))

    with pytest.raises(JournalUnavailableError, match="did not answer"):
        await journal.do(names)


async def test_what_is_queued_when_it_stops_is_kept(tmp_path: Path) -> None:
    master = MasterKey.from_text(MasterKey.generate())
    place = tmp_path / "c.db"
    spec = ChildSpec(id="journal", actor=JournalActor, args=(lambda: Store.open(place, master),))
    async with Tree(SupervisorSpec(children=(spec,))) as tree:
        journal = Journal(tree.ref("journal"))
        for number in range(500):
            journal.post(register(f"s{number}"))

    with Store.open_reader(place, master) as store:
        assert len(store.sessions()) == 500


@pytest.mark.crashes("journal", DrillError)
async def test_what_is_queued_when_it_crashes_is_kept(office: Office) -> None:
    for number in range(100):
        office.journal.post(register(f"s{number}"))
    office.ref.tell(Drill(reason="test"))
    for number in range(100, 200):
        office.journal.post(register(f"s{number}"))

    assert len(await office.journal.do(names)) == 200


async def test_a_journal_that_does_not_answer_in_time_is_unavailable(office: Office) -> None:
    hold = threading.Event()
    try:
        with pytest.raises(JournalUnavailableError):
            await Journal(office.ref, timeout=0.05).do(lambda _: hold.wait())
    finally:
        hold.set()

    assert await office.journal.do(names) == []  # what came too late has harmed nobody


async def test_a_disk_that_refuses_is_waited_for_longer_than_a_journal_that_is_silent(
    office: Office,
) -> None:
    await office.journal.do(lambda store: store.db.execute("pragma query_only = on"))
    impatient = Journal(office.ref, timeout=0.05)
    waiting = asyncio.ensure_future(impatient.do_in_order(register("alice")))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), timeout=0.3)

    await office.journal.do(lambda store: store.db.execute("pragma query_only = off"))
    await waiting

    assert await office.journal.do(names) == ["alice"]
