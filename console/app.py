"""The web application: public pages and metrics, commands for trusted callers.

What steers is only there when ``trusted``: on the Unix socket, which its owner alone may open.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from ..errors import BadCommandError
from . import page
from .commands.catalogue import find
from .commands.model import Surface
from .headers import Headers
from .hosts import HostCheck
from .look import Look
from .openapi import document
from .panel import WHO, Panel
from .problems import HANDLERS, BadRequestError
from .state import state, waits_in_words
from .words import Words, language_of, translated

LONGEST_BODY: Final = 64 * 1024  # bytes; a code, a path, a pair's filters


def make_app(
    panel: Panel,
    *,
    trusted: bool,
    names: Iterable[str] = (),
    wall: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Build the application for one socket.

    Args:
        panel: the warden's handles.
        trusted: whether who connects may steer: recover, log in, drill, shut down.
        names: what the pages are called by, besides this machine's own names for itself.
        wall: reads the clock in epoch seconds.
        monotonic: reads a clock that never goes backwards, in seconds.
    """
    watching = _Watching(panel, Look(panel, clock=monotonic), wall)
    routes: list[BaseRoute] = [
        Route("/", watching.page),
        Mount("/assets", page.assets()),
        Route("/metrics", watching.metrics),
        Route("/healthz", watching.healthz),
        Route("/readyz", watching.readyz),
        Route("/api/state", watching.state),
    ]
    if trusted:
        steering = _Steering(panel)
        routes += [
            Route("/api/commands/{name}", steering.command, methods=["POST"]),
            Route("/api/openapi.json", steering.openapi),
        ]
    middleware = [Middleware(Headers, wall=wall)]
    if not trusted:  # on the Unix socket the kernel says who asks, and no browser gets there
        middleware.append(Middleware(HostCheck, names=tuple(names)))
    return Starlette(routes=routes, middleware=middleware, exception_handlers=HANDLERS)


class _Watching:
    """What looks and changes nothing."""

    def __init__(self, panel: Panel, look: Look, wall: Callable[[], float]) -> None:
        self._panel, self._look, self._wall = panel, look, wall

    async def page(self, _: Request) -> Response:
        return page.document()

    async def metrics(self, request: Request) -> Response:
        # Nobody is asked: a scrape must not wait for an actor, nor cost one anything.
        accept = request.headers.get("accept", "")
        body, content_type = await self._panel.exporter.render_async(accept)
        return Response(body, headers={"content-type": content_type})

    async def healthz(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        seen = await self._look.now()
        ready, sentence = self._panel.ready()
        if seen.problem:
            ready, sentence = False, seen.problem
        lines = [sentence, *waits_in_words(seen.overview.waits, now=self._wall())]
        return PlainTextResponse("\n".join(lines) + "\n", status_code=200 if ready else 503)

    async def state(self, request: Request) -> Response:
        seen = await self._look.now()
        words = Words(language_of(request.headers.get("accept-language", "")))
        return JSONResponse(
            state(self._panel, seen, now=self._wall(), words=words),
            headers={"content-language": words.language, "vary": "accept-language"},
        )


class _Steering:
    """What may change something: each of the commands that are offered here."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel

    async def command(self, request: Request) -> Response:
        name, given = request.path_params["name"], await _body(request)
        if Surface.API not in find(name).surfaces:
            raise BadCommandError(name, "is for the command line alone")
        result = await self._panel.command(name, given, who=WHO)
        words = Words(language_of(request.headers.get("accept-language", "")))
        return JSONResponse(
            translated(result.model_dump(mode="json"), words),
            headers={"content-language": words.language, "vary": "accept-language"},
        )

    async def openapi(self, _: Request) -> Response:
        return JSONResponse(document())


async def _body(request: Request) -> dict[str, Any]:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LONGEST_BODY:
            raise BadRequestError(f"the body is longer than {LONGEST_BODY} bytes")
    try:
        body = json.loads(bytes(raw) or b"{}")
    except ValueError:  # without the cause: it would quote the body, which may hold a password
        raise BadRequestError("the body is no JSON") from None
    if not isinstance(body, dict):
        raise BadRequestError("the body is no JSON object")
    return body
