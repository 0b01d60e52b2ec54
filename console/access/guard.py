"""The guard in front of what a caller must have a role for, and of all that changes something.

A browser sends cookies along whoever wrote the page: what changes something must come from a page
of ours, which is told by the Origin and by a token that only such a page can have read.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from ...supervision import LineLimit
from ..problems import RefusedError
from .tokens import Access, Caller

logger = logging.getLogger(__name__)
logger.addFilter(LineLimit())  # strangers can provoke them

Handler = Callable[[Request], Awaitable[Response]]

CSRF_HEADER: Final = "x-csrf-token"
LOG_IN: Final = "show a token: POST login, or Authorization: Bearer"
NO_TOKENS: Final = (
    "this console is reached from other machines and has no tokens; give some in [[console.tokens]]"
)


class Guard:
    """Tells who asks, and refuses who may not.

    Args:
        access: who may do what; ``None`` for the control socket, whose callers may do everything.
        names: names and addresses of this console besides the one that it is asked by.
    """

    def __init__(self, access: Access, *, names: Iterable[str] = ()) -> None:
        self.access, self._names = access, frozenset(name.lower() for name in names)

    def caller(self, request: Request) -> Caller:
        """Who asks, by bearer token, by cookie, or nobody in particular.

        Raises:
            RefusedError: the token is wrong, or there were too many wrong ones.
        """
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.access.has_tokens:
            return self.shown(request, token.strip())
        return self._by_cookie(request)

    def may_look(self, request: Request) -> bool:
        """Whether the browser that asks has a role."""
        return self._by_cookie(request).role is not None

    def shown(self, request: Request, token: str) -> Caller:
        """Who shows this token.

        Raises:
            RefusedError: it is wrong, or there were too many wrong ones.
        """
        address = request.client.host if request.client else ""
        self._not_too_often(address)
        found = self.access.by_token(token, address=address)
        if found is None:
            logger.warning("request refused: its token is wrong address=%s", address)
            self._not_too_often(address)
            raise RefusedError(401, "WrongToken", "this token is not in console.tokens")
        return found

    def _by_cookie(self, request: Request) -> Caller:
        cookie = request.cookies.get(cookie_name(request), "")
        return self.access.by_cookie(cookie) or self.access.anybody

    def _not_too_often(self, address: str) -> None:
        wait = self.access.wait(address)
        if wait:
            said = f"too many wrong tokens came from there; try again in {wait:.0f} s"
            raise RefusedError(429, "TooManyTries", said, retry_after=wait)

    def looks(self, handler: Handler) -> Handler:
        """``handler`` for callers with a role; it finds them in ``request.state.caller``."""

        async def guarded(request: Request) -> Response:
            caller = self.caller(request)
            if caller.role is None:
                why = LOG_IN if self.access.has_tokens else NO_TOKENS
                raise RefusedError(401, "LoginNeeded", why)
            if request.method not in {"GET", "HEAD"}:
                self.check_origin(request, caller)
            request.state.caller = caller
            return await handler(request)

        return guarded

    def check_origin(self, request: Request, caller: Caller) -> None:
        """Refuse what another site's page has a browser send.

        Raises:
            RefusedError: it comes from another page, or does not say the page's own word.
        """
        if not self._is_ours(request):
            logger.warning("request refused: a page of another site sends it")
            raise RefusedError(403, "ForeignOrigin", "a page of another site sends this")
        if caller.how == "bearer":  # a browser adds no such header by itself
            return
        if not hmac.compare_digest(
            request.headers.get(CSRF_HEADER, "").encode(), caller.csrf.encode()
        ):
            said = "the header X-CSRF-Token is missing or not the one of GET api/me"
            raise RefusedError(403, "BadCsrfToken", said)

    def _is_ours(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        if origin is None:
            return request.headers.get("sec-fetch-site", "none") in {"same-origin", "none"}
        parts = urlsplit(origin)
        host = request.headers.get("host", "")
        return parts.netloc.lower() == host.lower() or (parts.hostname or "") in self._names


def cookie_name(request: Request) -> str:
    """The cookie's name, with the port: browsers keep one jar for all ports of a machine."""
    server = request.scope.get("server")
    return f"telewarden-{server[1]}" if server and server[1] else "telewarden"
