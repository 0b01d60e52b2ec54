"""What programs that share a session have of it: its client while it is online, and its updates.

Updates are passed on as they come, in order, written once for all. It outlives every incarnation of
a session and of whoever serves the programs, and is used in their loop alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ..telegram import Client

logger = logging.getLogger(__name__)

Listener = Callable[[bytes], None]
MISSED: Final = b""  # what a listener is told when it may have missed something


class SharedUpdates:
    """Who listens to which session, and which are online."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}
        self._clients: dict[str, Client] = {}

    def client(self, session: str) -> Client | None:
        """The client that a session is online with, by which nothing may be posted."""
        return self._clients.get(session)

    def listen(self, session: str, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` of a session's updates, in TL; returns how to end that.

        ``MISSED`` says that some may have been missed. It must not raise. Updates that the answer
        to a passed request tells are not told to the one that is its ``origin``.
        """
        self._listeners.setdefault(session, []).append(listener)

        def end() -> None:
            listeners = self._listeners.get(session, [])
            if listener in listeners:
                listeners.remove(listener)
            if not listeners:
                self._listeners.pop(session, None)

        return end

    def follow(self, session: str, client: Client) -> None:
        """A session has come online with ``client``; what came before it may have been missed."""
        self._clients[session] = client
        client.overhear(partial(self._heard, session))
        for listener in tuple(self._listeners.get(session, ())):
            listener(MISSED)

    def leave(self, session: str) -> None:
        """A session works with its client no more."""
        self._clients.pop(session, None)

    def _heard(self, session: str, updates: Any, origin: object) -> None:
        listeners = self._listeners.get(session)
        if not listeners:
            return
        try:
            data = bytes(updates)
        except Exception:  # whatever it was: programs ask for what they missed, the rest goes on
            logger.exception("updates not written session=%s", session)
            data = MISSED
        for listener in tuple(listeners):
            if listener != origin:
                listener(data)
