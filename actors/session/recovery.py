"""The recovery ladder: from a lost session to a connected client, by the kept copies.

Three rungs of supervision's ``Ladder``, on which each copy is tried a few times: the string in the
database, the sealed session file, and repair (what damaged copies still hold, then the backups).
They hold the same key, so they are tried one after the other under one lease, never side by side,
and a key that Telegram has declared dead is not tried from any copy. Trouble that is not the copy's
(network, floods, Telegram's own) ends the recovery at once: the copy is good, the session waits.

Another process may have the key for a while, and a person may give the session another login
meanwhile. So what is stored is looked at again after a wait, and before it is written over.

After a recovery every copy is made whole again: damaged ones are set aside, never deleted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tenacity import RetryCallState
from tenacity.wait import wait_base

from ...errors import (
    CredentialDamagedError,
    DatabaseDamagedError,
    JournalUnavailableError,
    KeyLatchedError,
    NoCredentialError,
    SessionFileDamagedError,
    SessionStringDamagedError,
    StorageError,
    WrongMasterKeyError,
)
from ...storage import Entity, FloodRow, Store, UpdateState
from ...supervision import Exhausted, Failed, Finished, Ladder, Recovered, Rung, Terminal, Try
from ...telegram import (
    Action,
    Client,
    ClientEvent,
    CopyRepaired,
    EntityRow,
    ErrorClass,
    Moment,
    RecoveryTried,
    SessionChanges,
    Verdict,
    WaitKind,
    WardenSession,
    classify,
    parse_string,
)
from ...telegram import UpdateState as LiveState
from ..context import Services
from .credential_copies import Copies, Copy
from .flood_waits import OPENING, FloodWaits, floods_of, refused

logger = logging.getLogger(__name__)

RUNGS: Final = ("string", "file", "repair")

NOT_THE_COPY: Final = frozenset(
    {ErrorClass.NET, ErrorClass.SRV, ErrorClass.FLOOD, ErrorClass.CONFIG, ErrorClass.BUG}
)
# A rung with such a copy is passed over; the next one may do.
NO_USE: Final = (
    CredentialDamagedError,
    DatabaseDamagedError,
    KeyLatchedError,
    SessionFileDamagedError,
    SessionStringDamagedError,
    WrongMasterKeyError,
)
PAUSE: Final = 0.2  # seconds between two tries on a rung, and as much more each time
FORGOTTEN: Final = 1.0  # seconds; the same where the server has forgotten the key for a while


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learnt:
    """What a session had learnt of Telegram, and until when it must not ask what."""

    user_id: int | None = None
    states: Sequence[UpdateState] = ()
    entities: Sequence[Entity] = ()
    floods: Sequence[FloodRow] = ()
    cool_until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryResult:
    """A recovery that ended at a connected client."""

    client: Client
    rung: str
    floods: dict[tuple[str, int | None], float]
    repaired: tuple[str, ...] = ()


class _ReplacedError(Exception):
    """The session got another login while this recovery waited for the key of the one before."""


class Recovery:
    """One session's way back. A fresh one for each recovery.

    Args:
        on_event: where the client's events go.
        floods: what the client asks before each call; it gets to know what is on record.
    """

    def __init__(
        self,
        name: str,
        services: Services,
        on_event: Callable[[ClientEvent], None],
        floods: FloodWaits,
    ) -> None:
        self._name, self._services, self._on_event = name, services, on_event
        self._call_floods = floods
        self._copies = Copies(name, services)
        self._refused: set[int] = set()
        self._damages: list[str] = []
        self._candidates: list[Copy] = []
        self._client: Client | None = None
        self._learnt = _Learnt()
        self.tried: int | None = None
        """The key that was tried last."""
        self._login: int | None = None

    async def run(self) -> RecoveryResult:
        """Try the rungs in order and return the connected client; may wait for its turn.

        Raises:
            NoCredentialError: there is no copy left to try.
            KeyLatchedError: the only copies left hold a key that is dead.
            TelegramRateLimitError: Telegram has asked to wait before the next try.
            Exception: what Telegram or the network said, where it is not the copy's fault.
        """
        async with self._services.start_limiter.slot(self._name, self._services.waiting):
            while True:
                try:
                    return await self._run()
                except _ReplacedError:
                    logger.info("login replaced during a recovery session=%s", self._name)

    async def _run(self) -> RecoveryResult:
        self._refused.clear()
        self._damages.clear()
        ladder = self._ladder(*RUNGS)
        end = await self._ascend(ladder)
        ended = end.error if isinstance(end, Exhausted) and ladder.position[0] == RUNGS[0] else None
        if ended is not None and _verdict(ended).latches_key:
            # An older database may have been put back: the file then holds a newer login.
            end = await self._newer_file(ended)
        if isinstance(end, Exhausted):
            raise self._reason(end)
        client = self._client
        assert client is not None  # noqa: S101 - it is what has worked
        return RecoveryResult(
            client=client,
            rung=end.rung,
            floods=self._floods(),
            repaired=await self._mend(client, end.rung),
        )

    def _ladder(self, *rungs: str) -> Ladder:
        tries = self._services.settings.tries_per_rung
        return Ladder(tuple(Rung(name=name, tries=tries, wait=_Pause()) for name in rungs))

    async def _ascend(self, ladder: Ladder) -> Finished | Exhausted:
        """Do what the ladder says until it is at its end."""
        advice = ladder.next()
        while isinstance(advice, Try):
            advice = ladder.next(after=await self._try(ladder, advice))
        return advice

    async def _newer_file(self, ended: BaseException) -> Finished | Exhausted:
        """Come back by a file of another login than the one that has ended."""
        dead = self.tried
        assert dead is not None  # noqa: S101 - it has been tried just now
        self._refused.add(dead)
        end = await self._ascend(self._ladder(RUNGS[1]))
        if isinstance(end, Exhausted):
            return end if end.terminal else Exhausted(ended, terminal=True)
        reason, now = _verdict(ended).name, self._services.stamp()
        self._services.journal.post(lambda store: store.latch_key(dead, reason, now))
        return end

    def _reason(self, end: Exhausted) -> BaseException:
        """What to raise when no copy has worked."""
        problem = end.error
        unusable = isinstance(problem, NO_USE) and not isinstance(problem, KeyLatchedError)
        if problem is None or (unusable and not end.terminal):
            return NoCredentialError(self._name, problems=tuple(self._damages))
        return problem

    async def _try(self, ladder: Ladder, step: Try) -> Failed | Recovered | Terminal:
        if step.enters:
            try:
                self._candidates = await self._find(step.rung)
            except NO_USE as exc:
                self._tell(step, exc)
                if not isinstance(exc, KeyLatchedError):
                    self._damages.append(str(exc))
                return Failed(exc, skip=True)
            if not self._candidates:
                return Failed(skip=True)
            ladder.candidates(len(self._candidates))
        if step.delay:
            await self._services.sleep(step.delay)
        return await self._try_copy(step, self._candidates[step.candidate])

    async def _find(self, rung: str) -> list[Copy]:
        """A rung's copies whose keys have not been refused, one for each key."""
        if rung == RUNGS[-1]:
            known = await self._services.journal.do(self._copies.known_keys)
            await asyncio.to_thread(self._copies.look_beside, known)
            if self._copies.passed_over:
                self._damages.append(self._copies.passed_over)
        first: dict[int, Copy] = {}
        for copy in await self._services.journal.do(lambda store: self._look(store, rung)):
            if copy.key_id not in self._refused:
                first.setdefault(copy.key_id, copy)
        return list(first.values())

    def _look(self, store: Store, rung: str) -> list[Copy]:
        """A rung's copies; runs in the journal's thread."""
        if rung == RUNGS[0]:
            self._login = store.key_id_of(self._name)
        return self._copies.of_rung(store, rung)

    def _look_again(self, store: Store, copy: Copy) -> _Learnt:
        """What was learnt, if the key of a copy, which is ours now, is still the one to try."""
        if (latch := store.latched(copy.key_id)) is not None:
            raise KeyLatchedError(copy.key_id, latch.reason)
        record = store.session(self._name)
        if (None if record is None else record.key_id) != self._login:
            raise _ReplacedError
        return self._read_learnt(store, None if record is None else record.user_id)

    def _read_learnt(self, store: Store, user_id: int | None) -> _Learnt:
        """What the session has learnt; a damaged table costs that, and not the session."""
        try:
            floods, cool_until = floods_of(
                store, self._services.gateway.egress(self._name), self._name
            )
            return _Learnt(
                user_id=user_id,
                states=store.update_states(self._name),
                entities=store.entities(self._name),
                floods=floods,
                cool_until=cool_until,
            )
        except DatabaseDamagedError as exc:
            logger.warning("what was learnt is lost session=%s why=%s", self._name, exc)
            return _Learnt()

    async def _try_copy(self, step: Try, copy: Copy) -> Failed | Recovered | Terminal:
        try:
            self._client = await self._open(copy)
        except _ReplacedError:
            raise
        except Exception as exc:  # noqa: BLE001 - the ladder is told, and whoever climbs, in the end
            self._refused.add(copy.key_id)
            self._tell(step, exc, origin=copy.origin)
            if isinstance(exc, (KeyLatchedError, DatabaseDamagedError)):  # by now
                return Failed(exc, skip=True)
            return Failed(exc) if _may_go_on(exc) else Terminal(exc)
        self._tell(step, None, origin=copy.origin)
        return Recovered()

    async def _open(self, copy: Copy) -> Client:
        session, self.tried = WardenSession.from_parts(copy.parts), copy.key_id
        await self._services.keys.acquire(copy.key_id, session=self._name, key=copy.parts.key)
        # Only now: whoever had the key until then, be it for a moment, may have learnt more, have
        # been asked to wait, or have brought another login.
        learnt = await self._services.journal.do(lambda store: self._look_again(store, copy))
        self._learnt = learnt
        floods = self._floods()
        if (until := floods.get(OPENING)) is not None:
            raise refused(self._name, OPENING, until - self._services.now(), until)
        self._call_floods.remember(floods, {(row.method, row.chat): row for row in learnt.floods})
        if (left := learnt.cool_until - self._services.now()) > 0:
            self._services.gateway.back_off(self._name, left)
        session.load_user_id(learnt.user_id)
        session.load_states(
            {
                row.entity_id: LiveState(row.pts, row.qts, row.date, row.seq)
                for row in learnt.states
                if row.pts > 0
            }
        )
        session.load_entities(
            EntityRow(row.id, row.access_hash, row.username) for row in reversed(learnt.entities)
        )
        what = "its turn to connect, or Telegram's answer"
        with self._services.waiting.during(f"session {self._name}", WaitKind.CONNECT, what):
            return await self._services.gateway.open(
                self._name,
                session,
                self._on_event,
                deadline=self._services.settings.connect_deadline,
                gate=self._call_floods,
            )

    def _floods(self) -> dict[tuple[str, int | None], float]:
        now = self._services.now()
        return {(row.method, row.chat): row.until for row in self._learnt.floods if row.until > now}

    async def _mend(self, client: Client, rung: str) -> tuple[str, ...]:
        """Make every copy hold the key that works; returns what had to be repaired.

        Nothing is written over a login that the session got meanwhile. A disk that takes nothing
        now keeps no session from working: the next recovery mends.
        """
        good = Copy(parts=client.session.parts, origin="in use")
        try:
            repairs = await self._services.journal.do(
                lambda store: self._mended(store, good, rung), wait_for_disk=False
            )
        except (StorageError, JournalUnavailableError) as exc:
            logger.warning("copies not mended session=%s why=%s", self._name, exc)
            return ()
        for repair in repairs:
            self._services.publish(repair)
        return tuple(repair.copy for repair in repairs)

    def _mended(self, store: Store, good: Copy, rung: str) -> list[CopyRepaired]:
        if store.key_id_of(self._name) != self._login:
            return []
        return self._copies.mend(store, good, rung)

    def _tell(self, step: Try, problem: Exception | None, *, origin: str = "") -> None:
        said = "" if problem is None else _verdict(problem).name
        self._services.publish(
            RecoveryTried(
                session=self._name,
                at=self._services.now(),
                rung=step.rung,
                attempt=step.attempt,
                problem=said,
                origin=origin,
            )
        )


