"""Registration, change and deletion of sessions, on a transaction, all or nothing. Pure.

A function here refuses before it changes anything, so that a refused change leaves no trace but
its row in the audit trail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from ....errors import (
    InvalidRecordError,
    NoSessionFitsError,
    PairsAssignedError,
    PairsNotMovedError,
    RegistryFullError,
    SessionBusyError,
    SessionExistsError,
    SessionFullError,
    TelewardenError,
    UnknownFieldError,
)
from ....storage import SessionRecord, check_name
from ..events import SessionChanged, SessionDeleted, SessionRegistered
from ..messages import (
    ChangeMany,
    ChangeSession,
    DeclareSessions,
    Deleted,
    DeleteSession,
    Deletion,
    ItemOutcome,
    Redeclare,
    RegisterSession,
)
from ..model import SessionEntry
from ..placement import assign_pairs
from .operation_tracker import give_up
from .transaction import AuditNote, Transaction

LOOKED_AT: Final = 20  # sessions; each look may read the dialogs of an account
FIELDS: Final = ("max_pairs", "metadata", "phone", "priority")
E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
SCALARS: Final = (str, int, float, bool, type(None))
DECLARED: Final = ("phone", "priority", "max_pairs", "metadata")


def register(transaction: Transaction, message: RegisterSession) -> SessionEntry:
    """Add a session that no configuration declares."""
    name, fields = check_name(message.name), _checked(message.fields)
    if transaction.find(name) is not None:
        raise SessionExistsError(name)
    if name in transaction.busy:  # one of that name is going
        raise SessionBusyError(name, transaction.busy[name])
    if transaction.session_count >= transaction.limits.max_sessions:
        raise RegistryFullError("sessions", transaction.limits.max_sessions)
    record = SessionRecord(name=name, created=transaction.now, updated=transaction.now, **fields)
    transaction.registered.append(name)
    return _added(transaction, record, message.who)


def declare(transaction: Transaction, message: DeclareSessions) -> None:
    """Let sessions be as the configuration says; what is as it says already is not touched."""
    for declared in message.records:
        known = transaction.find(declared.name)
        record = replace(declared, metadata=_frozen(declared.metadata))
        if known is None:
            _added(
                transaction,
                replace(record, created=transaction.now, updated=transaction.now),
                message.who,
            )
        else:
            wanted = {field: getattr(record, field) for field in DECLARED}
            _apply(transaction, known, wanted, message.who)


def redeclare(transaction: Transaction, message: Redeclare) -> None:
    """Let sessions be there, and be otherwise, as a configuration says that has changed."""
    for record in message.added:
        frozen = replace(record, metadata=_frozen(record.metadata))
        _added(
            transaction,
            replace(frozen, created=transaction.now, updated=transaction.now),
            message.who,
        )
    for name, fields in message.changed.items():
        wanted = {key: CHECKS[key](value) for key, value in fields.items()}
        _apply(transaction, transaction.session(name), wanted, message.who)


def change(transaction: Transaction, message: ChangeSession) -> SessionEntry:
    """Change fields of a session, all or none."""
    return _change(transaction, message.name, message.fields, message.who)


def change_many(transaction: Transaction, message: ChangeMany) -> tuple[ItemOutcome, ...]:
    """Change many sessions, each all or none, and tell how each went."""
    return tuple(
        _outcome(transaction, name, fields, message.who) for name, fields in message.changes.items()
    )


def plan_deletion(transaction: Transaction, message: DeleteSession) -> Deletion:
    """Check that a session may go, and find places for its pairs."""
    transaction.session(message.name)
    pairs = transaction.pairs.of(message.name)
    if pairs and not message.force:
        raise PairsAssignedError(message.name, len(pairs))
    moves = assign_pairs(pairs, _others(transaction, message.name), now=transaction.now)
    return Deletion(
        name=message.name,
        who=message.who,
        moves=moves,
        within=message.within,
        force=message.force,
        accept_doubt=message.accept_doubt,
        dry_run=message.dry_run,
    )


def plan_again(transaction: Transaction, deletion: Deletion, error: PairsNotMovedError) -> Deletion:
    """Find other places for the pairs, as those that were planned may not serve some of them.

    Raises:
        PairsNotMovedError: there are none; with the reason of each that was looked at.
    """
    reasons = tuple(dict.fromkeys((*deletion.reasons, *error.reasons)))
    unfit = deletion.unfit | error.unfit
    if len({name for _, name in unfit}) >= LOOKED_AT:
        raise PairsNotMovedError(reasons, unfit=unfit)
    others = _others(transaction, deletion.name)
    try:
        moves = assign_pairs(deletion.moves, others, now=transaction.now, unfit=unfit)
    except NoSessionFitsError:
        raise PairsNotMovedError(reasons, unfit=unfit) from error
    return replace(deletion, moves=moves, unfit=unfit, reasons=reasons)


def _others(transaction: Transaction, name: str) -> Iterator[SessionEntry]:
    """Who may take a session's pairs; not looked at when there is nothing to be moved."""
    return (
        replace(entry, pairs=transaction.pair_count(entry.name))
        for entry in transaction.sessions()
        if entry.name != name and entry.name not in transaction.busy
    )


