"""Events of sessions and messages, one frozen value a fact.

Log line, metric, page and demo are made from these and from the supervisors' own events. ``at``
is wall time in epoch seconds. No event holds a phone number, a key or a message's text.
"""

from __future__ import annotations

from collections.abc import Callable

from ..supervision import Event, frozen
from .phases import Phase


@frozen
class SessionEvent(Event):
    """Something happened to the session of that name; ``at`` is epoch seconds."""

    session: str
    child: str = ""


@frozen
class PhaseChanged(SessionEvent):
    """A session went from one phase to another; ``reason`` is in plain words."""

    before: Phase
    after: Phase
    reason: str


@frozen
class RecoveryTried(SessionEvent):
    """One try on one rung of the recovery ladder ended; ``problem`` is empty if it worked.

    ``origin`` says where the copy came from: a damaged file, a backup, and so on.
    """

    rung: str
    attempt: int
    problem: str
    origin: str = ""


@frozen
class SessionRecovered(SessionEvent):
    """A session is online again, by ``rung``, ``seconds`` after it was lost or asked for."""

    rung: str
    seconds: float
    cause: str


@frozen
class CopyRepaired(SessionEvent):
    """A stored copy of a session was damaged or missing and has been made whole again.

    Args:
        copy: ``"string"`` or ``"file"``.
        kept: what the damaged one was renamed to; empty if there was nothing to keep.
    """

    copy: str
    problem: str
    kept: str


@frozen
class FloodBegan(SessionEvent):
    """Telegram asked to wait; work on ``method`` is parked until ``until`` (epoch seconds)."""

    method: str
    seconds: float
    until: float


@frozen
class FloodRemembered(SessionEvent):
    """What Telegram asked for before this process started is still to be waited for."""

    method: str
    until: float


@frozen
class FloodEnded(SessionEvent):
    """The deadline has passed and ``parked`` jobs on ``method`` go on."""

    method: str
    parked: int


@frozen
class Forwarded(SessionEvent):
    """A message reached its target.

    Args:
        repeated: Telegram already had it, from a try whose answer was lost.
        lag: seconds from the message's date to now.
    """

    pair: int
    source_id: int
    target_id: int | None
    repeated: bool
    lag: float


@frozen
class MessageStep(SessionEvent):
    """Messages of a pair came one step further; told only of a warden whose messages are traced.

    ``step`` is ``"accepted"``, ``"stored"`` (in the outbox, on the disk), ``"sent"`` or
    ``"failed"``, which has Telegram's word as its reason. ``Forwarded`` is the last one.
    """

    pair: int
    source_ids: tuple[int, ...]
    step: str
    reason: str = ""


@frozen
class CopyChanged(SessionEvent):
    """What was sent has been edited, or deleted (``gone``), as its source was."""

    pair: int
    source_id: int
    gone: bool


@frozen
class CopyShortened(SessionEvent):
    """A copy ends in an ellipsis: Telegram does not take all that its source says.

    The rest of the source's words is not at the target.
    """

    pair: int
    source_id: int


@frozen
class StarsPaid(SessionEvent):
    """A pair has paid for messages that its target takes Stars for, as it may (``max_stars``)."""

    pair: int
    stars: int


@frozen
class CaughtUp(SessionEvent):
    """A pair has read its source's history from its own mark; ``missed`` messages were new."""

    pair: int
    missed: int


@frozen
class SourceDeaf(SessionEvent):
    """Telegram has not told a session of what was said in a pair's source; it was read in a look.

    Args:
        missed: how many messages the look has found.
        since: the date of the oldest of them, epoch seconds.
        again: the session was known to be deaf for that source.
    """

    pair: int
    missed: int
    since: float
    again: bool = False


@frozen
class SourceHeard(SessionEvent):
    """A session that was deaf for a pair's source is told of messages there again."""

    pair: int


@frozen
class PairPaused(SessionEvent):
    """A pair is paused; its session goes on."""

    pair: int
    reason: str


@frozen
class PairResumed(SessionEvent):
    """A paused pair works again; what was said meanwhile is read from history."""

    pair: int


@frozen
class AccountLimited(SessionEvent):
    """Telegram lets this account write hardly anywhere: all its sending waits until ``until``.

    Args:
        until: epoch seconds; then one message is tried.
    """

    reason: str
    until: float


@frozen
class AccountFactChanged(SessionEvent):
    """A fact about the account stands from now on, or does not any more (``over``).

    Args:
        kind: one of ``FactKind``: frozen, ends if unused, a password wanted, a risk told of.
        until: epoch seconds, of the date in ``explanation``; ``None`` where it has none.
        url: where to go about it; may be empty.
    """

    kind: str
    explanation: str
    advice: str
    until: float | None = None
    url: str = ""
    over: bool = False


@frozen
class BackfillProgress(SessionEvent):
    """A pair has read its source's past up to ``at_message``; ``found`` messages were to send.

    Args:
        until: the last message of the past that was asked for.
        done: all of it is in the outbox.
    """

    pair: int
    at_message: int
    until: int
    found: int
    done: bool


@frozen
class DeadLettered(SessionEvent):
    """One message could not be delivered and has been put aside with the reason."""

    pair: int
    source_id: int
    reason: str


@frozen
class Noticed(SessionEvent):
    """Telegram has told something unasked; ``explanation`` and ``advice`` say what it means.

    Args:
        kind: one of ``NoticeKind``: a key's end, a text to show, a login or a bot elsewhere.
        name: the notice's or, of a text, the error's that it is about; may be empty.
        text: Telegram's own words, shortened, without codes and numbers; may be empty.
        hash: the number of a login elsewhere, or the bot's id; 0 where there is none.
        device: what was logged in, or made the connection.
        place: where that is, as Telegram says.
    """

    kind: str
    explanation: str
    advice: str
    name: str = ""
    text: str = ""
    hash: int = 0
    device: str = ""
    place: str = ""


@frozen
class LayerDrifted(SessionEvent):
    """Telegram has sent something that the installed Telethon has no class for.

    Args:
        session: who met it; the cause is the same for all.
        constructor: its TL constructor, in hexadecimal.
        first: no session of this process had met any before.
    """

    constructor: str
    explanation: str
    advice: str
    first: bool = False


@frozen
class Probed(SessionEvent):
    """A raw probe was answered after ``seconds``; the last update is ``update_age`` s old."""

    seconds: float
    update_age: float | None


def said(notice: Noticed, words: Callable[[str], str] = str) -> str:
    """A notice in one line: what it means, its facts, what to do; ``words`` translates."""
    whence = ", ".join(part for part in (notice.device, notice.place) if part)
    whence = f"{whence}, number {notice.hash}" if notice.hash and whence else whence
    facts = [part for part in (notice.name, notice.text, whence) if part]
    told = f" ({': '.join(facts)})" if facts else ""
    return f"{words(notice.explanation).rstrip('.')}{told}. {words(notice.advice)}"
