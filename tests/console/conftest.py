"""A warden's panel without a warden, and its console in a real tree."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from telewarden import Warden
from telewarden.console import ConsoleActor, bind_tcp, bind_unix, make_app
from telewarden.console.commands.catalogue import find
from telewarden.console.results.base import Result
from telewarden.console.results.login import Recovering
from telewarden.console.results.process import Drilled
from telewarden.console.results.sessions import Phase as AtPhase
from telewarden.loopback import LoopbackTelegram
from telewarden.loopback.world.records import Account
from telewarden.metrics import Exporter
from telewarden.notify import Standing
from telewarden.storage import AlertRow, Operation
from telewarden.supervision import (
    ChildSpec,
    ChildState,
    Drill,
    EventStream,
    Snapshot,
    SupervisorSpec,
    Tree,
)
from telewarden.telegram import Health, Phase, ServerAddress
from telewarden.telegram.reports import GroupReport, Overview, PairReport, SessionReport, Wait

PHONE = "+9996620001"
ALICE = SessionReport(
    session="alice",
    phase=Phase.ONLINE,
    health=Health.HEALTHY,
    reason="by string",
    since=1000.0,
    probe_seconds=0.03,
    user_id=7,
)
BOB = SessionReport(
    session="bob",
    phase=Phase.NEEDS_LOGIN,
    health=Health.EXPIRED,
    reason="SESSION_REVOKED",
    since=1000.0,
)
PAIR = PairReport(
    id=1,
    source="@in",
    target=-1001,
    mode="copy",
    waiting=4,
    delivered=9,
    repeated=1,
    dead=0,
    paused=None,
)
GROUP = GroupReport(session="alice", group="g1", online=True, pairs=(PAIR,))

PLACE = Snapshot(
    id="warden",
    path="warden",
    actor="Supervisor",
    host="loop",
    state=ChildState.RUNNING,
    why="",
    incarnation=1,
    restarts=0,
    seconds=1.0,
    resumes_in=None,
    waiting=0,
)


@dataclass
class FakePanel:
    """Answers what it was given and remembers what it was told."""

    sessions: tuple[SessionReport, ...] = (ALICE,)
    exporter: Exporter = field(default_factory=Exporter)
    told: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    trail: list[tuple[str, str, str, str]] = field(default_factory=list)
    operations: tuple[Operation, ...] = ()
    has_started: bool = True
    ready_share: float = 1.0
    waits: tuple[Wait, ...] = ()
    questions: int = 0
    failure: BaseException | None = None
    gate: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    tree: Tree | None = None
    firing: tuple[AlertRow, ...] = ()
    notifier: asyncio.Event | None = None

    @property
    def alerts(self) -> FakePanel:
        return self

    async def standing(self) -> Standing:
        if self.notifier is not None:
            await self.notifier.wait()
        return Standing(firing=self.firing, silences=(), channels=(), webhooks=())

    def noted(self, who: str, what: str, subject: str) -> None:
        self.trail.append((who, what, subject, "done"))

    def refused(self, who: str, what: str, subject: str, *, why: str) -> None:
        self.trail.append((who, what, subject, why))

    async def overview(self) -> Overview:
        self.questions += 1
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        self._fail()
        overview = Overview(sessions=self.sessions, groups=(GROUP,), waits=self.waits)
        self.exporter.observe(overview, self.snapshot())
        return overview

    async def known(self) -> Overview:
        return await self.overview()

    def running_operations(self) -> tuple[Operation, ...]:
        return self.operations

    def snapshot(self) -> Snapshot:
        return PLACE if self.tree is None else self.tree.snapshot()

    def started(self) -> tuple[bool, str]:
        return self.has_started, "started" if self.has_started else "0 of 1 sessions have reported"

    def ready(self) -> tuple[bool, str]:
        return self.exporter.ready()

    async def command(self, name: str, given: Mapping[str, Any], *, who: str) -> Result:
        self._fail()
        read = find(name).read(given)
        self.told.append((name, read, who))
        match name:
            case "drill":
                if self.tree is not None:
                    self.tree.ref(read["child"]).tell(Drill())
                return Drilled(child=read["child"])
            case "login":
                started = read["step"] == "start"
                phase = Phase.AWAITING_CODE if started else Phase.ONLINE
                return AtPhase(session=read["session"], phase=phase)
            case _:
                return Recovering(sessions=(read["session"],))

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def panel() -> FakePanel:
    return FakePanel()


@dataclass
class Hand:
    """A clock that is turned by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
async def http(panel: FakePanel, hand: Hand) -> AsyncIterator[httpx.AsyncClient]:
    """A caller from the network."""
    async with _client(panel, hand, trusted=False) as client:
        yield client


@pytest.fixture
async def owner(panel: FakePanel, hand: Hand) -> AsyncIterator[httpx.AsyncClient]:
    """A caller on the control socket."""
    async with _client(panel, hand, trusted=True) as client:
        yield client


