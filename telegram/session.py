"""The live state of a Telethon session: in memory, bounded, journalled on change.

Telethon writes to this object on the event loop, so that nothing here touches a disk. What
must survive is asked for with ``take_changes`` by whoever keeps it; ``on_change`` says when
there is something to ask for. Sealing and storing are the storage room's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from telethon.crypto import AuthKey
from telethon.tl.types.updates import State

from ._tl import MemorySession, types, utils
from .session_files.session_file import EntityRow
from .session_files.session_string import SessionString, format_string, parse_string

CHANNEL_MARK: Final = 1_000_000_000_000  # a channel's marked id is -(this + id)
FACES_KNOWN: Final = 100  # chats and users that are told with nearly every message


@dataclass(frozen=True, slots=True)
class UpdateState:
    """How far updates have been seen. ``date`` is in seconds since the epoch."""

    pts: int
    qts: int = 0
    date: float = 0.0
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanges:
    """What changed since the last asking; write all of it, or none.

    ``string`` is given when key, data centre or user changed. States are keyed by channel id,
    0 for the account itself; None means that the state is to be forgotten.
    """

    string: str | None = field(default=None, repr=False)
    user_id: int | None = None
    states: Mapping[int, UpdateState | None] = field(default_factory=dict)
    entities: tuple[EntityRow, ...] = ()


class WardenSession(MemorySession):  # type: ignore[misc]  # Telethon ships no types
    """A Telethon session that lives in memory and says what has changed.

    Args:
        on_change: called (on the event loop) when something changed after a taking.
        entity_limit: chats and users remembered; the longest unused one goes first.
    """

    def __init__(
        self,
        *,
        on_change: Callable[[], None] | None = None,
        entity_limit: int = 5_000,
    ) -> None:
        self._rows: dict[int, EntityRow] = {}  # the longest unused first
        self._usernames: dict[str, int] = {}
        self._faces: dict[tuple[int, int], tuple[tuple[object, ...], int]] = {}
        self._limit = entity_limit
        self._identity_changed = False
        self._changed_states: dict[int, None] = {}  # an empty set takes three times as much
        self._changed_rows: dict[int, None] = {}
        self._told = False
        self._user_id: int | None = None
        self.on_change = on_change
        self.refresh: Callable[[], None] | None = None
        super().__init__()
        self._entities = ()  # Telethon's own, which nothing here looks into

    def __repr__(self) -> str:
        key = "no key" if self.key_id is None else f"key {self.key_id:016x}"
        return f"<WardenSession dc {self.dc_id} {key}>"

    # -- where it comes from and where it goes

    @classmethod
    def from_string(cls, text: str, **options: Any) -> WardenSession:
        """Build one from a session string.

        Raises:
            SessionStringDamagedError: the text is no session string.
        """
        return cls.from_parts(parse_string(text), **options)

    @classmethod
    def from_parts(cls, parts: SessionString, **options: Any) -> WardenSession:
        """Build one from what a string or a file held."""
        session = cls(**options)
        session._dc_id, session._server_address, session._port = parts.dc_id, parts.host, parts.port
        session._auth_key = AuthKey(parts.key)
        return session

    def to_string(self) -> str:
        """Return the session string, or an empty text while there is no key."""
        return "" if self.auth_key is None or not self.auth_key.key else format_string(self.parts)

    @property
    def parts(self) -> SessionString:
        """What the session string holds; there must be a key."""
        return SessionString(
            dc_id=self.dc_id, host=self.server_address, port=self.port, key=self.auth_key.key
        )

    @property
    def key_id(self) -> int | None:
        """The auth key's id, by which leases and latches know the session."""
        key = self._auth_key
        return None if key is None else key.key_id

    @property
    def user_id(self) -> int | None:
        """The account's id, known after the first welcome."""
        return self._user_id

    @user_id.setter
    def user_id(self, value: int | None) -> None:
        if value != self._user_id:
            self._user_id = value
            self._identity_changed = True
            self._tell()

    # -- what has changed

    @property
    def dirty(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._identity_changed or self._changed_states or self._changed_rows)

    def touch(self) -> None:
        """Say that update states may have moved; they are read when changes are taken."""
        self._tell()

    def take_changes(self) -> SessionChanges | None:
        """Return what changed since the last call, or None; call it on the event loop."""
        if self.refresh is not None:
            self.refresh()
        self._told = False
        if not self.dirty:
            return None
        changes = SessionChanges(
            string=self.to_string() if self._identity_changed else None,
            user_id=self._user_id if self._identity_changed else None,
            states={at: self._state(at) for at in self._changed_states},
            entities=tuple(self._rows[at] for at in self._changed_rows if at in self._rows),
        )
        self._identity_changed = False
        self._changed_states.clear()
        self._changed_rows.clear()
        return changes

    def update_states(self) -> dict[int, UpdateState]:
        """Return all update states, by channel id, 0 for the account."""
        return {at: _of(state) for at, state in self._update_states.items()}

    def load_states(self, states: Mapping[int, UpdateState]) -> None:
        """Put stored update states back, before the first connect."""
        self._update_states.update({at: _to(state) for at, state in states.items()})

    def load_user_id(self, user_id: int | None) -> None:
        """Put the stored account's id back, which saves a question; nothing counts as changed."""
        self._user_id = user_id

    def entities(self) -> tuple[EntityRow, ...]:
        """Return all remembered chats and users, longest unused first."""
        return tuple(self._rows.values())

    def load_entities(self, rows: Iterable[EntityRow]) -> None:
        """Put stored chats and users back; nothing counts as changed."""
        for row in rows:
            self._keep(row)

    def remember(self, row: EntityRow) -> None:
        """Remember where a chat is."""
        if self._rows.get(row.id) != row:
            self._keep(row)
            self._changed_rows[row.id] = None
            self._tell()

    def forget_entity(self, marked_id: int) -> None:
        """Forget where a chat is: Telegram does not take it by what is known any more."""
        self._forget_name(self._rows.pop(marked_id, None))
        self._faces.clear()

    def entity(self, marked_id: int) -> EntityRow | None:
        """Return what is known of a chat or user, without asking Telegram."""
        return self._rows.get(marked_id)

    # -- what Telethon calls

    @property
    def auth_key(self) -> Any:
        """Telethon's ``AuthKey`` or None."""
        return self._auth_key

    @auth_key.setter
    def auth_key(self, value: Any) -> None:
        before = self.key_id
        self._auth_key = value
        if self.key_id != before:
            self._identity_changed = True
            self._tell()

    def set_dc(self, dc_id: int, server_address: str, port: int) -> None:
        """Remember the data centre."""
        if (dc_id, server_address, port) != (self._dc_id, self._server_address, self._port):
            super().set_dc(dc_id, server_address, port)
            self._identity_changed = True
            self._tell()

    def set_update_state(self, entity_id: int, state: Any) -> None:
        """Remember how far updates have been seen."""
        before = self._update_states.get(entity_id)
        if before is None or _of(before) != _of(state):
            self._update_states[entity_id] = state
            self._changed_states[entity_id] = None
            self._tell()

    def forget_update_state(self, entity_id: int) -> None:
        """Drop a state that Telegram refuses; history is read instead."""
        if self._update_states.pop(entity_id, None) is not None:
            self._changed_states[entity_id] = None
            self._tell()

    def get_update_states(self) -> Iterable[tuple[int, Any]]:
        """Telethon's view of all update states."""
        return list(self._update_states.items())

    def process_entities(self, tlo: Any) -> None:
        """Remember every chat and user that an answer carries."""
        for found in self._entities_to_rows(tlo):
            row = EntityRow(*found)
            if self._rows.get(row.id) == row:
                self._rows[row.id] = self._rows.pop(row.id)
                continue
            self._keep(row)
            self._changed_rows[row.id] = None
            self._tell()

    def _entity_to_row(self, e: Any) -> tuple[Any, ...] | None:
        """Telethon's row of a chat or user; None also when it looks as it did the last time."""
        key = (getattr(e, "CONSTRUCTOR_ID", 0), getattr(e, "id", 0))
        face = _face(e)
        known = self._faces.get(key)
        if known is not None and known[0] == face and known[1] in self._rows:
            self._rows[known[1]] = self._rows.pop(known[1])
            return None
        row: tuple[Any, ...] | None = super()._entity_to_row(e)
        if row is not None:
            if len(self._faces) >= FACES_KNOWN:
                self._faces.clear()
            self._faces[key] = face, row[0]
        return row

    def get_entity_rows_by_id(self, id: int, exact: bool = True) -> tuple[int, int] | None:  # noqa: A002 - Telethon passes it by this name
        """Find a chat or user by marked id, or by bare id when not ``exact``."""
        ids = (id,) if exact else (id, -id, -(CHANNEL_MARK + id))
        return next((_pair(self._rows[at]) for at in ids if at in self._rows), None)

    def get_entity_rows_by_username(self, username: str) -> tuple[int, int] | None:
        """Find a chat or user by its name after the @."""
        row = self._rows.get(self._usernames.get(username.lower(), 0))
        return None if row is None else _pair(row)

    def get_entity_rows_by_phone(self, phone: str) -> tuple[int, int] | None:
        """Find a user by phone number."""
        return next((_pair(row) for row in self._rows.values() if row.phone == phone), None)

    def get_entity_rows_by_name(self, name: str) -> tuple[int, int] | None:
        """Find a chat or user by the name shown."""
        return next((_pair(row) for row in self._rows.values() if row.name == name), None)

    # -- inside

    def _keep(self, row: EntityRow) -> None:
        self._forget_name(self._rows.pop(row.id, None))
        self._rows[row.id] = row
        if row.username:
            self._usernames[row.username] = row.id
        while len(self._rows) > self._limit:
            self._forget_name(self._rows.pop(next(iter(self._rows))))

    def _forget_name(self, row: EntityRow | None) -> None:
        if row is not None and row.username and self._usernames.get(row.username) == row.id:
            del self._usernames[row.username]

    def _state(self, at: int) -> UpdateState | None:
        state = self._update_states.get(at)
        return None if state is None else _of(state)

    def _tell(self) -> None:
        if not self._told and self.on_change is not None:
            self._told = True
            self.on_change()


