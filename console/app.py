"""The web application: page, metrics and probes for all, state and commands for who may.

Who connects to the Unix socket may do everything: its owner alone can open it. Over the network
tokens tell who asks, and roles what he may do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from . import page
from .access.guard import Guard
from .access.login_routes import LoginRoutes
from .access.tokens import Access
from .api_page import api_page
from .commands_api import CommandsApi
from .headers import Headers
from .hosts import HostCheck
from .live.hub import Hub
from .live.routes import LiveRoutes
from .look import Look
from .panel import Panel
from .probes import Probes
from .problems import HANDLERS
from .state import state
from .words import Words, language_of


def make_app(
    panel: Panel,
    *,
    trusted: bool,
    access: Access | None = None,
    names: Iterable[str] = (),
    hub: Hub | None = None,
    wall: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Build the application for one socket.

    Args:
        panel: the warden's handles.
        trusted: whether who connects may do everything, as on the Unix socket.
        access: who may do what where not; by default all may look.
        names: what the pages are called by, besides this machine's own names for itself.
        hub: looks for all open pages; whoever made it closes it.
        wall: reads the clock in epoch seconds.
        monotonic: reads a clock that never goes backwards, in seconds.
    """
    names = tuple(names)
    look = Look(panel, clock=monotonic)
    guard = None if trusted else Guard(access or Access(), names=names)
    hub = hub or Hub(panel, wall=wall, monotonic=monotonic)
    commands = CommandsApi(panel, monotonic=monotonic)
    watching = _Watching(panel, look, wall, guard)
    routes = [
        *_open_routes(watching, Probes(panel, look, wall)),
        *_guarded_routes(watching, hub, commands, guard),
    ]
    middleware = [Middleware(Headers, wall=wall)]
    if guard is not None:  # on the Unix socket the kernel says who asks, and no browser gets there
        routes += _login_routes(LoginRoutes(panel, guard))
        middleware.append(Middleware(HostCheck, names=names))
    return Starlette(routes=routes, middleware=middleware, exception_handlers=HANDLERS)


def _open_routes(watching: _Watching, probes: Probes) -> list[BaseRoute]:
    """What everybody may ask for."""
    return [
        Route("/", watching.page),
        Route("/assets/{path:path}", page.asset),
        Route("/metrics", watching.metrics),
        Route("/healthz", probes.healthz),
        Route("/startupz", probes.startupz),
        Route("/readyz", probes.readyz),
    ]


def _guarded_routes(
    watching: _Watching, hub: Hub, commands: CommandsApi, guard: Guard | None
) -> list[BaseRoute]:
    """What is for who may look, or carry out commands."""
    live = LiveRoutes(hub, None if guard is None else guard.access)
    looks = (lambda handler: handler) if guard is None else guard.looks
    return [
        Route("/api/state", looks(watching.state)),
        Route("/api/live", looks(live.state)),
        Route("/api/charts", looks(live.charts)),
        Route("/api/words", looks(live.words)),
        Route("/events/stream", looks(live.stream)),
        Route("/api/commands", looks(commands.offered)),
        Route("/api/commands/{name}", looks(commands.carry_out), methods=["POST"]),
        Route("/api/openapi.json", looks(commands.openapi)),
        Route("/api/", looks(api_page)),
    ]


def _login_routes(logins: LoginRoutes) -> list[BaseRoute]:
    return [
        Route("/api/me", logins.me),
        Route("/login", logins.log_in, methods=["POST"]),
        Route("/logout", logins.log_out, methods=["POST"]),
    ]


class _Watching:
    """What looks and changes nothing."""

    def __init__(
        self, panel: Panel, look: Look, wall: Callable[[], float], guard: Guard | None
    ) -> None:
        self._panel, self._look, self._wall, self._guard = panel, look, wall, guard

    async def page(self, request: Request) -> Response:
        return page.document(looks=self._guard is None or self._guard.may_look(request))

    async def metrics(self, request: Request) -> Response:
        # Nobody is asked: a scrape must not wait for an actor, nor cost one anything.
        accept = request.headers.get("accept", "")
        body, content_type = await self._panel.exporter.render_async(accept)
        return Response(body, headers={"content-type": content_type})

    async def state(self, request: Request) -> Response:
        seen = await self._look.now()
        words = Words(language_of(request.headers.get("accept-language", "")))
        return JSONResponse(
            state(self._panel, seen, now=self._wall(), words=words),
            headers={"content-language": words.language, "vary": "accept-language"},
        )
