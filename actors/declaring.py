"""What it means to register, change and delete a session: tried on a draft, all or nothing. Pure.

A function here refuses before it changes anything, so that a refused change leaves no trace but
its row in the audit trail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from ..errors import (
    InvalidRecordError,
    PairsAssignedError,
    RegistryFullError,
    SessionExistsError,
    SessionFullError,
    TelewardenError,
    UnknownFieldError,
)
from ..storage import SessionRecord, check_name
from .choosing import places_for
from .draft import Draft
from .entries import SessionEntry
from .registry_facts import SessionChanged, SessionDeleted, SessionRegistered
from .registry_messages import (
    ChangeMany,
    ChangeSession,
    DeclareSessions,
    Deleted,
    DeleteSession,
    Deletion,
    ItemOutcome,
    RegisterSession,
)

__all__ = ["FIELDS", "change", "change_many", "declare", "delete", "plan_deletion", "register"]

FIELDS: Final = ("max_pairs", "metadata", "phone", "priority")
E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
SCALARS: Final = (str, int, float, bool, type(None))
DECLARED: Final = ("phone", "priority", "max_pairs", "metadata")


def register(draft: Draft, message: RegisterSession) -> SessionEntry:
    """Add a session that no configuration declares."""
    name, fields = check_name(message.name), _checked(message.fields)
    if draft.find(name) is not None:
        raise SessionExistsError(name)
    if draft.session_count >= draft.limits.max_sessions:
        raise RegistryFullError("sessions", draft.limits.max_sessions)
    record = SessionRecord(name=name, created=draft.now, updated=draft.now, **fields)
    draft.put(record)
    draft.registered.append(name)
    draft.note(message.who, "register", name, None, _shown(record, DECLARED))
    draft.events.append(SessionRegistered(at=draft.now, session=name, who=message.who))
    return draft.entry(record)


def declare(draft: Draft, message: DeclareSessions) -> None:
    """Let sessions be as the configuration says; what is as it says already is not touched."""
    for declared in message.records:
        known = draft.find(declared.name)
        record = replace(declared, metadata=_frozen(declared.metadata))
        if known is None:
            draft.put(replace(record, created=draft.now, updated=draft.now))
            draft.note(message.who, "register", record.name, None, _shown(record, DECLARED))
            event = SessionRegistered(at=draft.now, session=record.name, who=message.who)
            draft.events.append(event)
        else:
            wanted = {field: getattr(record, field) for field in DECLARED}
            _apply(draft, known, wanted, message.who)


def change(draft: Draft, message: ChangeSession) -> SessionEntry:
    """Change fields of a session, all or none."""
    return _change(draft, message.name, message.fields, message.who)


def change_many(draft: Draft, message: ChangeMany) -> tuple[ItemOutcome, ...]:
    """Change many sessions, each all or none, and tell how each went."""
    return tuple(_outcome(draft, name, fields, message.who) for name, fields in message.changes)


def plan_deletion(draft: Draft, message: DeleteSession) -> Deletion:
    """Check that a session may go, and find places for its pairs."""
    draft.record(message.name)
    pairs = draft.pairs.get(message.name, ())
    if pairs and not message.force:
        raise PairsAssignedError(message.name, len(pairs))
    others = [
        entry
        for name, entry in draft.base.sessions.items()
        if name != message.name and name not in draft.busy
    ]
    moves = places_for(pairs, others, now=draft.now)
    return Deletion(name=message.name, who=message.who, moves=moves)


def delete(draft: Draft, message: Deletion) -> Deleted:
    """Forget a session that has been stopped, and give its pairs to others."""
    name, record = message.name, draft.find(message.name)
    before = None if record is None else _shown(record, DECLARED)
    draft.drop(name)
    draft.moves.update(message.moves)
    moved = MappingProxyType(dict(message.moves))
    after = {"moved": {str(pair): target for pair, target in moved.items()}} if moved else None
    draft.note(message.who, "delete", name, before, after)
    draft.events.append(SessionDeleted(at=draft.now, session=name, who=message.who, moved=moved))
    return Deleted(name=name, moved=moved)


def _outcome(draft: Draft, name: str, fields: Mapping[str, Any], who: str) -> ItemOutcome:
    try:
        return ItemOutcome(name=name, entry=_change(draft, name, fields, who))
    except TelewardenError as error:
        draft.note(who, "change", name, outcome=f"refused: {error}")
        return ItemOutcome(name=name, error=error)


def _change(draft: Draft, name: str, fields: Mapping[str, Any], who: str) -> SessionEntry:
    record, wanted = draft.record(name), _checked(fields)
    pairs = draft.pair_count(name)
    if wanted.get("max_pairs", pairs) < pairs:
        raise SessionFullError(name, pairs=pairs, limit=wanted["max_pairs"])
    return draft.entry(_apply(draft, record, wanted, who))


def _apply(
    draft: Draft, record: SessionRecord, wanted: Mapping[str, Any], who: str
) -> SessionRecord:
    """Change what is different; a change to the same values is none."""
    fields = {key: value for key, value in wanted.items() if getattr(record, key) != value}
    if not fields:
        return record
    changed = replace(record, updated=draft.now, **fields)
    draft.put(changed)
    names = tuple(fields)
    before, after = _shown(record, names), _shown(changed, names)
    draft.note(who, "change", record.name, before, after)
    draft.events.append(
        SessionChanged(
            at=draft.now,
            session=record.name,
            who=who,
            before=MappingProxyType(before),
            after=MappingProxyType(after),
        )
    )
    return changed


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with sensible values, so that nothing can be changed behind our back."""
    unknown = tuple(sorted(str(key) for key in fields if key not in FIELDS))
    if unknown:
        raise UnknownFieldError(unknown, FIELDS)
    checked = dict(fields)
    for key, allowed in (("priority", range(1, 11)), ("max_pairs", range(1, 51))):
        if key in checked and (type(checked[key]) is not int or checked[key] not in allowed):
            least, most = allowed[0], allowed[-1]
            raise InvalidRecordError(key, checked[key], f"a whole number from {least} to {most}")
    phone = checked.get("phone")
    if phone is not None and not (isinstance(phone, str) and E164.fullmatch(phone)):
        raise InvalidRecordError("phone", "not a number", "one as in +12025550123")
    if "metadata" in checked:
        checked["metadata"] = _frozen(checked["metadata"])
    return checked


def _frozen(metadata: object) -> Mapping[str, object]:
    if not isinstance(metadata, Mapping):
        raise InvalidRecordError("metadata", type(metadata).__name__, "a mapping of names")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, SCALARS):
            kind = type(value).__name__
            raise InvalidRecordError(f"metadata.{key}", kind, "text, a number, a truth value, None")
        if value != value or value in {float("inf"), float("-inf")}:
            raise InvalidRecordError(f"metadata.{key}", value, "a number that JSON can hold")
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


def _shown(record: SessionRecord, fields: tuple[str, ...]) -> dict[str, object]:
    """The fields for others to read; of a phone number the last two digits."""
    shown: dict[str, object] = {key: getattr(record, key) for key in fields}
    if shown.get("phone") is not None:
        shown["phone"] = f"...{str(shown['phone'])[-2:]}"
    if "metadata" in shown:
        shown["metadata"] = dict(record.metadata)
    return shown