def _pair(row: EntityRow) -> tuple[int, int]:
    return row.id, row.access_hash


def _of(state: Any) -> UpdateState:
    return UpdateState(state.pts, state.qts, state.date.timestamp(), state.seq)


def _to(state: UpdateState) -> Any:
    date = datetime.fromtimestamp(state.date, tz=UTC)
    return State(state.pts, state.qts, date, state.seq, unread_count=0)


def marked_id(peer: Any) -> int:
    """Return the marked id of any Telethon peer, user or chat."""
    known = _MARKS.get(type(peer))
    if known is None:
        return int(utils.get_peer_id(peer))
    field, base, sign = known
    return base + sign * int(getattr(peer, field))


# What comes with every message. Telethon asks of each in turn all that it might be: that took a
# twentieth of the time in which a message is heard.
_MARKS: Final[Mapping[type[Any], tuple[str, int, int]]] = {
    types.PeerUser: ("user_id", 0, 1),
    types.PeerChat: ("chat_id", 0, -1),
    types.PeerChannel: ("channel_id", -CHANNEL_MARK, -1),
    types.User: ("id", 0, 1),
    types.Chat: ("id", 0, -1),
    types.ChatForbidden: ("id", 0, -1),
    types.Channel: ("id", -CHANNEL_MARK, -1),
    types.ChannelForbidden: ("id", -CHANNEL_MARK, -1),
}


def _face(e: Any) -> tuple[object, ...]:
    """All that a row is made of; whether it may be addressed at all depends on ``min``."""
    return (
        getattr(e, "access_hash", None),
        getattr(e, "min", None),
        getattr(e, "username", None),
        getattr(e, "title", None),
        getattr(e, "first_name", None),
        getattr(e, "last_name", None),
        getattr(e, "phone", None),
    )
