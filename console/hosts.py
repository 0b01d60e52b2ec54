"""The Host allow-list, against DNS rebinding.

A browser that was led to a stranger's name, which then points at this machine, sends that name
along. So only names that are known to be ours are answered.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ..supervision import LineLimit
from .problems import problem

logger = logging.getLogger(__name__)
logger.addFilter(LineLimit())  # a stranger can provoke them

ALWAYS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
MISDIRECTED: Final = 421


class HostCheck:
    """Refuses requests for a host that is not this console.

    Args:
        app: what serves the others.
        names: more names or addresses that it is reached by.
    """

    def __init__(self, app: ASGIApp, *, names: Iterable[str] = ()) -> None:
        self._app = app
        self._names = ALWAYS | {_bare(name) for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        host = _bare(Headers(scope=scope).get("host", ""))
        if host in self._names or host == _here(scope):
            await self._app(scope, receive, send)
            return
        logger.warning("request refused: it asks for a host that is not ours")
        answer = problem(
            MISDIRECTED,
            "UnknownHost",
            "this console is not known by that name; add it to console.names if it is yours",
        )
        await answer(scope, receive, send)


def _here(scope: Scope) -> str | None:
    """The address that the caller connected to, which is no name that could be made to lie."""
    server = scope.get("server")
    return str(server[0]).lower() if server else None


def _bare(host: str) -> str:
    """A host without its port and brackets, in small letters."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower() if host.count(":") == 1 else host.lower()
