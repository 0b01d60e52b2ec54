"""Saving of the world to its state file: after changes, and at the end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Final

from . import state_file
from .world import World

_EVERY: Final = 0.5  # seconds between looks; a kill -9 costs at most what came since the last
_SHARE: Final = 20  # writing may take one part in so many of the loop's time


class StateKeeper:
    """Keeps one file in step with one world.

    Args:
        world: what is kept.
        path: where; it is replaced whole, never written into.
    """

    def __init__(self, world: World, path: Path) -> None:
        self._world, self._path = world, path
        self._written = -1
        self._task: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Fill the world from the file, if there is one; raises ``LoopbackStateError``."""
        if self._path.exists():
            state_file.load(self._world, self._path)
            self._written = self._world.changes
        else:
            self.write()  # says at once when the place cannot be written

    def write(self) -> None:
        """Write the file now."""
        self._written = self._world.changes
        state_file.save(self._world, self._path)

    def start(self) -> None:
        """Look for changes from now on."""
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="loopback-state")

    async def stop(self) -> None:
        """Stop looking, and write what is left."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self.write()

    async def _watch(self) -> None:
        pause = _EVERY
        while True:
            await asyncio.sleep(pause)
            if self._world.changes != self._written:
                began = time.perf_counter()
                self.write()
                pause = max(_EVERY, _SHARE * (time.perf_counter() - began))
