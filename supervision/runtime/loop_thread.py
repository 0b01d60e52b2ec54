"""A loop on a thread of its own, for as long as something lives in it; for plain code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from .future import Reply

T = TypeVar("T")

GRACE: Final = 1.0  # seconds for what is still going on in the loop when it is left


class OwnLoop:
    """Begins with ``enter``, ends with ``leave``; once each."""

    def __init__(self, name: str, make: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._make = make
        self._ready: Reply = Reply()
        self._left = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._begin: Callable[[], Awaitable[object]]

    @property
    def is_alive(self) -> bool:
        """Whether the loop is there."""
        return self._thread.is_alive()

    def enter(self, begin: Callable[[], Awaitable[object]]) -> None:
        """Make the loop and await ``begin()`` in it; an error there is raised here."""
        self._begin = begin
        self._thread.start()
        try:
            self._ready.get()
        except BaseException:  # whatever it is: there is nothing to leave
            self._thread.join()
            raise

    def leave(self, end: Callable[[], Awaitable[T]]) -> T:
        """Await ``end()`` in the loop, end the loop, and return what came of it."""
        result = asyncio.run_coroutine_threadsafe(self._finish(end), self._loop).result()
        self._thread.join()
        return result

    async def _finish(self, end: Callable[[], Awaitable[T]]) -> T:
        try:
            return await end()
        finally:
            self._left.set()

    def _live(self) -> None:
        self._loop = loop = self._make()
        try:
            loop.run_until_complete(self._stay())
            loop.run_until_complete(_clear())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    async def _stay(self) -> None:
        try:
            await self._begin()
        except BaseException as error:  # noqa: BLE001 - it is raised where the loop was entered
            self._ready.fail(error)
            return
        self._ready.set(None)
        await self._left.wait()


async def _clear() -> None:
    """Cancel what is still going on. Unlike ``asyncio.run`` this waits for nobody for ever."""
    going: set[asyncio.Task[Any]] = asyncio.all_tasks() - {asyncio.current_task()}
    for task in going:
        task.cancel()
    if going:
        await asyncio.wait(going, timeout=GRACE)
