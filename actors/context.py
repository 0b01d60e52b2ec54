"""The context that all actors of one warden share: handles, settings, leases.

``Services`` are passed by reference and hold no state of any actor. What they hold outlives every
incarnation: that is why a restarted session finds its lease still held and its predecessor's
client still known to the gateway, which closes that one before it opens another.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pykka

from ..errors import LeaseHeldError
from ..storage import Epoch, Lease, LeaseGrant, LeaseHolder, LeaseWait, SessionFiles, Store
from ..supervision import EventStream
from ..telegram import Gateway, HealthStep, SessionEvent, WaitKind
from .journal import Journal
from .layer_drift import LayerDrift
from .pair_graph import PairGraph
from .pair_handlers import Handlers
from .rate_limit import Pace
from .shared_updates import SharedUpdates
from .waits import WaitLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a warden's actors behave. Durations are seconds.

    ``health_steps`` are those that the health monitor may take, ``fallback`` says to whom the pairs
    of a session may be given whose login has ended.
    """

    sessions_every: float = 300.0
    groups_every: float = 180.0
    deaf_after: float = 900.0
    tries_per_rung: int = 3
    backoff_initial: float = 0.5
    backoff_max: float = 300.0
    connect_deadline: float = 15.0
    call_deadline: float = 30.0
    close_deadline: float = 10.0
    drain: float = 15.0
    lease_timeout: float = 30.0
    restarts: int = 5
    restarts_within: float = 60.0
    group_size: int = 30
    handler_tries: int = 10
    late_within: float = 60.0
    recheck_initial: float = 600.0
    recheck_max: float = 21600.0
    health_steps: frozenset[HealthStep] = frozenset(HealthStep)
    fallback: Mapping[str, str] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)


@dataclass(slots=True)
class CurrentSettings:
    """The settings as they are now; a reload puts others in their place."""

    value: Settings = field(default_factory=Settings)


class KeyLeases:
    """The auth keys that this process owns, by their leases, each for one of its sessions.

    A session that crashes does not let its lease go: the process still owns the key, and no other
    may take it between two incarnations. Two sessions of one process are two owners as well: each
    would close the other's client to open its own.

    Args:
        lease: the leases of this machine.
        timeout: seconds to wait for a key that another process holds; may be changed.
        waiting: where is told who waits for whom.
    """

    def __init__(self, lease: Lease, *, timeout: float, waiting: WaitLedger | None = None) -> None:
        self._lease, self.timeout = lease, timeout
        self._waiting = waiting or WaitLedger()
        self._grants: dict[int, tuple[LeaseGrant, str]] = {}
        self._turns: dict[int, asyncio.Lock] = {}
        self._temporary: set[int] = set()
        self._of: dict[str, set[int]] = {}  # which keys are a session's: one, or two in a renewal

    async def acquire(
        self, key_id: int, *, session: str, temporary: bool = False, key: bytes | None = None
    ) -> bool:
        """Own a key from now on; nothing to do if ``session`` does already.

        ``temporary`` is for who lets it go himself when he is done, as after ending a login.
        ``key`` is the auth key itself, if it is at hand.
        Returns whether somebody else had it: he may have changed what is stored.

        Raises:
            LeaseHeldError: another process, or another session of this one, owns it, and who.
        """
        if self.holds(key_id, session=session):
            (self._temporary.add if temporary else self._temporary.discard)(key_id)
            return False
        waited: list[LeaseWait] = []
        # One at a time: a second lock of our own on the same key would wait for the first.
        async with self._turns.setdefault(key_id, asyncio.Lock()):
            if not self.holds(key_id, session=session):
                grant = await self._take(key_id, session, waited, key)
                self._grants[key_id] = grant, session
                self._of.setdefault(session, set()).add(key_id)
                if temporary:
                    self._temporary.add(key_id)
        self._turns.pop(key_id, None)  # whoever waited for it finds the key held
        return bool(waited)

    async def _take(
        self, key_id: int, session: str, waited: list[LeaseWait], key: bytes | None
    ) -> LeaseGrant:
        who = f"session {session}"

        def waits(wait: LeaseWait) -> None:
            waited.append(wait)
            holder = wait.holder or "a process that has not said who it is"
            self._waiting.begin(who, WaitKind.LEASE, f"its key is in use by {holder}")

        try:
            return await self._lease.acquire_async(
                key_id,
                owner=LeaseHolder.current(who),
                timeout=self.timeout,
                progress=waits,
                key=key,
            )
        finally:
            self._waiting.end(who, WaitKind.LEASE)

    def holds(self, key_id: int, *, session: str) -> bool:
        """Whether a session owns a key.

        Raises:
            LeaseHeldError: another session of this process does.
        """
        owner = self._grants[key_id][1] if key_id in self._grants else session
        if owner != session:
            raise LeaseHeldError(key_id, f"session {owner} of this same process", waited=0.0)
        return key_id in self._grants

    def release(self, key_id: int) -> None:
        """Let a key go, once its client is proven off."""
        self._temporary.discard(key_id)
        if key_id in self._grants:
            grant, owner = self._grants.pop(key_id)
            self._of[owner].discard(key_id)
            if not self._of[owner]:
                del self._of[owner]
            grant.release()

    def release_temporary(self, key_id: int) -> None:
        """Let a key go that was held temporarily; one that is a session's own by now stays."""
        if key_id in self._temporary:
            self.release(key_id)

    def keep_only(self, key_id: int | None, *, session: str) -> None:
        """Let every other key of a session go, but those that are held temporarily."""
        for other in self._of.get(session, set()) - self._temporary - {key_id}:
            self.release(other)

    def release_of(self, session: str) -> None:
        """Let every key of a session go, once its clients are proven off."""
        for key_id in tuple(self._of.get(session, ())):
            self.release(key_id)

    def release_all(self) -> None:
        """Let every key go; for the end of the process's work."""
        for key_id in tuple(self._grants):
            self.release(key_id)


