"""Everything that Telewarden raises on purpose, in one tree.

Each room's errors hang below the one root, so that an app can write
``except TelewardenError`` and mean it::

    TelewardenError
    |-- SupervisionError            something about a tree of actors
    |   |-- InvalidSpecError        a description is refused; nothing has been started
    |   |-- ChildStartError         a child did not start; what had started is stopped
    |   |-- ChildNotFoundError      no child of that id is known here
    |   |-- ChildRunningError       the command needs a child that is not running
    |   |-- ChildPresentError       a child of that id is known already, not running
    |   |-- ChildRestartingError    the command must wait until the restart is over
    |   |-- TooManyChildrenError    the dynamic supervisor is full
    |   |-- ChildUnavailableError   not running now, may come back: try later
    |   |-- ChildAbandonedError     would not stop; fenced off and left behind
    |   |-- HandlerStuckError       one message took too long; its handler was cancelled
    |   |-- FencedError             what was left behind wanted to act; it was refused
    |   |-- TooManyAbandonedError   too many had to be left behind; the tree stopped
    |   |-- BudgetExhaustedError    restarts outran the budget; the supervisor stopped
    |   |-- SupervisorAskedError    a starting child asked its own supervisor to act
    |   |-- BlockingAskError        a blocking ask inside the loop that must answer it
    |   |-- AskTimeoutError         no answer in time; it may still come, and is dropped
    |   `-- DrillError              a crash on request, for fault drills
    |-- StorageError                what should survive could not be read or written
    |   |-- StorageNotWritableError     a folder or file cannot be written
    |   |-- StorageNotFoundError        there is no database at that place
    |   |-- StorageFullError            the disk is full
    |   |-- StorageBusyError            another process kept the database locked
    |   |-- StorageFailedError          the operating system failed a read or write
    |   |-- TransactionLostError        an error undid the whole transaction
    |   |-- DatabaseDamagedError        the file is damaged or no database
    |   |-- ForeignDatabaseError        the file is another program's database
    |   |-- SchemaTooNewError           the file was written by a later Telewarden
    |   |-- MasterKeyError
    |   |   |-- MasterKeyMissingError       there is none at the place named
    |   |   |-- MasterKeyMalformedError     the text is no master key
    |   |   `-- WrongMasterKeyError         the data was sealed with another
    |   |-- SealDamagedError            a sealed value does not open
    |   |-- CredentialDamagedError      a stored session string is damaged
    |   |-- SessionFileDamagedError     a sealed session file is damaged
    |   |-- InvalidRecordError          a record was refused while being built
    |   |-- UnknownRecordError          what was asked for is not stored
    |   |-- PairsAssignedError          a session with pairs is not deleted
    |   |-- KeyLatchedError             the key is dead, no copy may be used
    |   `-- LeaseHeldError              somebody else owns the session's key
    |-- ConfigError                 a configuration file or value cannot be used
    |-- LoginBudgetError            enough login codes were asked for today
    |-- DemoError                   the demonstration could not go on
    |-- NotRunningError             what was asked for is not running (yet)
    |-- RegistryError               the registry refused a change; nothing has changed
    |   |-- UnknownSessionError         there is no session of that name
    |   |-- SessionExistsError          there is one of that name already
    |   |-- SessionBusyError            the session is being deleted
    |   |-- SessionFullError            a session takes no more pairs
    |   |-- PairExistsError             there is a pair of that number already
    |   |-- PairChangedError            somebody else changed the pair meanwhile
    |   |-- RegistryFullError           as many entries as there may be
    |   |-- UnknownFieldError           a change names a field that cannot be changed
    |   |-- UnknownOperationError       there is no operation of that number
    |   |-- OperationEndedError         an operation that is over makes no progress
    |   |-- OperationDroppedError       the operation was forgotten while it was watched
    |   `-- NoSessionFitsError          no session can take another pair now
    |-- NoLoginError                no login is under way
    |-- OtherAccountError           a login turned out to be another account's
    |-- NoCredentialError           a session has no copy to come back from
    |-- SecretMissingError          a secret is not where the configuration says
    |-- JournalUnavailableError     the database's writer did not answer
    |-- TelegramError               Telegram refused something, or cannot be reached
    |   |-- TelegramRateLimitError      wait until the deadline
    |   |-- TelegramAuthError           the login or the key is the trouble
    |   `-- TelegramSessionError        the connection, the account or the chat is
    |-- BackfillRunningError        a pair reads its past already
    |-- BadCommandError             a command was not given as it has to be
    |-- HandlerRefusedError         a pair's handler will never take this message
    |-- PairBusyError               a pair would not come to rest
    |-- PairsNotMovedError          pairs stay where they are, with every reason
    |-- UnknownHandlerError         no installed package offers that handler
    |-- MessageNotCopyableError     a message holds nothing that can be sent
    |-- PeerUnknownError            this account never saw that chat
    |-- ProtectedContentError       the source protects its content
    |-- SessionStringDamagedError   a text is no session string
    |-- TelethonFileDamagedError    a file is no usable Telethon session
    |-- IllegalStepError            a session's phase cannot take that event
    |-- LoopbackStateError          a loopback's state file cannot be read or written
    |-- WardenUnreachableError      no running warden answers at that socket
    |-- CommandFailedError          a running warden refused or failed a command
    `-- ListenError                 an address to listen on cannot be taken

A leaf is named for what happened and carries it as data. Its message names the
thing, the value and the way out.
"""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = [
    "AskTimeoutError",
    "BackfillRunningError",
    "BadCommandError",
    "BlockingAskError",
    "BudgetExhaustedError",
    "ChildAbandonedError",
    "ChildNotFoundError",
    "ChildPresentError",
    "ChildRestartingError",
    "ChildRunningError",
    "ChildStartError",
    "ChildUnavailableError",
    "CommandFailedError",
    "ConfigError",
    "CredentialDamagedError",
    "DatabaseDamagedError",
    "DemoError",
    "DrillError",
    "FencedError",
    "ForeignDatabaseError",
    "HandlerRefusedError",
    "HandlerStuckError",
    "IllegalStepError",
    "InvalidRecordError",
    "InvalidSpecError",
    "JournalUnavailableError",
    "KeyLatchedError",
    "LeaseHeldError",
    "ListenError",
    "LoginBudgetError",
    "LoopbackStateError",
    "MasterKeyError",
    "MasterKeyMalformedError",
    "MasterKeyMissingError",
    "MessageNotCopyableError",
    "NoCredentialError",
    "NoLoginError",
    "NoSessionFitsError",
    "NotRunningError",
    "OperationDroppedError",
    "OperationEndedError",
    "OtherAccountError",
    "PairBusyError",
    "PairChangedError",
    "PairExistsError",
    "PairsAssignedError",
    "PairsNotMovedError",
    "PeerUnknownError",
    "ProtectedContentError",
    "RegistryError",
    "RegistryFullError",
    "SchemaTooNewError",
    "SealDamagedError",
    "SecretMissingError",
    "SessionBusyError",
    "SessionExistsError",
    "SessionFileDamagedError",
    "SessionFullError",
    "SessionStringDamagedError",
    "StorageBusyError",
    "StorageError",
    "StorageFailedError",
    "StorageFullError",
    "StorageNotFoundError",
    "StorageNotWritableError",
    "SupervisionError",
    "SupervisorAskedError",
    "TelegramAuthError",
    "TelegramError",
    "TelegramRateLimitError",
    "TelegramSessionError",
    "TelethonFileDamagedError",
    "TelewardenError",
    "TooManyAbandonedError",
    "TooManyChildrenError",
    "TransactionLostError",
    "UnknownFieldError",
    "UnknownHandlerError",
    "UnknownOperationError",
    "UnknownRecordError",
    "UnknownSessionError",
    "WardenUnreachableError",
    "WrongMasterKeyError",
]

