"""A loop on a thread of its own, for as long as something lives in it; for plain code."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from ...errors import BlockingAskError, NotRunningError
from .future import Reply

T = TypeVar("T")

GRACE: Final = 1.0  # seconds for what is still going on in the loop when it is left


class LoopThread:
    """Begins with ``start``, ends with ``stop``; once each."""

    def __init__(
        self, name: str, make: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    ) -> None:
        self._make = make
        self._ready: Reply = Reply()
        self._left = asyncio.Event()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._begin: Callable[[], Awaitable[object]]
        self._stay: asyncio.Task[None]
        self.loop: asyncio.AbstractEventLoop

    @property
    def is_alive(self) -> bool:
        """Whether the loop is there."""
        return self._thread.is_alive()

    def start(self, begin: Callable[[], Awaitable[object]]) -> None:
        """Make the loop and await ``begin()`` in it; an error there is raised here.

        Interrupted, as by Ctrl-C, it calls ``begin()`` off and ends the loop.
        """
        self._begin, self.loop = begin, self._make()
        try:
            self._thread.start()
            self._ready.get()
        except BaseException:  # whatever it is: nobody leaves what was not entered
            self._end(lambda: self._stay.cancel())
            raise

    def stop(self, end: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await ``end()`` in the loop, end the loop, and return what came of it.

        Raises:
            BlockingAskError: called in that loop itself, which goes on.
        """
        _refuse_inside(self.loop, self._thread.name, "await its stop there")
        try:
            return run_in_loop(self.loop, end(), self._thread.name)
        finally:
            self._end(self._left.set)

    def _end(self, how: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended already
            self.loop.call_soon_threadsafe(how)
        with contextlib.suppress(RuntimeError):  # interrupted before it knew that it has begun
            self._thread.join()

    def _live(self) -> None:
        loop = self.loop
        try:
            self._stay = loop.create_task(self._until_left())
            loop.run_until_complete(self._stay)
            loop.run_until_complete(_clear())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    async def _until_left(self) -> None:
        try:
            await self._begin()
        except BaseException as error:  # noqa: BLE001 - it is raised where the loop was entered
            self._ready.fail(error)
            return
        self._ready.set(None)
        with contextlib.suppress(asyncio.CancelledError):
            await self._left.wait()


async def _clear() -> None:
    """Cancel what is still going on. Unlike ``asyncio.run`` this waits for nobody for ever."""
    going: set[asyncio.Task[Any]] = asyncio.all_tasks() - {asyncio.current_task()}
    for task in going:
        task.cancel()
    if going:
        await asyncio.wait(going, timeout=GRACE)


def run_in_loop(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, T],
    what: str,
    *,
    way: str = "await the coroutine there",
) -> T:
    """Do a coroutine in the loop of another thread, wait for it, and return its result.

    Raises:
        BlockingAskError: called in that loop itself, which could not go on meanwhile.
        NotRunningError: the loop ended before the work did.
    """
    try:
        _refuse_inside(loop, what, way)
    except BlockingAskError:
        work.close()  # it never runs and would complain
        raise
    try:
        return asyncio.run_coroutine_threadsafe(work, loop).result()
    except concurrent.futures.CancelledError:
        raise NotRunningError(what, "it ended while this was under way; start it again") from None
    except RuntimeError:
        if not loop.is_closed():
            raise
        work.close()
        raise NotRunningError(what, "its loop has ended; start it again") from None


def _refuse_inside(loop: asyncio.AbstractEventLoop, what: str, way: str) -> None:
    if asyncio._get_running_loop() is loop:  # noqa: SLF001 - the one that does not raise
        raise BlockingAskError(what, way=way)
