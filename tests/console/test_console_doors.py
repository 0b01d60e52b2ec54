"""Who gets in at the console's doors, how many, and what it costs: strangers over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from telewarden.console import ControlClient, bind_tcp, bind_unix, make_app
from telewarden.console.connection import Patience
from telewarden.console.listener import Listener
from telewarden.errors import ListenError, WardenUnreachableError

if TYPE_CHECKING:
    from .conftest import FakePanel, Hand, Running

pytestmark = pytest.mark.console

SOON = 30.0  # seconds in which anything that is going to happen has happened
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")

SQUATTER = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
listening.listen()
print("ready", flush=True)
caller, _ = listening.accept()
print("heard", caller.recv(65536), flush=True)
"""

CALLER = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
caller = socket.socket(socket.AF_UNIX)
caller.settimeout(20)
caller.connect(sys.argv[1])
try:
    caller.sendall(b"GET /api/state HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n")
    print(caller.recv(65536).split(b"\\r\\n")[0].decode())
except OSError as error:
    print(type(error).__name__)
"""

SHORT = """
import asyncio, json, logging, resource, socket, sys
from telewarden.console import bind_tcp
from telewarden.console.acceptor import RESUME_AFTER
from telewarden.console.listener import Listener
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

class Turned(asyncio.SelectorEventLoop):  # its clock is put ahead by hand
    ahead = 0.0
    def time(self):
        return super().time() + self.ahead

async def look(lines):  # what is said until something has been, and in many turns after that
    async with asyncio.timeout(20):
        while not lines:
            await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    said, lines[:] = list(lines), []
    return said

async def main():
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger().addHandler(handler)
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])
    tcp = bind_tcp("127.0.0.1", 0)
    listener = Listener(app, tcp)
    await listener.open()
    taken = [socket.socket() for _ in range(4)]
    hoard, loop = [], asyncio.get_running_loop()
    while True:
        try:
            hoard.append(open("/dev/null"))
        except OSError:
            break
    for one in taken:
        one.setblocking(False)
        one.connect_ex(tcp.getsockname())
    said = [await look(lines)]
    for _ in range(2):
        loop.ahead += RESUME_AFTER
        said.append(await look(lines))
    for one in hoard:
        one.close()
    loop.ahead += RESUME_AFTER
    reader, writer = await asyncio.open_connection(*tcp.getsockname())
    writer.write(b"GET / HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\n\\r\\n")
    async with asyncio.timeout(20):
        answer = await reader.read()
    print(json.dumps({"said": said, "served": answer.endswith(b"here")}))

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
with asyncio.Runner(loop_factory=Turned) as runner:
    runner.run(main())
"""


@contextlib.contextmanager
def other_user(program: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that runs as nobody, with a path it may use."""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path), str(NOBODY)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def everybodys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder like /tmp, where everybody may put things."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o1777)  # noqa: S103 - like /tmp
        yield Path(name)


# By which name


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9464", "localhost", "LOCALHOST:80", "[::1]:9464", "warden.example:80"]
)
async def test_the_pages_are_served_by_their_own_names(
    panel: FakePanel, hand: Hand, host: str
) -> None:
    app = make_app(panel, trusted=False, names=("warden.example",), monotonic=hand)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        answer = await client.get("http://127.0.0.1/api/state", headers={"host": host})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9464", "127.0.0.1.evil.example", "", "[::2]:9464"]
)
@pytest.mark.parametrize("path", ["/", "/api/state", "/metrics", "/readyz"])
async def test_a_page_of_another_site_reads_nothing_here(
    panel: FakePanel, hand: Hand, host: str, path: str
) -> None:
    app = make_app(panel, trusted=False, monotonic=hand)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        answer = await client.get(f"http://127.0.0.1{path}", headers={"host": host})

    assert answer.status_code == 421
    assert answer.json()["error"]["type"] == "UnknownHost"
    assert panel.questions == 0


async def test_who_asks_by_the_address_that_he_connected_to_is_served(running: Running) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(running.url + "/healthz", timeout=SOON)

    assert answer.status_code == 200


# How many, and for how long


@pytest.fixture
async def quick(panel: FakePanel) -> AsyncIterator[tuple[str, int]]:
    """The address of a listener with little patience."""
    with contextlib.closing(bind_tcp("127.0.0.1", 0)) as tcp:
        app = make_app(panel, trusted=False)
        listener = Listener(app, tcp, patience=Patience(request=0.05, answer=0.3, idle=15))
        await listener.open()
        yield tcp.getsockname()
        await listener.close()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nhost: local"], ids=["nothing", "half"])
async def test_who_does_not_say_what_he_wants_is_cut_off(
    quick: tuple[str, int], said: bytes
) -> None:
    reader, writer = await asyncio.open_connection(*quick)
    writer.write(said)

    async with asyncio.timeout(SOON):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()


