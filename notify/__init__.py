"""Messages out: which trouble somebody is told of, by which channel and when, until it arrives.

Owns the alerts' rules, the decision who is told what, what is owed, channels and webhooks. Leaves
what there is to know to ``metrics``, and Telegram's side of a bot to ``console.bot``.
"""

from __future__ import annotations

from .actor import NotifyActor
from .alert_rules import OF_SESSIONS, RULES, Severity
from .event_inbox import EventInbox
from .event_kinds import EventKinds
from .events import AlertEvent, AlertFired, AlertResolved
from .messages import (
    AlertsAsked,
    ChannelState,
    DeadEventsAsked,
    Resume,
    SendToChat,
    SettleDead,
    Silence,
    Standing,
    Test,
    WebhookState,
)
from .settings import (
    ChannelRules,
    CurrentNotify,
    NotifySettings,
    QuietHours,
    RuleChange,
    WebhookRules,
    bot_channel,
)

__all__ = [
    "OF_SESSIONS",
    "RULES",
    "AlertEvent",
    "AlertFired",
    "AlertResolved",
    "AlertsAsked",
    "ChannelRules",
    "ChannelState",
    "CurrentNotify",
    "DeadEventsAsked",
    "EventInbox",
    "EventKinds",
    "NotifyActor",
    "NotifySettings",
    "QuietHours",
    "Resume",
    "RuleChange",
    "SendToChat",
    "SettleDead",
    "Severity",
    "Silence",
    "Standing",
    "Test",
    "WebhookRules",
    "WebhookState",
    "bot_channel",
]