NAMES_SHOWN = 10  # in a message; the error carries them all


class TelewardenError(Exception):
    """The root of every error that Telewarden raises on purpose."""


class ConfigError(TelewardenError):
    """A configuration cannot be used; nothing has been started or written.

    Args:
        source: the file, or ``"config"`` for one that was built in code.
        problems: one sentence for each thing that is wrong, place first.
    """

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(f"{source}: {problem}" for problem in problems))
        self.source, self.problems = source, problems


class SecretMissingError(TelewardenError):
    """A secret is not where the configuration says; nothing has been started.

    Args:
        what: the configuration key that names it.
        why: what was found instead, with the place; never the secret.
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}; set it, or correct the configuration")
        self.what, self.why = what, why


class ListenError(TelewardenError):
    """An address to listen on cannot be taken; nothing has been started."""

    def __init__(self, what: str, address: str, why: str) -> None:
        super().__init__(f"{what} cannot listen on {address}: {why}; free it or choose another")
        self.what, self.address, self.why = what, address, why


class LoopbackStateError(TelewardenError):
    """A loopback data centre's state file cannot be used; it is left as it was."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"state file {path}: {why}; correct it or name another file")
        self.path, self.why = path, why


class WardenUnreachableError(TelewardenError):
    """No running warden answers at a control socket; nothing has been asked of one.

    Args:
        path: the socket's file.
        why: what was met instead, in a few words; by default that nobody listens.
    """

    def __init__(self, path: object, why: str = "") -> None:
        super().__init__(
            f"the warden at {path} {why}"
            if why
            else f"no warden listens on {path}; start one with telewarden run CONFIG"
        )
        self.path, self.why = path, why