class StartLimiter:
    """Lets so many sessions come online side by side; the others wait their turn.

    A thousand that all begin at once are each half done for a second, and take a third more memory
    than when they come one after the other. Who takes long makes room: his line may be dead, or
    somebody else may have his key.

    Args:
        wide: how many pass side by side.
        patience: seconds after which one that is not through makes room for another.
    """

    def __init__(self, *, wide: int = 100, patience: float = 0.25) -> None:
        self._wide = wide
        self._free, self._patience = asyncio.Semaphore(wide), patience

    @contextlib.asynccontextmanager
    async def slot(self, session: str, waiting: WaitLedger) -> AsyncIterator[None]:
        """Wait for a turn, seen in ``waiting``; it lasts for the block, or the patience."""
        others = f"its turn: {self._wide} sessions come online side by side"
        with waiting.during(f"session {session}", WaitKind.TURN, others):
            await self._free.acquire()
        given_up: list[None] = []
        timer = asyncio.get_running_loop().call_later(self._patience, self._make_room, given_up)
        try:
            yield
        finally:
            timer.cancel()
            if not given_up:
                self._make_room(given_up)

    def _make_room(self, given_up: list[None]) -> None:
        given_up.append(None)
        self._free.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Handles and settings; made once by the warden."""

    journal: Journal
    gateway: Gateway
    keys: KeyLeases
    start_limiter: StartLimiter = field(default_factory=StartLimiter)
    events: EventStream
    monitor: pykka.ActorRef[Any] = field(repr=False)
    session_folder: Path
    backup_folder: Path | None = None
    sleep: Callable[[float], Awaitable[None]] = field(repr=False)
    current: CurrentSettings = field(default_factory=CurrentSettings)
    epoch: Epoch = field(default_factory=Epoch)
    waiting: WaitLedger = field(default_factory=WaitLedger)
    handlers: Handlers = field(default_factory=Handlers)
    drift: LayerDrift = field(default_factory=LayerDrift)
    graph: PairGraph = field(default_factory=PairGraph)
    """The pairs whose chats have been found, of all sessions."""
    shared: SharedUpdates = field(default_factory=SharedUpdates)
    """Who hears the updates of a session, besides its own actor."""
    traced: bool = False
    """Whether each step of a message's way is published."""

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self.current.value

    def now(self) -> float:
        """Epoch seconds of a clock that nobody sets: for deadlines, and how long ago."""
        return self.epoch.now()

    def stamp(self) -> float:
        """Epoch seconds as the wall clock has them now: for what is kept with its date."""
        return self.epoch.wall()

    def publish(self, event: SessionEvent) -> None:
        """Tell everybody who listens."""
        self.events.publish(event)

    def files(self, store: Store) -> SessionFiles:
        """The sealed session files; for work that runs in the journal's thread."""
        return SessionFiles(self.session_folder, store.vault)
