"""A warden on a loopback data centre, and a headless Chromium that looks at its page."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import shutil
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import pytest

from telewarden import Warden, parse_config
from telewarden.loopback import LoopbackTelegram
from telewarden.loopback.world.records import Account

from ..offline import CLOSED_IN

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM: Final = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, a Debian package")

SOON: Final = 20_000  # milliseconds in which what is going to be on the page is there
QUIET: Final = (  # it is to ask nobody but the page's own server, and needs no device of its own
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--proxy-server=127.0.0.1:9",  # for all but this machine: nobody is even looked up
)
OPERATOR: Final = "operator-token-of-the-page-tests"
LOOKER: Final = "read-only-token-of-the-page-tests"
ALICE, BOB, PRESS = "+9996620001", "+9996620002", "+9996620009"
CODE: Final = "22222"  # the loopback data centre sends it every time
PASSWORD: Final = "correct horse"  # bob's cloud password


def token(name: str, role: str, secret: str) -> dict[str, str]:
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return {"name": name, "role": role, "hash": f"sha256:{digest}"}


TABLES: Final[dict[str, Any]] = {
    "telegram": {"api_id": 1},
    "storage": {"folder": "store", "master_key": {"file": "master.key", "create": True}},
    "health": {"sessions_every": 1.0, "groups_every": 1.0},
    "recovery": {"backoff_initial": 0.05, "backoff_max": 0.2},
    "console": {
        "port": 0,
        "tokens": [token("ann", "operator", OPERATOR), token("eve", "read-only", LOOKER)],
    },
    "sessions": [{"name": "alice", "phone": ALICE}, {"name": "bob", "phone": BOB}],
    "pairs": [
        {"id": 1, "session": "alice", "source": "@news_in", "target": "@news_out"},
        {"id": 2, "session": "alice", "source": "@talk_in", "target": "@news_out"},
        {"id": 3, "session": "bob", "source": "@bob_in", "target": "@bob_out"},
    ],
    "loopback": {
        "accounts": [
            {"name": "alice", "phone": ALICE},
            {"name": "bob", "phone": BOB, "password": PASSWORD},
            {"name": "press", "phone": PRESS},
        ],
        "chats": [
            {"username": "news_in", "title": "In", "owner": "press", "members": ["alice"]},
            {"username": "talk_in", "title": "Talk", "owner": "press", "members": ["alice"]},
            {"username": "news_out", "title": "Out", "owner": "alice"},
            {"username": "bob_in", "title": "In", "owner": "press", "members": ["bob"]},
            {"username": "bob_out", "title": "Out", "owner": "bob"},
        ],
    },
}


PROBED: Final = "2001:4860:4860::8888"
SIOCADDRT: Final = 0x890B  # linux/sockios.h
ROUTE_IS_UP: Final = 0x1  # linux/route.h


@functools.cache  # once in a process
def keep_the_probe_here() -> None:
    """Lead to nowhere what Chromium asks the kernel a route to, to learn whether there is IPv6.

    It connects a datagram socket and sends nothing, but the kernel counts that as a packet that
    found no way out, and a test fails for that.
    """
    if not CLOSED_IN:
        return
    nowhere, loopback = bytes(16), socket.if_nametoindex("lo")
    route = struct.pack(  # struct in6_rtmsg of linux/ipv6_route.h
        "16s16s16sIHHILIi",
        socket.inet_pton(socket.AF_INET6, PROBED),
        nowhere,
        nowhere,
        *(0, 128, 0, 1, 0),
        ROUTE_IS_UP,
        loopback,
    )
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCADDRT, route)


@dataclass
class Shown:
    """A running warden whose page is looked at."""

    warden: Warden
    browser: Browser
    logins: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.warden.port}"

    @property
    def telegram(self) -> LoopbackTelegram:
        standin = self.warden.standin
        assert standin is not None
        assert standin.telegram is not None
        return standin.telegram

    def account(self, phone: str) -> Account:
        found = self.telegram.account(phone)
        assert found is not None
        return found

    def order(self, name: str, **given: Any) -> Any:
        """Carry out a command, as the command line does."""
        return self.warden.run(self.warden.command(name, given, who="command line"))

    def post(self, chat: str, text: str) -> None:
        """Say something in a chat."""
        found = next(one for one in self.telegram.chats if one.record.username == chat)
        self.telegram.post(found, text)


@pytest.fixture(scope="module")  # its loop is in the way of tests that have one of their own
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Shared by a module's tests, which leave every session online and every pair active."""
    from playwright.sync_api import sync_playwright

    keep_the_probe_here()
    config = parse_config(TABLES, base=tmp_path_factory.mktemp("shown"))
    with Warden(config) as warden, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield Shown(warden, browser)
        browser.close()


Opens = Callable[..., "Page"]


@pytest.fixture
def opens(shown: Shown) -> Iterator[Opens]:
    """Opens the page in a browser of its own, logged in by a token; what it complains of fails.

    A token is shown once, and the login is used again: ``fresh`` logs in by hand.
    """
    contexts, complaints = [], []

    def open_page(
        secret: str = OPERATOR, view: str = "overview", *, fresh: bool = False, **options: Any
    ) -> Page:
        known = None if fresh else shown.logins.get(secret)
        context = shown.browser.new_context(storage_state=known, **options)
        contexts.append(context)
        context.set_default_timeout(SOON)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{shown.url}/#/{view}")
        if secret and known is None:
            page.locator("input[name=token]").fill(secret)
            page.keyboard.press("Enter")
            page.locator("#view > *").first.wait_for()
            if not fresh:
                shown.logins[secret] = context.storage_state()
        elif secret:
            page.locator("#view > *").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The script that looks for what shuts people out."""
    return (resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