class CommandFailedError(TelewardenError):
    """A running warden refused or failed a command; its message is passed on as it is.

    Args:
        message: what the warden said.
        kind: the class of its error.
        status: the HTTP status of its answer.
    """

    def __init__(self, message: str, *, kind: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.kind, self.status = kind, status


class BadCommandError(TelewardenError):
    """A command was not given as it has to be; nothing has been done."""

    def __init__(self, command: str, problem: str) -> None:
        super().__init__(f"{command}: {problem}")
        self.command, self.problem = command, problem


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


class StorageFailedError(StorageError):
    """The operating system failed a read or write; the open transaction was undone."""

    def __init__(self, place: object, why: str) -> None:
        super().__init__(f"{place} could not be used: {why}; look at the disk and its log")
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
        super().__init__(f"{place} is another program's SQLite database; name another place")
        self.place = place


class SchemaTooNewError(StorageError):
    """A database was written by a later Telewarden; it has been left exactly as it is."""

    def __init__(self, place: object, *, found: int, known: int) -> None:
        super().__init__(
            f"{place} has schema {found}, this Telewarden knows up to {known}; upgrade Telewarden"
        )
        self.place, self.found, self.known = place, found, known


class MasterKeyError(StorageError):
    """The master key cannot be used; no stored data has been touched."""


class MasterKeyMissingError(MasterKeyError):
    """There is no master key at the place named; no stored data has been touched."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            f"the master key is missing: {place} {why};"
            " make one with MasterKey.generate() and keep a copy of it"
        )
        self.place, self.why = place, why


class MasterKeyMalformedError(MasterKeyError):
    """A text is no master key; no stored data has been touched."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"the master key from {place} {why}; copy it again, whole")
        self.place, self.why = place, why


class WrongMasterKeyError(MasterKeyError):
    """The master key is not the one that this data was sealed with; nothing has been touched."""

    def __init__(self, place: str, *, what: str = "this data") -> None:
        super().__init__(
            f"the master key from {place} does not open {what}, which was sealed with another;"
            " give that key or name another place"
        )
        self.place, self.what = place, what


class SealDamagedError(StorageError):
    """A sealed value does not open: damaged, moved from another row, or sealed elsewhere."""

    def __init__(self, row: str, what: str) -> None:
        super().__init__(f"the sealed value of {row} does not open: {what}; restore it from a copy")
        self.row, self.what = row, what


class CredentialDamagedError(StorageError):
    """A stored session string is damaged; it was left as it is, other copies are not concerned."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(
            f"the stored credential of {name} is damaged: {what};"
            " recover it from the session file or a backup"
        )
        self.name, self.what = name, what


class SessionFileDamagedError(StorageError):
    """A sealed session file is damaged or missing; it was left as it is.

    Args:
        path: the file.
        what: what is wrong with it.
        offset: the byte at which it was noticed.
    """

    def __init__(self, path: object, what: str, *, offset: int = 0) -> None:
        super().__init__(
            f"session file {path} is damaged at byte {offset}: {what};"
            " recover the session from the database or a backup"
        )
        self.path, self.what, self.offset = path, what, offset


class InvalidRecordError(StorageError):
    """A record was refused while being built; nothing has been stored."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {value!r}; give {allowed}")
        self.field, self.value, self.allowed = field, value, allowed


