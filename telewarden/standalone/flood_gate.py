"""The flood gate of a ``safe_session``: calls that must wait, and their errors.

While the block owns the session's key nobody else calls Telegram with it, so that the ledger is
read once. What Telegram asks for is written into it at once, also beside a running warden that may
have other sessions: each deadline is one short statement under SQLite's own lock, and the warden
reads the ledger once it has the key.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ..actors.errors import to_public_error
from ..actors.session.flood_waits import (
    CONNECT,
    OPENING,
    connect_flood_wait,
    egress_owner,
    flood_key,
    floods_of,
    refusal_of,
    refused,
)
from ..actors.session.send_queue import FloodKey
from ..config import Config
from ..errors import StorageError, TelegramRateLimitError, TelewardenError
from ..service.paths import StoragePaths, master_key_of
from ..storage import Epoch, FloodRow, Latch, Place, Store
from ..telegram import Action, ClientEvent, KeyDropped, Moment, classify

logger = logging.getLogger(__name__)

Note = FloodRow | Latch

NOTED: Final = "_telewarden_noted"  # the attribute of an error whose key is latched


class LedgerGate:
    """The deadlines of one account's methods and chats, for the time of a block.

    Args:
        session: its name.
        key_id: its auth key, which is latched when an error says that it is dead.
        egress: from where it connects.
        until: epoch seconds before which there is to be no call.
        notes: where new ones are kept.
        now: epoch seconds, by the count that the deadlines are kept by.
    """

    def __init__(
        self,
        session: str,
        key_id: int,
        egress: str,
        until: dict[FloodKey, float],
        notes: FloodNotes,
        *,
        now: Callable[[], float],
    ) -> None:
        self._session, self._egress, self._until = session, egress, until
        self._key_id = key_id
        self._notes, self._now = notes, now

    def check_opening(self) -> None:
        """Refuse to connect while the call that proves a login must wait.

        Raises:
            TelegramRateLimitError: it must; no packet was sent.
        """
        if (left := self._until.get(OPENING, 0.0) - self._now()) > 0:
            raise refused(self._session, OPENING, left, self._until[OPENING])

    def refusal(self, request: object) -> TelegramRateLimitError | None:
        """The error that a call gets while it must wait; ``None`` when it may go."""
        return refusal_of(request, self._until, session=self._session, now=self._now())

    def failed(self, request: object, error: BaseException) -> None:
        """Note what an error says about when to call or connect again, or never, durably."""
        self.lost(error)
        verdict = classify(error)
        if (key := flood_key(request, verdict)) is not None:
            self._flooded(self._session, key, verdict.wait or 0.0)

    def lost(self, reason: BaseException | None) -> None:
        """Note what the end of a line says about when to connect again, or never, durably."""
        if reason is not None and kills_key(reason):
            note_dead_key(self._notes, self._key_id, reason, self._now())
        if reason is not None and (crowded := connect_flood_wait(reason)) is not None:
            self._flooded(egress_owner(self._egress), (CONNECT, None), crowded)

    def opening_failed(self, error: BaseException) -> None:
        """Note what a failed connect says about when to try again, durably."""
        self.lost(error)
        if not isinstance(error, TelewardenError):
            verdict = classify(error, moment=Moment.OPENING)
            if verdict.action is Action.PARK_METHOD and verdict.wait is not None:
                self._flooded(self._session, OPENING, verdict.wait)

    def told(self, told: ClientEvent) -> None:
        """Note that Telegram ends the key, durably: the block may go on, no later one begins."""
        if isinstance(told, KeyDropped) and told.key_id is not None:
            logger.warning("key ends session=%s name=%s", self._session, told.name)
            self._notes.add(Latch(key_id=told.key_id, reason=told.name, at=self._now()))

    async def stored(self) -> None:
        """Wait for what is being written of the deadlines."""
        await self._notes.stored()

    async def close(self) -> None:
        """Write what is not on disk yet; what cannot be is logged."""
        await self._notes.close()

    def _flooded(self, account: str, key: FloodKey, seconds: float) -> None:
        (method, chat), until = key, self._now() + seconds
        self._until[key] = max(until, self._until.get(key, until))
        self._notes.add(
            FloodRow(account=account, method=method, chat=chat, until=until, seconds=seconds)
        )


def kills_key(error: BaseException) -> bool:
    """Whether an error says that the key it was met with is dead on every copy.

    One that a server may have forgotten for a while only is none. Whoever has noted it has marked
    it, so that a block around another one does not take it for its own.
    """
    if isinstance(error, TelewardenError) or getattr(error, NOTED, False):
        return False
    verdict = classify(error)
    return verdict.latches_key and verdict.action is not Action.TRY_OTHER_COPY


def note_dead_key(notes: FloodNotes, key_id: int, error: BaseException, now: float) -> None:
    """Latch the key that an error was met with."""
    name = classify(error).name
    pass_over(error)
    logger.warning("key is dead key=%016x name=%s", key_id, name)
    notes.add(Latch(key_id=key_id, reason=name, at=now))


def pass_over(error: BaseException) -> None:
    """Let no block around this one take the error for its own key's."""
    setattr(error, NOTED, True)


