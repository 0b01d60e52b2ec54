"""The data centre's engine: world, connections, ports and rules put together."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Final

from ..errors import ListenError
from .clock import Clock
from .data_centre import DataCentre
from .dispatch import Dispatcher
from .handlers import ALL_HANDLERS
from .transport.connection import Connection
from .world.world import World

_BACKLOG: Final = 4096  # a thousand clients may dial at once


class Engine(DataCentre):
    """A data centre that clients can dial.

    Args:
        world: what is known.
        host: the address to listen on; 127.0.0.1 unless a test needs another loopback one.
        port: the first data centre's port; 0 for any free one.
        dc_ids: the numbers of the data centres played, the first one being home.
        code: the login code that everybody is sent; None for a fresh one each time.
        wall: the clock of the wire's own message ids, which must agree with the client's.
    """

    def __init__(
        self,
        world: World,
        *,
        host: str,
        port: int,
        dc_ids: tuple[int, ...],
        code: str | None,
        wall: Clock = time.time,
    ) -> None:
        super().__init__(
            world,
            host=host,
            ports={dc_id: port if i == 0 else 0 for i, dc_id in enumerate(dc_ids)},
            handlers=ALL_HANDLERS,
            code=code,
            wall=wall,
            rules_changed=self._open_or_close_doors,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers: dict[int, asyncio.Server] = {}
        self._opening: dict[int, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Listen; raises ``ListenError`` when a port is taken."""
        self._loop = asyncio.get_running_loop()
        self.gate.enter()
        for dc_id in self.ports:
            await self._listen(dc_id, self._bound(dc_id))

    async def close(self) -> None:
        """Close ports and connections, and forget what was to happen later."""
        self.forget_later()
        self._loop = None
        self.gate.leave()
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        loop = asyncio.get_running_loop()
        for server in self._servers.values():
            for listener in server.sockets:
                loop.remove_reader(listener)
        # A connection that was taken in this very turn fails, and leaks, where its server is closed
        # before it is made (asyncio, python/cpython#109564).
        await _turns(2)
        self._close_doors()
        for connection in list(self.connections.open):
            connection.abort()
        await _turns(2)  # lets the transports report that they are closed

    def _bound(self, dc_id: int) -> socket.socket:
        port = self.ports[dc_id]
        try:
            listener = socket.create_server((self.host, port), backlog=_BACKLOG)
        except OSError as error:
            address = f"{self.host}:{port}"
            raise ListenError("loopback Telegram", address, _reason(error)) from error
        self.ports[dc_id] = listener.getsockname()[1]
        return listener

    async def _listen(self, dc_id: int, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._servers[dc_id] = await loop.create_server(
            lambda: Connection(self, dc_id, Dispatcher), sock=listener, backlog=_BACKLOG
        )
        self._opening.pop(dc_id, None)
        if self._loop is None or self.faults.refuses():  # things changed while it opened
            self._close_doors()

    def _open_or_close_doors(self) -> None:
        """Let the ports refuse while a ``Refuse`` rule stands, and open them afterwards."""
        if self._loop is None:
            return
        if self.faults.refuses():
            self._close_doors()
            return
        for dc_id in self.ports:
            if dc_id not in self._servers and dc_id not in self._opening:
                # Bound at once, so that whoever dials next is queued and not refused.
                listener = self._bound(dc_id)
                self._opening[dc_id] = self._loop.create_task(self._listen(dc_id, listener))

    def _close_doors(self) -> None:
        for server in self._servers.values():
            server.close()
        self._servers.clear()


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
