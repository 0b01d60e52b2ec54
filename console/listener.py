"""One web server on one socket, inside a loop that belongs to somebody else.

It installs no signal handlers, configures no logging, and ticks not even once while nobody asks.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Listener"]

logger = logging.getLogger(__name__)

GRACE: Final = 2  # seconds that answers under way get when the server stops
KEEP_ALIVE: Final = 15  # seconds that an idle connection is kept; a page asks every second


class Listener:
    """Serves ``app`` on a copy of ``listening``, which stays its owner's."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        self._listening = listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=_QuietProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=GRACE,
            )
        )

    async def open(self) -> None:
        """Take connections from now on; those that waited in the socket's queue come first."""
        config, server = self._server.config, self._server
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[self._listening.dup()])

    async def close(self) -> None:
        """Take no more, let answers under way finish for ``GRACE`` seconds, then cut the rest."""
        server = self._server
        if not server.started:
            return
        server.started = False
        try:
            await server.shutdown()
        finally:
            for connection in tuple(server.server_state.connections):
                _cut(connection)


class _QuietProtocol(H11Protocol):
    """Writes no access log.

    Uvicorn's own switch for that empties the ``uvicorn.access`` logger of the whole process,
    which may be an app's that serves pages of its own.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False


def _cut(connection: Any) -> None:
    transport: asyncio.Transport | None = getattr(connection, "transport", None)
    if transport is not None:
        logger.warning("connection cut: it did not end in time")
        transport.abort()
