"""The handle on messages out: what is firing, silences, tests, events that webhooks refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import InvalidRecordError
from ..notify import (
    AlertsAsked,
    DeadEventsAsked,
    Resume,
    SettleDead,
    Silence,
    Standing,
    Test,
)
from ..storage import WebhookRow
from .audit import Auditor
from .checks import a_text

TEST_WITHIN = 90.0  # seconds; a channel's own deadline is below that
LONGEST = 1e11  # seconds

Asks = Callable[[Any, float], Awaitable[Any]]
WITHIN = 10.0  # seconds


class Alerts:
    """Alerts and messages out of one warden.

    Example::

        for alert in (await warden.alerts.standing()).firing:
            print(alert.name, alert.subject, alert.detail)
    """

    def __init__(self, ask: Asks, auditor: Auditor) -> None:
        self._ask, self._auditor = ask, auditor

    async def standing(self) -> Standing:
        """What is firing, what is silenced, and how channels and webhooks are."""
        found: Standing = await self._ask(AlertsAsked(), WITHIN)
        return found

    async def silence(self, name: str, seconds: float, *, who: str = "app") -> float:
        """Tell nobody of an alert for a while; returns until when, in epoch seconds.

        Args:
            name: an alert (``SessionDown``), one of one subject (``SessionDown:alice``), ``*`` for
                all, or a channel.
            seconds: how long.
            who: noted in the audit trail.

        Raises:
            UnknownAlertError: there is none of that name.
        """
        a_text("name", name, "an alert, as SessionDown or SessionDown:alice, or a channel")
        if isinstance(seconds, bool) or not 0 < seconds <= LONGEST:
            raise InvalidRecordError("seconds", seconds, "more than 0")
        async with self._auditor.noted(who, "silence alerts", name):
            until: float = await self._ask(Silence(name, float(seconds)), WITHIN)
        return until

    async def resume(self, name: str | None = None, *, who: str = "app") -> tuple[str, ...]:
        """Tell again of one alert or by one channel, or of all alerts; returns what was silent.

        Raises:
            UnknownAlertError: there is none of that name.
        """
        async with self._auditor.noted(who, "resume alerts", name or "*"):
            found: tuple[str, ...] = await self._ask(Resume(name), WITHIN)
        return found

    async def test(self, channel: str | None = None, *, who: str = "app") -> dict[str, str]:
        """Send a test by one channel, or by all; returns each one's trouble, empty where it went.

        Raises:
            UnknownAlertError: there is no such channel.
        """
        async with self._auditor.noted(who, "test alerts", channel or "*"):
            found: dict[str, str] = await self._ask(Test(channel), TEST_WITHIN)
        return found

    async def dead_events(self, webhook: str | None = None) -> tuple[WebhookRow, ...]:
        """The events that a webhook, or any, has not taken and that were put aside, oldest first.

        Raises:
            UnknownAlertError: there is no such webhook.
        """
        found: tuple[WebhookRow, ...] = await self._ask(DeadEventsAsked(webhook), WITHIN)
        return found

    async def retry_events(
        self, webhook: str | None = None, event: str | None = None, *, who: str = "app"
    ) -> int:
        """Send what was put aside once more; returns how many.

        Raises:
            UnknownAlertError: there is no such webhook.
        """
        return await self._settle(True, webhook, event, who)

    async def drop_events(
        self, webhook: str | None = None, event: str | None = None, *, who: str = "app"
    ) -> int:
        """Forget what was put aside; returns how many.

        Raises:
            UnknownAlertError: there is no such webhook.
        """
        return await self._settle(False, webhook, event, who)

    async def _settle(self, again: bool, webhook: str | None, event: str | None, who: str) -> int:
        what = "retry events" if again else "drop events"
        async with self._auditor.noted(who, what, webhook or "*"):
            order = SettleDead(again=again, webhook=webhook, event=event)
            count: int = await self._ask(order, WITHIN)
        return count