class UnknownRecordError(StorageError):
    """What was asked for is not stored; nothing has been changed."""

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"there is no {kind} {key}; list them to see what there is")
        self.kind, self.key = kind, key


class PairsAssignedError(StorageError):
    """A session still has pairs and was not deleted; nothing has been changed."""

    def __init__(self, session: str, pairs: int) -> None:
        super().__init__(
            f"session {session} still has {pairs} pairs; move or remove them first,"
            " or delete it with force, which gives them to other sessions"
        )
        self.session, self.pairs = session, pairs


class KeyLatchedError(StorageError):
    """Telegram declared this key dead, so no copy of it may be used; nothing has been changed."""

    def __init__(self, key_id: int, reason: str) -> None:
        super().__init__(f"key {key_id:016x} is latched as dead ({reason}); log in again")
        self.key_id, self.reason = key_id, reason


class LeaseHeldError(StorageError):
    """Somebody else owns the session's key; nothing has been sent and nothing changed.

    Args:
        key_id: the auth key's id.
        holder: a sentence part that says who holds it.
        waited: seconds spent waiting.
    """

    def __init__(self, key_id: int, holder: str, *, waited: float) -> None:
        super().__init__(
            f"key {key_id:016x} is in use by {holder}; waited {waited:.1f} s:"
            " stop that process, or try again when it is done"
        )
        self.key_id, self.holder, self.waited = key_id, holder, waited


class SupervisionError(TelewardenError):
    """The root of what goes wrong between a supervisor and its children."""


