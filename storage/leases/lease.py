"""The lease: one owning process for each auth key.

Owns the lock that a process holds from before a session's first packet until its client is proven
off. It is the kernel's (flock), so it is free the moment its process dies, however that happens.
It is taken by auth key id, so that a string, a file and a backup of one session are one session.
With ``everywhere`` a key is also claimed from this machine's kernel, so that a copy of the folder,
or a new one in the place of one that was removed, opens nothing that is in use. None of it says
anything about copies on other hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from ...errors import LeaseHeldError
from ..error_mapping import map_os_error
from ..private_files import check_owner, make_private_folder
from .grant import Free, Held, LeaseGrant, LeaseWait, Stale
from .machine_claim import Claim, NoClaim, claim, claimant
from .owner import LeaseHolder
from .process_exit import ExitWatcher
from .process_info import who_has_open

logger = logging.getLogger(__name__)

PATIENCE: Final = 30.0  # seconds
ELSEWHERE: Final = "has the key by way of another folder"
POLL: Final = 0.001  # seconds; a dead owner's key is a waiter's within 5 ms
POLL_FAR: Final = 0.05  # seconds, where a process has to be asked
POLL_MANY: Final = 0.0005  # seconds for each waiter, so that a thousand do not fill a core
PROGRESS_EVERY: Final = 1.0  # seconds
KEY_NAME: Final = re.compile("[0-9a-f]{16}")


class Lease:
    """The leases kept in one folder.

    Args:
        folder: where the locks are.
        everywhere: whether a key that is held by way of another folder is not free here.
        clock: monotonic seconds.
        sleep, sleep_async: how to wait.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        everywhere: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        sleep_async: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._folder, self._everywhere = Path(folder), everywhere
        self._clock, self._sleep, self._sleep_async = clock, sleep, sleep_async
        self._waiters, self._owned = 0, False
        self._endings = ExitWatcher()
        self._far: set[int] = set()
        """Keys that are held by way of another folder: to ask there costs its owner some work."""

    def acquire(
        self,
        key_id: int,
        *,
        owner: LeaseHolder,
        timeout: float = PATIENCE,
        progress: Callable[[LeaseWait], object] | None = None,
        key: bytes | None = None,
    ) -> LeaseGrant:
        """Take the lease on a key, waiting up to ``timeout`` seconds; blocks the thread.

        ``progress`` is called when the wait begins and about once a second. With the auth ``key``
        itself a stranger who has taken its name is told from an owner.

        Raises:
            LeaseHeldError: somebody else held it all the time; nothing has changed.
            StorageNotWritableError: the folder cannot be written.
        """
        grant = self._try(key_id, owner, key)
        if grant is not None:
            return grant
        with self._waiting():
            for pause in self._pauses(key_id, timeout, progress):
                self._sleep(pause)
                grant = self._try(key_id, owner, key)
                if grant is not None:
                    return grant
        raise self._refusal(key_id, timeout)

    async def acquire_async(
        self,
        key_id: int,
        *,
        owner: LeaseHolder,
        timeout: float = PATIENCE,
        progress: Callable[[LeaseWait], object] | None = None,
        key: bytes | None = None,
    ) -> LeaseGrant:
        """Take the lease as ``acquire`` does, without blocking the loop; may be cancelled."""
        grant = self._try(key_id, owner, key)
        if grant is not None:
            return grant
        holder = LeaseHolder.load(self._path(key_id))
        with self._waiting(), self._endings.of(holder) as ended:
            for pause in self._pauses(key_id, timeout, progress):
                await self._doze(pause, ended)
                grant = self._try(key_id, owner, key)
                if grant is not None:
                    return grant
        raise self._refusal(key_id, timeout)

    @contextlib.contextmanager
    def held(
        self, key_id: int, *, owner: LeaseHolder, timeout: float = PATIENCE
    ) -> Iterator[LeaseGrant]:
        """Hold the lease for the length of a ``with`` block."""
        with self.acquire(key_id, owner=owner, timeout=timeout) as grant:
            yield grant

    def inspect(self, key_id: int) -> Free | Held | Stale:
        """Tell who holds a key, without taking it or changing anything."""
        facts = LeaseHolder.load(self._path(key_id))
        if self._is_locked(key_id) or self._elsewhere(key_id) is not None:
            return self._held(key_id, look=True)
        return Free() if facts is None else Stale(facts)

    def clear(self, key_id: int) -> bool:
        """Remove what a dead owner left behind; tell whether there was anything.

        Raises ``LeaseHeldError`` while the key is held. Not needed for taking the lease.
        """
        match self.inspect(key_id):
            case Held():
                raise self._refusal(key_id, 0.0)
            case Stale():
                self._forget(key_id)
                return True
            case Free():
                return False

    def key_ids(self) -> list[int]:
        """Return the keys that were ever leased here; what else lies there is passed over."""
        names = (path.stem for path in self._folder.glob("*.lease"))
        return sorted(int(name, 16) for name in names if KEY_NAME.fullmatch(name))

    def _try(self, key_id: int, owner: LeaseHolder, key: bytes | None) -> LeaseGrant | None:
        handle = self._lock(key_id)
        if handle is None:
            return None
        claimed = self._claim(key_id, handle, key)
        if claimed is None:
            os.close(handle)
            self._far.add(key_id)
            return None
        self._far.discard(key_id)
        left = LeaseHolder.read(handle)
        try:
            owner.save(handle)
        except OSError as exc:
            # The lock is what counts: a full disk must not keep a session from coming back.
            logger.warning("lease facts not written key=%016x why=%s", key_id, exc.strerror)
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
        if left is not None:
            logger.info("lease taken over key=%016x left_by=%d", key_id, left.pid)
        return LeaseGrant(key_id, handle, took_over=left, claim=claimed)

    def _claim(self, key_id: int, handle: int, key: bytes | None) -> Claim | None:
        if not self._everywhere:
            return NoClaim()
        try:
            return claim(key_id, key)
        except OSError as exc:
            os.close(handle)
            raise map_os_error(exc, self._path(key_id)) from exc

    def _elsewhere(self, key_id: int) -> int | None:
        """Who has the key by way of another folder, if anybody; 0 if it cannot be told who."""
        return claimant(key_id) if self._everywhere else None

    def _lock(self, key_id: int) -> int | None:
        path = self._path(key_id)
        if not self._owned:
            self._check_folder()
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:
            make_private_folder(self._folder)
            return self._lock(key_id)
        except OSError as exc:
            raise map_os_error(exc, path) from exc
        try:
            # The lock file is never removed, so that two owners cannot lock two files of one name.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError as exc:
            os.close(handle)
            raise map_os_error(exc, path) from exc
        return handle

    def _check_folder(self) -> None:
        if self._folder.exists():
            check_owner(self._folder)
            self._owned = True

    def _is_locked(self, key_id: int) -> bool:
        try:
            handle = os.open(self._path(key_id), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise map_os_error(exc, self._path(key_id)) from exc
        try:
            # Shared, and for an instant: an owner who comes just now tries again right after.
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def _forget(self, key_id: int) -> None:
        """Remove the facts of an owner that has ended, unless somebody took the key meanwhile."""
        handle = self._lock(key_id)
        if handle is not None:
            try:
                os.ftruncate(handle, 0)
            finally:
                os.close(handle)

    def _pauses(
        self, key_id: int, timeout: float, progress: Callable[[LeaseWait], object] | None
    ) -> Iterator[float]:
        begun = self._clock()
        told = begun - PROGRESS_EVERY
        tries = 0
        # One more try even without patience: an inspection may have had the lock for an instant.
        while (now := self._clock()) - begun < timeout or tries < 1:
            if progress is not None and now - told >= PROGRESS_EVERY:
                told = now
                holder = LeaseHolder.load(self._path(key_id))
                progress(
                    LeaseWait(key_id=key_id, holder=holder, waited=now - begun, timeout=timeout)
                )
            tries += 1
            far = POLL_FAR if key_id in self._far else 0.0
            yield max(POLL, far, self._waiters * POLL_MANY)

    async def _doze(self, pause: float, ended: asyncio.Event | None) -> None:
        """Wait for the next look, or less if the owner ends meanwhile."""
        if ended is None or ended.is_set():  # a child of its own may still have the lock
            await self._sleep_async(pause)
            return
        waits = [asyncio.ensure_future(one) for one in (self._sleep_async(pause), ended.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        self._waiters += 1
        try:
            yield
        finally:
            self._waiters -= 1

    def _refusal(self, key_id: int, waited: float) -> LeaseHeldError:
        return LeaseHeldError(key_id, str(self._held(key_id)), waited=waited)

    def _held(self, key_id: int, *, look: bool = False) -> Held:
        """Who holds a key; ``look`` for a dead owner's child takes a walk through all processes."""
        path = self._path(key_id)
        holder = LeaseHolder.load(path)
        if not self._is_locked(key_id) and (pid := self._elsewhere(key_id)) is not None:
            return Held(LeaseHolder.of(pid, ELSEWHERE) if pid else None)
        if holder is None or not holder.local or holder.alive:
            return Held(holder)
        pid = who_has_open(path) if look else None
        child = None if pid is None else LeaseHolder.of(pid, holder.purpose)
        return Held(child, parent=holder)

    def _path(self, key_id: int) -> Path:
        return self._folder / f"{key_id:016x}.lease"
