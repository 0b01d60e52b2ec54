"""One owner at a time, across processes: refused before the first packet, freed by any death."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, errors, functions, types
from telethon.sessions import StringSession

from telewarden import Warden, safe_session, safety_check
from telewarden.errors import (
    BlockingAskError,
    KeyLatchedError,
    LeaseHeldError,
    NoCredentialError,
    TelegramAuthError,
    TelegramRateLimitError,
    TelegramSessionError,
    TelewardenError,
    UnknownSessionError,
)
from telewarden.loopback import Fault, FloodWait, LoopbackTelegram, RpcError, TransportError
from telewarden.standalone.safety_check import Safety, clear_stale
from telewarden.storage import (
    FloodRow,
    Free,
    Held,
    Lease,
    LeaseGrant,
    LeaseHolder,
    LeaseWait,
    MasterKey,
    SessionFiles,
    Stale,
    Store,
)
from telewarden.storage.leases.database_lock import lock_exclusive
from telewarden.telegram import Action, Phase, ServerAddress, parse_string

pytestmark = [pytest.mark.session, pytest.mark.timeout(90)]

LOOK_EVERY = 0.005  # seconds; without a pause a look would take the journal's thread its turns

PHONE = "+9996620001"
GET_STATE = functions.updates.GetStateRequest
NEAREST = functions.help.GetNearestDcRequest


class Place:
    """A configuration, a data centre, and a login that is stored."""

    def __init__(self, telegram: LoopbackTelegram, folder: Path) -> None:
        self.telegram, self.folder = telegram, folder
        self.account = telegram.add_account("alice", phone=PHONE)
        self.string = telegram.mint(self.account)
        self.tables: dict[str, Any] = {
            "telegram": {"api_id": 1},
            "storage": {
                "folder": str(folder / "store"),
                "master_key": {"file": str(folder / "master.key"), "create": True},
                "lease_timeout": 0.0,
            },
            "sessions": [{"name": "alice", "phone": PHONE}],
            "console": {"port": 0, "socket": str(folder / "s")},
            "loopback": {},
        }
        dc_id, host, port = telegram.address
        self.server = ServerAddress(dc_id=dc_id, host=host, port=port, pem=telegram.pem)

    def warden(self) -> Warden:
        return Warden(self.tables, server=self.server)

    def store(self) -> Store:
        key = MasterKey.from_file(self.folder / "master.key")
        return Store.open(self.folder / "store" / "telewarden.db", key)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with LoopbackTelegram() as telegram:
        place = Place(telegram, tmp_path)
        async with place.warden() as warden:
            await warden.session("alice").import_string(place.string)
        yield place


@pytest.fixture
async def spawned() -> AsyncIterator[list[asyncio.subprocess.Process]]:
    started: list[asyncio.subprocess.Process] = []
    yield started
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


HOLDER = """
import asyncio, json, signal, sys
from telethon import functions
from telewarden import safe_session
from telewarden.errors import TelewardenError
from telewarden.telegram import ServerAddress
given = json.loads(sys.argv[1])
signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as Python starts; a coverage run has its own
async def main():
    server = ServerAddress(**given["server"])
    try:
        async with safe_session(given["tables"], "alice", purpose="a test", server=server) as alice:
            await alice.call(functions.updates.GetStateRequest())
            print("held", flush=True)
            await asyncio.Event().wait()
    except TelewardenError as error:
        print(type(error).__name__, error, flush=True)
    finally:
        print("gone", flush=True)