def _client(panel: FakePanel, hand: Hand, *, trusted: bool) -> httpx.AsyncClient:
    app = make_app(panel, trusted=trusted, wall=lambda: 5000.0, monotonic=hand)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


OPERATOR = "an-operators-token-0123456789"
LOOKER = "a-lookers-token-01234567890123"
TOKENS = (("ann", "operator", OPERATOR), ("leo", "read-only", LOOKER))


@dataclass
class Page:
    """A warden with an account on the loopback data centre, and its console over TCP."""

    warden: Warden
    telegram: LoopbackTelegram
    account: Account

    def browser(self, **options: Any) -> httpx.AsyncClient:
        """Somebody with a cookie jar of his own."""
        assert self.warden.url is not None
        return httpx.AsyncClient(base_url=self.warden.url, **options)

    @contextlib.asynccontextmanager
    async def logged_in(self, token: str) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody who has shown a token, and says the page's own word from then on."""
        async with self.browser() as browser:
            csrf = {"x-csrf-token": (await browser.get("api/me")).json()["csrf"]}
            told = await browser.post("login", json={"token": token}, headers=csrf)
            assert told.status_code == 200, told.text
            browser.headers["x-csrf-token"] = told.json()["csrf"]
            yield browser

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        """Look until something holds."""
        async with asyncio.timeout(20):
            while not await true():
                await asyncio.sleep(0.01)

    async def audit(self, what: str) -> list[Any]:
        """The rows of the audit trail on ``what``, once there is one."""
        rows: list[Any] = []

        async def there() -> bool:
            rows[:] = await self.warden.registry.audit(what=what)
            return bool(rows)

        await self.until(there)
        return rows


OpenPage = Callable[..., contextlib.AbstractAsyncContextManager[Page]]


@pytest.fixture
def page_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """A warden's page, with the ``[console]`` that a test wants."""

    @contextlib.asynccontextmanager
    async def open_page(*, password: str | None = None, **console: Any) -> AsyncIterator[Page]:
        monkeypatch.chdir(tmp_path)  # so that the control socket's path is short
        async with LoopbackTelegram() as telegram:
            account = telegram.add_account("alice", phone=PHONE, password=password)
            config = {
                "telegram": {"api_id": 1},
                "storage": {"folder": "s", "master_key": {"file": "key", "create": True}},
                "console": {"port": 0, "socket": "c.sock", **console},
                "sessions": [{"name": "alice", "phone": PHONE}],
                "loopback": {"accounts": [{"name": "alice", "phone": PHONE}]},
            }
            dc_id, host, port = telegram.address
            server = ServerAddress(dc_id=dc_id, host=host, port=port, pem=telegram.pem)
            async with Warden(config, server=server) as warden:
                yield Page(warden, telegram, account)

    return open_page


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Two tokens: ann steers, leo looks."""
    for name, _, token in TOKENS:
        monkeypatch.setenv(f"TOKEN_{name.upper()}", token)
    return [
        {"name": name, "role": role, "token": {"env": f"TOKEN_{name.upper()}"}}
        for name, role, _ in TOKENS
    ]


@pytest.fixture
async def page(page_of: OpenPage, tokens: list[dict[str, Any]]) -> AsyncIterator[Page]:
    """A page with two tokens."""
    async with page_of(tokens=tokens) as page:
        yield page


@dataclass
class Running:
    """A console in a tree, and where it listens."""

    tree: Tree
    panel: FakePanel
    port: int
    control: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def running(panel: FakePanel, tmp_path: Path) -> AsyncIterator[Running]:
    async with _console_in_a_tree(panel, tmp_path) as running:
        yield running


@pytest.fixture
def console_tree(
    panel: FakePanel, tmp_path: Path
) -> Callable[[], contextlib.AbstractAsyncContextManager[Running]]:
    """For tests that look at what is left after the end."""
    return lambda: _console_in_a_tree(panel, tmp_path)


@contextlib.asynccontextmanager
async def _console_in_a_tree(panel: FakePanel, folder: Path) -> AsyncIterator[Running]:
    """Bind as a warden does, then start the tree."""
    control = folder / "control.sock"
    with (
        contextlib.closing(bind_tcp("127.0.0.1", 0)) as tcp,
        contextlib.closing(bind_unix(control)) as unix,
    ):
        spec = ChildSpec(
            id="console", actor=ConsoleActor, kwargs={"panel": panel, "tcp": tcp, "unix": unix}
        )
        events = EventStream()
        panel.exporter.watch(events)
        tree = Tree(SupervisorSpec(children=(spec,)), events=events)
        running = Running(tree=tree, panel=panel, port=tcp.getsockname()[1], control=control)
        async with tree:
            panel.tree = tree
            yield running
    panel.exporter.close()