def delete(transaction: Transaction, message: Deletion) -> Deleted:
    """Forget a session that has been stopped, and give its pairs to others."""
    name, entry = message.name, transaction.find(message.name)
    before = None if entry is None else _shown(_values(entry.record, DECLARED))
    for pair, target in message.moves.items():
        transaction.pairs.put(pair, replace(transaction.pairs.plan(pair), session=target))
    moved = MappingProxyType(dict(message.moves))
    transaction.drop(name, moved, force=message.force)
    give_up(transaction, name, "the session was deleted")
    after = {"moved": {str(pair): target for pair, target in moved.items()}} if moved else None
    transaction.note(message.who, "delete", name, before, after)
    transaction.events.append(
        SessionDeleted(at=transaction.now, session=name, who=message.who, moved=moved)
    )
    return Deleted(name=name, moved=moved)


def _added(transaction: Transaction, record: SessionRecord, who: str) -> SessionEntry:
    transaction.note(who, "register", record.name, None, _shown(_values(record, DECLARED)))
    transaction.events.append(SessionRegistered(at=transaction.now, session=record.name, who=who))
    return transaction.add(record)


def _outcome(
    transaction: Transaction, name: Any, fields: Mapping[str, Any], who: str
) -> ItemOutcome:
    if not isinstance(name, str):  # nothing that the trail could note
        return ItemOutcome(name=name, error=InvalidRecordError("name", name, "a session's name"))
    try:
        return ItemOutcome(name=name, entry=_change(transaction, name, fields, who))
    except TelewardenError as error:
        transaction.note(who, "change", name, outcome=f"refused: {error}")
        return ItemOutcome(name=name, error=error)
    except Exception as error:  # noqa: BLE001 - a value of a class of its own, say; others go on
        transaction.note(who, "change", name, outcome=f"failed: {type(error).__name__}")
        odd = InvalidRecordError("fields", f"refused by {type(error).__name__}", "plain values")
        return ItemOutcome(name=name, error=odd)


def _change(
    transaction: Transaction, name: str, fields: Mapping[str, Any], who: str
) -> SessionEntry:
    entry, wanted = transaction.session(name), _checked(fields)
    if "max_pairs" in wanted:
        pairs = transaction.pair_count(name)
        if wanted["max_pairs"] < pairs:
            raise SessionFullError(name, pairs=pairs, limit=wanted["max_pairs"])
    return _apply(transaction, entry, wanted, who)


def _apply(
    transaction: Transaction, entry: SessionEntry, wanted: dict[str, Any], who: str
) -> SessionEntry:
    """Change what is different; a change to the same values is none."""
    record = entry.record
    before = {key: getattr(record, key) for key in wanted}
    if before == wanted and _same_kinds(before, wanted):
        return entry
    after = wanted
    if len(wanted) > 1:  # some of them may be as they are
        after = {
            key: value
            for key, value in wanted.items()
            if before[key] != value or not _same_kinds(before, wanted, key)
        }
        before = {key: before[key] for key in after}
    note = transaction.note(who, "change", record.name, _shown(before), _shown(after))
    transaction.events.append(note)
    return transaction.put(entry, after)


