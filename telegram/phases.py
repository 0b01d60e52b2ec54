"""The session's state machine: phases, transitions, health, explanation and advice.

The machine is the table ``STEPS``: what is absent is illegal. Health, in the six words that
operators know, is derived from it. Each phase has one explanation and one piece of advice,
used by every surface that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..errors import IllegalStepError

GROUP_QUARANTINED: Final = "GROUP_QUARANTINED"  # the session works, some of its pairs do not
_KEY_DROPS: Final = "AUTH_KEY_DROP_"  # how the notices begin that end a key


class Phase(StrEnum):
    """Where a session stands."""

    REGISTERED = "registered"
    AWAITING_CODE = "awaiting_code"
    AWAITING_EMAIL = "awaiting_email"
    AWAITING_PASSWORD = "awaiting_password"  # noqa: S105 - a phase, not a password
    AWAITING_QR = "awaiting_qr"
    RECOVERING = "recovering"
    CONNECTING = "connecting"
    ONLINE = "online"
    WAITING = "waiting"
    NEEDS_LOGIN = "needs_login"
    QUARANTINED = "quarantined"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DELETED = "deleted"


class Health(StrEnum):
    """How a session is, in the operators' six words."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    EXPIRED = "expired"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN = "unknown"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that moves a session to another phase."""


@dataclass(frozen=True, slots=True)
class CodeSent(Event):
    """Telegram sent a login code."""


@dataclass(frozen=True, slots=True)
class EmailAsked(Event):
    """Telegram wants a login e-mail address before it sends a code."""


@dataclass(frozen=True, slots=True)
class QrShown(Event):
    """A QR code waits to be scanned."""


@dataclass(frozen=True, slots=True)
class PasswordAsked(Event):
    """The account has a cloud password, which is asked for."""


@dataclass(frozen=True, slots=True)
class SignedIn(Event):
    """The login succeeded; the session has a key that Telegram knows."""


@dataclass(frozen=True, slots=True)
class LoginFailed(Event):
    """The login ended without success, by an error, a timeout or the operator."""


@dataclass(frozen=True, slots=True)
class Dialled(Event):
    """A connection is being made."""


@dataclass(frozen=True, slots=True)
class Welcomed(Event):
    """Telegram answered the first authorised call."""


@dataclass(frozen=True, slots=True)
class Dropped(Event):
    """The connection was lost; it is made again."""


@dataclass(frozen=True, slots=True)
class Delayed(Event):
    """Nothing is tried before ``until`` (clock seconds): a backoff, a flood, a shared pause."""

    until: float = 0.0


@dataclass(frozen=True, slots=True)
class RecoveryStarted(Event):
    """The stored copies are tried, one after the other."""


@dataclass(frozen=True, slots=True)
class Recovered(Event):
    """A copy worked and a probe proved it."""


@dataclass(frozen=True, slots=True)
class Rejected(Event):
    """Telegram does not take the key (any more), or no copy is left to try."""


@dataclass(frozen=True, slots=True)
class GaveUp(Event):
    """The restart budget is spent, or a person has to look first."""


@dataclass(frozen=True, slots=True)
class StopAsked(Event):
    """The session is to stop; work in hand is finished or put back."""


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """The client is proven off and the lease released."""


@dataclass(frozen=True, slots=True)
class Removed(Event):
    """The session was deleted by the operator."""