asyncio.run(main())
"""


async def hold(
    place: Place, spawned: list[asyncio.subprocess.Process]
) -> asyncio.subprocess.Process:
    """Another process that uses the session, or says why it may not."""
    server = {"dc_id": place.server.dc_id, "host": place.server.host, "port": place.server.port}
    given = json.dumps({"tables": place.tables, "server": server})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, given, stdout=asyncio.subprocess.PIPE
    )
    spawned.append(process)
    return process


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode()


async def test_a_session_is_ours_for_the_block_and_free_after_it(place: Place) -> None:
    async with safe_session(place.tables, "alice", server=place.server) as alice:
        state = await alice.call(GET_STATE())
        (during,) = safety_check(place.tables)
    (after,) = safety_check(place.tables)

    assert state.pts >= 0
    assert (during.verdict, during.exit_code) == (Safety.UNSAFE, 2)
    assert during.owners[0].pid == os.getpid()
    assert (after.verdict, after.exit_code) == (Safety.SAFE, 0)
    assert place.telegram.connections(place.account) == []


async def test_an_exception_in_the_block_comes_out_and_the_session_is_free(place: Place) -> None:
    with pytest.raises(ZeroDivisionError):
        async with safe_session(place.tables, "alice", server=place.server):
            raise ZeroDivisionError

    assert safety_check(place.tables)[0].verdict is Safety.SAFE
    assert place.telegram.connections(place.account) == []


async def test_plain_code_uses_it_with_a_plain_with(place: Place) -> None:
    def work() -> int:
        with safe_session(place.tables, "alice", server=place.server) as alice:
            return int(alice.call(GET_STATE()).pts)

    assert await asyncio.to_thread(work) >= 0
    assert safety_check(place.tables)[0].verdict is Safety.SAFE


@pytest.mark.parametrize(
    ("text", "kind", "cause"),
    [
        ("SESSION_REVOKED", TelegramAuthError, errors.SessionRevokedError),
        ("CHANNEL_PRIVATE", TelegramSessionError, errors.ChannelPrivateError),
    ],
)
async def test_what_telegram_refuses_is_our_error_with_its_cause(
    place: Place, text: str, kind: type[Exception], cause: type[Exception]
) -> None:
    refusal = RpcError(text)
    async with safe_session(place.tables, "alice", server=place.server) as alice:
        place.telegram.faults.add(Fault(method="help.getNearestDc", action=refusal))
        with pytest.raises(kind, match=f"alice: {text}") as caught:
            await alice.call(NEAREST())

    assert isinstance(caught.value.__cause__, cause)


async def test_a_fault_in_the_callers_code_stays_what_it_is(place: Place) -> None:
    async with safe_session(place.tables, "alice", server=place.server) as alice:
        with pytest.raises(AttributeError):
            await alice.call("no request")


async def test_a_login_that_telegram_does_not_take_is_our_error_and_the_session_is_free(
    place: Place,
) -> None:
    place.telegram.faults.add(
        Fault(method="updates.getState", action=RpcError("SESSION_REVOKED", 401))
    )

    with pytest.raises(TelegramAuthError) as caught:
        async with safe_session(place.tables, "alice", server=place.server):
            raise AssertionError("never reached")

    assert isinstance(caught.value.__cause__, errors.SessionRevokedError)
    assert safety_check(place.tables)[0].verdict is Safety.SAFE


async def test_a_call_that_telegram_asked_to_wait_with_is_not_repeated_in_the_block(
    place: Place,
) -> None:
    async with safe_session(place.tables, "alice", server=place.server) as alice:
        place.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(600)))
        with pytest.raises(TelegramRateLimitError) as told:
            await alice.call(NEAREST())
        with pytest.raises(TelegramRateLimitError, match=r"waits \d+ s more; no packet") as again:
            await alice.call(NEAREST())
        await alice.call(GET_STATE())

    assert isinstance(told.value.__cause__, errors.FloodWaitError)
    assert 590 < (again.value.wait or 0.0) <= 600
    assert place.telegram.stats.calls["help.getNearestDc"] == 1
    assert place.telegram.stats.early == 0


async def test_a_wait_that_is_on_record_is_kept_and_one_that_is_over_is_not(place: Place) -> None:
    now = time.time()
    with place.store() as store:
        store.put_flood("alice", "help.getNearestDc", None, now + 600.0, 600.0)
        store.put_flood("alice", "help.getConfig", None, now - 1.0, 600.0)
        store.put_flood("alice", "users.getUsers", 7, now + 600.0, 600.0)  # in one chat only

    async with safe_session(place.tables, "alice", server=place.server) as alice:
        with pytest.raises(TelegramRateLimitError, match="getNearestDc waits") as caught:
            await alice.call(NEAREST())
        await alice.call(functions.help.GetConfigRequest())
        await alice.call(functions.users.GetUsersRequest([]))

    assert caught.value.deadline == now + 600.0
    assert place.telegram.stats.calls["help.getNearestDc"] == 0


async def test_no_connection_is_made_while_the_proof_of_a_login_must_wait(place: Place) -> None:
    with place.store() as store:
        store.put_flood("alice", "updates.getState", None, time.time() + 600.0, 600.0)
    connects = place.telegram.stats.connects

    with pytest.raises(TelegramRateLimitError):
        async with safe_session(place.tables, "alice", server=place.server):
            raise AssertionError("never reached")

    assert place.telegram.stats.connects == connects
    assert safety_check(place.tables)[0].verdict is Safety.SAFE


async def test_what_telegram_asks_for_in_a_block_holds_in_the_blocks_after_it(place: Place) -> None:
    place.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(4000)))

    waits = []
    for _ in range(3):
        async with safe_session(place.tables, "alice", server=place.server) as alice:
            with pytest.raises(TelegramRateLimitError) as told:
                await alice.call(NEAREST())
        waits.append(told.value.wait or 0.0)

    assert place.telegram.stats.calls["help.getNearestDc"] == 1
    assert place.telegram.stats.early == 0
    assert all(3990 < wait <= 4000 for wait in waits)
    (row,) = floods(place)
    assert (row.method, row.chat, row.seconds) == ("help.getNearestDc", None, 4000)


@pytest.mark.parametrize("kind", ["AUTH_KEY_DROP_DUPLICATE_1", "AUTH_KEY_DROP_NOSECRET_2"])
async def test_a_key_that_is_told_to_end_in_a_block_is_taken_by_no_later_one(
    place: Place, kind: str
) -> None:
    async with safe_session(place.tables, "alice", server=place.server) as alice:
        place.telegram.notify(place.account, "It ends.", kind=kind)
        await alice.call(NEAREST())  # which comes behind the notice, and still works
    connects = place.telegram.stats.connects

    with pytest.raises(KeyLatchedError, match=kind[:-2]):
        async with safe_session(place.tables, "alice", server=place.server):
            pass

    assert place.telegram.stats.connects == connects


def floods(place: Place) -> list[FloodRow]:
    with Store.open_reader(place.folder / "store" / "telewarden.db") as store:
        return store.floods("alice")


async def test_a_shorter_wait_never_lets_a_call_go_before_a_longer_one(place: Place) -> None:
    async with safe_session(place.tables, "alice", server=place.server) as alice:
        until = time.time() + 9_000.0
        with place.store() as store:
            store.put_flood("alice", "help.getNearestDc", None, until, 9_000.0)
        place.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(60)))
        with pytest.raises(TelegramRateLimitError):
            await alice.call(NEAREST())

    assert [row.until for row in floods(place)] == [until]


FLOODED = """
import asyncio, json, os, signal, sys
from telethon import functions
from telewarden import safe_session
from telewarden.errors import TelegramRateLimitError
from telewarden.telegram import ServerAddress
given = json.loads(sys.argv[1])
server = ServerAddress(**given["server"])
async def main():
    async with safe_session(given["tables"], "alice", server=server) as alice:
        try:
            await alice.call(functions.help.GetNearestDcRequest())
        except TelegramRateLimitError:
            print("told", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
SYNC_FLOODED = (
    FLOODED.replace("async ", "").replace("await ", "").replace("asyncio.run(main())", "main()")
)


async def told_and_killed(
    place: Place,
    spawned: list[asyncio.subprocess.Process],
    monkeypatch: pytest.MonkeyPatch,
    program: str,
) -> None:
    """A process hears in its block that it has to wait, and is killed at once."""
    monkeypatch.setattr(sys.modules[__name__], "HOLDER", program)
    first = await hold(place, spawned)
    assert await line(first) == "told\n"
    assert await first.wait() == -signal.SIGKILL


@pytest.mark.parametrize("program", [FLOODED, SYNC_FLOODED])
async def test_who_has_been_told_to_wait_may_be_killed_and_it_is_on_record(
    place: Place,
    spawned: list[asyncio.subprocess.Process],
    monkeypatch: pytest.MonkeyPatch,
    program: str,
) -> None:
    place.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(4000)))

    await told_and_killed(place, spawned, monkeypatch, program)
    async with safe_session(place.tables, "alice", timeout=10.0, server=place.server) as alice:
        with pytest.raises(TelegramRateLimitError, match="no packet"):
            await alice.call(NEAREST())

    assert place.telegram.stats.calls["help.getNearestDc"] == 1
    assert place.telegram.stats.early == 0


