"""How sessions, worker groups and pairs are, as values: what pages and metrics are made from.

Times are epoch seconds, durations seconds. Nothing in a report is secret.
"""

from __future__ import annotations

from dataclasses import dataclass

from .phases import Health, Phase

__all__ = ["GroupReport", "Overview", "PairReport", "SessionReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """How a session is. Times are epoch seconds, durations seconds."""

    session: str
    phase: Phase
    health: Health
    reason: str
    since: float
    until: float | None = None
    limited_until: float | None = None
    rung: str = ""
    recoveries: int = 0
    parked: int = 0
    probe_seconds: float | None = None
    update_age: float | None = None
    user_id: int | None = None
    groups: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairReport:
    """How a pair is: messages that wait, and what it has done since its group started.

    ``ready`` says that its chats are known and its source's history is read up to now.
    """

    id: int
    source: int | str
    target: int | str
    mode: str
    waiting: int
    delivered: int
    repeated: int
    dead: int
    paused: str | None
    ready: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """How a worker group is."""

    session: str
    group: str
    online: bool
    pairs: tuple[PairReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Every session and worker group, by name."""

    sessions: tuple[SessionReport, ...]
    groups: tuple[GroupReport, ...]