class InvalidSpecError(SupervisionError, ValueError):
    """A description cannot be used; nothing has been started.

    Args:
        field: the class and field at fault, as ``RestartBudget.limit``.
        value: what was given; shown as its type name when it may hold a secret.
        allowed: what would be accepted, as the end of "give ...".
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {value!r}; give {allowed}")
        self.field, self.value, self.allowed = field, value, allowed


class ChildStartError(SupervisionError):
    """A child did not start; whatever its supervisor had started for it is stopped again."""

    def __init__(self, child: str, cause: BaseException) -> None:
        super().__init__(f"{child} did not start: {type(cause).__name__}: {cause}")
        self.child, self.cause = child, cause


class ChildNotFoundError(SupervisionError, LookupError):
    """The supervisor knows no child of that id; nothing has changed."""

    def __init__(self, child: str) -> None:
        super().__init__(
            f"there is no child {child!r} here; a snapshot of the tree (telewarden tree) names all"
        )
        self.child = child


class ChildRunningError(SupervisionError):
    """The child is running, and the command needs one that is not; nothing has changed.

    ``ref`` is the running child's reference.
    """

    def __init__(self, child: str, ref: object = None) -> None:
        super().__init__(f"{child} is running already")
        self.child, self.ref = child, ref


class ChildPresentError(SupervisionError):
    """A child of that id is described already but not running; restart or delete that one."""

    def __init__(self, child: str) -> None:
        super().__init__(f"{child} is present but not running; restart it, or delete it first")
        self.child = child


class ChildRestartingError(SupervisionError):
    """The child is about to be restarted; terminate it first, or wait."""

    def __init__(self, child: str) -> None:
        super().__init__(f"{child} is being restarted; terminate it first, or wait")
        self.child = child


class TooManyChildrenError(SupervisionError):
    """The dynamic supervisor holds as many children as it may; nothing has been started."""

    def __init__(self, supervisor: str, limit: int) -> None:
        super().__init__(f"{supervisor} holds {limit} children, its limit")
        self.supervisor, self.limit = supervisor, limit


class ChildUnavailableError(SupervisionError):
    """The child is not running now but may come back: the message was not handled, try later.

    One that is gone for good answers with Pykka's ``ActorDeadError`` instead.
    """

    def __init__(self, child: str, why: str) -> None:
        super().__init__(f"{child} is unavailable: {why}")
        self.child, self.why = child, why


class ChildAbandonedError(SupervisionError):
    """The child would not start or stop in time; it is fenced off, and nothing replaces it."""

    def __init__(self, child: str, seconds: float) -> None:
        super().__init__(f"{child} did not come to an end within {seconds:g} s")
        self.child, self.seconds = child, seconds


class HandlerStuckError(SupervisionError):
    """One message took longer than ``stuck_after``; its handler was cancelled, as after a crash."""

    def __init__(self, child: str, seconds: float) -> None:
        super().__init__(f"{child} has been at one message for {seconds:g} s")
        self.child, self.seconds = child, seconds


class FencedError(SupervisionError):
    """An incarnation that was left behind wanted to send or write; nothing has been done.

    Another may have taken its place. End what you are doing.
    """

    def __init__(self, child: str, incarnation: int) -> None:
        super().__init__(f"{child}#{incarnation} was left behind; it may not act any more")
        self.child, self.incarnation = child, incarnation


class TooManyAbandonedError(SupervisionError):
    """More incarnations than allowed would not end; the tree stopped. Start the process anew."""

    def __init__(self, abandoned: int, limit: int) -> None:
        super().__init__(f"{abandoned} were left behind, {limit} are allowed; restart the process")
        self.abandoned, self.limit = abandoned, limit


class BudgetExhaustedError(SupervisionError):
    """A child outran its budget; its siblings have been stopped, newest first."""

    def __init__(self, child: str, *, spent: int, within: float) -> None:
        super().__init__(f"{child} failed {spent} times in {within:g} s; supervisor stops")
        self.child, self.spent, self.within = child, spent, within


class SupervisorAskedError(SupervisionError):
    """A child that is still starting asked its own supervisor; waiting would never end."""

    def __init__(self, child: str, supervisor: str) -> None:
        super().__init__(f"{child} asked {supervisor}, its own supervisor, while starting")
        self.child, self.supervisor = child, supervisor


class BlockingAskError(SupervisionError):
    """A blocking ask inside the loop that would have to answer it; nothing has been sent."""

    def __init__(self, child: str) -> None:
        super().__init__(
            f"a blocking ask to {child} from inside its own loop would never return; "
            "use `await ask_async(ref, message, timeout=...)`"
        )
        self.child = child


class AskTimeoutError(SupervisionError, TimeoutError):
    """No answer came in time; the message may still be handled, its answer is dropped."""

    def __init__(self, child: str, seconds: float) -> None:
        super().__init__(f"{child} did not answer within {seconds:g} s")
        self.child, self.seconds = child, seconds


class DrillError(SupervisionError):
    """Somebody asked for this crash, to see the tree mend it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"drill: {reason}")
        self.reason = reason


class TelegramError(TelewardenError):
    """Telegram refused something or cannot be reached; what is stored has not been touched.

    Args:
        message: one sentence: the session, Telegram's word, the way out.
        session: the session's name, when one is concerned.
        kind: the error class, such as ``flood`` or ``revoked``.
        action: what the supervising side does about it.
        name: Telegram's own word, such as ``FLOOD_WAIT``.
        advice: what the operator can do.
        wait: seconds to wait, or None when none are dictated.
        deadline: when the wait is over, in seconds since the epoch.
        terminal: whether the session must not be started again by itself.
    """

    def __init__(
        self,
        message: str,
        *,
        session: str | None = None,
        kind: str,
        action: str,
        name: str,
        advice: str = "",
        wait: float | None = None,
        deadline: float | None = None,
        terminal: bool = False,
    ) -> None:
        super().__init__(message)
        self.session, self.kind, self.action, self.name = session, kind, action, name
        self.advice, self.wait, self.deadline, self.terminal = advice, wait, deadline, terminal


class TelegramRateLimitError(TelegramError):
    """Telegram wants a pause; nothing was done, and nothing may be repeated before ``deadline``."""


class TelegramAuthError(TelegramError):
    """The login or the key is the trouble; key and data are kept for the operator to decide."""


class TelegramSessionError(TelegramError):
    """The connection, the account or a chat is the trouble; the session itself is kept."""


class PeerUnknownError(TelewardenError):
    """This account never saw that chat, so that it cannot be addressed; nothing was sent."""

    def __init__(self, chat: int) -> None:
        super().__init__(
            f"chat {chat} is unknown to this account; open or join it once, then try again"
        )
        self.chat = chat