def _same_kinds(before: Mapping[str, Any], after: Mapping[str, Any], key: str = "metadata") -> bool:
    """Whether equal metadata is the same: ``1`` equals ``True`` and ``1.0``, and is neither."""
    if key != "metadata" or key not in after:
        return True
    old, new = before[key], after[key]
    return all(type(old[name]) is type(value) for name, value in new.items())


def difference(
    before: SessionRecord, after: SessionRecord, *, who: str, at: float
) -> AuditNote | None:
    """What is different in a session, as a row of the audit trail; ``None`` if nothing is."""
    old, new = (_values(record, DECLARED) for record in (before, after))
    changed = tuple(
        key for key in DECLARED if old[key] != new[key] or not _same_kinds(old, new, key)
    )
    if not changed:
        return None
    was, shown = (_shown({key: values[key] for key in changed}) for values in (old, new))
    return who, "change", after.name, was, shown, "done", at


def changed_event(note: AuditNote) -> SessionChanged:
    """The event that tells of a change, from its row in the audit trail."""
    who, _, session, before, after, _, at = note
    return SessionChanged(
        at=at,
        session=session,
        who=who,
        before=_unchangeable(before),
        after=_unchangeable(after),
    )


def _unchangeable(values: Any) -> Mapping[str, object]:
    """The values as all subscribers share them; metadata, too, is read only."""
    return MappingProxyType(
        {key: MappingProxyType(one) if type(one) is dict else one for key, one in values.items()}
    )


def _checked(fields: Any) -> dict[str, Any]:
    """The fields with sensible values, so that nothing can be changed behind our back."""
    if not isinstance(fields, Mapping):
        kind = type(fields).__name__
        raise InvalidRecordError("fields", kind, "a mapping of fields to values")
    try:
        return {key: CHECKS[key](value) for key, value in fields.items()}
    except (KeyError, TypeError):  # an odd key
        unknown = tuple(sorted(str(key) for key in fields if key not in FIELDS))
        if unknown:
            raise UnknownFieldError(unknown, FIELDS) from None
        raise


def _whole(field: str, least: int, most: int) -> Callable[[object], int]:
    allowed = range(least, most + 1)

    def check(value: object) -> int:
        if type(value) is not int or value not in allowed:
            raise InvalidRecordError(field, value, f"a whole number from {least} to {most}")
        return value

    return check


def _phone(value: object) -> str | None:
    if value is None or (isinstance(value, str) and E164.fullmatch(value)):
        return value
    raise InvalidRecordError("phone", "not a number", "one as in +12025550123")


def _frozen(metadata: object) -> Mapping[str, object]:
    if not isinstance(metadata, Mapping):
        raise InvalidRecordError("metadata", type(metadata).__name__, "a mapping of names")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, SCALARS):
            kind = type(value).__name__
            raise InvalidRecordError(f"metadata.{key}", kind, "text, a number, a truth value, None")
        huge = isinstance(value, int) and value.bit_length() > 64
        if huge or value != value or value in {float("inf"), float("-inf")}:
            shown = "a huge number" if huge else value
            raise InvalidRecordError(f"metadata.{key}", shown, "a number that JSON can hold")
        for text in (key, value):
            if isinstance(text, str) and not _utf8(text):
                raise InvalidRecordError("metadata", "half a character", "text that is whole")
    return MappingProxyType(dict(metadata))


def _utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "max_pairs": _whole("max_pairs", 1, 50),
    "metadata": _frozen,
    "phone": _phone,
    "priority": _whole("priority", 1, 10),
}


def _values(record: SessionRecord, fields: tuple[str, ...]) -> dict[str, Any]:
    return {key: getattr(record, key) for key in fields}


def _shown(values: dict[str, Any]) -> dict[str, Any]:
    """The values for others to read; of a phone number the last two digits."""
    if "phone" in values and values["phone"] is not None:
        values = values | {"phone": f"...{values['phone'][-2:]}"}
    if "metadata" in values:
        values = values | {"metadata": dict(values["metadata"])}
    return values
