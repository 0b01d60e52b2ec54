"""Login and logout of browsers, and who one is."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..panel import Panel
from ..problems import BadRequestError
from ..request_body import json_object
from ..words import language_of
from .guard import NO_TOKENS, Guard, cookie_name
from .tokens import LIVES, Caller

LONGEST_TOKEN: Final = 512  # characters


class LoginRoutes:
    """Gives cookies for tokens.

    Args:
        panel: the warden's handles; its audit trail hears who comes.
        guard: tells who asks.
    """

    def __init__(self, panel: Panel, guard: Guard) -> None:
        self._panel, self._guard = panel, guard

    async def me(self, request: Request) -> Response:
        """Who asks, and what he may do."""
        return self._told(request, self._guard.caller(request))

    async def log_in(self, request: Request) -> Response:
        """A cookie for a token."""
        self._guard.check_origin(request, self._guard.caller(request))
        token = (await json_object(request)).get("token")
        if not isinstance(token, str) or not 0 < len(token) <= LONGEST_TOKEN:
            raise BadRequestError("token is missing: one of console.tokens, as a text")
        shown = self._guard.shown(request, token.strip())
        self._guard.access.log_out(request.cookies.get(cookie_name(request), ""))
        cookie, caller = self._guard.access.log_in(shown)
        self._panel.noted(caller.who, "page login", "warden")
        answer = self._told(request, caller)
        answer.set_cookie(
            cookie_name(request),
            cookie,
            max_age=int(LIVES),
            httponly=True,
            samesite="strict",
            secure=request.headers.get("origin", "").startswith("https:"),
        )
        return answer

    async def log_out(self, request: Request) -> Response:
        """The end of a login."""
        self._guard.check_origin(request, self._guard.caller(request))
        self._guard.access.log_out(request.cookies.get(cookie_name(request), ""))
        answer = self._told(request, self._guard.access.anybody)
        answer.delete_cookie(cookie_name(request), httponly=True, samesite="strict")
        return answer

    def _told(self, request: Request, caller: Caller) -> JSONResponse:
        login = self._guard.access.has_tokens
        told: dict[str, Any] = {
            "role": caller.role,
            "name": caller.name,
            "how": caller.how,
            "login": login,
            "csrf": caller.csrf,
            "expires": caller.expires,
            "language": language_of(request.headers.get("accept-language", "")),
            "why": NO_TOKENS if caller.role is None and not login else "",
        }
        return JSONResponse(told)
