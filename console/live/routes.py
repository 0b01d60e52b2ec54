"""The addresses of the live state: all of it, its changes, the words that explain it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ...metrics import CHART_POINTS, CHART_STEP
from ...telegram import HEALTH_REASONS, HEALTHS, PHASES, Phase
from ..access.tokens import Access, Caller
from ..problems import BadRequestError
from ..words import Words, language_of
from .hub import Hub


class LiveRoutes:
    """Serves the state to pages.

    Args:
        hub: looks for all of them.
        access: tells whose login has ended; ``None`` on the control socket.
    """

    def __init__(self, hub: Hub, access: Access | None) -> None:
        self._hub, self._access = hub, access

    async def state(self, request: Request) -> Response:
        """All of it, compact."""
        language = _language(request)
        return Response(
            await self._hub.state(language), headers=_said_in(language, "application/json")
        )

    async def stream(self, request: Request) -> Response:
        """Its changes as server-sent events, from ``Last-Event-ID`` or ``from`` on."""
        language = _language(request)
        place = request.headers.get("last-event-id") or request.query_params.get("from", "")
        caller: Caller | None = getattr(request.state, "caller", None)

        def may_go_on() -> bool:
            return self._access is None or caller is None or self._access.still(caller)

        headers = _said_in(language, "text/event-stream") | {"x-accel-buffering": "no"}
        return StreamingResponse(self._hub.stream(language, place, may_go_on), headers=headers)

    async def charts(self, request: Request) -> Response:
        """What the process keeps of the last day, a point a minute."""
        asked = request.query_params.get("minutes", str(CHART_POINTS))
        if not asked.isdecimal() or not 1 <= int(asked) <= CHART_POINTS:
            raise BadRequestError(f"minutes is {asked[:20]!r}; give 1 to {CHART_POINTS}")
        start, series = self._hub.day.last(int(asked))
        points = len(series["online"])
        return JSONResponse(
            {"step": CHART_STEP, "start": start, "points": points, "series": series}
        )

    async def words(self, request: Request) -> Response:
        """What each state means, and what to do about it."""
        language = _language(request)
        return JSONResponse(_explained(Words(language)), headers=_said_in(language, ""))


def _explained(words: Words) -> dict[str, Any]:
    usual = PHASES[Phase.ONLINE].advice
    return {
        "language": words.language,
        "phases": {
            phase: {
                "explanation": words(one.explanation),
                "advice": words(one.advice),
                "advice_needed": one.advice != usual,
            }
            for phase, one in PHASES.items()
        },
        "reasons": {
            reason: {"explanation": words(one.explanation), "advice": words(one.advice)}
            for reason, one in HEALTH_REASONS.items()
        },
        "healths": {
            health: {"explanation": words(one.explanation), "advice": words(one.advice)}
            for health, one in HEALTHS.items()
        },
    }


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language", ""))


def _said_in(language: str, content_type: str) -> dict[str, str]:
    headers = {"content-language": language, "vary": "accept-language"}
    return headers | ({"content-type": content_type} if content_type else {})
