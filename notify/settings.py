"""What messages out go by: rules as changed, channels, webhooks, quiet hours. Pure.

Secrets are not in here: a channel has a function that reads its address when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from .alert_rules import RULES, Rule, Severity

GATHER: Final = 5.0  # seconds in which what belongs together comes together
EVERY: Final = 30.0  # seconds between two messages by one channel
SETTLE: Final = 30.0  # seconds without it before an alert is over: what flaps is one alert
STALE: Final = 3600.0  # seconds; what could not be told for longer is summed up


def bot_channel(user: int) -> str:
    """The channel to somebody who is on the admin bot's list."""
    return f"bot:{user}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """A time of day in which nobody is told but of what is critical; may pass midnight."""

    begin: time
    end: time
    zone: tzinfo = UTC
    critical: bool = True

    def until(self, at: float) -> float | None:
        """When the quiet hours that ``at`` (epoch seconds) is in are over; ``None`` outside."""
        now = datetime.fromtimestamp(at, self.zone)
        passes = self.end <= self.begin
        inside = (
            now.time() >= self.begin or now.time() < self.end
            if passes
            else self.begin <= now.time() < self.end
        )
        if not inside:
            return None
        day = now.date() + timedelta(days=passes and now.time() >= self.begin)
        return datetime.combine(day, self.end, self.zone).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """What a configuration says otherwise of one alert; ``None`` leaves it as it is."""

    enabled: bool = True
    severity: Severity | None = None
    after: float | None = None
    limit: float | None = None
    again: float | None = None
    resolved: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """One channel and what goes by it.

    Args:
        url: reads Apprise's address, which holds secrets; ``None`` for a Telegram chat.
        telegram: the chat that the admin bot writes to.
        least: what is less grave is not told.
        only: the alerts that are told; all if empty.
        resolved: whether the end of an alert is told.
        quiet: when not to tell.
        every: seconds between two messages, at least.
        zone: times are told in it.
        language: explanations and advice are told in it.
        off: nothing is told until somebody switches it on.
    """

    name: str
    url: Callable[[], str] | None = field(default=None, repr=False)
    telegram: int | None = None
    least: Severity = Severity.WARNING
    only: frozenset[str] = frozenset()
    resolved: bool = True
    quiet: QuietHours | None = None
    every: float = EVERY
    zone: tzinfo = UTC
    language: str = "en"
    off: bool = False

    def wants(self, name: str, severity: Severity) -> bool:
        """Whether it tells of that alert."""
        return severity.rank >= self.least.rank and (not self.only or name in self.only)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRules:
    """One address that an app's own events are sent to.

    Args:
        url, secret: read address and key when they are needed.
        events: names of event classes.
        timeout: seconds for one try.
        refusals: answers that refuse an event before it is put aside.
        give_up: seconds after which an event that never arrived is put aside.
    """

    name: str
    url: Callable[[], str] = field(repr=False)
    secret: Callable[[], str] = field(repr=False)
    events: frozenset[str]
    timeout: float = 10.0
    refusals: int = 5
    give_up: float = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """All of it."""

    channels: Mapping[str, ChannelRules] = field(default_factory=dict)
    changes: Mapping[str, RuleChange] = field(default_factory=dict)
    webhooks: Mapping[str, WebhookRules] = field(default_factory=dict)
    gather: float = GATHER
    settle: float = SETTLE
    stale: float = STALE

    def rule(self, name: str) -> Rule | None:
        """An alert as it is to be gone by; ``None`` if it is switched off."""
        rule, change = RULES[name], self.changes.get(name)
        if change is None:
            return rule
        if not change.enabled:
            return None
        changed = {
            key: value
            for key in ("severity", "after", "limit")
            if (value := getattr(change, key)) is not None
        }
        return replace(rule, **changed)

    def again(self, name: str) -> float | None:
        """After how many seconds somebody is told once more that it is still true."""
        change = self.changes.get(name)
        return None if change is None else change.again

    def tells_end(self, name: str) -> bool:
        """Whether the end of this alert is told at all."""
        change = self.changes.get(name)
        return not RULES[name].moment and (change is None or change.resolved)


@dataclass(slots=True)
class CurrentNotify:
    """The settings as they are now; a reload puts others in their place."""

    value: NotifySettings = field(default_factory=NotifySettings)
