"""Messages that others send to the notifier, and the one that it sends to the admin bot."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..storage import AlertRow, WebhookRow
from ..supervision import Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """How a channel is: what waits for it, and why it could not tell last.

    Args:
        kind: ``telegram`` or ``apprise``.
        muted_until: epoch seconds; ``None`` if it tells.
        next_try: when it is tried again after a failure; ``None`` otherwise.
    """

    name: str
    kind: str
    waiting: int
    muted_until: float | None
    problem: str
    next_try: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookState:
    """How a webhook is: what waits for it, what was put aside, why it was not taken last."""

    name: str
    waiting: int
    dead: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is firing, what is silenced, and how channels and webhooks are."""

    firing: tuple[AlertRow, ...]
    silences: tuple[tuple[str, float], ...]
    channels: tuple[ChannelState, ...]
    webhooks: tuple[WebhookState, ...]


@dataclass(frozen=True, slots=True)
class AlertsAsked(Ask[Standing]):
    """How everything stands. Answered with ``Standing``."""


@dataclass(frozen=True, slots=True)
class Silence(Ask[float]):
    """Tell nobody of an alert, or of anything by a channel, for a while.

    Answered with the end in epoch seconds, or an ``UnknownAlertError``.
    """

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Resume(Ask[tuple[str, ...]]):
    """Tell again of one, or of all that is silenced. Answered with what was."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Test(Ask[dict[str, str]]):
    """Send a test by one channel, or by all.

    Answered with the trouble of each channel, empty where it went, or an ``UnknownAlertError``.
    """

    channel: str | None = None


@dataclass(frozen=True, slots=True)
class DeadEventsAsked(Ask[tuple[WebhookRow, ...]]):
    """The events that were put aside, of one webhook or of all. Answered with them."""

    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class SettleDead(Ask[int]):
    """Send what was put aside once more (``again``), or drop it. Answered with how many.

    ``event`` is one's id; ``None`` stands for all of the webhook, or of all webhooks.
    """

    again: bool
    webhook: str | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True)
class SendToChat(Ask[None]):
    """Ask the admin bot to send a text. Answered with ``None`` once Telegram has it, or an error.

    A text with the ``key`` of one before is the same message: Telegram shows it once.
    """

    chat: int
    key: str
    text: str = field(repr=False)