async def refused_block(place: Place) -> TelegramRateLimitError:
    with pytest.raises(TelegramRateLimitError) as caught:
        async with safe_session(place.tables, "alice", server=place.server):
            raise AssertionError("never reached")
    return caught.value


async def test_a_flood_while_it_connects_keeps_the_next_block_from_connecting(place: Place) -> None:
    place.telegram.faults.add(Fault(method="updates.getState", action=FloodWait(4000)))
    calls = place.telegram.stats.calls["updates.getState"]

    await refused_block(place)
    connects = place.telegram.stats.connects
    again = await refused_block(place)

    assert place.telegram.stats.connects == connects
    assert place.telegram.stats.calls["updates.getState"] == calls + 1
    assert place.telegram.stats.early == 0
    assert 3990 < (again.wait or 0.0) <= 4000


async def test_an_address_that_is_refused_connects_no_more_in_a_block_or_a_warden(
    place: Place,
) -> None:
    fault = place.telegram.faults.add(Fault(method="updates.getState", action=TransportError(-429)))

    await refused_block(place)
    place.telegram.faults.remove(fault)
    connects = place.telegram.stats.connects
    again = await refused_block(place)
    async with place.warden() as warden, asyncio.timeout(30):
        while (report := await warden.session("alice").report()).phase is not Phase.WAITING:
            await asyncio.sleep(LOOK_EVERY)

    assert place.telegram.stats.connects == connects
    assert again.action is Action.COOL_ADDRESS
    assert 290 < (again.wait or 0.0) <= 300
    assert 280 < (report.until or 0.0) - time.time() <= 300


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
@pytest.mark.parametrize("how", ["leases removed", "folder copied"])
async def test_a_session_in_use_is_found_whatever_became_of_its_folder(
    place: Place, tmp_path: Path, how: str
) -> None:
    tables = copy.deepcopy(place.tables)
    async with place.warden() as warden, asyncio.timeout(30):
        while (await warden.session("alice").report()).phase is not Phase.ONLINE:
            await asyncio.sleep(LOOK_EVERY)
        connects = place.telegram.stats.connects
        if how == "folder copied":
            tables["storage"]["folder"] = str(tmp_path / "copy")
            shutil.copytree(tmp_path / "store", tmp_path / "copy")
        else:
            shutil.rmtree(tmp_path / "store" / "leases")

        (report,) = await asyncio.to_thread(safety_check, tables)
        with pytest.raises(LeaseHeldError, match=f"process {os.getpid()} "):
            async with safe_session(tables, "alice", server=place.server):
                raise AssertionError("never reached")
        assert place.telegram.stats.connects == connects

    assert report.verdict is Safety.UNSAFE
    assert str(os.getpid()) in report.explanation


