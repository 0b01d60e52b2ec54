"""What systemd is told by ``telewarden run``: a test plays the manager, on a socket of its own."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from telewarden.service.service_manager import ServiceManager

from .conftest import Shell, short_socket

pytestmark = [pytest.mark.console, pytest.mark.timeout(180)]  # several processes each

WATCHDOG = 3.0  # seconds, as WatchdogSec=3 tells it
SOON = 40.0  # seconds, on a machine that is busy with other things

# What ``telewarden run`` begins with: a signal wedges a part for good.
WEDGED = """\
import signal, threading
from telewarden.warden import Warden

wardens, never, begin = [], threading.Event(), Warden.start

def start(warden):
    wardens.append(warden)
    return begin(warden)

def wedge(*_):
    (warden,) = wardens
    {wedge}

Warden.start = start
signal.signal(signal.SIGUSR1, wedge)
"""
STUCK = {
    "journal": "warden._access.journal().post(lambda store: never.wait())",
    "loop": "warden._access.loop().call_soon_threadsafe(never.wait)",
}


class Manager:
    """systemd's end: a datagram socket, and what was said on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.said: list[dict[str, str]] = []

    def next(self, within: float = SOON) -> dict[str, str] | None:
        """The next message, or None if nothing is said in time."""
        self._socket.settimeout(within)
        try:
            text = self._socket.recv(65_536).decode()
        except TimeoutError:
            return None
        self.said.append(dict(line.split("=", 1) for line in text.split("\n")))
        return self.said[-1]

    def until(self, **fields: str) -> dict[str, str]:
        """The next message that has all of these."""
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline:
            heard = self.next(max(0.0, deadline - time.monotonic()))
            if heard is not None and fields.items() <= heard.items():
                return heard
        pytest.fail(f"never said {fields}: {self.said}")

    def close(self) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)


@pytest.fixture
def manager(shell: Shell) -> Iterator[Manager]:
    path = (shell.folder / short_socket(shell.folder)).resolve().with_suffix(".notify")
    it = Manager(path)
    shell.environment |= {
        "NOTIFY_SOCKET": str(path),
        "WATCHDOG_USEC": str(int(WATCHDOG * 1_000_000)),
    }
    yield it
    it.close()


def test_a_manager_hears_the_start_the_health_the_reload_and_the_end(
    shell: Shell, manager: Manager
) -> None:
    process = shell.start("run", "telewarden.toml")

    first = manager.next()
    manager.until(WATCHDOG="1", STATUS="1 of 1 sessions online")
    process.send_signal(signal.SIGHUP)
    asked = manager.until(RELOADING="1")
    manager.until(READY="1", STATUS="reloaded")
    shell.write(**{"api_id = 1": "api_id = -1"})
    process.send_signal(signal.SIGHUP)
    manager.until(READY="1", STATUS="not reloaded, nothing has changed; the log says why")
    process.send_signal(signal.SIGTERM)
    manager.until(STOPPING="1")

    assert first == {"READY": "1", "STATUS": "the tree is up"}
    assert 0 < int(asked["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1_000
    assert process.wait(timeout=SOON) == 0


@pytest.mark.parametrize("part", STUCK)
def test_the_watchdog_starves_when_a_part_is_stuck(
    shell: Shell, manager: Manager, part: str
) -> None:
    wedge = WEDGED.format(wedge=STUCK[part])
    process = shell.start("run", "telewarden.toml", before=wedge)
    manager.until(WATCHDOG="1")

    process.send_signal(signal.SIGUSR1)
    heard = drained(manager)

    assert process.poll() is None
    assert not [one for one in heard if "WATCHDOG" in one][1:]  # one look may have been under way
    if part == "journal":  # a loop that is held up says nothing at all
        assert heard[-1]["STATUS"] == "no answer from journal"


def drained(manager: Manager) -> list[dict[str, str]]:
    """What is said in the time after which systemd ends a process that is silent."""
    deadline = time.monotonic() + WATCHDOG + 1
    heard = []
    while (left := deadline - time.monotonic()) > 0:
        if (one := manager.next(left)) is not None:
            heard.append(one)
    return heard


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere/there.sock", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "@telewarden-nobody", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
    ],
    ids=["no manager", "a manager that is gone", "a watchdog for another process"],
)
async def test_without_a_manager_nothing_is_said_and_nothing_fails(
    environment: dict[str, str],
) -> None:
    asked = []

    class Running:
        async def stuck_parts(self, *, within: float) -> tuple[str, ...]:
            asked.append(within)
            return ()

        def ready(self) -> tuple[bool, str]:
            return True, "1 of 1 sessions online"

    manager = ServiceManager(environment)
    manager.started()
    telling = asyncio.create_task(manager.keep_telling(Running()))
    await asyncio.sleep(0)
    telling.cancel()
    manager.stopping()

    assert asked == ([] if not environment else [10.0])  # no watchdog of ours to feed
