"""Whatever waits says for what and since when, on every surface; and what ends it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest
from rich.console import Console

from telewarden.actors import Journal, JournalActor, WaitLedger
from telewarden.actors.context import StartLimiter
from telewarden.console import make_app
from telewarden.errors import DiskFailedError, DrillError, LoginBudgetError, StorageError
from telewarden.loopback import AcceptAndClose, Fault, FloodWait, Silence
from telewarden.storage import Lease, LeaseHolder, MasterKey, SessionRecord, Store
from telewarden.supervision import (
    ChildQuarantined,
    ChildReleased,
    ChildSpec,
    ChildStarted,
    SupervisorSpec,
    Tree,
)
from telewarden.telegram import Health, Overview, Wait, WaitKind
from telewarden.terminal import overview_tables

from .conftest import ALICE, LOOK_EVERY, SOON, Newsroom
from .test_disk import fill

pytestmark = [pytest.mark.actors, pytest.mark.session]

SUBTREE = "sessions/session:alice"
GROUP = "sessions/session:alice/groups/group-1"


async def found(
    newsroom: Newsroom, kind: WaitKind, says: str = "", *, there: bool = True
) -> tuple[Wait, Overview]:
    """Wait until somebody waits for such a thing, or nobody any more."""
    nobody = Wait(who="", kind=kind, what="", since=0.0)
    async with asyncio.timeout(SOON):
        while True:
            overview = await newsroom.warden.overview()
            waits = [one for one in overview.waits if one.kind is kind and says in one.what]
            if bool(waits) is there:
                return (waits or [nobody])[0], overview
            await asyncio.sleep(LOOK_EVERY)


def recent(wait: Wait) -> bool:
    return 0.0 <= time.time() - wait.since < SOON


async def ask(newsroom: Newsroom, path: str) -> httpx.Response:
    """What a page of the running warden answers."""
    app = make_app(newsroom.warden, trusted=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        return await client.get(f"http://localhost{path}")


def metric(newsroom: Newsroom, name: str, kind: WaitKind) -> float:
    value = newsroom.warden.exporter.registry.get_sample_value(name, {"kind": kind.value})
    assert value is not None, generate_latest(newsroom.warden.exporter.registry).decode()
    return value


# The disk


async def test_a_disk_that_takes_nothing_is_told_on_every_surface(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    warden = await newsroom.start()
    await fill(warden, "read-only")
    newsroom.say("news_in", "held back")

    wait, overview = await found(newsroom, WaitKind.DISK, "1 write")
    ready, state, metrics = [
        await ask(newsroom, f"/{one}") for one in ("readyz", "api/state", "metrics")
    ]
    shown = Console(width=300, record=True, file=io.StringIO())
    shown.print(*overview_tables(state.json()))

    assert wait.who == "journal"
    assert "not writable" in wait.what
    assert recent(wait)
    assert {one.health for one in overview.sessions} == {Health.UNHEALTHY}
    assert all("nothing can be stored" in one.reason for one in overview.sessions)
    assert ready.status_code == 503
    assert ready.text.startswith("journal waits (disk): ")
    assert "disk" in {one["kind"] for one in state.json()["waits"]}
    assert state.json()["ready"] is False
    assert 'telewarden_waits{kind="disk"} 1.0' in metrics.text
    assert metric(newsroom, "telewarden_oldest_wait_timestamp_seconds", WaitKind.DISK) == (
        pytest.approx(wait.since)
    )
    assert "not writable" in shown.export_text()
    assert "disk takes nothing" in caplog.text
    assert any("waits who=journal kind=disk" in one.getMessage() for one in caplog.records)
    assert any(one.area == "wait of journal" for one in (await warden.diagnose()).problems)

    await fill(warden, "room")
    await newsroom.arrives("news_out", "held back")
    _, overview = await found(newsroom, WaitKind.DISK, there=False)
    assert {one.health for one in overview.sessions} == {Health.HEALTHY}
    assert (await ask(newsroom, "/readyz")).status_code == 200


async def test_a_write_that_was_refused_leaves_no_alarm_behind(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    await fill(warden, "read-only")
    with pytest.raises(StorageError):
        await warden._access.stored(lambda store: store.record_crash("x", "y", 1.0))
    await found(newsroom, WaitKind.DISK)

    await fill(warden, "room")

    await found(newsroom, WaitKind.DISK, there=False)


@contextlib.contextmanager
def failing_disk(store_file: Any) -> Iterator[None]:
    """Every write past what is there fails with EFBIG, which SQLite takes for a failing disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_writes_that_nobody_waits_for_are_kept_in_order_while_the_disk_fails(
    tmp_path: Any,
) -> None:
    master = MasterKey.from_text(MasterKey.generate())
    place, ledger = tmp_path / "warden.db", WaitLedger()
    Store.open(place, master).close()
    spec = ChildSpec(
        id="journal", actor=JournalActor, args=(lambda: Store.open(place, master), None, ledger)
    )
    async with Tree(SupervisorSpec(children=(spec,))) as tree:
        journal = Journal(tree.ref("journal"))
        await journal.do(lambda store: store.put_session(SessionRecord(name="first")))
        with failing_disk(place):
            for number in range(24):
                name = f"s{number:02d}"
                journal.post(lambda store, name=name: store.put_session(SessionRecord(name=name)))
            async with asyncio.timeout(SOON):
                while not any("24 writes" in one.what for one in ledger.now()):
                    await asyncio.sleep(LOOK_EVERY)
            with pytest.raises(DiskFailedError):
                await journal.do(
                    lambda store: store.put_session(SessionRecord(name="x")), wait_for_disk=False
                )
        async with asyncio.timeout(SOON):
            while ledger.now():
                await asyncio.sleep(LOOK_EVERY)
        names = await journal.do(lambda store: [one.name for one in store.sessions()])

    assert names == ["first", *(f"s{number:02d}" for number in range(24))]