async def test_a_plain_with_in_a_loop_says_what_to_use(place: Place) -> None:
    with pytest.raises(BlockingAskError, match="async with"):
        safe_session(place.tables, "alice").__enter__()


@pytest.mark.parametrize("program", [FLOODED, SYNC_FLOODED])
async def test_an_address_that_is_refused_is_on_record_when_its_user_hears_of_it(
    place: Place,
    spawned: list[asyncio.subprocess.Process],
    monkeypatch: pytest.MonkeyPatch,
    program: str,
) -> None:
    place.telegram.faults.add(
        Fault(method="help.getNearestDc", times=1, action=TransportError(-429))
    )

    await told_and_killed(place, spawned, monkeypatch, program)
    connects = place.telegram.stats.connects
    again = await refused_block(place)

    assert again.action is Action.COOL_ADDRESS
    assert place.telegram.stats.connects == connects


async def test_an_address_that_is_refused_while_nobody_calls_is_on_record(place: Place) -> None:
    place.telegram.faults.add(
        Fault(method="help.getNearestDc", times=1, action=TransportError(-429))
    )

    async with safe_session(place.tables, "alice", server=place.server) as alice:
        forgotten = asyncio.create_task(alice.call(NEAREST()))
        await asyncio.sleep(0)  # it asks
        await asyncio.sleep(0)  # what it asks is sent
        forgotten.cancel()
        await alice.client.disconnected
    connects = place.telegram.stats.connects
    again = await refused_block(place)

    assert again.action is Action.COOL_ADDRESS
    assert place.telegram.stats.connects == connects


async def test_a_chat_with_slow_mode_waits_in_the_next_block_too(place: Place) -> None:
    press = place.telegram.add_account("press", phone="+9996620009")
    group = place.telegram.add_channel(
        "Group", owner=press, members=[place.account], megagroup=True, username="group"
    )
    group.set_slowmode(600)
    waits = []
    for text in ("one", "two", "three"):
        async with safe_session(place.tables, "alice", server=place.server) as alice:
            found = await alice.call(functions.contacts.ResolveUsernameRequest("group"))
            peer = types.InputPeerChannel(found.chats[0].id, found.chats[0].access_hash)
            with contextlib.ExitStack() as refused:
                if text != "one":
                    waits.append(refused.enter_context(pytest.raises(TelegramRateLimitError)))
                await alice.call(functions.messages.SendMessageRequest(peer, text))

    assert place.telegram.stats.errors["SLOWMODE_WAIT"] == 1
    assert group.texts == ["one"]
    assert all(580 < (told.value.wait or 0.0) <= 600 for told in waits)


async def test_a_warden_that_waits_for_the_session_keeps_to_what_its_user_was_told(
    place: Place,
) -> None:
    place.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(4000)))
    block = safe_session(place.tables, "alice", server=place.server)
    place.tables["storage"]["lease_timeout"] = 20.0

    async with contextlib.AsyncExitStack() as stack:
        alice = await stack.enter_async_context(block)
        async with place.warden() as warden:
            while (await warden.session("alice").report()).phase != "recovering":
                await asyncio.sleep(LOOK_EVERY)
            with pytest.raises(TelegramRateLimitError):
                await alice.call(NEAREST())
            await stack.aclose()
            await online(warden)

            with pytest.raises(TelegramRateLimitError, match="no packet"):
                await warden.session("alice").call(NEAREST())

    assert place.telegram.stats.calls["help.getNearestDc"] == 1
    assert place.telegram.stats.early == 0


async def test_a_warden_hears_of_a_wait_told_just_before_it_got_the_key(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire = Lease.acquire_async

    async def after_a_block(self: Lease, key_id: int, **given: Any) -> LeaseGrant:
        with place.store() as store:
            store.put_flood("alice", "help.getNearestDc", None, time.time() + 600.0, 600.0)
        return await acquire(self, key_id, **given)

    monkeypatch.setattr(Lease, "acquire_async", after_a_block)
    async with place.warden() as warden:
        await online(warden)

        with pytest.raises(TelegramRateLimitError, match="no packet"):
            await warden.session("alice").call(NEAREST())


async def test_what_the_database_does_not_take_at_once_it_gets_at_the_end(place: Place) -> None:
    place.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(4000)))

    async with safe_session(place.tables, "alice", server=place.server) as alice:
        with (
            lock_exclusive(place.folder / "store" / "telewarden.db"),
            pytest.raises(TelegramRateLimitError),
        ):
            await alice.call(NEAREST())
        before = floods(place)

    assert before == []
    assert [row.method for row in floods(place)] == ["help.getNearestDc"]


