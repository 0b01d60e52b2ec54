"""Thread-side access to the data centre's loop, for blocking tests."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import threading
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_PATIENCE = 30.0  # seconds; nothing the server does by hand takes a fraction of it


class LoopGate:
    """Runs things in the loop that owns the data centre."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: int | None = None

    def enter(self) -> None:
        """Note the running loop as the owner."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def leave(self) -> None:
        """Have no owner any more."""
        self._loop = self._thread = None

    def call(self, deed: Callable[[], R]) -> R:
        """Do it: here when this thread owns the data centre or nobody does, else over there."""
        loop = self._loop
        if loop is None or threading.get_ident() == self._thread:
            return deed()
        done: concurrent.futures.Future[R] = concurrent.futures.Future()

        def there() -> None:
            try:
                done.set_result(deed())
            except BaseException as error:  # noqa: BLE001 - it is raised where it belongs, in the caller
                done.set_exception(error)

        loop.call_soon_threadsafe(there)
        return done.result(timeout=_PATIENCE)


class Gated(Protocol):
    """Something whose methods belong into the loop."""

    @property
    def gate(self) -> LoopGate:
        """The way in."""
        ...


G = TypeVar("G", bound=Gated)


def in_loop(method: Callable[Concatenate[G, P], R]) -> Callable[Concatenate[G, P], R]:
    """Have a method run in the data centre's loop, from whatever thread it is called."""

    def wrapper(self: G, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.gate.call(lambda: method(self, *args, **kwargs))

    functools.update_wrapper(wrapper, method)
    return wrapper
