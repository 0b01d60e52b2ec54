"""Reports of sessions, worker groups and pairs, as values for pages and metrics.

Times are epoch seconds, durations seconds. Nothing in a report is secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .account_facts import AccountFacts
from .health import HealthVerdict
from .phases import Health, Phase
from .session_events import Noticed


class WaitKind(StrEnum):
    """What kind of thing is waited for."""

    DISK = "disk"  # it takes nothing
    LEASE = "lease"  # another process has the key
    FLOOD = "flood"  # Telegram asked to wait
    CROWDED = "crowded"  # Telegram takes no more connections from here
    OUTAGE = "outage"  # an address or a proxy fails for many
    TURN = "turn"  # others come online first
    CONNECT = "connect"  # the limit of connects, or Telegram's answer
    BACKOFF = "backoff"  # the pause before the next try
    LOGIN = "login"  # a person
    LOGIN_BUDGET = "login_budget"  # enough codes were asked for today
    QUARANTINE = "quarantine"  # a person: it failed too often
    RESTART = "restart"  # the pause before a restart
    PACE = "pace"  # its turn to send, or Telegram's answer
    BEHIND = "behind"  # history is read first
    BACKFILL = "backfill"  # the past is read
    HANDLER = "handler"  # a handler of the user's own
    RETRY = "retry"  # the pause before a message is tried again
    PAUSED = "paused"  # a pair's own trouble, or a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Somebody waits: for what, since when, and until when if that is known."""

    who: str
    kind: WaitKind
    what: str
    since: float
    until: float | None = None

    @property
    def alarming(self) -> bool:
        """Whether nothing that depends on it works meanwhile, whatever else looks well."""
        return self.kind in {WaitKind.DISK, WaitKind.QUARANTINE}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """How a session is. Times are epoch seconds, durations seconds.

    ``last_update`` is when Telegram last told its client anything; ``None`` without a client.
    ``notice`` is what Telegram has told last, unasked, within a day, ``account`` what is known of
    the account.
    """

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
    last_update: float | None = None
    user_id: int | None = None
    groups: int = 0
    waits: tuple[Wait, ...] = ()
    notice: Noticed | None = None
    account: AccountFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairReport:
    """How a pair is: messages that wait, and what it has done since its group started.

    ``ready`` says that its chats are known and its source's history is read up to now,
    ``deaf_since`` since when Telegram does not tell its session of what is said in its source.
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
    deaf_since: float | None = None
    waits: tuple[Wait, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """How a worker group is."""

    session: str
    group: str
    online: bool
    pairs: tuple[PairReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Every session and worker group, by name, and everything that waits, for longest first.

    ``verdicts`` are the health monitor's on those that are not well, and on those whom it has
    helped lately.
    """

    sessions: tuple[SessionReport, ...]
    groups: tuple[GroupReport, ...]
    waits: tuple[Wait, ...] = ()
    verdicts: tuple[HealthVerdict, ...] = ()
