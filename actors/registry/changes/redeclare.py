"""What a changed configuration does to sessions and pairs, on a transaction, all or nothing. Pure.

Everything is looked at before anything is changed. What was decided while running stands; that has
been taken into account by whoever asks.
"""

from __future__ import annotations

from dataclasses import fields, replace

from ....errors import (
    PairChangedError,
    PairFaultError,
    PairsAssignedError,
    RegistryFullError,
    SessionBusyError,
    SessionFullError,
    UnknownSessionError,
)
from ...messages import PairPlan
from ..messages import Redeclare
from ..pair_events import PairAdded, PairChanged, PairRemoved
from . import operations, sessions
from .transaction import Transaction

SUBJECT = "configuration"  # of the row in the audit trail


def redeclare(transaction: Transaction, message: Redeclare) -> None:
    """Let sessions, pairs and limits be as a configuration says that has changed."""
    _check_sessions(transaction, message)
    before = dict(transaction.pairs.changes)
    transaction.pairs.redeclare(message.declared, message.pairs, message.obsolete)
    try:
        _check_pairs(transaction, message)
    except Exception:  # whatever refuses them: they are taken back, and it is raised
        transaction.pairs.undo_redeclare(before)
        raise
    sessions.redeclare(transaction, message)
    for name in message.removed:
        transaction.leave(name)
    operations.set_limits(transaction, message.limits)
    for pair, plan in message.pairs.items():
        _tell_pair(transaction, message.before.get(pair), plan, who=message.who)
    old, new = message.audited
    transaction.note(message.who, "reload", SUBJECT, old, new)


def _check_sessions(transaction: Transaction, message: Redeclare) -> None:
    for name in (*message.changed, *message.removed):
        transaction.session(name)
    for record in message.added:
        if record.name in transaction.busy:
            raise SessionBusyError(record.name, transaction.busy[record.name])
    limits = replace(transaction.limits, **message.limits)
    more = len(message.added) - len(message.removed)
    if more > 0 and transaction.session_count + more > limits.max_sessions:
        raise RegistryFullError("sessions", limits.max_sessions)
    for pair, plan in message.before.items():
        if pair in message.pairs and transaction.pairs.find(pair) != plan:
            raise PairChangedError(pair)


def _check_pairs(transaction: Transaction, message: Redeclare) -> None:
    """The pairs are as they would be: see that each has a place, and that they go together."""
    room = {record.name: record.max_pairs for record in message.added}
    for entry in transaction.sessions():
        wanted = message.changed.get(entry.name, {})
        room[entry.name] = wanted.get("max_pairs", entry.max_pairs)
    for name in message.removed:
        room.pop(name, None)
        if left := transaction.pair_count(name):
            raise PairsAssignedError(name, left)
    for plan in message.pairs.values():
        if plan is not None and plan.session not in room:
            raise UnknownSessionError(plan.session, tuple(sorted(room)))
    for name, most in room.items():
        if (count := transaction.pair_count(name)) > most:
            raise SessionFullError(name, pairs=count, limit=most)
    for plan in message.pairs.values():
        fault = None if plan is None else transaction.pairs.fault(plan)
        if fault is not None:
            raise PairFaultError(fault.sentence, fault=fault.name, pairs=fault.pairs)


def _tell_pair(
    transaction: Transaction, before: PairPlan | None, after: PairPlan | None, *, who: str
) -> None:
    at = transaction.now
    if before is None and after is not None:
        event: PairAdded | PairChanged | PairRemoved = PairAdded(
            at=at, pair=after.id, session=after.session, who=who
        )
    elif before is not None and after is None:
        event = PairRemoved(at=at, pair=before.id, session=before.session, who=who)
    elif before is not None and after is not None:
        event = PairChanged(
            at=at, pair=after.id, session=after.session, who=who, fields=_others(before, after)
        )
    else:
        return
    transaction.events.append(event)


def _others(before: PairPlan, after: PairPlan) -> tuple[str, ...]:
    names = (one.name for one in fields(PairPlan))
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))
