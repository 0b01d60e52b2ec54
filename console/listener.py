"""One web server on one socket, inside a loop that belongs to the warden.

It installs no signal handlers, configures no logging, and ticks not even once while nobody asks.
"""

from __future__ import annotations

import logging
import socket
from typing import Final, cast

import uvicorn
from starlette.types import ASGIApp

from .acceptor import Acceptor
from .connection import Connection, Patience

logger = logging.getLogger(__name__)

GRACE: Final = 2  # seconds that answers under way get when the server stops


class Listener:
    """Serves ``app`` on a copy of ``listening``, which stays its owner's.

    Over a Unix socket it serves the user it runs as, and root, and nobody else.

    Args:
        app: what is served.
        listening: a listening socket.
        patience: how long callers may take.
    """

    def __init__(
        self, app: ASGIApp, listening: socket.socket, *, patience: Patience | None = None
    ) -> None:
        self._patience = patience or Patience()
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=self._patience.idle,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._acceptor = Acceptor(listening, self._connection, self._open_connections)

    async def open(self) -> None:
        """Take connections from now on; those that waited in the socket's queue come first."""
        config, server = self._server.config, self._server
        config.load()
        server.lifespan = config.lifespan_class(config)
        server.servers = []  # connections come from the acceptor, which has a limit
        self._acceptor.open()
        server.started = True

    async def close(self) -> None:
        """Take no more, let answers under way finish for ``GRACE`` seconds, then cut the rest."""
        server = self._server
        if not server.started:
            return
        server.started = False
        await self._acceptor.close()
        try:
            await server.shutdown()
        finally:
            for connection in self._open_connections():
                logger.warning("connection cut: it did not end in time")
                connection.cut()

    def _connection(self) -> Connection:
        server = self._server
        return Connection(
            config=server.config,
            server_state=server.server_state,
            app_state=server.lifespan.state,
            patience=self._patience,
        )

    def _open_connections(self) -> tuple[Connection, ...]:
        return cast("tuple[Connection, ...]", tuple(self._server.server_state.connections))
