"""The console's actor: serves pages and control socket, through its own crashes too."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

from ..supervision import LoopActor
from .access.tokens import Access
from .app import make_app
from .listener import Listener
from .live.hub import Hub
from .panel import Panel
from .sockets import bind_unix


class ConsoleActor(LoopActor):
    """Serves a warden's pages in the loop of its actors.

    Args:
        panel: the warden's handles.
        tcp: a listening socket for pages and metrics; see ``bind_tcp``.
        unix: a listening socket for commands, see ``bind_unix``; or a path, where this actor then
            listens by itself and which it removes when it stops.
        names: what the pages are called by, besides this machine's own names for itself.
        access: who may do what over ``tcp``; its owner keeps it, so that a crash here ends no
            login.

    Listening sockets stay their owner's: this actor serves on copies and leaves them open, so
    that its next incarnation goes on with them, and callers wait meanwhile instead of being
    refused.
    """

    def __init__(
        self,
        *,
        panel: Panel,
        tcp: socket.socket | None = None,
        unix: socket.socket | Path | str | None = None,
        names: Sequence[str] = (),
        access: Access | None = None,
    ) -> None:
        super().__init__()
        self._names, self._access = tuple(names), access or Access()
        self._panel, self._tcp, self._unix = panel, tcp, unix
        self._hub = Hub(panel)
        self._own: socket.socket | None = None
        self._listeners: list[Listener] = []

    async def on_start(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        try:
            for app_is_trusted, listening in self._sockets():
                app = make_app(
                    self._panel,
                    trusted=app_is_trusted,
                    access=self._access,
                    names=self._names,
                    hub=self._hub,
                )
                listener = Listener(app, listening)
                self._listeners.append(listener)
                await listener.open()
        except BaseException:  # also a cancelled start
            await self._close()  # no hook is called for a start that failed
            raise

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        await self._close()

    async def on_failure(  # type: ignore[override]  # a LoopActor's hooks may be async
        self, *_exc_info: object
    ) -> None:
        await self._close()

    def _sockets(self) -> list[tuple[bool, socket.socket]]:
        unix = self._unix
        if isinstance(unix, Path | str):
            unix = self._own = bind_unix(unix)
        wanted = ((False, self._tcp), (True, unix))
        return [(trusted, listening) for trusted, listening in wanted if listening is not None]

    async def _close(self) -> None:
        listeners, self._listeners = self._listeners, []
        own, self._own = self._own, None
        try:
            await self._hub.close()
            await asyncio.gather(*(listener.close() for listener in listeners))
        finally:
            if own is not None:
                own.close()