class ProtectedContentError(TelewardenError):
    """The source protects its content, so that it is not copied; nothing was sent."""

    def __init__(self, chat: int) -> None:
        super().__init__(f"chat {chat} protects its content; it is not copied, remove the pair")
        self.chat = chat


class MessageNotCopyableError(TelewardenError):
    """A message holds nothing that can be sent again under another name; nothing was sent."""

    def __init__(self, chat: int, message: int) -> None:
        super().__init__(f"message {message} of chat {chat} holds nothing that can be copied")
        self.chat, self.message = chat, message


class SessionStringDamagedError(TelewardenError):
    """A text is no session string, or not the one it should be; it has not been used."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the session string {why}; copy it again, whole, or use another copy")
        self.why = why


class TelethonFileDamagedError(TelewardenError):
    """A file is no usable Telethon session; it has been left exactly as it is.

    Args:
        path: the file.
        damage: the kind of damage in one word, such as ``empty`` or ``foreign``.
        what: what was found, in a few words.
    """

    def __init__(self, path: object, damage: str, what: str) -> None:
        super().__init__(f"session file {path} cannot be used: {what}; use another copy of it")
        self.path, self.damage, self.what = path, damage, what


class IllegalStepError(TelewardenError):
    """A session in this phase cannot take that event; the phase stays as it was."""

    def __init__(self, phase: str, event: str, allowed: tuple[str, ...]) -> None:
        super().__init__(
            f"phase {phase} does not take {event}; it takes {', '.join(allowed) or 'nothing'}"
        )
        self.phase, self.event, self.allowed = phase, event, allowed


class LoginBudgetError(TelewardenError):
    """Enough login codes were asked for today; Telegram has not been asked for another."""

    def __init__(self, session: str, *, spent: int, again_at: float) -> None:
        when = datetime.fromtimestamp(again_at, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
        super().__init__(
            f"session {session}: {spent} login codes within a day; ask again after {when}, "
            "or log in by QR code"
        )
        self.session, self.spent, self.again_at = session, spent, again_at


class NoLoginError(TelewardenError):
    """A code or password was handed in, and no login is under way."""

    def __init__(self, session: str) -> None:
        super().__init__(f"session {session} has no login under way; start one first")
        self.session = session


class OtherAccountError(TelewardenError):
    """A login turned out to be another account's; the session is as it was."""

    def __init__(self, session: str) -> None:
        super().__init__(
            f"this login is not session {session}'s account; use the right one,"
            " or register another session for it"
        )
        self.session = session


class NoCredentialError(TelewardenError):
    """A session has no stored copy to come back from; it needs a login.

    Args:
        session: its name.
        problems: what is wrong with the copies that are there, if any are.
    """

    def __init__(self, session: str, *, problems: tuple[str, ...] = ()) -> None:
        said = f" that can be used ({'; '.join(problems)})" if problems else ""
        super().__init__(
            f"session {session} has no stored login{said}; log in with telewarden auth"
        )
        self.session, self.problems = session, problems


class NotRunningError(TelewardenError):
    """What was asked for is not running (yet)."""

    def __init__(self, what: str, way_out: str) -> None:
        super().__init__(f"{what} is not running; {way_out}")
        self.what = what


class RegistryError(TelewardenError):
    """The root of what the registry refuses; nothing has changed."""