@pytest.mark.crashes(logged="flood not on record")
async def test_a_deadline_that_cannot_be_stored_is_said_and_harms_nothing_else(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(4000)))

    async with contextlib.AsyncExitStack() as stack:
        alice = await stack.enter_async_context(
            safe_session(place.tables, "alice", server=place.server)
        )
        with lock_exclusive(place.folder / "store" / "telewarden.db"):
            with pytest.raises(TelegramRateLimitError):
                await alice.call(NEAREST())
            await stack.aclose()

    (said,) = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert "flood not on record session=alice method=help.getNearestDc until=" in said
    assert safety_check(place.tables)[0].verdict is Safety.SAFE
    assert place.telegram.connections(place.account) == []


async def test_another_program_gets_the_string_under_the_lease(place: Place) -> None:
    connects = place.telegram.stats.connects

    async with safe_session(place.tables, "alice", connect=False) as alice:
        string = alice.string
        with pytest.raises(RuntimeError):
            _ = alice.client

    assert string == place.string
    assert place.telegram.stats.connects == connects


async def test_a_running_warden_is_not_disturbed(place: Place) -> None:
    async with place.warden() as warden:
        while (await warden.session("alice").report()).phase != "online":
            await asyncio.sleep(LOOK_EVERY)
        connects = place.telegram.stats.connects

        with pytest.raises(LeaseHeldError, match="session alice"):
            async with safe_session(place.tables, "alice", server=place.server):
                raise AssertionError("never reached")

        assert place.telegram.stats.connects == connects
        assert (await warden.session("alice").report()).phase == "online"
    assert place.telegram.stats.duplicate_keys == 0


async def test_a_second_process_is_refused_before_its_first_packet(
    place: Place, spawned: list[asyncio.subprocess.Process]
) -> None:
    first = await hold(place, spawned)
    assert await line(first) == "held\n"
    connects = place.telegram.stats.connects

    second = await hold(place, spawned)
    told = await line(second)
    (report,) = safety_check(place.tables)

    assert told.startswith("LeaseHeldError")
    assert f"process {first.pid}" in told
    assert "a test" in told
    assert place.telegram.stats.connects == connects
    assert place.telegram.stats.duplicate_keys == 0
    assert report.verdict is Safety.UNSAFE
    assert report.owners[0].pid == first.pid
    assert report.as_json()["exit_code"] == 2


async def test_the_same_key_under_another_name_is_one_session(
    place: Place, spawned: list[asyncio.subprocess.Process]
) -> None:
    first = await hold(place, spawned)
    assert await line(first) == "held\n"
    connects = place.telegram.stats.connects
    with place.store() as store:
        store.clear_credential("alice")  # so that only the lease knows whose it is
    tables = json.loads(json.dumps(place.tables))
    tables["sessions"] = [{"name": "mallory", "phone": "+9996620003"}]

    async with Warden(tables, server=place.server) as warden:
        with pytest.raises(LeaseHeldError, match=f"process {first.pid}"):
            await warden.session("mallory").import_string(place.string)

    assert place.telegram.stats.connects == connects
    assert place.telegram.stats.duplicate_keys == 0


async def test_a_killed_holder_leaves_a_session_that_is_taken_over_at_once(
    place: Place, spawned: list[asyncio.subprocess.Process]
) -> None:
    first = await hold(place, spawned)
    assert await line(first) == "held\n"
    first.kill()
    await first.wait()

    (left,) = safety_check(place.tables)
    second = await hold(place, spawned)
    told = await line(second)

    assert (left.verdict, left.exit_code) == (Safety.CAUTION, 1)
    assert left.owners[0].pid == first.pid
    assert told == "held\n"
    assert place.telegram.stats.duplicate_keys == 0


async def test_what_a_dead_owner_left_can_be_tidied_up(
    place: Place, spawned: list[asyncio.subprocess.Process]
) -> None:
    first = await hold(place, spawned)
    assert await line(first) == "held\n"
    with pytest.raises(LeaseHeldError):
        clear_stale(place.tables, "alice")
    first.kill()
    await first.wait()

    assert clear_stale(place.tables, "alice")
    assert safety_check(place.tables)[0].verdict is Safety.SAFE


async def test_a_reused_process_number_is_not_the_old_owner(place: Place) -> None:
    key_id = parse_string(place.string).key_id
    facts = place.folder / "store" / "leases" / f"{key_id:016x}.lease"
    here = LeaseHolder.current("an earlier life")
    before = {**json.loads(json.dumps(_facts(here))), "started": here.started - 1_000.0}
    facts.write_text(json.dumps(before))

    (left,) = safety_check(place.tables)
    async with safe_session(place.tables, "alice", server=place.server) as alice:
        await alice.call(GET_STATE())

    assert left.verdict is Safety.CAUTION
    assert not left.owners[0].alive