def _steps() -> Mapping[tuple[Phase, type[Event]], Phase]:
    at_rest = (Phase.REGISTERED, Phase.NEEDS_LOGIN, Phase.QUARANTINED, Phase.STOPPED)
    logging_in = (
        Phase.AWAITING_CODE,
        Phase.AWAITING_EMAIL,
        Phase.AWAITING_PASSWORD,
        Phase.AWAITING_QR,
    )
    at_work = (Phase.CONNECTING, Phase.ONLINE, Phase.WAITING, Phase.RECOVERING)
    table: dict[tuple[Phase, type[Event]], Phase] = {}
    for phase in (*at_rest, *logging_in):
        table[phase, CodeSent] = Phase.AWAITING_CODE
        table[phase, EmailAsked] = Phase.AWAITING_EMAIL
        table[phase, QrShown] = Phase.AWAITING_QR
    for phase in logging_in:
        table[phase, PasswordAsked] = Phase.AWAITING_PASSWORD
        table[phase, SignedIn] = Phase.CONNECTING
        table[phase, LoginFailed] = Phase.NEEDS_LOGIN
    for phase in (*at_rest, *at_work):
        table[phase, RecoveryStarted] = Phase.RECOVERING
        table[phase, Dialled] = Phase.CONNECTING
        table[phase, Rejected] = Phase.NEEDS_LOGIN
        table[phase, GaveUp] = Phase.QUARANTINED
    for phase in at_work:
        table[phase, Delayed] = Phase.WAITING
    table[Phase.CONNECTING, Welcomed] = Phase.ONLINE
    table[Phase.RECOVERING, Recovered] = Phase.ONLINE
    table[Phase.ONLINE, Dropped] = Phase.CONNECTING
    table[Phase.CONNECTING, Dropped] = Phase.CONNECTING
    for phase in (*at_rest, *logging_in, *at_work):
        table[phase, StopAsked] = Phase.STOPPING
    table[Phase.STOPPING, Stopped] = Phase.STOPPED
    for phase in at_rest:
        table[phase, Removed] = Phase.DELETED
    return table


STEPS: Final = _steps()


def step(phase: Phase, event: Event) -> Phase:
    """Return the phase that ``event`` leads to from ``phase``.

    Raises:
        IllegalStepError: this phase does not take that event.
    """
    after = STEPS.get((phase, type(event)))
    if after is None:
        allowed = sorted(kind.__name__ for at, kind in STEPS if at is phase)
        raise IllegalStepError(phase, type(event).__name__, tuple(allowed))
    return after


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusText:
    """What a phase or a health means, and what the operator does about it."""

    explanation: str
    advice: str


def status_text(explanation: str, advice: str) -> StatusText:
    """Say what something means, and what to do about it."""
    return StatusText(explanation=explanation, advice=advice)


PHASES: Final[Mapping[Phase, StatusText]] = {
    Phase.REGISTERED: status_text(
        "Registered; not started yet.", "Log it in, or import a session string or file."
    ),
    Phase.AWAITING_CODE: status_text(
        "A login code was sent and is waited for.",
        "Enter the code here, never in a Telegram chat: that would void it.",
    ),
    Phase.AWAITING_EMAIL: status_text(
        "Telegram wants a login e-mail address for this account first.",
        "Hand in an address that you can read: a code is sent there.",
    ),
    Phase.AWAITING_PASSWORD: status_text(
        "The account's cloud password is waited for.", "Enter the cloud password (2FA)."
    ),
    Phase.AWAITING_QR: status_text(
        "A QR code waits to be scanned.",
        "In Telegram on the phone: Settings, Devices, Link Desktop Device; scan the code.",
    ),
    Phase.RECOVERING: status_text(
        "The stored copies of this session are being tried.", "Nothing to do; watch the progress."
    ),
    Phase.CONNECTING: status_text("A connection is being made.", "Nothing to do."),
    Phase.ONLINE: status_text("Connected, and Telegram answers.", "Nothing to do."),
    Phase.WAITING: status_text(
        "Nothing is tried before a set time: a backoff, a flood wait or a shared pause.",
        "Nothing to do; it goes on by itself. Forcing it makes a flood longer.",
    ),
    Phase.NEEDS_LOGIN: status_text(
        "Telegram does not take this session; pairs and queue are kept.", "Log in again."
    ),
    Phase.QUARANTINED: status_text(
        "It failed too often, or a person has to look first; it is not started by itself.",
        "Run diagnostics, remove the cause, then recover it.",
    ),
    Phase.STOPPING: status_text("Work in hand is being finished.", "Nothing to do; wait."),
    Phase.STOPPED: status_text("Stopped on request.", "Start it when it is wanted."),
    Phase.DELETED: status_text("Deleted.", "Register it anew if it is wanted."),
}