async def test_a_second_request_has_to_come_whole_as_well(quick: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*quick)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await reader.readuntil(b"ok\n")
    writer.write(b"G")

    async with asyncio.timeout(SOON):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()


async def test_an_answer_that_is_not_there_in_time_is_given_up(
    quick: tuple[str, int], panel: FakePanel
) -> None:
    panel.gate = asyncio.Event()
    reader, writer = await asyncio.open_connection(*quick)
    writer.write(b"GET /api/state HTTP/1.1\r\nhost: localhost\r\n\r\n")

    async with asyncio.timeout(SOON):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    panel.gate.set()


async def test_a_stream_goes_on_as_long_as_it_is_read(
    quick: tuple[str, int], panel: FakePanel
) -> None:
    """The look that tells the change comes after three times the patience for an answer."""
    reader, writer = await asyncio.open_connection(*quick)
    writer.write(b"GET /events/stream HTTP/1.1\r\nhost: localhost\r\n\r\n")

    async with asyncio.timeout(SOON):
        await reader.readuntil(b"event: state")
        panel.sessions = ()
        told = await reader.readuntil(b"event: diff")
    writer.close()

    assert b"alice" in told


async def test_hundreds_of_callers_who_say_nothing_keep_nobody_out(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    silent = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(300)]
    for _, writer in silent:
        writer.write(b"GET / HTTP/1.1\r\nx: ")

    async with httpx.AsyncClient() as client:
        answers = [await client.get(running.url + "/healthz", timeout=SOON) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    written = [one for one in caplog.records if one.name.startswith(("telewarden", "uvicorn"))]
    assert len(written) < 100
    for _, writer in silent:
        writer.close()


def test_a_process_without_descriptors_pauses_says_why_and_serves_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHORT], capture_output=True, text=True, timeout=60, check=True
    )
    told = json.loads(done.stdout)

    assert told["served"]
    assert [len(once) for once in told["said"]] == [1, 1, 1]  # a line a pause
    assert all("open files" in line for once in told["said"] for line in once)


async def test_what_is_no_http_is_written_down_so_many_times_a_minute(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"\x16\x03\x01\r\n\r\n")
        async with asyncio.timeout(SOON):
            await reader.read()
        writer.close()

    written = [one for one in caplog.records if "Invalid HTTP" in one.getMessage()]
    assert 0 < len(written) <= 20


# Whose socket


@as_root
def test_a_code_is_not_told_to_who_squats_the_path(everybodys: Path) -> None:
    path = everybodys / "control.sock"
    with other_user(SQUATTER, path) as squatter:
        assert squatter.stdout is not None
        squatter.stdout.readline()
        with pytest.raises(WardenUnreachableError) as refused:
            ControlClient(path).login("alice", "code", "22222")
        heard = squatter.stdout.readline()

    assert heard.strip() == "heard b''"
    assert f"({NOBODY}) listens there, to whom nothing was said" in str(refused.value)


@as_root
def test_root_may_ask_the_warden_of_the_storage_folders_owner(everybodys: Path) -> None:
    path = everybodys / "control.sock"
    with other_user(SQUATTER, path) as squatter:
        assert squatter.stdout is not None
        squatter.stdout.readline()
        with pytest.raises(WardenUnreachableError, match="hung up"):
            ControlClient(path, owner=NOBODY).state()
        heard = squatter.stdout.readline()

    assert "GET /api/state" in heard


@as_root
def test_a_path_that_another_user_listens_on_names_him(everybodys: Path) -> None:
    path = everybodys / "control.sock"
    with other_user(SQUATTER, path) as squatter:
        assert squatter.stdout is not None
        squatter.stdout.readline()
        with pytest.raises(ListenError, match=rf"process \d+ of user \w+ \({NOBODY}\) listens"):
            bind_unix(path)


@as_root
async def test_another_user_gives_no_orders_though_he_can_open_the_socket(
    panel: FakePanel, everybodys: Path
) -> None:
    path = everybodys / "control.sock"
    with contextlib.closing(bind_unix(path)) as unix:
        path.chmod(0o666)
        listener = Listener(make_app(panel, trusted=True), unix)
        await listener.open()
        with other_user(CALLER, path) as caller:
            assert caller.stdout is not None
            said = await asyncio.to_thread(caller.stdout.readline)
        await listener.close()

    assert said.strip() in {"HTTP/1.1 403 Forbidden", "ConnectionResetError", "BrokenPipeError"}
    assert panel.questions == 0


@as_root
def test_a_squatted_name_in_a_shared_folder_is_a_sentence_and_no_crash(everybodys: Path) -> None:
    path = everybodys / "control.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    os.chown(path, 12345, 12345)
    os.seteuid(NOBODY)
    try:
        with pytest.raises(ListenError, match=r"somebody listens there|this user may not|not perm"):
            bind_unix(path)
    finally:
        os.seteuid(0)
        path.unlink()
