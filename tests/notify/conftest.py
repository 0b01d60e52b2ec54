"""A warden on a loopback data centre, and servers on this machine that take what it sends."""

from __future__ import annotations

import asyncio
import copy
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from telewarden import Warden, parse_config

SOON = 30.0  # seconds in which anything that is going to happen has happened
LOOK_EVERY = 0.02
ALICE, BOB = "+9996620001", "+9996620002"
TOPIC = "topic_that_nobody_may_see"

TABLES: dict[str, Any] = {
    "telegram": {"api_id": 1},
    "storage": {
        "folder": "store",
        "master_key": {"file": "master.key", "create": True},
        "backup_every": 0.0,
    },
    "recovery": {"backoff_initial": 0.05, "backoff_max": 0.2},
    "console": {"port": 0},
    "sessions": [{"name": "alice", "phone": ALICE}, {"name": "bob", "phone": BOB}],
    "notify": {
        "gather": 0.0,
        "settle": 0.0,
        "channels": {"phone": {"url": {"file": "phone.url"}, "every": 0.0}},
        "alerts": {
            "SessionNeedsLogin": {"after": 0.0},
            "KeyLatched": {"enabled": False},
        },
    },
    "loopback": {
        "accounts": [{"name": "alice", "phone": ALICE}, {"name": "bob", "phone": BOB}],
    },
}


@dataclass(frozen=True, slots=True)
class Post:
    """What a server was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """An HTTP server; answers as told, then with 200."""

    answers: list[int] = field(default_factory=list)
    always: int = 200
    posts: SimpleQueue[Post] = field(default_factory=SimpleQueue)
    hold: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        receiver = self
        self.hold.set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                receiver.posts.put(Post(self.path, headers, body))
                receiver.hold.wait(SOON)
                status = receiver.answers.pop(0) if receiver.answers else receiver.always
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.port = self._server.server_port

    async def takes(self, until: Callable[[Post], bool] = lambda _: True) -> Post:
        """The next that it is sent, or the next that is as wanted."""
        return await asyncio.to_thread(self.taken, until)

    def taken(self, until: Callable[[Post], bool] = lambda _: True) -> Post:
        while not until(post := self.posts.get(timeout=SOON)):
            pass
        return post

    def rest(self) -> list[Post]:
        """What has come and was not looked at."""
        found = []
        while True:
            try:
                found.append(self.posts.get_nowait())
            except Empty:
                return found

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def tables() -> dict[str, Any]:
    """A configuration to be changed by a test before it starts."""
    return copy.deepcopy(TABLES)


@pytest.fixture
def folder(tmp_path: Path, receiver: Receiver, leaks: Any) -> Path:
    """Where the configuration lies; a channel's address is a secret beside it."""
    leaks.keep("a channel's address", TOPIC)
    write_secret(tmp_path / "phone.url", f"json://127.0.0.1:{receiver.port}/{TOPIC}")
    return tmp_path


def write_secret(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def warden_of(tables: dict[str, Any], folder: Path) -> Warden:
    return Warden(parse_config(tables, base=folder))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that no event tells."""
    async with asyncio.timeout(SOON):
        while not await condition():
            await asyncio.sleep(LOOK_EVERY)
