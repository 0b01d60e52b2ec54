"""Verdicts: how a session or a worker group is, by what it reports and whether it answers. Pure.

What is expected to be silent is not ill: who recovers, waits for a deadline, logs in, was stopped
or paused by a person, follows nothing, or has a source that says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ...telegram import (
    Health,
    HealthReason,
    PairReport,
    Phase,
    SessionReport,
    WaitKind,
)
from ...telegram.phases import GROUP_QUARANTINED
from ...telegram.reports import GroupReport
from ..forwarding.pausing import ON_PURPOSE

PATIENCE: Final = 600.0  # seconds; a history is read, and a message goes, within that, or is late
# How the reasons of pauses begin that a lost chat, or a lost right in it, has caused.
ACCESS: Final = (
    "CHANNEL_INVALID",
    "CHANNEL_PRIVATE",
    "CHAT_ADMIN_REQUIRED",
    "CHAT_FORBIDDEN",
    "CHAT_ID_INVALID",
    "CHAT_RESTRICTED",
    "CHAT_WRITE_FORBIDDEN",
    "INVITE_HASH_EXPIRED",
    "PEER_ID_INVALID",
    "PEER_UNKNOWN",
    "USER_BANNED_IN_CHANNEL",
    "USER_NOT_PARTICIPANT",
)
# Waits that say themselves why a pair's messages do not go, so that they are not stalled.
HOLDING: Final = frozenset(
    {WaitKind.PAUSED, WaitKind.HANDLER, WaitKind.BEHIND, WaitKind.BACKFILL, WaitKind.RETRY}
)
BY_PHASE: Final[Mapping[Phase, HealthReason]] = {
    Phase.REGISTERED: HealthReason.COMING,
    Phase.AWAITING_CODE: HealthReason.LOGGING_IN,
    Phase.AWAITING_EMAIL: HealthReason.LOGGING_IN,
    Phase.AWAITING_PASSWORD: HealthReason.LOGGING_IN,
    Phase.AWAITING_QR: HealthReason.LOGGING_IN,
    Phase.RECOVERING: HealthReason.COMING,
    Phase.CONNECTING: HealthReason.COMING,
    Phase.ONLINE: HealthReason.WORKS,
    Phase.WAITING: HealthReason.WAITING,
    Phase.NEEDS_LOGIN: HealthReason.NO_LOGIN,
    Phase.QUARANTINED: HealthReason.HELD,
    Phase.STOPPING: HealthReason.STOPPED,
    Phase.STOPPED: HealthReason.STOPPED,
    Phase.DELETED: HealthReason.STOPPED,
}
WORDS: Final[Mapping[HealthReason, str]] = {
    HealthReason.WORKS: "healthy",
    HealthReason.COMING: "unhealthy, unknown",
    HealthReason.LOGGING_IN: "unauthorized",
    HealthReason.STOPPED: "unknown, deleted",
    HealthReason.NO_LOGIN: "unauthorized",
    HealthReason.LOGIN_ENDED: "expired",
    HealthReason.NO_ANSWER: "unknown",
    HealthReason.SESSION_OFFLINE: "its session's",
}
"""Which of the six words each reason can go with; ``unhealthy`` where it is not said."""


class Answering(Enum):
    """Whether an actor has answered, when it was asked last."""

    YES = auto()
    NO = auto()  # nothing came in time
    KEPT_DOWN = auto()  # none runs, and its supervisor says so


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is found now, whatever was found before."""

    health: Health
    reason: HealthReason
    why: tuple[str, ...] = ()


WELL: Final = Judgement(Health.HEALTHY, HealthReason.WORKS)


def judge_session(report: SessionReport, answering: Answering) -> Judgement:
    """How a session is."""
    silent = _silent(answering)
    if silent is not None:
        return silent
    reason = BY_PHASE[report.phase]
    if report.phase is Phase.ONLINE and report.reason.startswith(GROUP_QUARANTINED):
        reason = HealthReason.GROUP_DOWN
    elif report.health is Health.EXPIRED:
        reason = HealthReason.LOGIN_ENDED
    if reason is HealthReason.WORKS and report.health is Health.HEALTHY:
        return WELL
    # Behind the semicolon stands when it is tried next: no other verdict for that.
    said = report.reason if reason is not HealthReason.WAITING else report.reason.split(";")[0]
    return Judgement(report.health, reason, (said,) if said else ())


