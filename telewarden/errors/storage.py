"""Errors of the storage: places, files, rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .root import TelewardenError, counted, shown

LISTS: Final[Mapping[str, str]] = {
    "authorisation": "authorisations list",
    "backup": "backups",
    "database backup": "database backups",
    "dead letter": "pairs dead",
    "pair": "pairs list",
    "session": "sessions",
}
"""The command that lists records of a kind."""


class JournalUnavailableError(TelewardenError):
    """The database's writer did not answer; whether the write was done is not known."""

    def __init__(self) -> None:
        super().__init__("the journal did not answer in time; the write may or may not be kept")


class StorageError(TelewardenError):
    """Something that should survive could not be read or written; the message says what is left."""


class StorageNotWritableError(StorageError):
    """A folder or file cannot be written; nothing has been changed."""

    def __init__(self, place: object, why: str) -> None:
        super().__init__(
            f"{place} is not writable ({why}); give its owner write access or name another place"
        )
        self.place, self.why = place, why


class StorageNotFoundError(StorageError):
    """There is no database at the place named; none has been made."""

    def __init__(self, place: object) -> None:
        super().__init__(f"{place} does not exist; start a warden on it once or name another place")
        self.place = place


class StorageFullError(StorageError):
    """The disk is full; the write was undone, what was stored before is whole."""

    def __init__(self, place: object) -> None:
        super().__init__(f"no space is left for {place}; free some and the work can go on")
        self.place = place


class StorageBusyError(StorageError):
    """Another process kept the database locked for too long; the write was undone."""

    def __init__(self, place: object, waited: float) -> None:
        super().__init__(
            f"{place} stayed locked by another process for {waited:g} s; stop it or try again"
        )
        self.place, self.waited = place, waited


class FolderHeldError(StorageBusyError):
    """Another process has the storage folder; nothing in it has changed.

    Args:
        folder: the storage folder.
        holder: who has it: process, program, what for, since when.
    """

    def __init__(self, folder: object, holder: str) -> None:
        TelewardenError.__init__(
            self,
            f"the storage folder {folder} is in use by {holder}:"
            " ask that process, or stop it first",
        )
        self.place, self.waited, self.holder = folder, 0.0, holder


class StorageFailedError(StorageError):
    """The operating system failed a read or write; the open transaction was undone."""

    def __init__(self, place: object, why: str) -> None:
        super().__init__(f"{place} could not be used: {why}; look at the disk and its log")
        self.place, self.why = place, why


class DiskFailedError(StorageFailedError):
    """The disk failed a read or write (EIO); it may work again, and then the work goes on."""


class StorageUnreachableError(StorageFailedError):
    """The database's server cannot be reached, or the connection was lost; the open transaction
    was undone. It may come back, and then the work goes on."""

    def __init__(self, place: object, why: str) -> None:
        StorageError.__init__(
            self,
            f"{place} cannot be reached ({why}); see that the server runs and lets this user in",
        )
        self.place, self.why = place, why


class TransactionLostError(StorageError):
    """An error inside a transaction undid all of it; none of its writes are stored."""

    def __init__(self, place: object) -> None:
        super().__init__(
            f"a transaction on {place} was undone by an earlier error; repeat all of it"
        )
        self.place = place


class DatabaseDamagedError(StorageError):
    """A database file is damaged or not a database; it has been left exactly as it is."""

    def __init__(self, place: object, what: str) -> None:
        super().__init__(
            f"{place} is damaged ({what}); it was left as it is: set it aside and restore a backup"
        )
        self.place, self.what = place, what


class ForeignDatabaseError(StorageError):
    """A database file belongs to another program; it has been left exactly as it is."""

    def __init__(self, place: object) -> None:
        super().__init__(f"{place} is another program's database; name another place")
        self.place = place


class ForeignOwnerError(StorageError):
    """A folder or file belongs to another user, who could change it; nothing has been touched.

    Args:
        place: the folder or file.
        owner: whose it is.
        user: who this process is.
    """

    def __init__(self, place: object, owner: str, user: str) -> None:
        super().__init__(
            f"{place} belongs to user {owner}, and this process is user {user}: run it as the"
            f" owner, or give it to who runs it (chown)"
        )
        self.place, self.owner, self.user = place, owner, user


class SchemaTooNewError(StorageError):
    """A database was written by a later Telewarden; it has been left exactly as it is."""

    def __init__(self, place: object, *, found: int, known: int) -> None:
        super().__init__(
            f"{place} has schema {found}, this Telewarden knows up to {known}; upgrade Telewarden"
        )
        self.place, self.found, self.known = place, found, known


class SchemaTooOldError(StorageError):
    """A database of an earlier Telewarden cannot be read as it is; nothing has changed."""

    def __init__(self, place: object, *, found: int, known: int) -> None:
        super().__init__(
            f"{place} has schema {found}, this Telewarden's is {known}; start the warden once,"
            " which brings it up to date and keeps everything"
        )
        self.place, self.found, self.known = place, found, known


class InvalidRecordError(StorageError):
    """A record was refused while being built; nothing has been stored."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {shown(value)}; give {allowed}")
        self.field, self.value, self.allowed = field, value, allowed


class UnknownRecordError(StorageError):
    """What was asked for is not stored; nothing has been changed."""

    def __init__(self, kind: str, key: object) -> None:
        what, _, owner = kind.partition(" of ")
        listed = LISTS.get(what)
        way_out = f"see them with: telewarden {listed} {owner}" if listed else "list them"
        super().__init__(f"there is no {kind} {key}; {way_out.rstrip()}")
        self.kind, self.key = kind, key


class PairsAssignedError(StorageError):
    """A session still has pairs and was not deleted; nothing has been changed."""

    def __init__(self, session: str, pairs: int) -> None:
        super().__init__(
            f"session {session} still has {counted(pairs, 'pair')}; move or remove them first,"
            " or delete it with force (--force), which gives them to other sessions"
        )
        self.session, self.pairs = session, pairs
