"""Operations derived from session events: recoveries, logins, backfills. Pure.

A session knows nothing of this: its phases and tries are events already, and an operation is what
they amount to. Tried on a transaction, as every other change. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ....errors import RegistryFullError, SessionBusyError
from ....storage import Operation, OperationState
from ....supervision import Event, frozen
from ....telegram import (
    BackfillProgress,
    Phase,
    PhaseChanged,
    RecoveryTried,
    SessionEvent,
    SessionReport,
)
from ...session.recovery import RUNGS
from ..messages import (
    AdvanceOperation,
    BeginOperation,
    EndOperation,
    PutPart,
    RegistryWrite,
)
from . import operations
from .transaction import Transaction

WARDEN: Final = "warden"
PAIRS: Final = ""  # whose a backfill is: the pair's, whichever session it belongs to
BACKFILL: Final = "backfill of pair "
TRACKED_KINDS: Final = (PhaseChanged, RecoveryTried, BackfillProgress)
START: Final = "start"
"""Why a session climbs that has not been online. That is no operation unless a try fails: a start
of ten thousand would leave no room for anybody else's."""
LOGIN: Final = (
    Phase.AWAITING_CODE,
    Phase.AWAITING_EMAIL,
    Phase.AWAITING_PASSWORD,
    Phase.AWAITING_QR,
)

UNDER_WAY: Final[Mapping[str, tuple[tuple[Phase, ...], Phase]]] = {
    "login": (LOGIN, Phase.CONNECTING),
    "recovery": ((Phase.RECOVERING,), Phase.ONLINE),
}
"""In which phases each is under way, and the one that follows when it went well."""


@frozen
class PhaseSeen(SessionEvent):
    """Where a session stands since ``at``, by its report; nobody may have heard of it."""

    after: Phase
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationObserved(RegistryWrite):
    """A session told something about itself. No answer."""

    event: Event
    who: str = WARDEN


def observe(transaction: Transaction, message: OperationObserved) -> None:
    """Begin, advance or end the operation that the event is about."""
    match message.event:
        case PhaseSeen() as seen:
            _settle(transaction, seen.session, seen.after, seen.reason, entered=seen.at)
        case RecoveryTried() as tried:
            _tried(transaction, tried)
        case BackfillProgress() as progress:
            _filled(transaction, progress)
        case PhaseChanged() as changed:
            _left(transaction, changed)
            _entered(transaction, changed)
        case _:
            return


def _left(transaction: Transaction, event: PhaseChanged) -> None:
    fine = (Phase.ONLINE, Phase.NEEDS_LOGIN)  # without a login there was nothing to recover
    failed = event.before is Phase.RECOVERING and event.after not in fine
    if failed and _current(transaction, event.session, "recovery") is None:
        _recovery(transaction, event.session, START)
    _settle(transaction, event.session, event.after, event.reason)


def _settle(
    transaction: Transaction, session: str, phase: Phase, reason: str, *, entered: float = math.inf
) -> None:
    """End what cannot be under way where the session stands, and was before it ``entered``."""
    for kind, (phases, well) in UNDER_WAY.items():
        operation = _current(transaction, session, kind)
        if phase not in phases and operation is not None and operation.started < entered:
            _end(transaction, session, kind, reason, well=phase is well)


def is_stale(
    report: SessionReport,
    following: Mapping[tuple[str, str], int],
    operations: Mapping[int, Operation],
) -> bool:
    """Whether an active operation of a session may be over, by a phase that it entered since."""
    for kind, (phases, _) in UNDER_WAY.items():
        operation = operations.get(following.get((report.session, kind), 0))
        if operation and report.phase not in phases and operation.started < report.since:
            return True
    return False


def _entered(transaction: Transaction, event: PhaseChanged) -> None:
    if event.after in LOGIN and event.before not in LOGIN:
        _login(transaction, event)
    elif event.after is Phase.AWAITING_PASSWORD:
        _advance(transaction, event.session, 1, "waiting for the password")
    elif event.after is Phase.RECOVERING:
        # An unfinished one, from before a crash.
        _end(transaction, event.session, "recovery", event.reason, well=False)
        if event.reason != START:
            _recovery(transaction, event.session, event.reason)