# Sessions


def taken_by_a_script(newsroom: Newsroom) -> Any:
    with newsroom.store() as store:
        key_id = store.key_id_of("alice")
    lease = Lease(newsroom.config.folder / "leases", everywhere=True)
    return lease.acquire(key_id, owner=LeaseHolder.current("a script of mine"), timeout=0.0)


async def test_who_waits_for_a_lease_says_who_has_it(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    await newsroom.start()
    await newsroom.stop()
    grant = taken_by_a_script(newsroom)
    await newsroom.start(signed_in=False)

    wait, _ = await found(newsroom, WaitKind.LEASE)
    grant.release()

    assert wait.who == "session alice"
    assert "a script of mine" in wait.what
    await found(newsroom, WaitKind.LEASE, there=False)


async def test_a_session_that_did_not_get_its_lease_says_who_has_it(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["storage"]["lease_timeout"] = 0.1
    newsroom.reconfigure(tables)
    await newsroom.start()
    await newsroom.stop()
    grant = taken_by_a_script(newsroom)
    await newsroom.start(signed_in=False)

    wait, overview = await found(newsroom, WaitKind.LEASE, "LEASE_HELD: in use by process")
    grant.release()

    assert "a script of mine" in wait.what
    alice = next(one for one in overview.sessions if one.session == "alice")
    assert alice.reason == wait.what


async def test_a_flood_is_seen_and_still_after_a_restart(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="messages.forwardMessages", action=FloodWait(600)))
    newsroom.say("news_in", "parked")
    before, _ = await found(newsroom, WaitKind.FLOOD, "messages.forwardMessages")
    told = await newsroom.warden.command("pairs why", {"pair": 1})
    await newsroom.stop()
    await newsroom.start(signed_in=False)

    after, _ = await found(newsroom, WaitKind.FLOOD, "messages.forwardMessages")
    why = await newsroom.warden.command("pairs why", {"pair": 1})
    state = (await ask(newsroom, "/api/state")).json()

    assert before.until is not None
    assert after.until == pytest.approx(before.until, abs=1.0)
    assert after.since == pytest.approx(before.since, abs=1.0)
    assert [one["method"] for one in state["floods"]] == ["messages.forwardMessages"]
    assert told.verdict == "waiting: 1 message; Telegram asked its session to wait"
    assert "by itself" in told.advice
    flood = next(one for one in why.waits if one.kind == "flood")
    assert (flood.what, flood.until) == (after.what, after.until)
    assert newsroom.warden.exporter.counters()["flood_waits"] == 0


async def test_a_session_without_a_login_waits_for_a_person(newsroom: Newsroom) -> None:
    await newsroom.start(signed_in=False)

    wait, _ = await found(newsroom, WaitKind.LOGIN)

    assert wait.who in {"session alice", "session bob"}
    assert recent(wait)


async def test_a_spent_budget_of_codes_says_until_when(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)
    await newsroom.settled("alice")

    def spend(store: Store) -> None:
        for _ in range(20):
            store.record_login_code(ALICE, time.time())

    await warden._access.stored(spend)
    with pytest.raises(LoginBudgetError):
        await warden.login("alice", "start")

    wait, _ = await found(newsroom, WaitKind.LOGIN_BUDGET)

    assert wait.who == "session alice"
    assert wait.until == pytest.approx(time.time() + 86_400.0, abs=60.0)


async def test_a_data_centre_that_says_nothing_is_waited_for_visibly(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="updates.getState", action=Silence()))
    newsroom.telegram.cut(newsroom.account(ALICE))

    wait, _ = await found(newsroom, WaitKind.CONNECT)

    assert wait.who == "session alice"


