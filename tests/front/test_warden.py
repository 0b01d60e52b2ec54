"""The warden as an app embeds it: sync and async, several in one process, typed handles."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from telethon import functions, types

from telewarden import Warden
from telewarden.errors import NotRunningError, StorageNotWritableError, UnknownSessionError
from telewarden.loopback import LoopbackTelegram
from telewarden.standin import StandIn, sign_in
from telewarden.telegram import Health, ServerAddress

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
