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
    |   |-- ChildAbandonedError     would not stop; fenced off and abandoned
    |   |-- HandlerStuckError       one message took too long; its handler was cancelled
    |   |-- FencedError             what was abandoned wanted to act; it was refused
    |   |-- TooManyAbandonedError   too many had to be abandoned; the tree stopped
    |   |-- IntensityExceededError  restarts outran their intensity; the supervisor stopped
    |   |-- SupervisorAskedError    a starting child asked its own supervisor to act
    |   |-- BlockingAskError        a blocking ask inside the loop that must answer it
    |   |-- AskTimeoutError         no answer in time; it may still come, and is dropped
    |   `-- DrillError              a crash on request, for fault drills
    |-- StorageError                what should survive could not be read or written
    |   |-- StorageNotWritableError     a folder or file cannot be written
    |   |-- StorageNotFoundError        there is no database at that place
    |   |-- StorageFullError            the disk is full
    |   |-- StorageBusyError            another process kept the database locked
    |   |   `-- FolderHeldError             another process has the storage folder
    |   |-- StorageFailedError          the operating system failed a read or write
    |   |   |-- DiskFailedError             the disk did; the work waits for it
    |   |   `-- StorageUnreachableError     its server cannot be reached; the work waits for it
    |   |-- TransactionLostError        an error undid the whole transaction
    |   |-- DatabaseDamagedError        the file is damaged or no database
    |   |-- ForeignDatabaseError        the file is another program's database
    |   |-- ForeignOwnerError           a folder or file is another user's
    |   |-- SchemaTooNewError           the file was written by a later Telewarden
    |   |-- SchemaTooOldError           a database of an earlier Telewarden is only read
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
    |-- AlreadyRunningError         what was to be started runs already
    |-- RegistryError               the registry refused a change; nothing has changed
    |   |-- UnknownSessionError         there is no session of that name
    |   |-- SessionExistsError          there is one of that name already
    |   |-- SessionBusyError            the session is being deleted
    |   |-- SessionFullError            a session takes no more pairs
    |   |-- PairExistsError             there is a pair of that number already
    |   |-- PairFaultError              pairs would feed themselves, or carry twice
    |   |-- PairChangedError            somebody else changed the pair meanwhile
    |   |-- RegistryFullError           as many entries as there may be
    |   |-- UnknownFieldError           a change names a field that cannot be changed
    |   |-- UnknownOperationError       there is no operation of that number
    |   |-- OperationEndedError         an operation that is over makes no progress
    |   |-- OperationRunningError       one that is under way is not removed
    |   |-- OperationDroppedError       the operation was forgotten while it was watched
    |   `-- NoSessionFitsError          no session can take another pair now
    |-- NoLoginError                no login is under way
    |-- LoginCallError              what makes or ends a login was to be called raw
    |-- LoginTakenError             a login is another session's already
    |-- OtherAccountError           a login turned out to be another account's
    |-- NoCredentialError           a session has no copy to come back from
    |-- OpenFilesError              too few open files are allowed for the sessions
    |-- SecretMissingError          a secret is not where the configuration says
    |-- ProxySupportMissingError    a proxy needs a package that is not installed
    |-- NotifySupportMissingError   a channel needs a package that is not installed
    |-- NotSentError                a message out did not go; it stays owed
    |-- UnknownEventError           a webhook wants events of a class that nobody offers
    |-- UnknownAlertError           there is no alert, channel or webhook of that name
    |-- JournalUnavailableError     the database's writer did not answer
    |-- TelegramError               Telegram refused something, or cannot be reached
    |   |-- TelegramRateLimitError      wait until the deadline
    |   |-- TelegramAuthError           the login or the key is the trouble
    |   `-- TelegramSessionError        the connection, the account or the chat is
    |       `-- SessionOfflineError         it is not online, and why; nothing was asked
    |-- SharingError                a program's use of a shared session
    |   |-- ShareRefusedError           the owner does not allow it; nothing was sent
    |   |-- SharedSessionOfflineError   owner or session did not come; nothing was sent
    |   |-- OutcomeUnknownError         it left, and whether it was done is not known
    |   `-- PlaceLostError              the program took its updates too slowly
    |-- BackfillRunningError        a pair reads its past already
    |-- BadCommandError             a command was not given as it has to be
    |-- HandlerBusyError            a pair's handler takes nothing for a while
    |-- HandlerClosedError          a pair's handler takes nothing from this pair any more
    |   `-- HandlerOptionsError         it cannot use the pair's options
    |-- HandlerRefusedError         a pair's handler will never take this message
    |-- PairBusyError               a pair would not come to rest
    |   `-- PairInDoubtError        what became of its messages cannot be known
    |-- PairsNotMovedError          pairs stay where they are, with every reason
    |-- PatternTooSlowError         a pattern was not through with a message in time
    |-- UnknownHandlerError         no installed package offers that handler
    |-- MessageNotCopyableError     a message holds nothing that can be sent
    |-- PeerUnknownError            this account never saw that chat
    |-- NotJoinedError              an invitation's chat, and the account is not in it
    |-- JoinRequestedError          a chat's admins have yet to let the account in
    |-- ChatNotFoundError           a chat of a pair that was to be added is not there
    |-- NameMovedError              a name means another chat than the one known by it
    |-- ProtectedContentError       the source protects its content
    |-- SessionStringDamagedError   a text is no session string
    |-- TelethonFileDamagedError    a file is no usable Telethon session
    |-- TelethonFileInUseError      some program has a Telethon session open
    |-- LoginFormatError            what was given is no login that can be used
    |-- OtherServersError           a login is of other servers than those of this warden
    |-- IllegalStepError            a session's phase cannot take that event
    |-- IllegalPairStepError        a pair's state cannot take that event
    |-- LoopbackStateError          a loopback's state file cannot be read or written
    |-- WardenUnreachableError      no running warden answers at that socket
    |-- CommandFailedError          a running warden refused or failed a command
    `-- ListenError                 an address to listen on cannot be taken