class UnknownSessionError(RegistryError, LookupError):
    """There is no session of that name; nothing has changed."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        shown = ", ".join(known[:NAMES_SHOWN]) or "none"
        more = f" and {len(known) - NAMES_SHOWN} more" if len(known) > NAMES_SHOWN else ""
        super().__init__(f"there is no session {name!r}; sessions are: {shown}{more}")
        self.name, self.known = name, known


class SessionExistsError(RegistryError):
    """There is a session of that name already; it is as it was."""

    def __init__(self, name: str) -> None:
        super().__init__(f"session {name} is registered already; change it or take another name")
        self.name = name


class SessionBusyError(RegistryError):
    """The session is in the middle of something that a change would break; try again after it."""

    def __init__(self, name: str, doing: str) -> None:
        super().__init__(f"session {name} is being {doing}; try again when that is over")
        self.name, self.doing = name, doing


class SessionFullError(RegistryError):
    """A session would have more pairs than it takes; nothing has changed."""

    def __init__(self, name: str, *, pairs: int, limit: int) -> None:
        super().__init__(
            f"session {name} would have {pairs} pairs and takes {limit};"
            " raise its max_pairs (50 at most) or move pairs to another session"
        )
        self.name, self.pairs, self.limit = name, pairs, limit


class PairExistsError(RegistryError):
    """There is a pair of that number already; it is as it was."""

    def __init__(self, pair: int) -> None:
        super().__init__(f"there is a pair {pair} already; change it or take another number")
        self.pair = pair


class PairChangedError(RegistryError):
    """Somebody else changed the pair meanwhile; this change was not made."""

    def __init__(self, pair: int) -> None:
        super().__init__(f"pair {pair} was changed by somebody else meanwhile; look and try again")
        self.pair = pair


class RegistryFullError(RegistryError):
    """The registry holds as many entries of that kind as it may, and none has expired.

    Args:
        what: ``"sessions"`` or ``"operations"``.
        limit: how many there may be.
    """

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(
            f"the registry holds {limit} {what}, its limit, and all are in use;"
            f" end or delete some, or raise max_{what}"
        )
        self.what, self.limit = what, limit


class UnknownFieldError(RegistryError):
    """A change names fields that there are not, or that cannot be changed; nothing has changed."""

    def __init__(self, fields: tuple[str, ...], allowed: tuple[str, ...]) -> None:
        super().__init__(f"cannot change {', '.join(fields)}; give {', '.join(allowed)}")
        self.fields, self.allowed = fields, allowed


class UnknownOperationError(RegistryError, LookupError):
    """There is no operation of that number, or it has expired; nothing has changed."""

    def __init__(self, id_: int) -> None:
        super().__init__(f"there is no operation {id_}; it may have expired, list the others")
        self.id = id_


class OperationEndedError(RegistryError):
    """The operation is over and makes no more progress; it is as it was."""

    def __init__(self, id_: int, state: str) -> None:
        super().__init__(f"operation {id_} is {state}; begin another one")
        self.id, self.state = id_, state


class OperationDroppedError(RegistryError):
    """The operation was forgotten, by age or by hand, before whoever watched it saw its end."""

    def __init__(self, id_: int) -> None:
        super().__init__(f"operation {id_} was removed before it ended; begin another one")
        self.id = id_


class NoSessionFitsError(RegistryError):
    """No session can take another pair now; ``reasons`` says why for each."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        shown = "; ".join(reasons[:NAMES_SHOWN]) or "there are no sessions"
        super().__init__(f"no session can take another pair: {shown}; register one or free some")
        self.reasons = reasons


class UnknownHandlerError(TelewardenError, LookupError):
    """A pair names a handler that nobody offers; nothing has been started."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"there is no handler {name!r}; handlers are: {', '.join(('telegram', *known))}"
        )
        self.name, self.known = name, known


class HandlerRefusedError(TelewardenError):
    """A pair's handler will never take this message: it becomes a dead letter."""


class BackfillRunningError(TelewardenError):
    """A pair reads its source's past already; that goes on."""

    def __init__(self, pair: int, until: int) -> None:
        super().__init__(f"pair {pair} reads its past up to message {until} already; let it finish")
        self.pair, self.until = pair, until


class PairBusyError(TelewardenError):
    """A pair has something on its way whose end is not known; it goes on where it is.

    Only the account that sent a message is told whether it has arrived.
    """

    def __init__(self, pair: int) -> None:
        super().__init__(
            f"pair {pair} has a message on its way, or one that waits for a flood; try again later"
        )
        self.pair = pair


class PairsNotMovedError(TelewardenError):
    """Pairs stay where they are, all of them; ``reasons`` has one sentence for each obstacle."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("no pair was moved: " + "; ".join(reasons))
        self.reasons = reasons


class DemoError(TelewardenError):
    """The demonstration could not go on; ``details`` is what the one concerned said."""

    def __init__(self, what: str, details: str) -> None:
        super().__init__(f"{what}: {details}" if details else what)
        self.what, self.details = what, details
