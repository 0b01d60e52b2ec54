"""Events of alerts, for whoever listens to a warden."""

from __future__ import annotations

from ..supervision import Event, frozen


@frozen
class AlertEvent(Event):
    """Something about the alert ``name`` of ``subject``; ``at`` is epoch seconds.

    Args:
        name: which alert.
        subject: the session, the pair, the part of the tree it is about; may be empty.
        severity: how grave it is.
        what: what has happened.
        advice: what to do.
        detail: the facts, in a few words.
    """

    name: str
    subject: str
    severity: str
    what: str
    advice: str
    detail: str
    child: str = ""


@frozen
class AlertFired(AlertEvent):
    """It is true, and has been for long enough."""


@frozen
class AlertResolved(AlertEvent):
    """It is not true any more."""