class _Pause(wait_base):
    """The pause between two tries: longer where the server has forgotten the key for a while."""

    def __call__(self, retry_state: RetryCallState) -> float:
        outcome = retry_state.outcome
        error = None if outcome is None else outcome.exception()
        forgotten = error and _verdict(error).action is Action.TRY_OTHER_COPY
        step = FORGOTTEN if forgotten else PAUSE
        return step * retry_state.attempt_number


def _verdict(exc: BaseException) -> Verdict:
    return classify(exc, moment=Moment.OPENING)


def _may_go_on(exc: Exception) -> bool:
    verdict = _verdict(exc)
    return not verdict.terminal and (
        verdict.kind not in NOT_THE_COPY or verdict.action is Action.TRY_OTHER_COPY
    )


def keep_changes(store: Store, name: str, changes: SessionChanges, services: Services) -> None:
    """Write down what a session has learnt; runs in the journal's thread."""
    now = services.stamp()
    if changes.string:
        parts = parse_string(changes.string)
        store.put_credential(name, changes.string, parts.key_id, parts.dc_id, at=now)
        services.files(store).write(name, changes.string, key_id=parts.key_id, dc_id=parts.dc_id)
    if changes.user_id is not None:
        store.put_user_id(name, changes.user_id)
    store.put_update_states(
        name,
        [
            UpdateState(entity_id=at, pts=s.pts, qts=s.qts, date=s.date, seq=s.seq)
            for at, s in changes.states.items()
            if s is not None
        ],
    )
    for at, state in changes.states.items():
        if state is None:
            store.drop_update_state(name, at)
    store.put_entities(
        name,
        [
            Entity(id=row.id, access_hash=row.access_hash, username=row.username, seen=now)
            for row in changes.entities
        ],
    )