async def test_a_session_between_two_tries_says_why_and_until_when(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["recovery"] = {"backoff_initial": 30.0, "backoff_max": 60.0}
    newsroom.reconfigure(tables)
    await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="connect", action=AcceptAndClose()))
    newsroom.telegram.cut(newsroom.account(ALICE))

    wait, _ = await found(newsroom, WaitKind.BACKOFF)

    assert wait.who == "session alice"
    assert wait.until is not None
    assert "next try in" in wait.what


async def test_who_stands_at_the_doorway_is_seen() -> None:
    ledger, start_limiter = WaitLedger(), StartLimiter(wide=1, patience=SOON)

    async def pass_through() -> None:
        async with start_limiter.slot("alice", ledger):
            pass

    async with start_limiter.slot("bob", WaitLedger()):
        passing = asyncio.ensure_future(pass_through())
        await asyncio.sleep(0)
        (wait,) = ledger.now()
    await passing

    assert (wait.who, wait.kind) == ("session alice", WaitKind.TURN)
    assert ledger.now() == ()


# What is kept down


@pytest.mark.crashes("*:alice/groups/group-1", DrillError)
@pytest.mark.crashes("*:alice/groups/group-1", dropped="*", possible=True)
@pytest.mark.crashes(logged="child quarantined")
async def test_a_group_that_is_kept_down_makes_its_session_unhealthy_and_is_told(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["recovery"]["restarts"] = 1
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    since = newsroom.mark()
    await warden.drill(GROUP)
    await newsroom.hears(ChildStarted, since=since, child=GROUP)
    await warden.drill(GROUP)
    await newsroom.hears(ChildQuarantined, since=since, child=GROUP)

    wait, overview = await found(newsroom, WaitKind.QUARANTINE)
    ready, metrics = [await ask(newsroom, f"/{one}") for one in ("readyz", "metrics")]

    assert wait.who == f"warden/{GROUP}" or wait.who == GROUP
    health = {one.session: one.health for one in overview.sessions}
    assert health == {"alice": Health.UNHEALTHY, "bob": Health.HEALTHY}
    assert ready.status_code == 200  # bob works, and that is half of them
    assert "group-1 waits (quarantine)" in ready.text
    assert 'telewarden_waits{kind="quarantine"} 1.0' in metrics.text


@pytest.mark.crashes("*:alice/groups/group-1", DrillError)
@pytest.mark.crashes("*:alice/groups/group-1", dropped="*", possible=True)
@pytest.mark.crashes(logged="child quarantined")
async def test_a_group_that_is_kept_down_is_released_by_recover_and_goes_on(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["recovery"]["restarts"] = 0
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    alice = warden.session("alice")
    await warden.drill(GROUP)
    await newsroom.hears(ChildQuarantined, child=GROUP)
    newsroom.say("news_in", "said meanwhile")
    async with asyncio.timeout(SOON):
        while (report := await alice.report()).health is Health.HEALTHY:
            await asyncio.sleep(LOOK_EVERY)

    assert report.reason.startswith("GROUP_QUARANTINED: group-1")
    assert "telewarden recover" in report.reason
    await alice.recover()
    await newsroom.hears(ChildReleased, child=GROUP)
    await newsroom.arrives("news_out", "said meanwhile")
    async with asyncio.timeout(SOON):
        while (report := await alice.report()).health is not Health.HEALTHY:
            await asyncio.sleep(LOOK_EVERY)


@pytest.mark.crashes("*:alice/session", DrillError)
@pytest.mark.crashes("*:alice/session", dropped="*", possible=True)
@pytest.mark.crashes(logged="supervisor gives up")
@pytest.mark.crashes(logged="child quarantined")
async def test_a_session_that_is_kept_down_is_released_by_recover_and_goes_on(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    tables["recovery"]["restarts"] = 0
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    await warden.drill(f"{SUBTREE}/session")
    await newsroom.hears(ChildStarted, child=SUBTREE, incarnation=2)
    await warden.drill(f"{SUBTREE}/session")
    await newsroom.hears(ChildQuarantined, child=SUBTREE)
    newsroom.say("news_in", "said meanwhile")

    await warden.session("alice").recover()

    await newsroom.hears(ChildReleased, child=SUBTREE)
    await newsroom.arrives("news_out", "said meanwhile")


# Pairs


async def test_a_pair_whose_history_is_not_read_yet_says_so(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="messages.getHistory", action=Silence()))
    newsroom.telegram.cut(newsroom.account(ALICE))

    wait, _ = await found(newsroom, WaitKind.BEHIND)

    assert wait.who == "pair 1 of alice"
    assert recent(wait)


async def test_a_pair_that_reads_its_past_says_how_far_it_is(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="messages.getHistory", action=Silence()))
    newsroom.say("news_in", "one", "two")
    await warden.pairs.backfill(1)

    wait, _ = await found(newsroom, WaitKind.BACKFILL)

    assert wait.who == "pair 1 of alice"


async def test_a_message_that_waits_for_its_answer_says_so(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.telegram.faults.add(Fault(method="messages.forwardMessages", action=Silence()))
    newsroom.say("news_in", "one")

    wait, _ = await found(newsroom, WaitKind.PACE)
    again, _ = await found(newsroom, WaitKind.PACE)

    assert wait.who == "pair 1 of alice"
    assert again.since == wait.since
    newsroom.telegram.faults.clear()
    newsroom.telegram.cut()  # a stop gives the answer fifteen seconds to come
    await newsroom.arrives("news_out", "one")


async def test_a_handler_that_takes_its_time_is_seen(
    newsroom: Newsroom, tables: dict[str, Any]
) -> None:
    go_on = asyncio.Event()

    class Slow:
        async def deliver(self, handed: object) -> int:
            await go_on.wait()
            return 1

        async def close(self) -> None:
            """Nothing is open."""

    tables["pairs"] = [
        {"id": 1, "session": "alice", "source": "@news_in", "handler": "slow"},
    ]
    newsroom.handlers["slow"] = lambda _: Slow()
    newsroom.reconfigure(tables)
    await newsroom.start()
    newsroom.say("news_in", "one")

    wait, _ = await found(newsroom, WaitKind.HANDLER)
    go_on.set()

    assert wait.who == "pair 1 of alice"
    assert "its handler" in wait.what
    await found(newsroom, WaitKind.HANDLER, there=False)


async def test_a_paused_pair_waits_for_whoever_paused_it(newsroom: Newsroom) -> None:
    warden = await newsroom.start()
    await warden.pairs.pause(1, "moving house")

    wait, _ = await found(newsroom, WaitKind.PAUSED)
    await warden.pairs.resume(1)

    assert wait.who == "pair 1 of alice"
    assert "moving house" in wait.what
    await found(newsroom, WaitKind.PAUSED, there=False)


# How it is told


async def test_the_age_of_the_last_update_goes_on_between_two_probes(newsroom: Newsroom) -> None:
    warden = await newsroom.start()

    def age(overview: Overview) -> float:
        (one,) = [one.last_update for one in overview.sessions if one.session == "alice"]
        assert one is not None
        return time.time() - one

    first = age(await warden.overview())
    async with asyncio.timeout(SOON):
        while age(await warden.overview()) <= first:
            await asyncio.sleep(LOOK_EVERY)


def test_the_command_line_shows_warnings(tmp_path: Any) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        "[telegram]\napi_id = 1\n[storage]\nfolder = 'store'\n"
        "master_key = { file = 'master.key', create = true }\n[console]\nport = 0\n[loopback]\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "telewarden", "run", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C ends" in line:
                break
        process.terminate()
        _, said = process.communicate(timeout=SOON)

    assert "WARNING telewarden.service.paths master key made" in said
