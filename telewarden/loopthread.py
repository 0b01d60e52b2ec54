"""A loop in a thread of its own, for code that has none, and what can be entered either way."""

from __future__ import annotations

import abc
import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from .errors import NotRunningError

__all__ = ["Enterable", "LoopThread"]

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
        """Do a coroutine there, wait for it, and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the loop, then the thread."""
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


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
        assert self._thread is not None  # noqa: S101 - __enter__ made it
        try:
            self._thread.run(self.stop())
        finally:
            self._thread.close()
            self._thread = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do one of its coroutines from plain code and return its result.

        Raises:
            NotRunningError: it was not entered with a plain ``with``.
        """
        if self._thread is None:
            work.close()
            raise NotRunningError("this warden", "enter it with a plain 'with' first")
        return self._thread.run(work)