A leaf is named for what happened and carries it as data. Its message names the
thing, the value and the way out. The modules follow the rooms; import
from here. All but the root's are imported when they are used first.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

from .root import (
    AlreadyRunningError,
    BadCommandError,
    CommandFailedError,
    ConfigError,
    DemoError,
    ListenError,
    LoopbackStateError,
    NotRunningError,
    OpenFilesError,
    ProxySupportMissingError,
    SecretMissingError,
    TelewardenError,
    WardenUnreachableError,
)

if TYPE_CHECKING:
    from .forwarding import (
        BackfillRunningError,
        ChatNotFoundError,
        HandlerBusyError,
        HandlerClosedError,
        HandlerOptionsError,
        HandlerRefusedError,
        IllegalPairStepError,
        JoinRequestedError,
        MessageNotCopyableError,
        NameMovedError,
        NotJoinedError,
        PairBusyError,
        PairInDoubtError,
        PairsNotMovedError,
        PatternTooSlowError,
        PeerUnknownError,
        ProtectedContentError,
        UnknownHandlerError,
    )
    from .notify import (
        NotifySupportMissingError,
        NotSentError,
        UnknownAlertError,
        UnknownEventError,
    )
    from .registry import (
        NoSessionFitsError,
        OperationDroppedError,
        OperationEndedError,
        OperationRunningError,
        PairChangedError,
        PairExistsError,
        PairFaultError,
        RegistryError,
        RegistryFullError,
        SessionBusyError,
        SessionExistsError,
        SessionFullError,
        UnknownFieldError,
        UnknownOperationError,
        UnknownSessionError,
    )
    from .sealed import (
        CredentialDamagedError,
        KeyLatchedError,
        LeaseHeldError,
        MasterKeyError,
        MasterKeyMalformedError,
        MasterKeyMissingError,
        SealDamagedError,
        SessionFileDamagedError,
        WrongMasterKeyError,
    )
    from .sessions import (
        IllegalStepError,
        LoginBudgetError,
        LoginCallError,
        LoginFormatError,
        LoginTakenError,
        NoCredentialError,
        NoLoginError,
        OtherAccountError,
        OtherServersError,
        SessionOfflineError,
        SessionStringDamagedError,
        TelegramAuthError,
        TelegramError,
        TelegramRateLimitError,
        TelegramSessionError,
        TelethonFileDamagedError,
        TelethonFileInUseError,
    )
    from .sharing import (
        OutcomeUnknownError,
        PlaceLostError,
        SharedSessionOfflineError,
        ShareRefusedError,
        SharingError,
    )
    from .storage import (
        DatabaseDamagedError,
        DiskFailedError,
        FolderHeldError,
        ForeignDatabaseError,
        ForeignOwnerError,
        InvalidRecordError,
        JournalUnavailableError,
        PairsAssignedError,
        SchemaTooNewError,
        SchemaTooOldError,
        StorageBusyError,
        StorageError,
        StorageFailedError,
        StorageFullError,
        StorageNotFoundError,
        StorageNotWritableError,
        StorageUnreachableError,
        TransactionLostError,
        UnknownRecordError,
    )
    from .supervision import (
        AskTimeoutError,
        BlockingAskError,
        ChildAbandonedError,
        ChildNotFoundError,
        ChildPresentError,
        ChildRestartingError,
        ChildRunningError,
        ChildStartError,
        ChildUnavailableError,
        DrillError,
        FencedError,
        HandlerStuckError,
        IntensityExceededError,
        InvalidSpecError,
        SupervisionError,
        SupervisorAskedError,
        TooManyAbandonedError,
        TooManyChildrenError,
    )