DEAF_SOURCE: Final = StatusText(
    explanation="Telegram does not tell this session of what is said in the source; a look every"
    " few minutes reads it.",
    advice="Nothing is lost, it comes late. Open the source once in the official app of this"
    " account; if that does not help, recover the session.",
)
"""What it means that a session is deaf for one source, and what to do."""

DRIFT: Final = StatusText(
    explanation="Telegram sends what the installed Telethon cannot read; all else is read, for all"
    " sessions alike.",
    advice="A newer Telethon is needed: upgrade it and restart. If the newest is installed, another"
    " program with a newer layer uses a key of yours.",
)
"""What it means that something cannot be read, and what to do."""

HEALTHS: Final[Mapping[Health, StatusText]] = {
    Health.HEALTHY: status_text("It works.", "Nothing to do."),
    Health.UNHEALTHY: status_text(
        "It should work and does not, for now.",
        "Watch; it recovers itself, unless its reason says that somebody is needed.",
    ),
    Health.EXPIRED: status_text("Telegram ended the authorisation.", "Log in again."),
    Health.UNAUTHORIZED: status_text("It is not logged in.", "Log in."),
    Health.UNKNOWN: status_text("It has not been looked at since it started.", "Wait for a check."),
    Health.DELETED: status_text("It was deleted.", "Nothing to do."),
}

# It comes online by itself; in any other phase only a person, or a stop's end, changes that.
COMING: Final = frozenset(
    {Phase.REGISTERED, Phase.RECOVERING, Phase.CONNECTING, Phase.WAITING, Phase.ONLINE}
)

_HEALTH: Final[Mapping[Phase, Health]] = {
    Phase.REGISTERED: Health.UNKNOWN,
    Phase.AWAITING_CODE: Health.UNAUTHORIZED,
    Phase.AWAITING_EMAIL: Health.UNAUTHORIZED,
    Phase.AWAITING_PASSWORD: Health.UNAUTHORIZED,
    Phase.AWAITING_QR: Health.UNAUTHORIZED,
    Phase.RECOVERING: Health.UNHEALTHY,
    Phase.CONNECTING: Health.UNKNOWN,
    Phase.ONLINE: Health.HEALTHY,
    Phase.WAITING: Health.UNHEALTHY,
    Phase.NEEDS_LOGIN: Health.UNAUTHORIZED,
    Phase.QUARANTINED: Health.UNHEALTHY,
    Phase.STOPPING: Health.UNKNOWN,
    Phase.STOPPED: Health.UNKNOWN,
    Phase.DELETED: Health.DELETED,
}


def health_of(phase: Phase, *, reason: str = "", deaf: bool = False) -> Health:
    """Derive the health of a session.

    ``reason`` is the name of the last error (``SESSION_EXPIRED``) or of what is wrong beside the
    phase (``GROUP_QUARANTINED``), ``deaf`` says that it is
    connected and answers while updates that should come do not.
    """
    if phase is Phase.NEEDS_LOGIN and ends_login(reason):
        return Health.EXPIRED
    if phase is Phase.ONLINE and (deaf or reason == GROUP_QUARANTINED):
        return Health.UNHEALTHY
    return _HEALTH[phase]


def ends_login(reason: str) -> bool:
    """Whether Telegram has ended a login for this reason, and has said so by name."""
    return reason in {"SESSION_EXPIRED", "SESSION_REVOKED"} or reason.startswith(_KEY_DROPS)


def diagram() -> str:
    """Draw ``STEPS`` as a Mermaid state diagram."""
    edges: dict[tuple[Phase, Phase], list[str]] = {}
    for (before, event), after in STEPS.items():
        edges.setdefault((before, after), []).append(event.__name__)
    lines = [
        f"    {before} --> {after}: {', '.join(sorted(names))}"
        for (before, after), names in edges.items()
    ]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {Phase.REGISTERED}", *lines])
