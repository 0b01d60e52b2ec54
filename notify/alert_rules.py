"""The alerts there are: which trouble each is, how grave, for how long it must last, what to do.

Pure. Names, gravity and times are those of the alert rules for Prometheus, where those have them; a
test compares. ``TelewardenGone`` is missing: who is gone tells nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0
IS_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
OF_PART: Final = re.compile(r"\bsession:([A-Za-z0-9_]+)")  # in a path of the tree
OF_PAIR: Final = re.compile(r"pair ([0-9]+)")


class Severity(StrEnum):
    """How grave an alert is."""

    INFO = "info"  # good to know
    WARNING = "warning"  # it works, for now
    CRITICAL = "critical"  # nothing that depends on it works, or a person alone can help

    @property
    def rank(self) -> int:
        """0 for the least grave."""
        return tuple(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert.

    Args:
        name: what it is called; for Prometheus ``Telewarden`` stands before it.
        severity: how grave it is.
        what: what has happened, in one sentence.
        advice: what to do now; ``{session}`` and ``{pair}`` stand for whom it is about.
        after: seconds for which it must be true before anybody is told.
        limit: the number past which it is true, where there is one.
        moment: whether it is a thing that happens, so that its end is no news.
    """

    name: str
    severity: Severity
    what: str
    advice: str
    after: float = 0.0
    limit: float | None = None
    moment: bool = False

    def advice_for(self, subject: str) -> str:
        """What to do now, with whom it is about in its place where that is known."""
        session = OF_PART.search(subject)
        pair = OF_PAIR.fullmatch(subject)
        plain = subject if IS_NAME.fullmatch(subject) else "SESSION"
        named = self.advice.replace("{session}", session[1] if session else plain)
        return named.replace("{pair}", pair[1] if pair else "PAIR")


