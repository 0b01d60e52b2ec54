"""The console in a real tree, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from telewarden.console import WHO, ConsoleActor, ControlClient, Words, bind_tcp, bind_unix
from telewarden.errors import (
    ChildStartError,
    CommandFailedError,
    DrillError,
    ListenError,
    NoLoginError,
    WardenUnreachableError,
)
from telewarden.supervision import ChildFailed, ChildSpec, ChildStarted, Drill, SupervisorSpec, Tree
from telewarden.telegram import PHASES, Phase

if TYPE_CHECKING:
    from .conftest import FakePanel, Running

    ConsoleTree = Callable[[], contextlib.AbstractAsyncContextManager[Running]]

pytestmark = pytest.mark.console

SOON = 30.0  # seconds in which anything that is going to happen has happened


async def get(url: str, *, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.request(method, url, timeout=SOON)


def restarted(tree: Tree) -> asyncio.Event:
    """Set when the console's next incarnation runs."""
    again = asyncio.Event()
    tree.events.subscribe(lambda event: again.set() if event.restarted else None, (ChildStarted,))
    return again


async def read_to_the_end(reader: asyncio.StreamReader) -> int:
    """How many bytes came before the line was closed or cut."""
    got = 0
    with contextlib.suppress(ConnectionResetError):
        while chunk := await reader.read(65536):
            got += len(chunk)
    return got


async def test_a_client_is_told_in_the_language_that_it_wants(running: Running) -> None:
    client = ControlClient(running.control, language="vi")

    (session,) = (await asyncio.to_thread(client.state))["sessions"]

    assert session["explanation"] == Words("vi")(PHASES[Phase.ONLINE].explanation)


async def test_pages_are_served_over_tcp_and_commands_over_the_socket(running: Running) -> None:
    client = ControlClient(running.control)

    page = await get(running.url)
    refused = await get(running.url + "/api/commands/drill", method="POST")
    await asyncio.to_thread(client.command, "recover", {"session": "alice"})
    login = await asyncio.to_thread(client.login, "alice", "code", "22222")

    assert page.text.startswith("<!doctype html>")
    assert refused.status_code == 403
    assert login["phase"] == "online"
    assert running.panel.told == [
        ("recover", {"session": "alice", "all": False}, WHO),
        ("login", {"session": "alice", "step": "code", "secret": "22222"}, WHO),
    ]


async def test_the_client_reads_state_and_metrics(running: Running) -> None:
    client = ControlClient(running.control)

    state = await asyncio.to_thread(client.state)
    metrics = await asyncio.to_thread(client.metrics)

    assert [session["session"] for session in state["sessions"]] == ["alice"]
    assert [child["id"] for child in state["tree"]["children"]] == ["console"]
    assert 'telewarden_children{state="running"} 2.0' in metrics


@pytest.mark.crashes("console", DrillError)
async def test_a_crashed_console_comes_back_on_the_same_addresses(running: Running) -> None:
    again = restarted(running.tree)
    client = ControlClient(running.control)

    await asyncio.to_thread(client.drill, "console")
    # asked at once: whoever connects meanwhile waits in the socket's queue and is not refused
    answers = await asyncio.gather(get(running.url + "/healthz"), asyncio.to_thread(client.state))
    async with asyncio.timeout(SOON):
        await again.wait()

    assert answers[0].status_code == 200
    state = await asyncio.to_thread(client.state)
    assert state["tree"]["children"][0]["incarnation"] == 2
    assert state["counters"]["restarts"] == 1


@pytest.mark.crashes("console", DrillError)
async def test_nobody_is_refused_while_a_crash_is_mended(running: Running) -> None:
    again, crashed = restarted(running.tree), asyncio.Event()
    running.tree.events.subscribe(lambda _: crashed.set(), (ChildFailed,))
    asked: list[asyncio.Task[httpx.Response]] = []

    def ask() -> None:
        asked.append(asyncio.create_task(get(running.url + "/healthz")))

    async with asyncio.timeout(SOON):
        ask()
        running.tree.ref("console").tell(Drill())
        while not again.is_set():
            ask()
            await asyncio.sleep(0)
        ask()
        answers = await asyncio.gather(*asked)

    assert crashed.is_set()
    assert len(answers) > 2
    assert {answer.status_code for answer in answers} == {200}


async def test_a_stop_ends_idle_connections_and_the_owner_removes_the_socket_file(
    console_tree: ConsoleTree,
) -> None:
    async with console_tree() as running, httpx.AsyncClient() as idle:
        await idle.get(running.url + "/healthz")
        report = await asyncio.wait_for(running.tree.stop(), SOON)
        existed = running.control.exists()

    assert report.is_clean
    assert existed
    assert not running.control.exists()
    with pytest.raises(WardenUnreachableError, match=r"no warden listens on .*control\.sock"):
        ControlClient(running.control).state()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port), timeout=SOON)


async def test_an_answer_under_way_is_finished_before_the_stop(
    console_tree: ConsoleTree, panel: FakePanel
) -> None:
    panel.gate = asyncio.Event()
    async with console_tree() as running:
        asking = asyncio.create_task(get(running.url + "/api/state"))
        async with asyncio.timeout(SOON):
            await panel.asked.wait()
        stopping = asyncio.create_task(running.tree.stop())
        await asyncio.sleep(0)
        panel.gate.set()
        answer, report = await asyncio.wait_for(asyncio.gather(asking, stopping), SOON)

    assert answer.status_code == 200
    assert report.is_clean


