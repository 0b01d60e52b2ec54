"""The warden as an app embeds it: sync and async, several in one process, typed handles."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from telethon import functions, types

from telewarden import Warden
from telewarden.actors import SessionChanged
from telewarden.errors import (
    AlreadyRunningError,
    BlockingAskError,
    DrillError,
    InvalidRecordError,
    NotRunningError,
    StorageNotWritableError,
    UnknownSessionError,
)
from telewarden.loopback import LoopbackTelegram
from telewarden.service.loopback_server import StandIn, sign_in
from telewarden.supervision import ChildStopped, EventStream
from telewarden.telegram import Health, ServerAddress
from telewarden.testing import EventLog

pytestmark = pytest.mark.session

LOOK_EVERY = 0.005  # seconds; without a pause a look would take the journal's thread its turns
PHONE = "+9996620001"


def tables() -> dict[str, Any]:
    return {
        "telegram": {"api_id": 1},
        "storage": {"folder": "s", "master_key": {"file": "key", "create": True}},
        "console": {"port": 0, "socket": "c.sock"},
        "sessions": [{"name": "alice", "phone": PHONE}],
        "loopback": {"accounts": [{"name": "alice", "phone": PHONE}]},
    }


def address(telegram: LoopbackTelegram) -> ServerAddress:
    dc_id, host, port = telegram.address
    return ServerAddress(dc_id=dc_id, host=host, port=port, pem=telegram.pem)


def warden_on(
    telegram: LoopbackTelegram,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    **options: Any,
) -> Warden:
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)  # so that the control socket's path is short
    return Warden(tables(), server=address(telegram), **options)


async def test_an_app_makes_requests_with_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LoopbackTelegram() as telegram:
        account = telegram.add_account("alice", phone=PHONE)
        async with warden_on(telegram, tmp_path, monkeypatch) as warden:
            await sign_in(warden, StandIn(server=address(telegram), telegram=telegram))
            while (await warden.session("alice").report()).health is not Health.HEALTHY:
                await asyncio.sleep(LOOK_EVERY)

            users = await warden.session("alice").call(
                functions.users.GetUsersRequest([types.InputUserSelf()])
            )

    assert users[0].id == account.id


def test_plain_code_enters_a_warden_with_a_plain_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackTelegram.in_thread() as telegram:
        telegram.add_account("alice", phone=PHONE)
        with warden_on(telegram, tmp_path, monkeypatch) as warden:
            report = warden.run(warden.session("alice").report())

            assert report.session == "alice"
            assert "registry" in warden.snapshot().as_text()


async def test_two_wardens_live_in_one_process_without_knowing_of_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LoopbackTelegram() as telegram:
        telegram.add_account("alice", phone=PHONE)
        async with warden_on(telegram, tmp_path / "a", monkeypatch) as one:
            one_socket = one.config.control_socket
            async with warden_on(telegram, tmp_path / "b", monkeypatch) as two:
                reports = [await w.session("alice").report() for w in (one, two)]

                assert [report.session for report in reports] == ["alice", "alice"]
                assert one.port != two.port
                assert one_socket != two.config.control_socket


async def test_metrics_go_to_the_registry_that_is_passed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = CollectorRegistry()
    async with LoopbackTelegram() as telegram:
        async with warden_on(telegram, tmp_path, monkeypatch, registry=registry) as warden:
            await warden.overview()

            assert b"telewarden_sessions" in generate_latest(registry)
        assert b"telewarden_sessions" not in generate_latest(registry)


async def test_a_warden_can_be_started_again_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LoopbackTelegram() as telegram:
        warden = warden_on(telegram, tmp_path, monkeypatch)
        for _ in range(2):
            async with warden:
                assert (await warden.session("alice").report()).session == "alice"


async def test_an_unknown_session_is_refused_by_name() -> None:
    warden = Warden(tables())

    with pytest.raises(UnknownSessionError, match="no session 'carol'; sessions are: alice"):
        warden.session("carol")


async def test_a_warden_that_is_not_running_says_so() -> None:
    warden = Warden(tables())

    with pytest.raises(NotRunningError, match="start it first"):
        await warden.overview()
    assert await warden.stop() is None


async def test_a_start_that_fails_says_why_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LoopbackTelegram() as telegram:
        warden = warden_on(telegram, tmp_path, monkeypatch)
        (tmp_path / "s").write_text("a file", encoding="utf-8")

        with pytest.raises(StorageNotWritableError):
            await warden.start()

        (tmp_path / "s").unlink()
        async with warden:
            assert warden.port


async def test_a_stop_whose_caller_gives_up_goes_on_and_can_be_waited_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LoopbackTelegram() as telegram:
        warden = warden_on(telegram, tmp_path, monkeypatch)
        await warden.start()
        impatient = asyncio.create_task(warden.stop())
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient

        told = await asyncio.gather(warden.stop(), warden.stop())

        assert all(report is not None and report.is_clean for report in told)
        assert await warden.stop() is None
        async with warden:  # what ran before has gone, and holds nothing any more
            assert warden.snapshot().find("registry") is not None


async def test_a_start_after_a_stop_that_nobody_waited_for_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LoopbackTelegram() as telegram:
        events = EventStream()
        log = EventLog(events)
        warden = warden_on(telegram, tmp_path, monkeypatch, events=events)
        await warden.start()
        stopping = asyncio.create_task(warden.stop())
        await asyncio.sleep(0)
        stopping.cancel()

        async with warden:
            ends = [one.child for one in log.of(ChildStopped)]

    assert ends[-1] == "journal"


async def test_a_warden_that_runs_is_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LoopbackTelegram() as telegram:
        warden = warden_on(telegram, tmp_path, monkeypatch)
        told = await asyncio.gather(warden.start(), warden.start(), return_exceptions=True)
        with pytest.raises(AlreadyRunningError, match="runs already"):
            await warden.start()
        report = await warden.session("alice").report()
        await warden.stop()

    assert [type(one) for one in told] == [type(None), AlreadyRunningError]
    assert report.session == "alice"


async def test_a_stop_with_a_deadline_that_is_no_number_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        LoopbackTelegram() as telegram,
        warden_on(telegram, tmp_path, monkeypatch) as warden,
    ):
        with pytest.raises(InvalidRecordError, match=r"'20'.*seconds"):
            await warden.stop(deadline="20")  # type: ignore[arg-type]

        assert (await warden.session("alice").report()).session == "alice"


def test_a_thread_that_waits_in_a_warden_that_is_left_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackTelegram.in_thread() as telegram, ThreadPoolExecutor(1) as threads:
        begun = threading.Event()

        async def for_ever() -> None:
            begun.set()
            await asyncio.Event().wait()

        with warden_on(telegram, tmp_path, monkeypatch) as warden:
            waits = threads.submit(warden.run, for_ever())
            assert begun.wait(10)

        with pytest.raises(NotRunningError, match="under way"):
            waits.result(timeout=10)


def test_a_subscriber_that_would_wait_for_its_own_loop_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[BaseException] = []

    def hear(_: object) -> None:
        try:
            warden.run(warden.overview())
        except BlockingAskError as error:
            told.append(error)

    with (
        LoopbackTelegram.in_thread() as telegram,
        warden_on(telegram, tmp_path, monkeypatch) as warden,
    ):
        warden.events.subscribe(hear, (SessionChanged,))
        warden.blocking.sessions.change("alice", priority=2)
        warden.run(warden.overview())  # after which the event has been told

    assert "await" in str(told[0])


@pytest.mark.crashes("registry", DrillError)
@pytest.mark.crashes(logged="supervisor gives up")
@pytest.mark.crashes("*", dropped="*", possible=True)  # nobody is there any more
async def test_what_is_asked_of_a_tree_that_gave_up_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        LoopbackTelegram() as telegram,
        warden_on(telegram, tmp_path, monkeypatch) as warden,
    ):
        ended = asyncio.create_task(warden.wait())
        while not ended.done():
            with contextlib.suppress(NotRunningError):
                await warden.drill("registry")
            await asyncio.sleep(LOOK_EVERY)

        for asked in (
            warden.sessions.change("alice", priority=2),
            warden.drill("journal"),
            warden.session("alice").report(),
        ):
            with pytest.raises(NotRunningError, match="given up"):
                await asked
        with pytest.raises(NotRunningError, match="given up"):
            await asyncio.to_thread(warden.blocking.sessions.change, "alice", priority=2)
