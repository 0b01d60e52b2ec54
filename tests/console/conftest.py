"""A warden's panel without a warden, and its console in a real tree."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from telewarden.console import ConsoleActor, bind_tcp, bind_unix, make_app
from telewarden.console.commands.catalogue import find
from telewarden.console.results.base import Result
from telewarden.console.results.login import Recovering
from telewarden.console.results.process import Drilled
from telewarden.console.results.sessions import Phase as AtPhase
from telewarden.metrics import Exporter
from telewarden.supervision import (
    ChildSpec,
    ChildState,
    Drill,
    EventStream,
    Snapshot,
    SupervisorSpec,
    Tree,
)
from telewarden.telegram import Health, Phase
from telewarden.telegram.reports import GroupReport, Overview, PairReport, SessionReport

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
    questions: int = 0
    failure: BaseException | None = None
    gate: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    tree: Tree | None = None

    async def overview(self) -> Overview:
        self.questions += 1
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        self._fail()
        overview = Overview(sessions=self.sessions, groups=(GROUP,))
        self.exporter.observe(overview, self.snapshot())
        return overview

    def snapshot(self) -> Snapshot:
        return PLACE if self.tree is None else self.tree.snapshot()

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