__all__ = [
    "AlreadyRunningError",
    "AskTimeoutError",
    "BackfillRunningError",
    "BadCommandError",
    "BlockingAskError",
    "ChatNotFoundError",
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
    "DiskFailedError",
    "DrillError",
    "FencedError",
    "FolderHeldError",
    "ForeignDatabaseError",
    "ForeignOwnerError",
    "HandlerBusyError",
    "HandlerClosedError",
    "HandlerOptionsError",
    "HandlerRefusedError",
    "HandlerStuckError",
    "IllegalPairStepError",
    "IllegalStepError",
    "IntensityExceededError",
    "InvalidRecordError",
    "InvalidSpecError",
    "JoinRequestedError",
    "JournalUnavailableError",
    "KeyLatchedError",
    "LeaseHeldError",
    "ListenError",
    "LoginBudgetError",
    "LoginCallError",
    "LoginFormatError",
    "LoginTakenError",
    "LoopbackStateError",
    "MasterKeyError",
    "MasterKeyMalformedError",
    "MasterKeyMissingError",
    "MessageNotCopyableError",
    "NameMovedError",
    "NoCredentialError",
    "NoLoginError",
    "NoSessionFitsError",
    "NotJoinedError",
    "NotRunningError",
    "NotSentError",
    "NotifySupportMissingError",
    "OpenFilesError",
    "OperationDroppedError",
    "OperationEndedError",
    "OperationRunningError",
    "OtherAccountError",
    "OtherServersError",
    "OutcomeUnknownError",
    "PairBusyError",
    "PairChangedError",
    "PairExistsError",
    "PairFaultError",
    "PairInDoubtError",
    "PairsAssignedError",
    "PairsNotMovedError",
    "PatternTooSlowError",
    "PeerUnknownError",
    "PlaceLostError",
    "ProtectedContentError",
    "ProxySupportMissingError",
    "RegistryError",
    "RegistryFullError",
    "SchemaTooNewError",
    "SchemaTooOldError",
    "SealDamagedError",
    "SecretMissingError",
    "SessionBusyError",
    "SessionExistsError",
    "SessionFileDamagedError",
    "SessionFullError",
    "SessionOfflineError",
    "SessionStringDamagedError",
    "ShareRefusedError",
    "SharedSessionOfflineError",
    "SharingError",
    "StorageBusyError",
    "StorageError",
    "StorageFailedError",
    "StorageFullError",
    "StorageNotFoundError",
    "StorageNotWritableError",
    "StorageUnreachableError",
    "SupervisionError",
    "SupervisorAskedError",
    "TelegramAuthError",
    "TelegramError",
    "TelegramRateLimitError",
    "TelegramSessionError",
    "TelethonFileDamagedError",
    "TelethonFileInUseError",
    "TelewardenError",
    "TooManyAbandonedError",
    "TooManyChildrenError",
    "TransactionLostError",
    "UnknownAlertError",
    "UnknownEventError",
    "UnknownFieldError",
    "UnknownHandlerError",
    "UnknownOperationError",
    "UnknownRecordError",
    "UnknownSessionError",
    "WardenUnreachableError",
    "WrongMasterKeyError",
]

_ROOMS: Final = (
    "forwarding",
    "notify",
    "registry",
    "sealed",
    "sessions",
    "sharing",
    "storage",
    "supervision",
)


def __getattr__(name: str) -> object:
    if name in __all__:
        for room in _ROOMS:
            found = vars(importlib.import_module(f".{room}", __name__))
            if name in found:
                globals()[name] = found[name]
                return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
