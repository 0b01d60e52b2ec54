"""Rotation of master and data keys in a running warden, safe to interrupt anywhere.

Owns the order of the steps. A new key lies beside the old one's file before the database knows
it, and the session files are sealed anew after; so whatever a kill interrupts, the next start
finds the key that is in charge and ends what was left over. A marker, locked for as long as its
process lives, says that there is something to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from ..api.checks import a_text
from ..config import Config
from ..errors import MasterKeyMissingError, StorageBusyError, WrongMasterKeyError
from ..storage import (
    MasterKey,
    Store,
    database_exists,
    make_private_folder,
    sync_folder,
    write_private_file,
)
from .paths import StoragePaths, key_from, master_key_of

logger = logging.getLogger(__name__)

AT_ONCE: Final = 50  # session files sealed anew between two other writes; about 2 ms each
ENDS_WITHIN: Final = 10.0  # seconds for another process's change; 2 ms a session file, 5 s a lock
LOOK_EVERY: Final = 0.05
SUBJECT: Final = "keys"  # of the rows in the audit trail
T = TypeVar("T")


class AuditScope(Protocol):
    """Notes in the audit trail what a block does; see ``Auditor.noted``."""

    def __call__(
        self, who: str, what: str, subject: str, /
    ) -> contextlib.AbstractAsyncContextManager[dict[str, Any]]: ...


class StoreWork(Protocol):
    """Does some work in the running warden's database; returns when it is committed."""

    def __call__(self, work: Callable[[Store], T], /) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRotated:
    """Keys were changed. What is ``damaged`` did not open before either, and stays as it is."""

    damaged: tuple[str, ...] = ()
    resealed: int = 0


