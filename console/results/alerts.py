"""Results of commands about messages out."""

from __future__ import annotations

from .base import Result


class Alert(Result):
    """An alert that is firing: since when it is true, and who has been told."""

    name: str
    subject: str
    severity: str
    explanation: str
    advice: str
    detail: str
    since: float
    told: tuple[str, ...]


class SilencedAlert(Result):
    """What nobody is told of, and until when."""

    name: str
    until: float


class AlertChannel(Result):
    """A channel: whether it tells, what waits for it, why it could not tell last."""

    name: str
    kind: str
    on: bool
    muted_until: float | None
    waiting: int
    problem: str
    next_try: float | None


class Webhook(Result):
    """A webhook: what waits for it, and what it has not taken."""

    name: str
    waiting: int
    dead: int
    problem: str


class Alerts(Result):
    """What is firing, and how those who are told are."""

    alerts: tuple[Alert, ...]
    silences: tuple[SilencedAlert, ...]
    channels: tuple[AlertChannel, ...]
    webhooks: tuple[Webhook, ...]


class Silenced(Result):
    """Until when nobody is told."""

    name: str
    until: float


class Resumed(Result):
    """What was silent and is not any more."""

    names: tuple[str, ...]


class ChannelTest(Result):
    """Whether a test went by a channel, and if not, why."""

    channel: str
    sent: bool
    problem: str


class TestedChannels(Result):
    """Channels that were tried."""

    channels: tuple[ChannelTest, ...]


class DeadEvent(Result):
    """An event that a webhook has not taken."""

    id: str
    webhook: str
    event: str
    at: float
    reason: str


class DeadEvents(Result):
    """Events that were put aside, oldest first."""

    events: tuple[DeadEvent, ...]


class SettledEvents(Result):
    """How many are sent once more, or dropped."""

    count: int
