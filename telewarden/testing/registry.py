"""A registry for tests: real actor, real SQLite, no Telegram, a hand-turned clock.

::

    async with RegistryKit(tmp_path) as kit:
        alice = await kit.make_session(priority=1)
        backfill = await kit.make_operation("backfill", session=alice.name, steps=3)
        kit.turn(hours=7)
        assert (await kit.hears(OperationRemoved)).operation.id == backfill.id

In a test without a loop write ``with RegistryKit(tmp_path) as kit`` and use ``kit.blocking``.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from ..actors import (
    Board,
    JournalActor,
    Operation,
    RegistryActor,
    RegistryLimits,
    SessionEntry,
    SessionPlan,
)
from ..actors.registry.messages import StatusReported
from ..api.registry import BlockingRegistry, Registry
from ..api.registry_client import RegistryClient
from ..storage import MasterKey, Store
from ..supervision import (
    ChildSpec,
    Event,
    EventStream,
    ManualClock,
    Sibling,
    Strategy,
    SupervisorSpec,
    Tree,
)
from ..telegram import Health, Phase, SessionReport
from .events import EventLog

BEGINNING: Final = 1_000_000.0  # epoch seconds, when a kit's clock starts
E = TypeVar("E", bound=Event)


class RegistryKit:
    """A registry in a folder, with a journal of its own; ``async with`` or plain ``with``.

    Leave it and make another on the same folder to see what survives.

    Args:
        folder: where its database and master key are; made if they are not there.
        limits: as for a warden's.
        plans: sessions that a configuration would declare.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limits: RegistryLimits | None = None,
        plans: tuple[SessionPlan, ...] = (),
        began: float = BEGINNING,
    ) -> None:
        self.folder = folder
        self.clock, self.events, self.board = ManualClock(), EventStream(), Board()
        self.log = EventLog(self.events)
        self._began = began
        self._names = (f"session_{number}" for number in itertools.count(1))
        master = _master_key(folder / "master.key")
        journal = ChildSpec(
            id="journal",
            actor=JournalActor,
            args=(lambda: Store.open(folder / "telewarden.db", master),),
        )
        registry = ChildSpec(
            id="registry",
            actor=RegistryActor,
            kwargs={
                "journal": Sibling("journal"),
                "board": self.board,
                "events": self.events,
                "limits": limits,
                "plans": plans,
                "wall": self.now,
            },
        )
        spec = SupervisorSpec(strategy=Strategy.REST_FOR_ONE, children=(journal, registry))
        self.tree = Tree(spec, clock=self.clock, events=self.events)
        client = RegistryClient(
            lambda: self.tree.ref("registry"), self.board, self.events, self.now
        )
        self.registry, self.blocking = Registry(client), BlockingRegistry(client)

    async def __aenter__(self) -> Self:
        await self.tree.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tree.stop()

    def __enter__(self) -> Self:
        self.tree.start_blocking()
        return self

    def __exit__(self, *_: object) -> None:
        self.tree.stop_blocking()

    # Time

    def now(self) -> float:
        """The kit's time, epoch seconds; it stands still until it is turned."""
        return self._began + self.clock.now()

    def turn(self, seconds: float = 0.0, *, minutes: float = 0.0, hours: float = 0.0) -> None:
        """Turn the clock on; what falls due happens. In an ``async with`` only."""
        self.clock.advance(seconds + 60.0 * minutes + 3600.0 * hours)

    # Things to try it on

    async def make_session(self, name: str | None = None, **fields: Any) -> SessionEntry:
        """Register a session with sensible values, under a name of its own if none is given."""
        free = (one for one in self._names if one not in self.registry.sessions)
        return await self.registry.sessions.register(name or next(free), **fields)

    async def make_operation(self, kind: str = "backfill", **fields: Any) -> Operation:
        """Begin an operation with sensible values."""
        return await self.registry.operations.begin(kind, **fields)

    async def report(
        self,
        session: str,
        health: Health | str,
        *,
        phase: Phase = Phase.ONLINE,
        until: float | None = None,
        reason: str = "",
    ) -> None:
        """Let a session have reported that it is so, as the health monitor tells it."""
        report = SessionReport(
            session=session,
            phase=phase,
            health=Health(health),
            reason=reason,
            since=self.now(),
            until=until,
        )
        self.tree.ref("registry").tell(StatusReported(report))
        await self.registry.audit(limit=1)  # it has been handled when a later question is answered

    # What is heard

    async def hears(self, kind: type[E], **fields: object) -> E:
        """Wait for an event of ``kind`` with these fields; one that has come already will do."""
        return await self.log.hears(kind, **fields)


def _master_key(path: Path) -> MasterKey:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        MasterKey.make_file(path)
    return MasterKey.from_file(path)