class MasterKeys:
    """The keys of one warden.

    Args:
        config: where the master key is kept.
        do: writes in the running warden's database.
        back_up: copies the whole database; older copies stay under the key of their time.
        noted: notes in the audit trail what is done, and by whom.
    """

    def __init__(
        self,
        config: Config,
        do: StoreWork,
        back_up: Callable[[], Awaitable[object]],
        noted: AuditScope,
    ) -> None:
        self._config, self._do, self._back_up, self._noted = config, do, back_up, noted
        self._places = StoragePaths(config)
        self._turn = asyncio.Lock()
        self._present: MasterKey | None = None

    @property
    def present(self) -> MasterKey:
        """The master key in charge, read once for each start.

        Raises:
            MasterKeyError: it is not at its place, or is none.
        """
        if self._present is None:
            self._present = master_key_of(self._config)
        return self._present

    async def read_again(self) -> None:
        """Read the master key anew, and end a change of keys that a killed process began.

        Of a change that another process is at, the end is waited for: which key is in charge is
        only known then.

        Raises:
            StorageBusyError: the other process has not come to an end within 10 s.
            StorageError, MasterKeyError: as opening the database does.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + ENDS_WITHIN
        while True:
            self._present = None
            try:
                return await asyncio.to_thread(self._end_broken_off)
            except StorageBusyError as error:
                if clock() >= end:
                    raise StorageBusyError(error.place, ENDS_WITHIN) from None
            await asyncio.sleep(LOOK_EVERY)

    async def rotate_master(self, text: str | None = None, *, who: str = "app") -> KeysRotated:
        """Put another master key in charge; the old one opens nothing any more but old snapshots.

        For their sake it is kept, sealed under the new one; see ``restore_database``.

        A key in a file is replaced there. Of one that is elsewhere (environment, keyring) put
        the new text to its place yourself, before the next start; keep the old one until this
        has returned.

        Args:
            text: the new key, or passphrase; by default a fresh key, for one in a file.
            who: noted in the audit trail.

        Raises:
            MasterKeyMissingError: no new key was given, and it is not made here.
            MasterKeyMalformedError: the text is no key; nothing has changed.
            StorageBusyError: another process is changing keys; nothing has changed.
            StorageError: the disk takes nothing; nothing has changed.
        """
        if text is not None:
            a_text("text", text, "the new key, or passphrase")
        async with self._noted(who, "rotate master key", SUBJECT) as after:
            turned = await self._rotate_master(text)
            after.update(asdict(turned))
        await self._back_up()
        return turned

    async def _rotate_master(self, text: str | None) -> KeysRotated:
        secret = self._config.storage.master_key
        if text is None and (secret.file is None or secret.passphrase):
            raise MasterKeyMissingError("the new master key", "is to be given here")
        text = text or MasterKey.generate()
        new = key_from(text, secret, origin=self.present.origin)
        async with self._turning():
            await asyncio.to_thread(self._lay_beside, text)
            old = self.present
            await self._do(lambda store: store.rotate_master(new, old=old))
            self._present = new
            turned = await self._reseal()
            await asyncio.to_thread(self._take_over)
        logger.info("master key changed files=%d", turned.resealed)
        return turned

    async def rotate_data(self, *, who: str = "app") -> KeysRotated:
        """Seal everything under a new data key; the master key stays.

        Raises:
            StorageBusyError: another process is changing keys; nothing has changed.
            StorageError: the disk takes nothing; nothing has changed.
        """
        async with self._noted(who, "rotate data key", SUBJECT) as after, self._turning():
            damaged = await self._do(lambda store: store.rotate_data_key())
            files = await self._reseal()
            turned = KeysRotated(damaged=(*damaged, *files.damaged), resealed=files.resealed)
            after.update(asdict(turned))
        logger.info("data key changed files=%d damaged=%d", turned.resealed, len(damaged))
        return turned

    @contextlib.asynccontextmanager
    async def _turning(self) -> AsyncIterator[None]:
        async with self._turn:
            await asyncio.to_thread(self._end_broken_off)
            with _marked(self._places.turning):
                yield
                self._places.turning.unlink(missing_ok=True)

    async def _reseal(self) -> KeysRotated:
        names = await self._do(lambda store: self._places.files(store).names())
        damaged: list[str] = []
        for start in range(0, len(names), AT_ONCE):
            damaged += await self._do(_resealing(self._places, names[start : start + AT_ONCE]))
        await self._do(lambda store: self._places.bot_files(store).reseal())
        return KeysRotated(damaged=tuple(damaged), resealed=len(names) - len(damaged))

    # After a kill

    def _end_broken_off(self) -> None:
        if not self._places.turning.exists():
            return
        with _marked(self._places.turning):
            if database_exists(self._places.database):
                self._choose()
                with Store.open(self._places.database, self.present) as store:
                    damaged = self._places.files(store).reseal()
                    self._places.bot_files(store).reseal()
                logger.warning("keys changed after a break damaged=%d", len(damaged))
            self._places.turning.unlink(missing_ok=True)

    def _choose(self) -> None:
        """Of two keys keep the one that the database was last sealed with."""
        beside = self._beside
        if beside is None or not beside.exists():
            return
        secret, text = self._config.storage.master_key, beside.read_text(encoding="utf-8")
        try:
            Store.open_reader(
                self._places.database, key_from(text.strip(), secret, origin=str(beside))
            ).close()
        except WrongMasterKeyError:
            beside.unlink()  # the database never heard of it
        else:
            self._take_over()
            self._present = None

    # The two files

    @property
    def _beside(self) -> Path | None:
        secret = self._config.storage.master_key
        if secret.file is None:
            return None
        place = secret.path(self._config.base)
        return place.with_name(f"{place.name}.new")

    def _lay_beside(self, text: str) -> None:
        if self._beside is not None:
            write_private_file(self._beside, f"{text}\n".encode())

    def _take_over(self) -> None:
        beside = self._beside
        if beside is not None:
            place = beside.with_suffix("")
            beside.replace(place)
            sync_folder(place.parent)


@contextlib.contextmanager
def _marked(path: Path) -> Iterator[None]:
    """Say that keys are being changed, for as long as this process lives and does it."""
    make_private_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageBusyError(path, 0.0) from None
        yield
    finally:
        os.close(handle)


def _resealing(places: StoragePaths, names: Sequence[str]) -> Callable[[Store], list[str]]:
    return lambda store: places.files(store).reseal(names)
