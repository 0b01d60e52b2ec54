"""An event loop in a thread, for blocking code, and context managers of both kinds."""

from __future__ import annotations

import abc
import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from .errors import BlockingAskError, NotRunningError

T = TypeVar("T")


class LoopThread:
    """Runs from the moment that it is made until ``close``."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="telewarden", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do a coroutine there, wait for it, and return its result; see ``run_in``."""
        return run_in(self._loop, work, "the warden")

    def close(self) -> None:
        """End the loop, with whatever is still under way in it, then the thread."""
        self.run(_cancel_others())
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def run_in(
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
    if asyncio._get_running_loop() is loop:  # noqa: SLF001 - the one that does not raise
        work.close()  # it never runs and would complain
        raise BlockingAskError(what, way=way)
    try:
        return asyncio.run_coroutine_threadsafe(work, loop).result()
    except concurrent.futures.CancelledError:
        raise NotRunningError(what, "it ended while this was under way; start it again") from None
    except RuntimeError:
        if not loop.is_closed():
            raise
        work.close()
        raise NotRunningError(what, "its loop has ended; start it again") from None


async def _cancel_others() -> None:
    """Cancel all that is under way in this loop: who waits for it waits in another thread."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Enterable(abc.ABC):
    """Entered with ``async with`` in a loop that runs, or with ``with`` in one of its own."""

    def __init__(self) -> None:
        self._thread: LoopThread | None = None

    @abc.abstractmethod
    async def start(self) -> None:
        """Start it."""

    @abc.abstractmethod
    async def stop(self) -> object:
        """Stop it, however it stands."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._thread = LoopThread()
        try:
            self._thread.run(self.start())
        except BaseException:  # also Ctrl-C: the thread must not stay
            self._thread.close()
            self._thread = None
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        thread, self._thread = self._thread, None  # from now on nobody begins anything there
        assert thread is not None  # noqa: S101 - __enter__ made it
        try:
            thread.run(self.stop())
        finally:
            thread.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do one of its coroutines from plain code and return its result.

        Raises:
            NotRunningError: it was not entered with a plain ``with``, or was left meanwhile.
            BlockingAskError: called in its own loop, as in a subscriber; await it there.
        """
        if self._thread is None:
            work.close()
            raise NotRunningError("this warden", "enter it with a plain 'with' first")
        return self._thread.run(work)
