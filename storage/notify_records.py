"""Frozen records of messages out: alerts that have fired, what is owed to whom. None is secret."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """An alert that has fired and is not over. Times are epoch seconds.

    Args:
        since: from when on it is true.
        fired: when it had been true for long enough.
        owed: when it was last to be told; ``None`` while it is silenced.
        told: the channels that have told of it.
    """

    name: str
    subject: str
    severity: str = "warning"
    detail: str = ""
    since: float
    fired: float | None = None
    owed: float | None = None
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsRow:
    """Something that is owed to a channel.

    Args:
        id: unique for ever.
        what: ``fired``, ``again`` or ``resolved``.
        since: from when on the alert is, or was, true.
        at: when it became news.
        batch: the message that it is sent in; ``None`` until it is put into one.
    """

    id: str
    channel: str
    name: str
    subject: str
    what: str
    severity: str
    detail: str = ""
    since: float
    at: float
    batch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow:
    """An event that is owed to a webhook, or was put aside (``dead``).

    Args:
        id: what the receiver tells repeats by.
        event: the event's class.
        refused: how often the receiver has refused it.
        reason: why it is dead, or was not taken last.
    """

    id: str
    webhook: str
    event: str
    body: str = field(repr=False)
    at: float
    refused: int = 0
    reason: str = ""
    dead: bool = False