def _facts(holder: LeaseHolder) -> dict[str, Any]:
    return {name: getattr(holder, name) for name in LeaseHolder.__dataclass_fields__}


async def test_sigterm_unwinds_the_block_and_closes_the_client(
    place: Place, spawned: list[asyncio.subprocess.Process]
) -> None:
    first = await hold(place, spawned)
    assert await line(first) == "held\n"

    first.send_signal(signal.SIGTERM)
    told = await line(first)
    await first.wait()

    assert told == "gone\n"
    assert safety_check(place.tables)[0].verdict is Safety.SAFE


SYNC_HOLDER = HOLDER.replace(
    "async def main():", "def main():"
).replace("async with", "with").replace("await alice.call", "alice.call").replace(
    "await asyncio.Event().wait()", "import time; time.sleep(60)"
).replace("asyncio.run(main())", "main()")  # fmt: skip


async def test_sigterm_unwinds_a_plain_block_too(
    place: Place, spawned: list[asyncio.subprocess.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "HOLDER", SYNC_HOLDER)
    first = await hold(place, spawned)
    assert await line(first) == "held\n"

    first.send_signal(signal.SIGTERM)
    told = await line(first)
    code = await first.wait()

    assert (told, code) == ("gone\n", 128 + signal.SIGTERM)
    assert safety_check(place.tables)[0].verdict is Safety.SAFE


TWO_HOLDERS = """
import asyncio, json, signal, sys
from telewarden import safe_session
given = json.loads(sys.argv[1])
signal.signal(signal.SIGTERM, signal.SIG_DFL)
async def one(name):
    async with safe_session(given["tables"], name, connect=False):
        print("held", flush=True)
        await asyncio.Event().wait()
async def main():
    try:
        async with asyncio.TaskGroup() as group:
            for name in ("alice", "bob"):
                group.create_task(one(name))
    finally:
        print("gone", flush=True)
asyncio.run(main())
"""


async def test_sigterm_unwinds_every_block_of_a_loop(
    place: Place, spawned: list[asyncio.subprocess.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "HOLDER", TWO_HOLDERS)
    bob = place.telegram.add_account("bob", phone="+9996620002")
    place.tables["sessions"].append({"name": "bob", "phone": "+9996620002"})
    async with place.warden() as warden:
        await warden.session("bob").import_string(place.telegram.mint(bob))
    both = await hold(place, spawned)
    assert [await line(both) for _ in range(2)] == ["held\n", "held\n"]

    both.send_signal(signal.SIGTERM)
    told = await line(both)
    await both.wait()

    assert told == "gone\n"
    assert {one.verdict for one in safety_check(place.tables)} == {Safety.SAFE}


async def test_who_waits_is_told_for_whom_and_gets_it_when_it_is_free(
    place: Place, spawned: list[asyncio.subprocess.Process]
) -> None:
    first = await hold(place, spawned)
    assert await line(first) == "held\n"
    told: list[LeaseWait] = []

    def progress(wait: LeaseWait) -> None:
        told.append(wait)
        first.kill()

    async with safe_session(
        place.tables, "alice", timeout=10.0, progress=progress, server=place.server
    ) as alice:
        await alice.call(GET_STATE())

    assert told[0].holder is not None
    assert told[0].holder.pid == first.pid


async def renew(place: Place, warden: Warden) -> int:
    """Log alice in anew; the id of the key that is ended and latched then."""
    alice, (old,) = warden.session("alice"), keys_of(place)
    await alice.renew()
    await alice.login("code", place.telegram.sent_code(PHONE))
    async with asyncio.timeout(30):
        while old in keys_of(place) or not latched(place, old):
            await asyncio.sleep(LOOK_EVERY)
    return old


def keys_of(place: Place) -> list[int]:
    return [one.key_id for one in place.telegram.authorizations(place.account)]


def latched(place: Place, key_id: int) -> bool:
    with Store.open_reader(
        place.folder / "store" / "telewarden.db", MasterKey.from_file(place.folder / "master.key")
    ) as store:
        return store.latched(key_id) is not None


async def online(warden: Warden) -> None:
    while (await warden.session("alice").report()).phase != "online":
        await asyncio.sleep(LOOK_EVERY)


async def test_who_waits_while_the_holder_renews_the_login_gets_the_new_one(place: Place) -> None:
    waits: list[LeaseWait] = []
    waiting = asyncio.Event()

    def progress(wait: LeaseWait) -> None:
        waits.append(wait)
        waiting.set()

    async def use() -> tuple[str, int]:
        block = safe_session(
            place.tables, "alice", timeout=20.0, progress=progress, server=place.server
        )
        async with block as alice:
            await alice.call(GET_STATE())
            return alice.string, place.telegram.stats.connects

    async with place.warden() as warden:
        await online(warden)
        using = asyncio.create_task(use())
        await waiting.wait()
        old = await renew(place, warden)
        while waits[-1].key_id == old:
            await asyncio.sleep(LOOK_EVERY)
        await online(warden)
        connects = place.telegram.stats.connects
    string, connected = await using

    assert [parse_string(string).key_id] == keys_of(place)
    assert connected == connects + 1  # by the new key: the old one was held and let go, unused
    assert {wait.timeout for wait in waits} == {20.0}
    assert [wait.waited for wait in waits] == sorted(wait.waited for wait in waits)
    assert place.telegram.stats.duplicate_keys == 0
    assert safety_check(place.tables)[0].verdict is Safety.SAFE


async def test_a_plain_block_in_another_process_gets_the_new_login_too(
    place: Place, spawned: list[asyncio.subprocess.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys.modules[__name__],
        "HOLDER",
        SYNC_HOLDER.replace(
            "server=server)", "server=server, progress=lambda wait: print(wait.key_id, flush=True))"
        ),
    )
    place.tables["storage"]["lease_timeout"] = 20.0

    async with place.warden() as warden:
        await online(warden)
        second = await hold(place, spawned)
        waited_for = int(await line(second))
        old = await renew(place, warden)
        while (told := int(await line(second))) == old:
            pass
        await online(warden)
        connects = place.telegram.stats.connects

    assert waited_for == old
    assert [told] == keys_of(place)
    while (said := await line(second)).strip().isdecimal():
        pass
    assert said == "held\n"
    assert place.telegram.stats.connects == connects + 1
    assert place.telegram.stats.duplicate_keys == 0


def _deleted(store: Store, key_id: int) -> None:
    store.delete_session("alice")


def _latched(store: Store, key_id: int) -> None:
    store.latch_key(key_id, "SESSION_REVOKED", 1.0)


def _logged_out(store: Store, key_id: int) -> None:
    store.clear_credential("alice")
    SessionFiles(store.path.parent / "sessions", store.vault).delete("alice")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (_deleted, UnknownSessionError),
        (_latched, KeyLatchedError),
        (_logged_out, NoCredentialError),
    ],
)
async def test_what_became_of_the_session_during_the_wait_is_told_and_no_packet_sent(
    place: Place, change: Callable[[Store, int], None], error: type[Exception]
) -> None:
    key_id, connects = parse_string(place.string).key_id, place.telegram.stats.connects
    leases = Lease(place.folder / "store" / "leases")
    grant = leases.acquire(key_id, owner=LeaseHolder.current("a test"))

    def progress(_: LeaseWait) -> None:
        with place.store() as store:
            change(store, key_id)
        grant.release()

    with pytest.raises(error):
        async with safe_session(
            place.tables, "alice", timeout=10.0, progress=progress, server=place.server
        ):
            raise AssertionError("never reached")

    assert place.telegram.stats.connects == connects
    assert leases.inspect(key_id) == Free()


async def test_the_whole_wait_is_bounded_however_often_the_login_changes(place: Place) -> None:
    other = place.telegram.mint(place.account)
    first, second = parse_string(place.string), parse_string(other)
    leases, me = Lease(place.folder / "store" / "leases"), LeaseHolder.current("a test")
    grant, begun = leases.acquire(first.key_id, owner=me), time.monotonic()

    def progress(wait: LeaseWait) -> None:
        if wait.key_id == first.key_id and wait.waited > 0.9:
            with place.store() as store:
                store.put_credential("alice", other, second.key_id, second.dc_id)
            grant.release()

    with leases.acquire(second.key_id, owner=me), pytest.raises(LeaseHeldError) as caught:
        async with safe_session(place.tables, "alice", timeout=1.5, progress=progress):
            raise AssertionError("never reached")

    assert caught.value.key_id == second.key_id
    assert caught.value.waited > 1.4
    assert time.monotonic() - begun < 5.0
    assert leases.inspect(first.key_id) == Free()


async def test_a_login_renewed_during_a_check_is_not_called_safe(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = place.telegram.mint(place.account)
    first, second = parse_string(place.string), parse_string(other)
    inspect = Lease.inspect

    def renewing(self: Lease, key_id: int) -> Free | Held | Stale:
        if key_id == first.key_id:
            with place.store() as store:
                store.put_credential("alice", other, second.key_id, second.dc_id)
        return inspect(self, key_id)

    leases = Lease(place.folder / "store" / "leases")
    with leases.acquire(second.key_id, owner=LeaseHolder.current("a test")):
        monkeypatch.setattr(Lease, "inspect", renewing)
        (report,) = safety_check(place.tables)

    assert report.verdict is Safety.UNSAFE


async def test_a_dead_key_and_a_missing_login_are_refused_before_any_packet(place: Place) -> None:
    connects = place.telegram.stats.connects
    with pytest.raises(UnknownSessionError):
        async with safe_session(place.tables, "nobody", server=place.server):
            pass
    with Store.open(
        place.folder / "store" / "telewarden.db", MasterKey.from_file(place.folder / "master.key")
    ) as store:
        store.latch_key(parse_string(place.string).key_id, "SESSION_REVOKED", 1.0)
    with pytest.raises(KeyLatchedError):
        async with safe_session(place.tables, "alice", server=place.server):
            pass
    with Store.open(
        place.folder / "store" / "telewarden.db", MasterKey.from_file(place.folder / "master.key")
    ) as store:
        store.clear_credential("alice")
    shutil.rmtree(place.folder / "store" / "sessions")
    with pytest.raises(NoCredentialError):
        async with safe_session(place.tables, "alice", server=place.server):
            pass

    assert place.telegram.stats.connects == connects


async def test_a_dead_key_and_a_name_that_nobody_has_are_told(place: Place) -> None:
    with place.store() as store:
        store.latch_key(parse_string(place.string).key_id, "SESSION_REVOKED", 1.0)

    (report,) = safety_check(place.tables)

    assert "its key is dead (SESSION_REVOKED)" in report.explanation
    assert report.advice == "log in again"
    with pytest.raises(UnknownSessionError, match="alice"):
        safety_check(place.tables, "alicia")


async def test_a_script_that_has_the_telethon_file_open_is_seen(place: Place) -> None:
    path = place.folder / "store" / "sessions" / "alice.session"
    path.write_bytes(b"x")
    code = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    script = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        await line(script)

        (report,) = safety_check(place.tables)

        assert report.verdict is Safety.UNSAFE
        assert report.owners[0].pid == script.pid
    finally:
        script.kill()
        await script.communicate()


def test_everything_refused_is_one_kind_of_error() -> None:
    assert issubclass(LeaseHeldError, TelewardenError)


@pytest.mark.parametrize("by", ["call", "client", "own client"])
async def test_a_key_that_dies_by_an_error_in_the_block_is_latched(place: Place, by: str) -> None:
    key_id = parse_string(place.string).key_id
    connect, text = by != "own client", "AUTH_KEY_DUPLICATED"

    with contextlib.suppress(TelegramAuthError, errors.AuthKeyDuplicatedError):
        async with safe_session(
            place.tables, "alice", connect=connect, server=place.server
        ) as alice:
            if not connect:
                raise errors.AuthKeyDuplicatedError(request=None)
            place.telegram.void_key(place.account, text)
            await (alice.client if by == "client" else alice).call(GET_STATE())

    assert latched(place, key_id)
    with pytest.raises(KeyLatchedError, match=text):
        async with safe_session(place.tables, "alice", server=place.server):
            raise AssertionError("never reached")


async def test_an_error_of_the_blocks_own_latches_nothing(place: Place) -> None:
    with pytest.raises(ZeroDivisionError):
        async with safe_session(place.tables, "alice", connect=False):
            raise ZeroDivisionError

    assert not latched(place, parse_string(place.string).key_id)


@pytest.fixture
async def both(place: Place) -> Place:
    """A second session, bob, beside alice."""
    bob = place.telegram.add_account("bob", phone="+9996620002")
    place.tables["sessions"].append({"name": "bob", "phone": "+9996620002"})
    async with place.warden() as warden:
        await warden.session("bob").import_string(place.telegram.mint(bob))
    return place


async def own_client(place: Place, string: str) -> TelegramClient:
    """A stock client, as a script makes one with a block's string."""
    client = TelegramClient(StringSession(string), 1, "any", receive_updates=False)
    TelegramClient._config = None
    await client.connect()
    return client


@pytest.mark.parametrize("dies", ["outer", "inner"])
async def test_of_nested_blocks_with_clients_of_their_own_the_key_that_died_is_latched(
    both: Place, dies: str
) -> None:
    clients: dict[str, TelegramClient] = {}
    keys: dict[str, int] = {}
    with contextlib.suppress(errors.AuthKeyDuplicatedError):
        async with (
            safe_session(both.tables, "alice", connect=False) as outer,
            safe_session(both.tables, "bob", connect=False) as inner,
        ):
            for name, block in (("outer", outer), ("inner", inner)):
                clients[name] = await own_client(both, block.string)
                keys[name] = parse_string(block.string).key_id
            phone = PHONE if dies == "outer" else "+9996620002"
            account = both.telegram.account(phone)
            assert account is not None
            both.telegram.void_key(account, "AUTH_KEY_DUPLICATED")
            await clients[dies](GET_STATE())
    for client in clients.values():
        await client.disconnect()

    other = {"outer": "inner", "inner": "outer"}[dies]
    assert latched(both, keys[dies])
    assert not latched(both, keys[other])


async def test_of_nested_blocks_none_is_latched_when_nothing_tells_which_key_it_was(
    both: Place, caplog: pytest.LogCaptureFixture
) -> None:
    keys: list[int] = []
    with contextlib.suppress(errors.AuthKeyDuplicatedError):
        async with (
            safe_session(both.tables, "alice", connect=False) as outer,
            safe_session(both.tables, "bob", connect=False) as inner,
        ):
            keys += [parse_string(one.string).key_id for one in (outer, inner)]
            raise errors.AuthKeyDuplicatedError(request=None)

    assert [latched(both, key) for key in keys] == [False, False]
    assert "a key is dead, and not known which" in caplog.text
