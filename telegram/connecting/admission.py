"""Admission of connects: spread over time, held back by -429, outages and API blocks.

Connects are spread over time. An address that takes no more of them (-429) is left alone. When an
address, or a proxy, fails for many sessions, one of them looks and the others wait. And when
Telegram refuses the app itself, nobody connects.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ...errors import TelegramRateLimitError, TelegramSessionError, TelewardenError
from ..errors.classification import classify, short_of
from ..errors.proxy_trouble import ProxyTroubleError
from ..errors.verdict import Action, ErrorClass, Verdict
from ..proxies import Proxies, Route
from ..session import WardenSession
from .api_block import ApiBlock
from .connect_limit import ConnectLimit, ConnectQueue
from .outage import OutageWatch

SHARED_OUTAGE: Final = "SHARED_OUTAGE"  # the name of the verdict that no packet was sent for
DIRECT: Final = "this host"  # from where connects come that go through no proxy


class Admission:
    """The admission of one app's clients.

    Args:
        proxies: which session goes through which.
        queue: spreads connects.
        outages: sees what fails for many.
        clock: monotonic seconds.
        on_held: told when Telegram refuses the app, and how.
    """

    def __init__(
        self,
        proxies: Proxies,
        queue: ConnectQueue,
        outages: OutageWatch,
        *,
        clock: Callable[[], float],
        on_held: Callable[[Verdict], None],
    ) -> None:
        self._proxies, self._queue, self._outages = proxies, queue, outages
        self._clock, self._on_held = clock, on_held
        self.api = ApiBlock()

    def change(self, *, proxies: Proxies, limit: ConnectLimit) -> None:
        """Let other ways and another limit of connects hold for whoever connects from now on."""
        self._proxies = proxies
        self._queue.change(limit)

    def route(self, name: str, session: WardenSession) -> Route:
        """The way that a session's connection takes."""
        return Route(session.server_address or "", self._proxies.of(name))

    def egress(self, name: str) -> str:
        """From where a session's connections come: this host, or its proxy."""
        proxy = self._proxies.of(name)
        return DIRECT if proxy is None else str(proxy)

    async def acquire(self, name: str, route: Route) -> None:
        """Wait until a session may connect.

        Raises:
            TelegramError: it may not; no packet was sent.
        """
        self._check(name, route)
        await self._queue.acquire(route)
        self._check(name, route)

    async def acquire_for_login(self, name: str, route: Route) -> None:
        """Wait until a login may connect: its owner waits, who may be the one to put things right.

        Raises:
            TelegramRateLimitError: too many connections came from there; no packet was sent.
        """
        self._check_cooling(name)
        await self._queue.acquire(route)
        self._check_cooling(name)

    async def wait_closed(self, name: str) -> None:
        """Wait until the address that refused so many, ``name`` among them, serves again."""
        await self._outages.wait_closed(name)

    def check_held(self, name: str) -> None:
        """Raise a ``TelegramError`` while Telegram refuses the app."""
        if (refusal := self.api.refusal(name)) is not None:
            raise refusal

    # What is learnt from each

    def record_success(self, name: str, route: Route) -> None:
        """A session's client was taken."""
        self._answered(route)
        self.api.record_success(name)

    def record_failure(self, name: str, route: Route, error: BaseException) -> None:
        """A session's client was not taken."""
        if not isinstance(error, Exception):
            return  # it was called off: that says nothing of the way
        if short_of(error):
            return  # nor does a shortage of our own
        verdict = classify(error)
        if verdict.kind is not ErrorClass.NET:
            self._answered(route)  # it answered, if only with a refusal
        elif isinstance(error, ProxyTroubleError) and not error.behind:
            self._outages.record_failure(route.proxy, name, self._clock())
        else:
            self._outages.record_failure(route, name, self._clock())
        self.refused(name, error)

    def refused(self, name: str, error: BaseException) -> None:
        """What is said to one is meant for all: from where it connects, or for this app."""
        if isinstance(error, TelewardenError):
            return  # it was said here
        verdict = classify(error)
        if verdict.action is Action.COOL_ADDRESS:
            self.back_off(name, verdict.wait or 0.0)
        elif verdict.action is Action.HOLD_API:
            self.hold(verdict)

    def back_off(self, name: str, seconds: float) -> None:
        """Let nothing connect for so long from where the connections of ``name`` come."""
        self._queue.back_off(self.egress(name), seconds)

    def hold(self, verdict: Verdict) -> None:
        """Telegram refuses the app: nobody connects."""
        self.api.begin(verdict)
        self._on_held(verdict)

    # Inside

    def _check(self, name: str, route: Route) -> None:
        self.check_held(name)
        self._check_outage(name, route)
        self._check_cooling(name)

    def _check_cooling(self, name: str) -> None:
        egress = self.egress(name)
        left = self._queue.backoff_left(egress)
        if left > 0:
            advice = "Too many connections from this address; it connects again by itself."
            raise TelegramRateLimitError(
                f"{name}: Telegram takes no more connections from {egress} for now;"
                f" {left:.0f} s are left",
                session=name,
                kind=ErrorClass.FLOOD,
                action=Action.COOL_ADDRESS,
                name="TRANSPORT_FLOOD",
                advice=advice,
                wait=left,
                deadline=time.time() + left,
            )

    def _check_outage(self, name: str, route: Route) -> None:
        """Refuse what must wait: for its proxy when that is out, else for the address."""
        out = route.proxy is not None and self._outages.is_open(route.proxy)
        failing = route.proxy if out and route.proxy is not None else route
        if not self._outages.allows(failing, name, self._clock()):
            raise TelegramSessionError(
                f"{name}: {failing} fails for many sessions at once; no packet was sent",
                session=name,
                kind=ErrorClass.NET,
                action=Action.RECONNECT,
                name=SHARED_OUTAGE,
                advice=f"{failing} fails for many; one looks, the others come when it works.",
            )

    def _answered(self, route: Route) -> None:
        self._outages.record_success(route)
        if route.proxy is not None:
            self._outages.record_success(route.proxy)
