"""The climb: from a lost session to a connected client, by the copies that are kept.

Three rungs, each tried a few times: the string in the database, the sealed session file, and
repair (the newest backup that opens). They hold the same key, so they are tried one after the
other under one lease, never side by side, and a key that Telegram has declared dead is not tried
from any copy. Trouble that is not the copy's (network, floods, Telegram's own) ends the climb at
once: the copy is good, and the session waits.

After a climb every copy is made whole again: damaged ones are set aside, never deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..errors import (
    CredentialDamagedError,
    KeyLatchedError,
    NoCredentialError,
    SessionFileDamagedError,
    SessionStringDamagedError,
)
from ..storage import Credential, Entity, Store, UpdateState
from ..telegram import (
    Action,
    Client,
    CopyRepaired,
    EntityRow,
    ErrorClass,
    Moment,
    RecoveryTried,
    SessionChanges,
    Told,
    WardenSession,
    classify,
    parse_string,
)
from ..telegram import UpdateState as LiveState
from .kit import Kit

__all__ = ["RUNGS", "Climb", "Recovery", "keep_changes"]

RUNGS: Final = ("string", "file", "repair")

NOT_THE_COPY: Final = frozenset(
    {ErrorClass.NET, ErrorClass.SRV, ErrorClass.FLOOD, ErrorClass.CONFIG, ErrorClass.BUG}
)
PAUSE: Final = 0.2  # seconds between two tries on a rung; a server may forget a key for a moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """A climb that ended at a connected client. ``seconds`` is how long it took."""

    client: Client
    rung: str
    seconds: float
    floods: dict[tuple[str, int | None], float]
    repaired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Copy:
    string: str = field(repr=False)
    key_id: int
    dc_id: int


class Recovery:
    """One session's way back. A fresh one for each climb.

    Args:
        name: the session's name.
        kit: what the warden's actors share.
        on_event: where the client's events go.
    """

    def __init__(self, name: str, kit: Kit, on_event: Callable[[Told], None]) -> None:
        self._name, self._kit, self._on_event = name, kit, on_event
        self._damage: dict[str, str] = {}
        self._refused: set[int] = set()

    async def climb(self) -> Climb:
        """Try the rungs in order and return the connected client.

        Raises:
            NoCredentialError: there is no copy left to try.
            KeyLatchedError: the only copies left hold a key that is dead.
            Exception: what Telegram or the network said, where it is not the copy's fault.
        """
        began = time.perf_counter()
        last: Exception | None = None
        for rung in RUNGS:
            client, problem = await self._try_rung(rung)
            last = problem or last
            if client is not None:
                repaired = await self._mend(client)
                floods = await self._kit.journal.do(self._floods)
                return Climb(
                    client=client,
                    rung=rung,
                    seconds=time.perf_counter() - began,
                    floods=floods,
                    repaired=repaired,
                )
        raise last or NoCredentialError(self._name)

    async def _try_rung(self, rung: str) -> tuple[Client | None, Exception | None]:
        problem: Exception | None = None
        copy: _Copy | None = None
        for attempt in range(1, self._kit.settings.tries_per_rung + 1):
            try:
                copy = await self._kit.journal.do(lambda store: self._copy(store, rung))
                if copy is None or copy.key_id in self._refused:
                    return None, problem
                client = await self._open(copy)
            except Exception as exc:
                problem = exc
                self._tell(rung, attempt, exc)
                if not self._may_go_on(exc):
                    raise
                if isinstance(exc, CredentialDamagedError | SessionFileDamagedError):
                    self._damage["string" if rung == "string" else "file"] = str(exc)
                    return None, exc
                if isinstance(exc, SessionStringDamagedError | KeyLatchedError):
                    return None, exc
                await self._kit.sleep(PAUSE * attempt)
            else:
                self._tell(rung, attempt, None)
                return client, None
        if problem is not None and copy is not None:
            self._refused.add(copy.key_id)
        return None, problem

    def _may_go_on(self, exc: Exception) -> bool:
        if isinstance(exc, KeyLatchedError):
            return True
        verdict = classify(exc, moment=Moment.OPENING)
        return not verdict.terminal and (
            verdict.kind not in NOT_THE_COPY or verdict.action is Action.TRY_OTHER_COPY
        )

    def _copy(self, store: Store, rung: str) -> _Copy | None:
        """The copy that belongs to a rung; runs in the journal's thread."""
        match rung:
            case "string":
                found = store.credential(self._name)
            case "file":
                found = self._from_file(store)
            case _:
                newest = store.newest_usable_backup(self._name)
                found = newest[1] if newest else None
        if found is None:
            return None
        latch = store.latched(found.key_id)
        if latch is not None:
            raise KeyLatchedError(found.key_id, latch.reason)
        return _Copy(found.session_string, found.key_id, found.dc_id)

    def _from_file(self, store: Store) -> Credential | None:
        files = self._kit.files(store)
        if not files.exists(self._name):
            return None
        string = files.read(self._name)
        parts = parse_string(string)
        return Credential(
            name=self._name, session_string=string, key_id=parts.key_id, dc_id=parts.dc_id
        )

    async def _open(self, copy: _Copy) -> Client:
        session = WardenSession.from_string(copy.string)
        await self._kit.keys.hold(copy.key_id, session=self._name)
        states, entities = await self._kit.journal.do(
            lambda store: (store.update_states(self._name), store.entities(self._name))
        )
        session.load_states(
            {
                row.entity_id: LiveState(row.pts, row.qts, row.date, row.seq)
                for row in states
                if row.pts > 0
            }
        )
        session.load_entities(
            EntityRow(row.id, row.access_hash, row.username) for row in reversed(entities)
        )
        return await self._kit.gateway.open(
            self._name, session, self._on_event, deadline=self._kit.settings.connect_deadline
        )

    def _floods(self, store: Store) -> dict[tuple[str, int | None], float]:
        store.clear_expired(self._kit.now())
        return {(row.method, row.chat): row.until for row in store.floods(self._name)}

    async def _mend(self, client: Client) -> tuple[str, ...]:
        """Make every copy hold the key that works; returns what had to be repaired."""
        string = client.session.to_string()
        parts = parse_string(string)
        copy = _Copy(string, parts.key_id, parts.dc_id)
        repairs = await self._kit.journal.do(lambda store: self._mend_in(store, copy))
        for repair in repairs:
            self._kit.publish(repair)
        return tuple(repair.copy for repair in repairs)

    def _mend_in(self, store: Store, copy: _Copy) -> list[CopyRepaired]:
        repairs = []
        problem = self._string_problem(store, copy)
        if problem:
            store.put_credential(
                self._name, copy.string, copy.key_id, copy.dc_id, at=self._kit.now()
            )
            repairs.append(self._repaired("string", problem, ""))
        problem = self._file_problem(store, copy)
        if problem:
            files = self._kit.files(store)
            kept = ""
            if files.exists(self._name):
                kept = files.quarantine(self._name, "damaged").name
            files.write(self._name, copy.string, key_id=copy.key_id, dc_id=copy.dc_id)
            repairs.append(self._repaired("file", problem, kept))
        if repairs:
            store.add_backup(self._name, "after recovery", self._kit.now())
        return repairs

    def _string_problem(self, store: Store, copy: _Copy) -> str:
        try:
            found = store.credential(self._name)
        except CredentialDamagedError as exc:
            return str(exc)
        if found is None:
            return "missing"
        return "" if found.key_id == copy.key_id else "holds another key"

    def _file_problem(self, store: Store, copy: _Copy) -> str:
        files = self._kit.files(store)
        if not files.exists(self._name):
            return "missing"
        try:
            files.read(self._name, key_id=copy.key_id)
        except SessionFileDamagedError as exc:
            return str(exc)
        return ""

    def _repaired(self, copy: str, problem: str, kept: str) -> CopyRepaired:
        return CopyRepaired(
            session=self._name, at=self._kit.now(), copy=copy, problem=problem, kept=kept
        )

    def _tell(self, rung: str, attempt: int, problem: Exception | None) -> None:
        said = "" if problem is None else classify(problem, moment=Moment.OPENING).name
        self._kit.publish(
            RecoveryTried(
                session=self._name, at=self._kit.now(), rung=rung, attempt=attempt, problem=said
            )
        )


def keep_changes(store: Store, name: str, changes: SessionChanges, kit: Kit) -> None:
    """Write down what a session has learnt; runs in the journal's thread."""
    now = kit.now()
    if changes.string:
        parts = parse_string(changes.string)
        store.put_credential(name, changes.string, parts.key_id, parts.dc_id, at=now)
        kit.files(store).write(name, changes.string, key_id=parts.key_id, dc_id=parts.dc_id)
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
