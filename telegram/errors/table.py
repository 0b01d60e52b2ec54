"""The table of errors: by exception name, and by text for bare classes.

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

from . import meanings as means
from .meanings import Row
from .verdict import Moment


@dataclass(frozen=True, slots=True)
class TextRow:
    """What a class means when its text matches, and when ``moment`` fits (None: always)."""

    owner: str
    pattern: re.Pattern[str]
    row: Row
    moment: Moment | None = None


def _table(groups: tuple[tuple[Row, str], ...]) -> Mapping[str, Row]:
    return {name: row for row, names in groups for name in names.split()}


ROWS: Final[Mapping[str, Row]] = _table(
    (
        (
            means.LINE,
            (
                "builtins.OSError asyncio.exceptions.IncompleteReadError builtins.TimeoutError"
                " builtins.EOFError"
            ),
        ),
        (
            means.BROKEN_LINE,
            "InvalidChecksumError InvalidBufferError ReadCancelledError builtins.BufferError",
        ),
        (means.UNKNOWN_KEY, "AuthKeyNotFound"),
        (means.SUSPICIOUS, "SecurityError"),
        (means.TOO_NEW, "TypeNotFoundError"),
        (
            means.FRESH_CLIENT,
            (
                "BadMessageError MsgWaitFailedError ConnectionNotInitedError"
                " ConnectionLayerInvalidError"
            ),
        ),
        (
            means.SERVER,
            (
                "ServerError RpcCallFailError RpcMcgetFailError InterdcCallErrorError"
                " InterdcCallRichErrorError WorkerBusyTooLongRetryError HistoryGetFailedError"
                " AuthRestartError TimedOutError"
            ),
        ),
        (
            means.STATE,
            (
                "PersistentTimestampOutdatedError PersistentTimestampInvalidError"
                " PersistentTimestampEmptyError"
            ),
        ),
        (means.DELIVERED, "RandomIdDuplicateError"),
        (means.MIGRATE, "InvalidDCError PhoneMigrateError UserMigrateError NetworkMigrateError"),
        (means.WAIT, "FloodWaitError"),
        (means.PREMIUM_WAIT, "FloodPremiumWaitError"),
        (means.SLOW_CHAT, "SlowModeWaitError"),
        (means.UNTOLD_WAIT, "FloodTestPhoneWaitError FloodError"),
        (
            means.TOO_FRESH,
            (
                "TakeoutInitDelayError TwoFaConfirmWaitError SessionTooFreshError"
                " PasswordTooFreshError FreshResetAuthorisationForbiddenError"
            ),
        ),
        (
            means.LOGIN_FLOOD,
            "PhoneNumberFloodError PhonePasswordFloodError SendCodeUnavailableError",
        ),
        (means.LIMITED, "PeerFloodError"),
        (
            means.REVOKED,
            "AuthKeyUnregisteredError AuthKeyInvalidError SessionRevokedError SessionExpiredError",
        ),
        (means.TEMP_KEY, "AuthKeyPermEmptyError TempAuthKeyEmptyError"),
        (means.DUPLICATED, "AuthKeyDuplicatedError"),
        (means.ACCOUNT_BANNED, "UserDeactivatedBanError PhoneNumberBannedError"),
        (means.ACCOUNT_DELETED, "UserDeactivatedError"),
        (means.FROZEN, "FrozenMethodInvalidError FrozenParticipantMissingError"),
        (means.RESTRICTED, "UserRestrictedError"),
        (means.NEED_PASSWORD, "SessionPasswordNeededError"),
        (means.WRONG_PASSWORD, "PasswordHashInvalidError"),
        (means.STALE_PASSWORD, "SrpIdInvalidError SrpPasswordChangedError"),
        (
            means.WRONG_CODE,
            ("PhoneCodeInvalidError PhoneCodeEmptyError PhoneCodeHashEmptyError"),
        ),
        (means.EXPIRED_CODE, "PhoneCodeExpiredError"),
        (means.WRONG_MAIL, "EmailInvalidError"),
        (means.WRONG_MAIL_CODE, "CodeInvalidError CodeEmptyError"),
        (means.OLD_MAIL_CODE, "EmailVerifyExpiredError EmailHashExpiredError"),
        (
            means.WRONG_PHONE,
            "PhoneNumberInvalidError PhoneNumberUnoccupiedError PhonePasswordProtectedError",
        ),
        (means.WRONG_TOKEN, "AccessTokenInvalidError AccessTokenExpiredError"),
        (means.OUTDATED, "UpdateAppToLoginError"),
        (
            means.QR_GONE,
            "AuthTokenExpiredError AuthTokenInvalidError AuthTokenAlreadyAcceptedError",
        ),
        (means.API, "ApiIdInvalidError ApiIdPublishedFloodError"),
        (means.MAIL, "EmailUnconfirmedError"),
        (means.UNSURE, "UnauthorizedError"),
        (means.BAD_FILE, "sqlite3.DatabaseError"),
        (means.FOREIGN_FILE, "sqlite3.OperationalError"),
        (means.BAD_STRING, "binascii.Error"),
        (
            means.LOST_CHAT,
            ("ChannelPrivateError ChatForbiddenError UserNotParticipantError"),
        ),
        (
            means.NO_RIGHT,
            (
                "ChatWriteForbiddenError ChatAdminRequiredError ChatRestrictedError"
                " ChatSendMediaForbiddenError ChatSendPhotosForbiddenError"
                " ChatSendVideosForbiddenError ChatGuestSendForbiddenError"
                " BroadcastForbiddenError ForbiddenError"
            ),
        ),
        (means.CHAT_BAN, "UserBannedInChannelError"),
        (means.PROTECTED, "ChatForwardsRestrictedError"),
        (means.NEEDS_PREMIUM, "PremiumAccountRequiredError"),
        (means.BLOCKED, "UserIsBlockedError YouBlockedUserError InputUserDeactivatedError"),
        (
            means.NO_PEER,
            "PeerIdInvalidError ChatIdInvalidError ChannelInvalidError",
        ),
        (means.NO_NAME, "UsernameNotOccupiedError UsernameInvalidError"),
        (
            means.DEAD_INVITATION,
            "InviteHashExpiredError InviteHashInvalidError InviteHashEmptyError",
        ),
        (means.NOT_JOINED, "telewarden.errors.NotJoinedError"),
        (means.JOIN_REQUESTED, "telewarden.errors.JoinRequestedError"),
        (means.OTHER_CHAT, "telewarden.errors.NameMovedError"),
        (means.REFUSED_CONTENT, "telewarden.errors.MessageNotCopyableError"),
        (means.NO_TOPIC, "TopicDeletedError"),
        (means.NOT_ITS_NAME, "SendAsPeerInvalidError"),
        (
            means.STALE_JOB,
            "MessageIdInvalidError MessageNotModifiedError MessageEditTimeExpiredError",
        ),
        (means.OTHERS_MESSAGE, "MessageAuthorRequiredError MessageDeleteForbiddenError"),
        (
            means.BAD_CONTENT,
            (
                "MediaEmptyError MediaInvalidError MediaPrevInvalidError"
                " MediaCaptionTooLongError MessageTooLongError GroupedMediaInvalidError"
                " MultiMediaTooLongError SlowModeMultiMsgsDisabledError"
            ),
        ),
        (
            means.STALE_FILE,
            "FileReferenceExpiredError FileReferenceInvalidError FileReferenceEmptyError",
        ),
        (means.FULL, "ChannelsTooMuchError InviteRequestSentError ScheduleTooMuchError"),
        (
            means.BAD_REQUEST,
            (
                "InputRequestTooLongError InputMethodInvalidError BadRequestError"
                " NotFoundError AuthKeyError RPCError struct.error"
            ),
        ),
        (means.STOPPED, "asyncio.exceptions.CancelledError"),
        (means.CODE_FAULT, "builtins.Exception builtins.BaseException"),
    )
)


def _text(owner: str, pattern: str, row: Row, moment: Moment | None = None) -> TextRow:
    return TextRow(owner, re.compile(pattern, re.IGNORECASE), row, moment)


_OPENING = Moment.OPENING

TEXTS: Final[tuple[TextRow, ...]] = (
    _text("builtins.ConnectionError", "while disconnected|not connected", means.NOT_CONNECTED),
    _text("builtins.RuntimeError", "event loop must not change", means.LOOP),
    _text("InvalidBufferError", r"code 429\b", means.CROWDED),
    _text("InvalidBufferError", r"code 404\b", means.UNKNOWN_KEY),
    _text("BadMessageError", "msg_id too (low|high)|client time|too old", means.CLOCK),
    _text("SecurityError", "very (new|old) message|too many messages", means.CLOCK),
    # Telegram's words that Telethon 1.45 has no class for keep their text on a bucket class.
    _text("RPCError", "^AUTH_RESTART", means.SERVER),
    _text("RPCError", "^EMAIL_(NOT_ALLOWED|INSTALL_MISSING|NOT_SETUP)", means.WRONG_MAIL),
    _text("RPCError", "^EMAIL_TOKEN_INVALID", means.WRONG_MAIL_CODE),
    _text("RPCError", "^PASSKEY_", means.PASSKEY),
    _text("RPCError", "^MSG_WAIT_TIMEOUT", means.FRESH_CLIENT),
    _text("RPCError", "^PRIVACY_PREMIUM_REQUIRED", means.NEEDS_PREMIUM),
    _text("RPCError", "^((ALLOW|STARS)_)?PAYMENT_REQUIRED", means.PAYMENT),
    _text("RPCError", "^BALANCE_TOO_LOW", means.NO_STARS),
    _text("RPCError", "^BOOSTS_REQUIRED", means.BOOSTS),
    _text(
        "RPCError",
        "^(CHANNEL_MONOFORUM_UNSUPPORTED|REPLY_TO_MONOFORUM_PEER_INVALID)",
        means.MONOFORUM,
    ),
    _text("RPCError", "^(RECAPTCHA|INTEGRITY|APNS_VERIFY)_CHECK_", means.HUMAN_CHECK),
    _text(
        "RPCError",
        "^(RICH_MESSAGE_UNSUPPORTED|TODO_|MESSAGE_COPY_FORBIDDEN)",
        means.REFUSED_CONTENT,
    ),
    _text("RPCError", "^EDIT_MESSAGE_TEMP_RESTRICTED", means.EDIT_LATER),
    _text("RPCError", "^(TOPIC_CLOSED|TOPIC_DELETED|TOPIC_ID_INVALID)", means.NO_TOPIC),
    _text("RPCError", "^(REPLY_MESSAGE_ID_INVALID|QUOTE_TEXT_INVALID)", means.NO_THREAD),
    _text("RPCError", r"^(FLOOD_WAIT|FLOOD_PREMIUM_WAIT)", means.WAIT),
    _text("RPCError", r"^SLOWMODE_WAIT", means.SLOW_CHAT),
    # Opening a copy of a session: what would be a code fault elsewhere is damage here.
    _text("sqlite3.OperationalError", "database is locked|database table is locked", means.LOCKED),
    _text("sqlite3.OperationalError", "disk i/o|malformed", means.BAD_FILE),
    _text("builtins.ValueError", "not a valid string", means.BAD_STRING),
    _text("builtins.ValueError", "(too many|not enough) values to unpack", means.FOREIGN_FILE),
    _text("builtins.ValueError", "could not find (the )?input entity", means.NO_PEER),
    _text("builtins.ValueError", r"unsuccessful \d+ time", means.SERVER),
    _text("struct.error", "", means.BAD_STRING, _OPENING),
    _text("builtins.TypeError", "", means.FOREIGN_FILE, _OPENING),
    _text("builtins.ValueError", "", means.BAD_STRING, _OPENING),
)
