"""Access to the actors of a warden's tree: how its handles reach them while it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import pykka

from ..actors import Journal, SessionRefAsked
from ..errors import (
    ChildNotFoundError,
    ChildRestartingError,
    ChildRunningError,
    NotRunningError,
)
from ..storage import Store
from ..supervision import Ask, RestartChild, Tree, ask_async

T = TypeVar("T")

ASK_WITHIN: Final = 10.0  # seconds; the actors answer in microseconds unless something is wrong


class TreeAccess:
    """The tree that runs, and questions to its actors.

    Each method raises ``NotRunningError`` while none runs.
    """

    def __init__(self) -> None:
        self.tree: Tree | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self, tree: Tree) -> None:
        """Reach the actors of this tree, which runs in the loop that calls."""
        self.tree, self._loop = tree, asyncio.get_running_loop()

    def close(self) -> Tree | None:
        """Reach nobody any more; returns the tree that ran."""
        tree, self.tree = self.tree, None
        return tree

    def running(self) -> Tree:
        """The tree."""
        if self.tree is None:
            raise NotRunningError("this warden", "start it first")
        return self.tree

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it runs in."""
        self.running()
        assert self._loop is not None  # noqa: S101 - it came with the tree
        return self._loop

    def ref(self, path: str) -> pykka.ActorRef[Any]:
        """The actor at a path."""
        tree = self.running()
        try:
            return tree.ref(path)
        except ChildNotFoundError:
            if not tree.terminated.done:
                raise
            why = "its tree has given up, see the log; stop it and start it again"
            raise NotRunningError("this warden", why) from None

    async def ask(self, path: str, message: Ask[T], *, timeout: float = ASK_WITHIN) -> T:
        """Ask the actor at a path."""
        return await ask_async(self.ref(path), message, timeout=timeout)

    def journal(self) -> Journal:
        """The database's writer."""
        return Journal(self.ref("journal"))

    async def stored(self, work: Callable[[Store], T]) -> T:
        """Do work on the store, also while the disk takes no writes."""
        return await self.journal().do(work, wait_for_disk=False)

    async def session_ref(self, name: str) -> pykka.ActorRef[Any]:
        """The actor of a session."""
        return await self.ask("registry", SessionRefAsked(name))

    async def release(self, name: str) -> None:
        """End the quarantine of a session, if it is in one."""
        with contextlib.suppress(ChildRunningError, ChildRestartingError, ChildNotFoundError):
            await self.ask("sessions", RestartChild(f"session:{name}"))