class FloodNotes:
    """Deadlines, and ends of keys, on their way into the database, in the order they were told.

    Args:
        database: where it is; each write opens it for itself, so that nobody is kept from it.
    """

    def __init__(self, database: Place) -> None:
        self._database = database
        self._waiting: list[Note] = []
        self._storing: asyncio.Task[None] | None = None

    def add(self, row: Note) -> None:
        """Begin to write one; the loop does not wait for the disk."""
        self._waiting.append(row)
        if self._storing is None or self._storing.done():
            self._storing = asyncio.get_running_loop().create_task(self._store())

    async def stored(self) -> None:
        """Wait for what is being written; what the disk refused is left to ``close``."""
        if self._storing is not None:
            await asyncio.shield(self._storing)

    async def close(self) -> None:
        """Write what is still to be written, and say what cannot be."""
        await self.stored()
        if self._waiting:
            await self._store()
        for row in self._waiting:
            if isinstance(row, Latch):
                logger.error("end of a key not on record reason=%s; log in again", row.reason)
                continue
            logger.error(
                "flood not on record session=%s method=%s until=%.0f; do not call it before",
                *(row.account, row.method, row.until),
            )

    async def _store(self) -> None:
        while self._waiting:
            rows = tuple(self._waiting)
            try:
                await asyncio.to_thread(_put, self._database, rows)
            except StorageError as exc:
                logger.warning("floods not stored yet count=%d why=%s", len(rows), exc)
                return
            del self._waiting[: len(rows)]


def _put(database: Place, rows: Sequence[Note]) -> None:
    with Store.open_short_writer(database) as store, store.transaction():
        for row in rows:
            if isinstance(row, Latch):
                store.latch_key(row.key_id, row.reason, row.at)
                continue
            store.put_flood(row.account, row.method, row.chat, row.until, row.seconds)


def flood_deadlines(
    config: Config, name: str, egress: str, epoch: Epoch
) -> tuple[dict[FloodKey, float], float]:
    """What Telegram asked a session to wait with, and until when nothing connects from ``egress``.

    In epoch seconds as ``epoch`` counts from here on; nothing on disk is changed.
    """
    with Store.open_reader(StoragePaths(config).database, master_key_of(config)) as store:
        store.adopt_time_base(epoch)
        rows, cooling = floods_of(store, egress, name)
    return {(row.method, row.chat): row.until for row in rows}, cooling


@contextlib.contextmanager
def our_errors(session: str) -> Iterator[None]:
    """Let Telegram's and the line's errors out as a warden's session does, with their cause."""
    try:
        yield
    except Exception as error:
        told = to_public_error(error, session=session)
        if told is error:
            raise
        raise told from error