def _tried(transaction: Transaction, event: RecoveryTried) -> None:
    if event.problem and _current(transaction, event.session, "recovery") is None:
        _recovery(transaction, event.session, START)
    operation = _current(transaction, event.session, "recovery")
    if operation is None:
        return
    number = len(operation.parts) + 1
    text = f"{event.rung}, try {event.attempt}: {event.problem or 'worked'}"
    operations.put_part(transaction, PutPart(id=operation.id, number=number, text=text))
    if event.rung in RUNGS:
        step = RUNGS.index(event.rung) + (not event.problem)
        operations.advance(transaction, AdvanceOperation(id=operation.id, step=step))


def _filled(transaction: Transaction, event: BackfillProgress) -> None:
    """A pair reads its past; each pair's is an operation of its own, counted in message ids.

    It goes on when the pair is moved to another session.
    """
    which = f"{BACKFILL}{event.pair}"
    if _current(transaction, PAIRS, which) is None:
        _start(
            transaction, event.session, which, kind="backfill", steps=1, description=which, of=PAIRS
        )
    operation = _current(transaction, PAIRS, which)
    if operation is None:
        return
    steps = max(1, event.until, operation.step)
    step = max(operation.step, min(event.at_message, steps))
    said = f"{which}, up to message {event.at_message}: {event.found} to send"
    change = AdvanceOperation(id=operation.id, step=step, steps=steps, description=said)
    operations.advance(transaction, change)
    if event.done:
        del transaction.following[PAIRS, which]
        operations.end(transaction, EndOperation(id=operation.id, who=WARDEN))


def _login(transaction: Transaction, event: PhaseChanged) -> None:
    # An unfinished one, from before a crash.
    _end(transaction, event.session, "login", event.reason, well=False)
    _start(
        transaction,
        event.session,
        "login",
        kind="login",
        steps=2,
        description="waiting for the code",
    )


def _recovery(transaction: Transaction, session: str, why: str) -> None:
    _start(transaction, session, "recovery", kind="recovery", steps=len(RUNGS), description=why)


def _start(
    transaction: Transaction,
    session: str,
    which: str,
    *,
    kind: str,
    steps: int,
    description: str,
    of: str | None = None,
) -> None:
    if transaction.find(session) is None:
        return
    message = BeginOperation(
        kind=kind, session=session, steps=steps, description=description, who=WARDEN
    )
    try:
        operation = operations.begin(transaction, message)
    except (RegistryFullError, SessionBusyError):  # nobody waits for an answer
        return
    transaction.following[session if of is None else of, which] = operation.id


def _advance(transaction: Transaction, session: str, step: int, description: str) -> None:
    operation = _current(transaction, session, "login")
    if operation is not None:
        change = AdvanceOperation(id=operation.id, step=step, description=description)
        operations.advance(transaction, change)


def give_up(transaction: Transaction, session: str, why: str) -> None:
    """End what was under way of a session that is no more."""
    for owner, kind in tuple(transaction.following):
        if owner == session:
            _end(transaction, session, kind, why, well=False)


def give_up_backfill(transaction: Transaction, pair: int, why: str) -> None:
    """The same of a pair."""
    _end(transaction, PAIRS, f"{BACKFILL}{pair}", why, well=False)


def active_by_owner(operations: Iterable[Operation]) -> dict[tuple[str, str], int]:
    """Which of them are under way and the warden's own, by whose they are and which."""
    found = {}
    for one in operations:
        if one.active and one.session is not None and one.who == WARDEN:
            if one.kind == "backfill":
                found[PAIRS, one.description.partition(",")[0]] = one.id
            else:
                found[one.session, one.kind] = one.id
    return found


def _end(transaction: Transaction, session: str, kind: str, reason: str, *, well: bool) -> None:
    operation = _current(transaction, session, kind)
    transaction.following.pop((session, kind), None)
    if operation is not None:
        state = OperationState.FINISHED if well else OperationState.FAILED
        error = "" if well else reason
        description = reason if well else None
        message = EndOperation(
            id=operation.id, state=state, description=description, error=error, who=WARDEN
        )
        operations.end(transaction, message)


def _current(transaction: Transaction, session: str, kind: str) -> Operation | None:
    id_ = transaction.following.get((session, kind))
    operation = None if id_ is None else transaction.find_operation(id_)
    return operation if operation is not None and operation.active else None
