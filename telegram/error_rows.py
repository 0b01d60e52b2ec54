"""The table that errors are sorted by: exception name, and for bare classes the text.

A row is found by the class's name along its MRO, most special first, so that a bucket (401,
406, 420) only speaks for what has no row of its own. Names of Telethon's classes stand bare;
all others carry their module, for ``TimeoutError`` exists in both. Where one class means
several things, ``TEXTS`` is asked first: Telethon keeps the raw text for errors it has no
class for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .verdict import Action, ErrorClass, Moment

__all__ = ["ROWS", "TEXTS", "Row", "TextRow"]

DAY: Final = 86_400.0  # seconds; Telegram's 24 h rule for logins and fresh sessions
UNTOLD_FLOOD: Final = 60.0  # a bare FLOOD names no seconds; the caller doubles it


@dataclass(frozen=True, slots=True)
class Row:
    """What one class of errors means."""

    kind: ErrorClass
    action: Action
    advice: str
    wait: float | None = None
    terminal: bool = False


@dataclass(frozen=True, slots=True)
class TextRow:
    """What a class means when its text matches, and when ``moment`` fits (None: always)."""

    owner: str
    pattern: re.Pattern[str]
    row: Row
    moment: Moment | None = None


_NET, _SRV, _FLOOD, _LOGIN = ErrorClass.NET, ErrorClass.SRV, ErrorClass.FLOOD, ErrorClass.LOGIN
_PAIR, _MESSAGE, _BUG, _TWO_FA = (
    ErrorClass.PAIR,
    ErrorClass.MESSAGE,
    ErrorClass.BUG,
    ErrorClass.TWO_FA,
)
_CORRUPT, _CONFIG, _BANNED = ErrorClass.CORRUPT, ErrorClass.CONFIG, ErrorClass.BANNED

_LINE = Row(
    _NET,
    Action.RECONNECT,
    "Check the network and the proxy; when all sessions show it at once the cause is shared.",
)
_BROKEN_LINE = Row(
    _NET, Action.RECONNECT, "Something between here and Telegram alters data: check the proxy."
)
_NOT_CONNECTED = Row(
    _NET, Action.REQUEUE, "Nothing to do: the work waits until the session is back."
)
_FRESH_CLIENT = Row(_NET, Action.REBUILD, "Nothing to do: the connection is built anew.")
_SERVER = Row(_SRV, Action.RETRY, "Telegram has trouble of its own; wait.")
_STATE = Row(
    _SRV,
    Action.RESET_UPDATES,
    "Nothing to do: missed messages are read from history; a long gap may need a backfill.",
)
_UNKNOWN_KEY = Row(
    _LOGIN,
    Action.TRY_OTHER_COPY,
    "This data centre does not know the key: wrong data centre or address in the session, "
    "a damaged string, test and production mixed, or a device that was logged out long ago. "
    "Log in again if no other copy works.",
)
_CROWDED = Row(
    _FLOOD,
    Action.COOL_ADDRESS,
    "Too many connections from this address; all connects slow down for some minutes.",
    300.0,
)
_MIGRATE = Row(
    ErrorClass.INTERNAL,
    Action.SWITCH_DC,
    "Nothing to do: the login moves to the right data centre.",
)
_WAIT = Row(
    _FLOOD,
    Action.PARK_METHOD,
    "Work resumes by itself at the deadline; fewer pairs or a lower rate avoid it.",
)
_UNTOLD_WAIT = Row(_FLOOD, Action.PARK_METHOD, _WAIT.advice, UNTOLD_FLOOD)
_PREMIUM_WAIT = Row(
    _FLOOD, Action.PARK_METHOD, "Media transfer is throttled; Telegram Premium lifts it."
)
_SLOW_CHAT = Row(_FLOOD, Action.PARK_CHAT, "The chat has slow mode; its messages wait their turn.")
_TOO_FRESH = Row(
    _FLOOD,
    Action.PARK_ACTION,
    "Telegram wants a day or more to pass first; try at the deadline.",
    DAY,
)
_LOGIN_FLOOD = Row(
    _FLOOD,
    Action.PARK_LOGIN,
    "Too many login attempts for this phone; wait a day, or log in by QR code.",
    DAY,
)
_LIMITED = Row(
    ErrorClass.LIMITED,
    Action.LIMIT,
    "Telegram limits this account; ask @SpamBot. Do not move its work to other accounts.",
)
_REVOKED = Row(
    ErrorClass.REVOKED,
    Action.NEW_LOGIN,
    "This device was logged out, or it expired; log in again. Pairs and queue are kept.",
    None,
    terminal=True,
)
_DUPLICATED = Row(
    ErrorClass.DUP,
    Action.LATCH,
    "Two connections used one key and Telegram ended it. Find the second process, host or VPN, "
    "then log in again; one authorisation for each place.",
    None,
    terminal=True,
)
_TEMP_KEY = Row(
    _BUG,
    Action.REBUILD_ONCE,
    "The connection's temporary key was not bound; if it stays, report it.",
)
_ACCOUNT_BANNED = Row(
    _BANNED,
    Action.FREEZE,
    "Telegram banned this account; appeal in the official app or to recover@telegram.org.",
    None,
    terminal=True,
)
_ACCOUNT_DELETED = Row(
    _BANNED,
    Action.FREEZE,
    "The account was deleted; its pairs need another account.",
    None,
    terminal=True,
)
_FROZEN = Row(
    _BANNED,
    Action.HOLD_WRITES,
    "Telegram froze this account; appeal inside the official app. Reading goes on.",
    DAY,
)
_RESTRICTED = Row(
    ErrorClass.LIMITED, Action.STOP_ACTION, "Telegram restricts this account; ask @SpamBot."
)
_NEED_PASSWORD = Row(_TWO_FA, Action.ASK_PASSWORD, "Enter the account's cloud password (2FA).")
_WRONG_PASSWORD = Row(
    _TWO_FA, Action.ASK_PASSWORD, "Wrong cloud password; three tries, then a pause."
)
_STALE_PASSWORD = Row(
    _TWO_FA,
    Action.REFETCH_PASSWORD,
    "The password was changed, or the page stayed open too long; enter it once more.",
)
_WRONG_CODE = Row(
    _LOGIN,
    Action.ASK_CODE,
    "Enter the code again. A code that passed through a Telegram chat is void: type it here only.",
)
_WRONG_PHONE = Row(
    _LOGIN,
    Action.STOP_LOGIN,
    "Correct the phone number (+ and country code); accounts are made in the official app only.",
)
_OUTDATED = Row(
    _CONFIG, Action.STOP_LOGIN, "Telegram wants a newer client library; upgrade Telethon."
)
_QR_GONE = Row(_LOGIN, Action.NEW_QR, "The QR code is spent (it lives 30 s); scan the new one.")
_API = Row(
    _CONFIG,
    Action.HOLD_API,
    "Use your own api_id and api_hash from my.telegram.org; every session of this api_id is held.",
    None,
    terminal=True,
)
_MAIL = Row(
    _LOGIN, Action.HOLD, "Confirm the account's e-mail address, then go on.", None, terminal=True
)
_UNSURE = Row(
    _LOGIN,
    Action.HOLD,
    "Telegram refuses this session for a reason that is not known here; nothing was deleted. "
    "Look at it in the official app, then start it again or log in.",
    None,
    terminal=True,
)
_LOCKED = Row(
    _CORRUPT, Action.FIND_OWNER, "A second process has the session file open; find and end it."
)
_BAD_FILE = Row(
    _CORRUPT,
    Action.QUARANTINE_FILE,
    "The session file is damaged and set aside; another copy takes its place. Check the disk.",
)
_FOREIGN_FILE = Row(
    _CORRUPT,
    Action.CONVERT_FILE,
    "A session file of another program or version; convert it, or pin the version that wrote it.",
)
_BAD_STRING = Row(
    _CORRUPT, Action.NEXT_COPY, "The session string is damaged; another copy takes its place."
)
_LOOP = Row(
    _BUG, Action.REBUILD, "A client was used from a second event loop: a code fault, report it."
)
_LOST_CHAT = Row(
    _PAIR,
    Action.DISABLE_PAIR,
    "The account cannot see this chat any more; join it again, then resume.",
)
_NO_RIGHT = Row(
    _PAIR, Action.PAUSE_PAIR, "The account may not write this there; grant the right, then resume."
)
_CHAT_BAN = Row(
    _PAIR,
    Action.PAUSE_PAIR,
    "The account may not write in this chat; if several chats say so it is limited: ask @SpamBot.",
)
_PROTECTED = Row(
    _PAIR,
    Action.DISABLE_PAIR,
    "The source protects its content; that is respected, not worked around.",
)
_NEEDS_PREMIUM = Row(
    _PAIR, Action.DISABLE_PAIR, "The target wants Telegram Premium or a payment for messages."
)
_BLOCKED = Row(_PAIR, Action.DISABLE_PAIR, "One side blocked the other, or the account is gone.")
_NO_PEER = Row(
    _PAIR,
    Action.RESOLVE_PEER,
    "This account never saw the chat; open or join it once, then resume.",
)
_FULL = Row(
    _PAIR, Action.PAUSE_PAIR, "A limit is reached or a request waits for approval; then resume."
)
_NO_THREAD = Row(_MESSAGE, Action.SEND_PLAIN, "The topic or the answered message is gone.")
_STALE_JOB = Row(_MESSAGE, Action.DROP_MESSAGE, "Nothing to do: the message is gone or unchanged.")
_BAD_CONTENT = Row(
    _MESSAGE, Action.REPAIR_MESSAGE, "Telegram refuses this content; it is split or set aside."
)
_STALE_FILE = Row(_MESSAGE, Action.REFETCH_MESSAGE, "Nothing to do: the message is read anew.")
_BAD_REQUEST = Row(
    _BUG,
    Action.DEAD_LETTER,
    "Telegram refuses this request; set aside with its reason, please report it.",
)
_CODE_FAULT = Row(_BUG, Action.HOLD, "A code fault; please report it with the log.")
_CLOCK = Row(
    _CONFIG, Action.CHECK_CLOCK, "Clock and Telegram's time differ: repair NTP on this host."
)
_SUSPICIOUS = Row(
    _NET,
    Action.REBUILD,
    "Untrusted data was ignored; when it repeats, look for a second user of this session.",
)
_TOO_NEW = Row(
    _BUG,
    Action.REBUILD_ONCE,
    "Another program uses this key with another layer, or Telethon is too old for Telegram's.",
)
_STOPPED = Row(ErrorClass.INTERNAL, Action.REQUEUE, "Nothing to do: the operation was cancelled.")


def _table(groups: tuple[tuple[Row, str], ...]) -> Mapping[str, Row]:
    return {name: row for row, names in groups for name in names.split()}


ROWS: Final[Mapping[str, Row]] = _table(
    (
        (
            _LINE,
            (
                "builtins.OSError asyncio.exceptions.IncompleteReadError builtins.TimeoutError"
                " builtins.EOFError"
            ),
        ),
        (
            _BROKEN_LINE,
            "InvalidChecksumError InvalidBufferError ReadCancelledError builtins.BufferError",
        ),
        (_UNKNOWN_KEY, "AuthKeyNotFound"),
        (_SUSPICIOUS, "SecurityError"),
        (_TOO_NEW, "TypeNotFoundError"),
        (
            _FRESH_CLIENT,
            (
                "BadMessageError MsgWaitFailedError ConnectionNotInitedError"
                " ConnectionLayerInvalidError"
            ),
        ),
        (
            _SERVER,
            (
                "ServerError RpcCallFailError RpcMcgetFailError InterdcCallErrorError"
                " InterdcCallRichErrorError WorkerBusyTooLongRetryError HistoryGetFailedError"
                " AuthRestartError TimedOutError"
            ),
        ),
        (
            _STATE,
            (
                "PersistentTimestampOutdatedError PersistentTimestampInvalidError"
                " PersistentTimestampEmptyError"
            ),
        ),
        (
            Row(
                ErrorClass.DELIVERED,
                Action.ACCEPT,
                "Nothing to do: the message had arrived before.",
            ),
            "RandomIdDuplicateError",
        ),
        (_MIGRATE, "InvalidDCError PhoneMigrateError UserMigrateError NetworkMigrateError"),
        (_WAIT, "FloodWaitError"),
        (_PREMIUM_WAIT, "FloodPremiumWaitError"),
        (_SLOW_CHAT, "SlowModeWaitError"),
        (_UNTOLD_WAIT, "FloodTestPhoneWaitError FloodError"),
        (
            _TOO_FRESH,
            (
                "TakeoutInitDelayError TwoFaConfirmWaitError SessionTooFreshError"
                " PasswordTooFreshError FreshResetAuthorisationForbiddenError"
            ),
        ),
        (_LOGIN_FLOOD, "PhoneNumberFloodError PhonePasswordFloodError SendCodeUnavailableError"),
        (_LIMITED, "PeerFloodError"),
        (
            _REVOKED,
            "AuthKeyUnregisteredError AuthKeyInvalidError SessionRevokedError SessionExpiredError",
        ),
        (_TEMP_KEY, "AuthKeyPermEmptyError TempAuthKeyEmptyError"),
        (_DUPLICATED, "AuthKeyDuplicatedError"),
        (_ACCOUNT_BANNED, "UserDeactivatedBanError PhoneNumberBannedError"),
        (_ACCOUNT_DELETED, "UserDeactivatedError"),
        (_FROZEN, "FrozenMethodInvalidError FrozenParticipantMissingError"),
        (_RESTRICTED, "UserRestrictedError"),
        (_NEED_PASSWORD, "SessionPasswordNeededError"),
        (_WRONG_PASSWORD, "PasswordHashInvalidError"),
        (_STALE_PASSWORD, "SrpIdInvalidError SrpPasswordChangedError"),
        (
            _WRONG_CODE,
            (
                "PhoneCodeInvalidError PhoneCodeEmptyError PhoneCodeExpiredError"
                " PhoneCodeHashEmptyError"
            ),
        ),
        (
            _WRONG_PHONE,
            "PhoneNumberInvalidError PhoneNumberUnoccupiedError PhonePasswordProtectedError",
        ),
        (_OUTDATED, "UpdateAppToLoginError"),
        (_QR_GONE, "AuthTokenExpiredError AuthTokenInvalidError AuthTokenAlreadyAcceptedError"),
        (_API, "ApiIdInvalidError ApiIdPublishedFloodError"),
        (_MAIL, "EmailUnconfirmedError"),
        (_UNSURE, "UnauthorizedError"),
        (_BAD_FILE, "sqlite3.DatabaseError"),
        (_FOREIGN_FILE, "sqlite3.OperationalError"),
        (_BAD_STRING, "binascii.Error"),
        (
            _LOST_CHAT,
            (
                "ChannelPrivateError ChannelInvalidError ChatForbiddenError"
                " UserNotParticipantError InviteHashExpiredError"
            ),
        ),
        (
            _NO_RIGHT,
            (
                "ChatWriteForbiddenError ChatAdminRequiredError ChatRestrictedError"
                " ChatSendMediaForbiddenError ChatSendPhotosForbiddenError"
                " ChatSendVideosForbiddenError ChatGuestSendForbiddenError"
                " BroadcastForbiddenError ForbiddenError"
            ),
        ),
        (_CHAT_BAN, "UserBannedInChannelError"),
        (_PROTECTED, "ChatForwardsRestrictedError"),
        (_NEEDS_PREMIUM, "PremiumAccountRequiredError"),
        (_BLOCKED, "UserIsBlockedError YouBlockedUserError InputUserDeactivatedError"),
        (
            _NO_PEER,
            "PeerIdInvalidError ChatIdInvalidError UsernameNotOccupiedError UsernameInvalidError",
        ),
        (_NO_THREAD, "TopicDeletedError"),
        (
            _STALE_JOB,
            (
                "MessageIdInvalidError MessageNotModifiedError MessageEditTimeExpiredError"
                " MessageAuthorRequiredError MessageDeleteForbiddenError"
            ),
        ),
        (
            _BAD_CONTENT,
            (
                "MediaEmptyError MediaInvalidError MediaPrevInvalidError"
                " MediaCaptionTooLongError MessageTooLongError GroupedMediaInvalidError"
                " MultiMediaTooLongError SlowModeMultiMsgsDisabledError"
            ),
        ),
        (
            _STALE_FILE,
            "FileReferenceExpiredError FileReferenceInvalidError FileReferenceEmptyError",
        ),
        (_FULL, "ChannelsTooMuchError InviteRequestSentError ScheduleTooMuchError"),
        (
            _BAD_REQUEST,
            (
                "InputRequestTooLongError InputMethodInvalidError BadRequestError"
                " NotFoundError AuthKeyError RPCError struct.error"
            ),
        ),
        (_STOPPED, "asyncio.exceptions.CancelledError"),
        (_CODE_FAULT, "builtins.Exception builtins.BaseException"),
    )
)


def _text(owner: str, pattern: str, row: Row, moment: Moment | None = None) -> TextRow:
    return TextRow(owner, re.compile(pattern, re.IGNORECASE), row, moment)


_OPENING = Moment.OPENING

TEXTS: Final[tuple[TextRow, ...]] = (
    _text("builtins.ConnectionError", "while disconnected|not connected", _NOT_CONNECTED),
    _text("builtins.RuntimeError", "event loop must not change", _LOOP),
    _text("InvalidBufferError", r"code 429\b", _CROWDED),
    _text("InvalidBufferError", r"code 404\b", _UNKNOWN_KEY),
    _text("BadMessageError", "msg_id too (low|high)|client time|too old", _CLOCK),
    _text("SecurityError", "very (new|old) message|too many messages", _CLOCK),
    # Telegram's words that Telethon 1.45 has no class for keep their text on a bucket class.
    _text("RPCError", "^AUTH_RESTART", _SERVER),
    _text("RPCError", "^MSG_WAIT_TIMEOUT", _FRESH_CLIENT),
    _text("RPCError", "^(ALLOW_PAYMENT_REQUIRED|PRIVACY_PREMIUM_REQUIRED)", _NEEDS_PREMIUM),
    _text("RPCError", "^(TOPIC_CLOSED|REPLY_MESSAGE_ID_INVALID)", _NO_THREAD),
    _text("RPCError", r"^(FLOOD_WAIT|FLOOD_PREMIUM_WAIT)", _WAIT),
    _text("RPCError", r"^SLOWMODE_WAIT", _SLOW_CHAT),
    # Opening a copy of a session: what would be a code fault elsewhere is damage here.
    _text("sqlite3.OperationalError", "database is locked|database table is locked", _LOCKED),
    _text("sqlite3.OperationalError", "disk i/o|malformed", _BAD_FILE),
    _text("builtins.ValueError", "not a valid string", _BAD_STRING),
    _text("builtins.ValueError", "(too many|not enough) values to unpack", _FOREIGN_FILE),
    _text("builtins.ValueError", "could not find (the )?input entity", _NO_PEER),
    _text("builtins.ValueError", r"unsuccessful \d+ time", _SERVER),
    _text("struct.error", "", _BAD_STRING, _OPENING),
    _text("builtins.TypeError", "", _FOREIGN_FILE, _OPENING),
    _text("builtins.ValueError", "", _BAD_STRING, _OPENING),
)