@pytest.mark.crashes(logged="timeout graceful shutdown exceeded")
@pytest.mark.crashes(logged="Exception in ASGI application")
async def test_an_answer_that_never_comes_does_not_hold_up_the_stop(
    console_tree: ConsoleTree, panel: FakePanel
) -> None:
    panel.gate = asyncio.Event()
    async with console_tree() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /api/state HTTP/1.1\r\nhost: localhost\r\n\r\n")
        async with asyncio.timeout(SOON):
            await panel.asked.wait()
            report = await running.tree.stop()
            await reader.read()  # comes to its end: the line was closed
        writer.close()

    assert report.is_clean


@pytest.mark.crashes(logged="timeout graceful shutdown exceeded")
async def test_a_caller_that_does_not_read_its_answer_is_cut_off_by_the_stop(
    console_tree: ConsoleTree, panel: FakePanel
) -> None:
    more_than_fits = 16 * 1024 * 1024  # bytes; past what the kernel buffers between the two
    panel.sessions = (replace(panel.sessions[0], reason="x" * more_than_fits),)
    async with console_tree() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /api/state HTTP/1.1\r\nhost: localhost\r\n\r\n")
        async with asyncio.timeout(SOON):
            await reader.readline()  # the answer has begun
            report = await running.tree.stop()
            got = await read_to_the_end(reader)
        writer.close()

    assert report.is_clean
    assert got < more_than_fits


@pytest.mark.crashes("console", DrillError)
async def test_the_actor_can_keep_the_control_socket_by_itself(
    panel: FakePanel, tmp_path: Path
) -> None:
    control = tmp_path / "control.sock"
    spec = ChildSpec(id="console", actor=ConsoleActor, kwargs={"panel": panel, "unix": control})
    async with Tree(SupervisorSpec(children=(spec,))) as tree:
        panel.tree = tree
        again = restarted(tree)
        client = ControlClient(control)
        await asyncio.to_thread(client.drill, "console")
        async with asyncio.timeout(SOON):
            await again.wait()
        await asyncio.to_thread(client.command, "recover", {"session": "alice"})

    assert panel.told[-1] == ("recover", {"session": "alice", "all": False}, WHO)
    assert not control.exists()


@pytest.mark.crashes("console", start=ListenError)
async def test_a_path_that_cannot_be_listened_on_fails_the_start_and_leaves_nothing_open(
    panel: FakePanel, tmp_path: Path
) -> None:
    (tmp_path / "control.sock").write_text("precious")
    with contextlib.closing(bind_tcp("127.0.0.1", 0)) as tcp:
        kwargs = {"panel": panel, "tcp": tcp, "unix": tmp_path / "control.sock"}
        spec = ChildSpec(id="console", actor=ConsoleActor, kwargs=kwargs)
        with pytest.raises(ChildStartError, match="is no socket"):
            async with Tree(SupervisorSpec(children=(spec,))):
                pytest.fail("it started")


async def test_the_apps_signals_and_logs_are_left_alone(
    console_tree: ConsoleTree, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    access, handler = logging.getLogger("uvicorn.access"), logging.NullHandler()
    access.addHandler(handler)
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    async with console_tree() as running:
        during = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        await get(running.url + "/api/state")

    assert during == before
    assert access.handlers == [handler]
    assert access.propagate
    assert not [record for record in caplog.records if record.name == "uvicorn.access"]
    access.removeHandler(handler)


async def test_a_refusal_reaches_the_client_as_the_warden_said_it(running: Running) -> None:
    running.panel.failure = NoLoginError("alice")
    client = ControlClient(running.control)

    with pytest.raises(CommandFailedError) as refused:
        await asyncio.to_thread(client.login, "alice", "code", "22222")

    assert str(refused.value) == str(running.panel.failure)
    assert (refused.value.kind, refused.value.status) == ("NoLoginError", 409)


async def test_a_name_with_a_slash_is_one_name(running: Running) -> None:
    client = ControlClient(running.control)

    with pytest.raises(CommandFailedError) as refused:
        await asyncio.to_thread(client.command, "../api/state", {})

    assert refused.value.status == 404
    assert running.panel.told == []


def test_a_socket_that_nobody_listens_on_is_told_from_silence(tmp_path: Path) -> None:
    nobody, silent = tmp_path / "nobody.sock", tmp_path / "silent.sock"
    with contextlib.closing(bind_unix(silent)):
        with pytest.raises(WardenUnreachableError) as unreachable:
            ControlClient(nobody).state()
        with pytest.raises(WardenUnreachableError) as unanswered:
            ControlClient(silent, timeout=0.05).state()

    assert str(unreachable.value) == (
        f"no warden listens on {nobody}; start one with telewarden run"
    )
    assert str(unanswered.value) == f"the warden at {silent} did not answer within 0.05 s"


def test_a_path_that_is_too_long_is_unreachable_and_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(WardenUnreachableError, match="cannot be reached: AF_UNIX path too long"):
        ControlClient(tmp_path / ("x" * 120)).state()