_ALL: Final = (
    Rule(
        name="SessionDown",
        severity=Severity.WARNING,
        after=5 * MINUTE,
        what="Session not online.",
        advice="It comes back by itself. `telewarden status` says what it waits for and until when;"
        " `telewarden recover {session}` tries now. If many are down, look at network and proxy.",
    ),
    Rule(
        name="SessionNeedsLogin",
        severity=Severity.CRITICAL,
        after=MINUTE,
        what="Session needs a login.",
        advice="Telegram does not take its login any more, or it has none. Pairs and queue are"
        " kept. Log it in: `telewarden auth {session}`.",
    ),
    Rule(
        name="KeyLatched",
        severity=Severity.CRITICAL,
        what="The session's key is dead.",
        advice="Telegram ended it for good: no copy of it is tried again. See in Telegram under"
        " Settings, Devices, who ended it; then `telewarden auth {session}`.",
    ),
    Rule(
        name="SessionQuarantined",
        severity=Severity.CRITICAL,
        what="Session quarantined.",
        advice="A person has to look first: `telewarden status` has the reason. Remove the cause,"
        " then `telewarden recover {session}`.",
    ),
    Rule(
        name="PartQuarantined",
        severity=Severity.CRITICAL,
        after=MINUTE,
        what="A part of the warden is kept down: it failed too often.",
        advice="It does not come back by itself. `telewarden tree` has the error; remove the cause,"
        " then `telewarden recover {session}`.",
    ),
    Rule(
        name="RestartStorm",
        severity=Severity.WARNING,
        limit=5,
        what="Many restarts within 10 minutes.",
        advice="Something fails again and again; past its limit it is quarantined. `telewarden"
        " tree` shows which and why, the log has the traceback (`child failed`).",
    ),
    Rule(
        name="LongFlood",
        severity=Severity.WARNING,
        limit=HOUR,
        what="Telegram asks for a long wait.",
        advice="What is flooded is parked and goes on at the deadline by itself; forcing it makes"
        " it longer. Lower `[pacing]`, or move pairs: `telewarden reassign`.",
    ),
    Rule(
        name="AccountLimited",
        severity=Severity.WARNING,
        what="Telegram lets the account write hardly anywhere.",
        advice="All its sending waits, then one message is tried. @SpamBot tells the account why.",
    ),
    Rule(
        name="SessionDeaf",
        severity=Severity.WARNING,
        limit=1,
        what="Session was connected and heard nothing, more than once within an hour.",
        advice="It was given a new connection and has read what it missed. If it goes on, look at"
        " the proxy and at whatever else uses this account.",
    ),
    Rule(
        name="SessionSilent",
        severity=Severity.WARNING,
        limit=DAY,
        what="Session is online and has heard nothing for long.",
        advice="Nothing is wrong with an account in whose chats nothing happens. Otherwise post a"
        " message there; if it does not arrive, `telewarden recover {session}`.",
    ),
    Rule(
        name="LoginBudgetSpent",
        severity=Severity.WARNING,
        what="Session has used up its login codes for today.",
        advice="More would have Telegram lock the number for a day. Log in by QR code, or wait"
        " until tomorrow.",
    ),
    Rule(
        name="LeaseElsewhere",
        severity=Severity.CRITICAL,
        after=2 * MINUTE,
        what="Another process owns the session's key.",
        advice="Two users of one key end the login for both, so this warden waits. Stop one of"
        " them; `telewarden status` names the other.",
    ),
    Rule(
        name="LeaseLost",
        severity=Severity.CRITICAL,
        after=5 * MINUTE,
        what="Session is online, and this process does not own its key.",
        advice="Another process could take the key, and two users of one key end the login for"
        " both. See `telewarden safety-check`; restart the warden if it names nobody.",
    ),
    Rule(
        name="AccountFrozen",
        severity=Severity.CRITICAL,
        what="Telegram has frozen the account.",
        advice="It can read and not write, and is deleted at a date unless an appeal is granted."
        " `telewarden status` says the date and where to appeal. What it has to send waits.",
    ),
    Rule(
        name="DiesUnused",
        severity=Severity.WARNING,
        limit=7 * DAY,
        what="A login or an account soon dies unused.",
        advice="Telegram ends what is not used for that long. Bring the session online, which"
        " begins the count anew: `telewarden recover {session}`.",
    ),
    Rule(
        name="LayerDrift",
        severity=Severity.WARNING,
        moment=True,
        what="Telegram sends what this Telethon cannot read.",
        advice="All else is read, for all sessions alike. A newer Telethon is needed: upgrade it"
        " and restart. The log has the constructor (`layer drift`).",
    ),
    Rule(
        name="SourceDeaf",
        severity=Severity.WARNING,
        after=10 * MINUTE,
        what="Session is online and is not told of some of its sources.",
        advice="Nothing is lost: a look every few minutes reads them, so messages come late. Open"
        " the source once in the official app of the account; if that does not help, `telewarden"
        " recover {session}`.",
    ),
    Rule(
        name="ForeignLogin",
        severity=Severity.CRITICAL,
        moment=True,
        what="The account was logged in elsewhere, or a bot was given it.",
        advice="If it was nobody you know, end that login in Telegram under Settings, Devices, and"
        " change the cloud password.",
    ),
    Rule(
        name="TelegramNotice",
        severity=Severity.WARNING,
        moment=True,
        what="Telegram has told the account something.",
        advice="`telewarden status` shows it.",
    ),
    Rule(
        name="PairPaused",
        severity=Severity.WARNING,
        what="A pair is paused for a trouble of its own.",
        advice="`telewarden pairs why {pair}` has the reason; remove it, then `telewarden pairs"
        " resume {pair}`. What was said meanwhile is read from history.",
    ),
    Rule(
        name="OutboxOld",
        severity=Severity.WARNING,
        after=5 * MINUTE,
        limit=15 * MINUTE,
        what="A message has waited for long.",
        advice="Nothing is lost. `telewarden pairs list` shows what each pair waits for: a flood,"
        " its turn, a pause, a session that is offline.",
    ),
    Rule(
        name="ForwardLag",
        severity=Severity.WARNING,
        after=10 * MINUTE,
        limit=MINUTE,
        what="One message in twenty reaches its target late.",
        advice="More comes in than may be sent, or Telegram is slow. Look at floods and at the"
        " outbox of each session; give busy pairs an account of their own.",
    ),
    Rule(
        name="DeadLetters",
        severity=Severity.WARNING,
        what="Messages could not be delivered.",
        advice="They are put aside with their reason: `telewarden pairs dead` lists them,"
        " `telewarden pairs retry` and `telewarden pairs drop` settle them.",
        moment=True,
    ),
    Rule(
        name="HealthStep",
        severity=Severity.WARNING,
        what="The health monitor has taken a step.",
        advice="`telewarden events` says what it found; docs/sessions.md has the table of what it"
        " does and when. `[health] steps` says what it may do.",
        moment=True,
    ),
    Rule(
        name="MonitorSilent",
        severity=Severity.WARNING,
        after=MINUTE,
        limit=MINUTE,
        what="Nobody tells how the sessions are.",
        advice="The health monitor does not answer; what is shown of sessions is old. See"
        " `telewarden tree`.",
    ),
    Rule(
        name="ActorStuck",
        severity=Severity.WARNING,
        what="A part of the warden was stuck at one message.",
        advice="It was cancelled and restarted, or left where all else needs it: a disk that hangs"
        " holds the journal up so. The log says which (`child stuck`).",
        moment=True,
    ),
    Rule(
        name="ActorAbandoned",
        severity=Severity.CRITICAL,
        what="A part of the warden would not stop and was abandoned.",
        advice="What it does is turned away. Past `[supervision] abandoned_limit` the process ends"
        " with exit code 70; restart it at a quiet time.",
        moment=True,
    ),
    Rule(
        name="LoopStalled",
        severity=Severity.WARNING,
        limit=5,
        what="Something held the warden up.",
        advice="All sessions stood still meanwhile. The log says where in the code (`loop"
        " stalled`); or the machine is too slow.",
        moment=True,
    ),
    Rule(
        name="Outage",
        severity=Severity.WARNING,
        after=5 * MINUTE,
        what="An address of Telegram's, or a proxy, fails for many sessions.",
        advice="One session looks, the others wait and come back by themselves. Look at the network"
        " and the proxy.",
    ),
    Rule(
        name="DiskRefuses",
        severity=Severity.CRITICAL,
        what="The disk takes nothing.",
        advice="Messages wait, nothing is lost. Make room; it goes on by itself within seconds.",
    ),
    Rule(
        name="DiskNearlyFull",
        severity=Severity.WARNING,
        after=5 * MINUTE,
        limit=0.05,
        what="The disk is nearly full.",
        advice="Make room before it is full. `[storage] keep_delivered` and `backups_kept` say what"
        " the warden keeps.",
    ),
    Rule(
        name="BackupOld",
        severity=Severity.WARNING,
        limit=2 * DAY,
        what="The newest copy of the database is old.",
        advice="The log says why none was taken (`database not backed up`); is there room on the"
        " disk, and `[storage] backup_every` above 0?",
    ),
)

OF_SESSIONS: Final = frozenset(
    {
        "AccountFrozen",
        "AccountLimited",
        "DiesUnused",
        "ForeignLogin",
        "KeyLatched",
        "LeaseElsewhere",
        "LeaseLost",
        "LoginBudgetSpent",
        "LongFlood",
        "OutboxOld",
        "SessionDeaf",
        "SessionDown",
        "SessionNeedsLogin",
        "SessionQuarantined",
        "SessionSilent",
        "SourceDeaf",
        "TelegramNotice",
    }
)
"""Those whose subject is a session's name."""
RULES: Final[Mapping[str, Rule]] = MappingProxyType({one.name: one for one in _ALL})
"""All alerts, by name."""
TEST: Final = Rule(
    name="Test",
    severity=Severity.INFO,
    what="This is a test: alerts arrive here.",
    advice="Nothing to do.",
)
"""What ``alerts test`` sends; it never fires by itself."""
