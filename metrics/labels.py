"""Label values from small fixed sets. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OTHER: Final = "other"

SERVICES: Final = ("journal", "gateway", "registry", "health", "console", "share")
KINDS: Final = ("session", "group", *SERVICES, OTHER)
"""Kinds of children; supervisors are ``other``."""

RUNGS: Final = ("string", "file", "repair")
COPIES: Final = ("string", "file")
OUTCOMES: Final = ("worked", "failed")
DROPS: Final = ("crashed", "overflow", "unavailable", "gone")

ENDS: Final = ("error", "start_failed", "abandoned", "normal", "shutdown", "drill", OTHER)
"""Why a child is restarted: how its last incarnation ended."""

CAUSES: Final[Mapping[str, str]] = {
    "start": "start",
    "crash": "crash",
    "login": "login",
    "connection lost": "connection",
    "deaf": "deaf",
    "asked by the operator": "operator",
    "asked by the health monitor": "monitor",
    "stalled": "monitor",
    "behind": "monitor",
    "source_deaf": "monitor",
}
REASONS: Final = (*dict.fromkeys(CAUSES.values()), OTHER)
"""Why a session had to come (back) online."""

METHODS: Final = (
    "*",
    "auth.sendCode",
    "auth.signIn",
    "messages.editMessage",
    "messages.forwardMessages",
    "messages.getHistory",
    "messages.sendMedia",
    "messages.sendMessage",
    "messages.sendMultiMedia",
    "updates.getChannelDifference",
    "updates.getDifference",
    "updates.getState",
)
"""Methods that a warden calls by itself; ``*`` is all sending. An app's own come on top."""


def kind_of(path: str) -> str:
    """What kind of child lives at ``path``: session, group, journal, ... or other.

    Supervisors are ``other``: what they supervise is counted by itself.
    """
    *above, name = path.split("/")
    if name in SERVICES and not above:
        return name
    if above and above[-1].startswith("session:") and name == "session":
        return "session"
    if above and above[-1] == "groups":
        return "group"
    return OTHER


def session_of(path: str) -> str | None:
    """Which session a child belongs to; ``None`` for what all share."""
    for step in path.split("/"):
        kind, _, name = step.partition(":")
        if kind == "session" and name:
            return name
    return None


def end_word(reason: str) -> str:
    """How an incarnation ended, in one word of ``ENDS``."""
    kind, _, error = reason.partition(": ")
    if error == "DrillError":
        return "drill"
    return kind if kind in ENDS else OTHER


def cause_class(cause: str) -> str:
    """Why a session had to come back, as one word of ``REASONS``."""
    return CAUSES.get(cause, OTHER)
