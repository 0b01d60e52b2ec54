"""The warden's own operations: recoveries, logins, backfills, followed by what sessions tell.

A session knows nothing of this: its phases and tries are events already, and an operation is what
they amount to. Tried on a draft, as every other change. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import RegistryFullError, SessionBusyError
from ..supervision import Event
from ..telegram import BackfillProgress, Phase, PhaseChanged, RecoveryTried
from . import operations
from .draft import Draft
from .entries import Operation, OperationState
from .recovery import RUNGS
from .registry_messages import (
    AdvanceOperation,
    BeginOperation,
    EndOperation,
    PutPart,
    RegistryWrite,
)

__all__ = ["FOLLOWED", "Followed", "follow"]

WARDEN: Final = "warden"
FOLLOWED: Final = (PhaseChanged, RecoveryTried, BackfillProgress)
START: Final = "start"
"""Why a session climbs that has not been online. That is no operation unless a try fails: a start
of ten thousand would leave no room for anybody else's."""
LOGIN: Final = (Phase.AWAITING_CODE, Phase.AWAITING_PASSWORD, Phase.AWAITING_QR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed(RegistryWrite):
    """A session told something about itself. No answer."""

    event: Event
    who: str = WARDEN


def follow(draft: Draft, message: Followed) -> None:
    """Begin, advance or end the operation that the event is about."""
    match message.event:
        case RecoveryTried() as tried:
            _tried(draft, tried)
        case BackfillProgress() as progress:
            _filled(draft, progress)
        case PhaseChanged() as changed:
            _left(draft, changed)
            _entered(draft, changed)
        case _:
            return


def _left(draft: Draft, event: PhaseChanged) -> None:
    if event.before in LOGIN and event.after not in LOGIN:
        _end(draft, event, "login", well=event.after is Phase.CONNECTING)
    elif event.before is Phase.RECOVERING:
        well = event.after is Phase.ONLINE
        if not well and _current(draft, event.session, "recovery") is None:
            _recovery(draft, event.session, START)
        _end(draft, event, "recovery", well=well)


def _entered(draft: Draft, event: PhaseChanged) -> None:
    if event.after in LOGIN and event.before not in LOGIN:
        _login(draft, event)
    elif event.after is Phase.AWAITING_PASSWORD:
        _advance(draft, event.session, 1, "waiting for the password")
    elif event.after is Phase.RECOVERING:
        _end(draft, event, "recovery", well=False)  # an unfinished one, from before a crash
        if event.reason != START:
            _recovery(draft, event.session, event.reason)


def _tried(draft: Draft, event: RecoveryTried) -> None:
    if event.problem and _current(draft, event.session, "recovery") is None:
        _recovery(draft, event.session, START)
    operation = _current(draft, event.session, "recovery")
    if operation is None:
        return
    number = len(operation.parts) + 1
    text = f"{event.rung}, try {event.attempt}: {event.problem or 'worked'}"
    operations.put_part(draft, PutPart(id=operation.id, number=number, text=text))
    if event.rung in RUNGS:
        step = RUNGS.index(event.rung) + (not event.problem)
        operations.advance(draft, AdvanceOperation(id=operation.id, step=step))


def _filled(draft: Draft, event: BackfillProgress) -> None:
    """A pair reads its past; each pair's is an operation of its own, counted in message ids."""
    which = f"backfill of pair {event.pair}"
    if _current(draft, event.session, which) is None:
        _start(draft, event.session, which, kind="backfill", steps=1, description=which)
    operation = _current(draft, event.session, which)
    if operation is None:
        return
    steps = max(1, event.until, operation.step)
    step = max(operation.step, min(event.at_message, steps))
    said = f"pair {event.pair}, up to message {event.at_message}: {event.found} to send"
    change = AdvanceOperation(id=operation.id, step=step, steps=steps, description=said)
    operations.advance(draft, change)
    if event.done:
        del draft.following[event.session, which]
        operations.end(draft, EndOperation(id=operation.id, who=WARDEN))


def _login(draft: Draft, event: PhaseChanged) -> None:
    _end(draft, event, "login", well=False)  # an unfinished one, from before a crash
    _start(draft, event.session, "login", kind="login", steps=2, description="waiting for the code")


def _recovery(draft: Draft, session: str, why: str) -> None:
    _start(draft, session, "recovery", kind="recovery", steps=len(RUNGS), description=why)


def _start(
    draft: Draft, session: str, which: str, *, kind: str, steps: int, description: str
) -> None:
    if draft.find(session) is None:
        return
    message = BeginOperation(
        kind=kind, session=session, steps=steps, description=description, who=WARDEN
    )
    try:
        operation = operations.begin(draft, message)
    except (RegistryFullError, SessionBusyError):  # nobody waits for an answer
        return
    draft.following[session, which] = operation.id


def _advance(draft: Draft, session: str, step: int, description: str) -> None:
    operation = _current(draft, session, "login")
    if operation is not None:
        change = AdvanceOperation(id=operation.id, step=step, description=description)
        operations.advance(draft, change)


def _end(draft: Draft, event: PhaseChanged, kind: str, *, well: bool) -> None:
    operation = _current(draft, event.session, kind)
    draft.following.pop((event.session, kind), None)
    if operation is not None:
        state = OperationState.FINISHED if well else OperationState.FAILED
        error = "" if well else event.reason
        description = event.reason if well else None
        message = EndOperation(
            id=operation.id, state=state, description=description, error=error, who=WARDEN
        )
        operations.end(draft, message)


def _current(draft: Draft, session: str, kind: str) -> Operation | None:
    id_ = draft.following.get((session, kind))
    operation = None if id_ is None else draft.find_operation(id_)
    return operation if operation is not None and operation.active else None