def judge_group(
    report: GroupReport,
    session: SessionReport | None,
    answering: Answering,
    *,
    stalled: Iterable[int] = (),
    now: float,
) -> Judgement:
    """How a worker group is; ``stalled`` are the pairs whose messages do not go."""
    silent = _silent(answering)
    if silent is not None:
        return silent
    if session is not None and session.phase is not Phase.ONLINE:
        return Judgement(session.health, HealthReason.SESSION_OFFLINE, (f"it is {session.phase}",))
    found = tuple(_troubles(report, frozenset(stalled), now))
    if not found:
        return WELL
    return Judgement(Health.UNHEALTHY, found[0][0], tuple(why for _, why in found))


class Progress:
    """Since when each pair of a worker group sends nothing of what waits; for one group."""

    __slots__ = ("_pairs",)

    def __init__(self) -> None:
        self._pairs: dict[int, tuple[int, float]] = {}

    def stalled(
        self,
        report: GroupReport,
        session: SessionReport | None,
        now: float,
        *,
        patience: float = PATIENCE,
    ) -> tuple[int, ...]:
        """Take a look; returns the pairs that have sent nothing for ``patience`` seconds."""
        held, known, self._pairs = session_holds(session, now), self._pairs, {}
        for pair in report.pairs:
            if held or not pair.waiting or any(one.kind in HOLDING for one in pair.waits):
                continue
            gone = pair.delivered + pair.repeated + pair.dead
            before, since = known.get(pair.id, (gone, now))
            self._pairs[pair.id] = gone, since if before == gone else now
        return tuple(pair for pair, (_, since) in self._pairs.items() if now - since >= patience)


def session_holds(session: SessionReport | None, now: float) -> bool:
    """Whether a session is known to send nothing, or not all, for a while."""
    if session is None or session.phase is not Phase.ONLINE:
        return True
    deadlines = (session.until, session.limited_until)
    if any(until is not None and until > now for until in deadlines):
        return True
    frozen = session.account is not None and session.account.frozen
    return frozen or any(one.kind is WaitKind.FLOOD for one in session.waits)


def _silent(answering: Answering) -> Judgement | None:
    match answering:
        case Answering.YES:
            return None
        case Answering.NO:
            why = "it does not answer; `telewarden tree` shows what it does"
            return Judgement(Health.UNKNOWN, HealthReason.NO_ANSWER, (why,))
        case Answering.KEPT_DOWN:
            why = "it does not run; `telewarden tree` says why"
            return Judgement(Health.UNHEALTHY, HealthReason.KEPT_DOWN, (why,))


def _troubles(
    report: GroupReport, stalled: frozenset[int], now: float
) -> Iterable[tuple[HealthReason, str]]:
    """What is wrong with a group whose session works, the gravest first."""
    paused = [one for one in report.pairs if one.paused and not one.paused.startswith(ON_PURPOSE)]
    yield from _of_paused(paused, lost=True)
    yield from _of_paused(paused, lost=False)
    if stalled:
        yield (
            HealthReason.STALLED,
            f"{_named(stalled)}: nothing that waits has gone for {PATIENCE / 60:.0f} minutes",
        )
    behind = [
        pair.id
        for pair in report.pairs
        if any(one.kind is WaitKind.BEHIND and now - one.since >= PATIENCE for one in pair.waits)
    ]
    if behind:
        yield (
            HealthReason.BEHIND,
            f"{_named(behind)}: the source's history is not read for {PATIENCE / 60:.0f} minutes",
        )
    deaf = [pair.id for pair in report.pairs if pair.deaf_since is not None]
    if deaf:
        yield HealthReason.SOURCE_DEAF, f"{_named(deaf)}: not told of what is said in the source"


def _of_paused(paused: Iterable[PairReport], *, lost: bool) -> Iterable[tuple[HealthReason, str]]:
    by_reason: dict[str, list[int]] = {}
    for pair in paused:
        reason = pair.paused or ""
        if reason.startswith(ACCESS) is lost:
            by_reason.setdefault(reason, []).append(pair.id)
    word = HealthReason.ACCESS_LOST if lost else HealthReason.PAIR_TROUBLE
    for reason, pairs in by_reason.items():
        yield word, f"{_named(pairs)}: {reason}"


def _named(pairs: Iterable[int]) -> str:
    ids = sorted(pairs)
    return f"{'pair' if len(ids) == 1 else 'pairs'} {', '.join(map(str, ids))}"
