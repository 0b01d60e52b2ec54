"""Every row of the taxonomy, and the traps that break naive sorting."""

from __future__ import annotations

import asyncio
import binascii
import sqlite3
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from telethon import errors as tg
from telethon import functions
from telethon.sessions import StringSession

from telewarden.errors import (
    CredentialDamagedError,
    PeerUnknownError,
    ProtectedContentError,
    SessionStringDamagedError,
    TelegramAuthError,
    TelegramRateLimitError,
    TelegramSessionError,
    TelethonFileDamagedError,
)
from telewarden.loopback import (
    BadChecksum,
    BadMessage,
    BadMsgKey,
    BadSalt,
    CutConnection,
    Fault,
    Noise,
    RpcError,
    Silence,
    TransportError,
    VoidKey,
)
from telewarden.telegram import Action, ErrorClass, Moment, classify, to_telewarden
from telewarden.telegram.errors.table import ROWS, TEXTS

pytestmark = pytest.mark.telegram

A, E = Action, ErrorClass

# Telegram's words, its code, and what they mean: rows of the taxonomy, in its order.
ANSWERS: list[tuple[str, int, ErrorClass, Action]] = [
    *[
        (text, 500, E.SRV, A.RETRY)
        for text in (
            "RPC_CALL_FAIL",
            "RPC_MCGET_FAIL",
            "INTERDC_2_CALL_ERROR",
            "INTERDC_2_CALL_RICH_ERROR",
            "WORKER_BUSY_TOO_LONG_RETRY",
            "AUTH_KEY_UNSYNCHRONIZED",
            "RPC_SEND_FAIL",
            "HISTORY_GET_FAILED",
            "AUTH_RESTART",
            "AUTH_RESTART_5",
            "SOMETHING_BROKE",
        )
    ],
    ("No workers running", -500, E.SRV, A.RETRY),
    ("Timeout", -503, E.SRV, A.RETRY),
    ("PERSISTENT_TIMESTAMP_OUTDATED", 500, E.SRV, A.RESET_UPDATES),
    ("PERSISTENT_TIMESTAMP_INVALID", 400, E.SRV, A.RESET_UPDATES),
    ("PERSISTENT_TIMESTAMP_EMPTY", 400, E.SRV, A.RESET_UPDATES),
    ("RANDOM_ID_DUPLICATE", 500, E.DELIVERED, A.ACCEPT),
    ("MSG_WAIT_FAILED", 400, E.NET, A.REBUILD),
    ("MSG_WAIT_TIMEOUT", 500, E.NET, A.REBUILD),
    ("CONNECTION_NOT_INITED", 400, E.NET, A.REBUILD),
    ("CONNECTION_LAYER_INVALID", 400, E.NET, A.REBUILD),
    ("PHONE_MIGRATE_4", 303, E.INTERNAL, A.SWITCH_DC),
    ("USER_MIGRATE_4", 303, E.INTERNAL, A.SWITCH_DC),
    ("NETWORK_MIGRATE_4", 303, E.INTERNAL, A.SWITCH_DC),
    ("FLOOD_WAIT_30", 420, E.FLOOD, A.PARK_METHOD),
    ("FLOOD_PREMIUM_WAIT_30", 420, E.FLOOD, A.PARK_METHOD),
    ("SLOWMODE_WAIT_30", 420, E.FLOOD, A.PARK_CHAT),
    ("FLOOD_TEST_PHONE_WAIT_30", 420, E.FLOOD, A.PARK_METHOD),
    ("FLOOD", 420, E.FLOOD, A.PARK_METHOD),
    ("TAKEOUT_INIT_DELAY_30", 420, E.FLOOD, A.PARK_ACTION),
    ("2FA_CONFIRM_WAIT_30", 420, E.FLOOD, A.PARK_ACTION),
    ("FLOOD_SKIP_FAILED_WAIT_30", 420, E.FLOOD, A.PARK_METHOD),
    ("SESSION_TOO_FRESH_30", 400, E.FLOOD, A.PARK_ACTION),
    ("PASSWORD_TOO_FRESH_30", 400, E.FLOOD, A.PARK_ACTION),
    ("FRESH_RESET_AUTHORISATION_FORBIDDEN", 406, E.FLOOD, A.PARK_ACTION),
    ("PEER_FLOOD", 400, E.LIMITED, A.LIMIT),
    ("PHONE_NUMBER_FLOOD", 400, E.FLOOD, A.PARK_LOGIN),
    ("PHONE_PASSWORD_FLOOD", 406, E.FLOOD, A.PARK_LOGIN),
    ("SEND_CODE_UNAVAILABLE", 406, E.FLOOD, A.PARK_LOGIN),
    *[
        (text, 401, E.REVOKED, A.NEW_LOGIN)
        for text in (
            "AUTH_KEY_UNREGISTERED",
            "AUTH_KEY_INVALID",
            "SESSION_REVOKED",
            "SESSION_EXPIRED",
        )
    ],
    ("AUTH_KEY_PERM_EMPTY", 401, E.BUG, A.REBUILD_ONCE),
    ("TEMP_AUTH_KEY_EMPTY", 400, E.BUG, A.REBUILD_ONCE),
    ("AUTH_KEY_DUPLICATED", 406, E.DUP, A.LATCH),
    ("USER_DEACTIVATED_BAN", 401, E.BANNED, A.FREEZE),
    ("PHONE_NUMBER_BANNED", 400, E.BANNED, A.FREEZE),
    ("USER_DEACTIVATED", 401, E.BANNED, A.FREEZE),
    ("FROZEN_METHOD_INVALID", 420, E.BANNED, A.HOLD_WRITES),
    ("FROZEN_PARTICIPANT_MISSING", 400, E.BANNED, A.HOLD_WRITES),
    ("USER_RESTRICTED", 403, E.LIMITED, A.STOP_ACTION),
    ("SESSION_PASSWORD_NEEDED", 401, E.TWO_FA, A.ASK_PASSWORD),
    ("PASSWORD_HASH_INVALID", 400, E.TWO_FA, A.ASK_PASSWORD),
    ("SRP_ID_INVALID", 400, E.TWO_FA, A.REFETCH_PASSWORD),
    ("SRP_PASSWORD_CHANGED", 400, E.TWO_FA, A.REFETCH_PASSWORD),
    ("PHONE_CODE_INVALID", 400, E.LOGIN, A.ASK_CODE),
    ("PHONE_CODE_EMPTY", 400, E.LOGIN, A.ASK_CODE),
    ("PHONE_CODE_EXPIRED", 400, E.LOGIN, A.ASK_CODE),
    ("PHONE_CODE_HASH_EMPTY", 400, E.LOGIN, A.ASK_CODE),
    *[
        (text, 400, E.LOGIN, A.ASK_CODE)
        for text in (
            "EMAIL_INVALID",
            "EMAIL_NOT_ALLOWED",
            "EMAIL_INSTALL_MISSING",
            "EMAIL_NOT_SETUP",
            "CODE_INVALID",
            "CODE_EMPTY",
            "EMAIL_TOKEN_INVALID",
            "EMAIL_VERIFY_EXPIRED",
            "EMAIL_HASH_EXPIRED",
        )
    ],
    ("PASSKEY_ORIGIN_MISMATCH", 400, E.LOGIN, A.STOP_LOGIN),
    ("PHONE_NUMBER_INVALID", 400, E.LOGIN, A.STOP_LOGIN),
    ("PHONE_NUMBER_UNOCCUPIED", 400, E.LOGIN, A.STOP_LOGIN),
    ("PHONE_PASSWORD_PROTECTED", 400, E.LOGIN, A.STOP_LOGIN),
    ("ACCESS_TOKEN_INVALID", 400, E.LOGIN, A.STOP_LOGIN),
    ("ACCESS_TOKEN_EXPIRED", 400, E.LOGIN, A.STOP_LOGIN),
    ("UPDATE_APP_TO_LOGIN", 406, E.CONFIG, A.STOP_LOGIN),
    ("AUTH_TOKEN_EXPIRED", 400, E.LOGIN, A.NEW_QR),
    ("AUTH_TOKEN_INVALID", 400, E.LOGIN, A.NEW_QR),
    ("AUTH_TOKEN_ALREADY_ACCEPTED", 400, E.LOGIN, A.NEW_QR),
    ("API_ID_INVALID", 400, E.CONFIG, A.HOLD_API),
    ("API_ID_PUBLISHED_FLOOD", 400, E.CONFIG, A.HOLD_API),
    ("EMAIL_UNCONFIRMED", 400, E.LOGIN, A.HOLD),
    ("ACTIVE_USER_REQUIRED", 401, E.LOGIN, A.HOLD),
    ("NEVER_HEARD_OF", 401, E.LOGIN, A.HOLD),
    *[
        (text, 400, E.PAIR, A.DISABLE_PAIR)
        for text in (
            "CHANNEL_PRIVATE",
            "CHAT_FORBIDDEN",
            "USER_NOT_PARTICIPANT",
        )
    ],
    *[
        (text, 400, E.PAIR, A.PAUSE_PAIR)
        for text in ("INVITE_HASH_EXPIRED", "INVITE_HASH_INVALID", "INVITE_HASH_EMPTY")
    ],
    ("CHANNEL_PRIVATE", 406, E.PAIR, A.DISABLE_PAIR),
    *[
        (text, 403, E.PAIR, A.PAUSE_PAIR)
        for text in (
            "CHAT_WRITE_FORBIDDEN",
            "CHAT_ADMIN_REQUIRED",
            "CHAT_RESTRICTED",
            "CHAT_SEND_MEDIA_FORBIDDEN",
            "CHAT_SEND_PHOTOS_FORBIDDEN",
            "CHAT_SEND_VIDEOS_FORBIDDEN",
            "CHAT_GUEST_SEND_FORBIDDEN",
            "BROADCAST_FORBIDDEN",
            "NOT_HERE_FORBIDDEN",
        )
    ],
    ("USER_BANNED_IN_CHANNEL", 400, E.PAIR, A.PAUSE_PAIR),
    ("CHAT_FORWARDS_RESTRICTED", 400, E.PAIR, A.DISABLE_PAIR),
    ("CHAT_FORWARDS_RESTRICTED", 406, E.PAIR, A.DISABLE_PAIR),
    ("PREMIUM_ACCOUNT_REQUIRED", 403, E.PAIR, A.DISABLE_PAIR),
    ("ALLOW_PAYMENT_REQUIRED_5", 403, E.PAIR, A.PAY_ALLOWED),
    ("ALLOW_PAYMENT_REQUIRED_5", 406, E.PAIR, A.PAY_ALLOWED),
    ("PAYMENT_REQUIRED", 400, E.PAIR, A.PAY_ALLOWED),
    ("STARS_PAYMENT_REQUIRED", 400, E.PAIR, A.PAY_ALLOWED),
    *[
        (text, code, E.PAIR, A.PAUSE_PAIR)
        for text, code in (
            ("BALANCE_TOO_LOW", 400),
            ("BOOSTS_REQUIRED", 400),
            ("CHANNEL_MONOFORUM_UNSUPPORTED", 400),
            ("REPLY_TO_MONOFORUM_PEER_INVALID", 400),
            ("RECAPTCHA_CHECK_signup", 403),
            ("INTEGRITY_CHECK_CLASSIC_x", 406),
            ("APNS_VERIFY_CHECK_x", 403),
        )
    ],
    *[
        (text, 400, E.MESSAGE, A.DEAD_LETTER)
        for text in ("RICH_MESSAGE_UNSUPPORTED", "TODO_ITEMS_EMPTY", "MESSAGE_COPY_FORBIDDEN")
    ],
    ("EDIT_MESSAGE_TEMP_RESTRICTED", 406, E.SRV, A.PARK_ACTION),
    ("PRIVACY_PREMIUM_REQUIRED", 403, E.PAIR, A.DISABLE_PAIR),
    ("USER_IS_BLOCKED", 400, E.PAIR, A.DISABLE_PAIR),
    ("YOU_BLOCKED_USER", 400, E.PAIR, A.DISABLE_PAIR),
    ("INPUT_USER_DEACTIVATED", 400, E.PAIR, A.DISABLE_PAIR),
    ("PEER_ID_INVALID", 400, E.PAIR, A.RESOLVE_PEER),
    ("CHAT_ID_INVALID", 400, E.PAIR, A.RESOLVE_PEER),
    ("CHANNEL_INVALID", 400, E.PAIR, A.RESOLVE_PEER),
    ("USERNAME_NOT_OCCUPIED", 400, E.PAIR, A.RESOLVE_PEER),
    ("USERNAME_INVALID", 400, E.PAIR, A.RESOLVE_PEER),
    ("SEND_AS_PEER_INVALID", 400, E.PAIR, A.PAUSE_PAIR),
    ("TOPIC_DELETED", 400, E.PAIR, A.PAUSE_PAIR),
    ("TOPIC_CLOSED", 400, E.PAIR, A.PAUSE_PAIR),
    ("TOPIC_ID_INVALID", 400, E.PAIR, A.PAUSE_PAIR),
    ("REPLY_MESSAGE_ID_INVALID", 400, E.MESSAGE, A.SEND_PLAIN),
    ("QUOTE_TEXT_INVALID", 400, E.MESSAGE, A.SEND_PLAIN),
    *[
        (text, 400, E.MESSAGE, A.DROP_MESSAGE)
        for text in (
            "MESSAGE_ID_INVALID",
            "MESSAGE_NOT_MODIFIED",
            "MESSAGE_EDIT_TIME_EXPIRED",
        )
    ],
    ("MESSAGE_AUTHOR_REQUIRED", 400, E.MESSAGE, A.LEAVE_MESSAGE),
    ("MESSAGE_DELETE_FORBIDDEN", 400, E.MESSAGE, A.LEAVE_MESSAGE),
    *[
        (text, 400, E.MESSAGE, A.REPAIR_MESSAGE)
        for text in (
            "MEDIA_EMPTY",
            "MEDIA_INVALID",
            "MEDIA_PREV_INVALID",
            "MEDIA_CAPTION_TOO_LONG",
            "MESSAGE_TOO_LONG",
            "GROUPED_MEDIA_INVALID",
            "MULTI_MEDIA_TOO_LONG",
            "SLOWMODE_MULTI_MSGS_DISABLED",
        )
    ],
    ("FILE_REFERENCE_EXPIRED", 400, E.MESSAGE, A.REFETCH_MESSAGE),
    ("FILE_REFERENCE_INVALID", 400, E.MESSAGE, A.REFETCH_MESSAGE),
    ("FILE_REFERENCE_EMPTY", 400, E.MESSAGE, A.REFETCH_MESSAGE),
    ("CHANNELS_TOO_MUCH", 400, E.PAIR, A.PAUSE_PAIR),
    ("INVITE_REQUEST_SENT", 400, E.PAIR, A.PAUSE_PAIR),
    ("SCHEDULE_TOO_MUCH", 400, E.PAIR, A.PAUSE_PAIR),
    ("INPUT_REQUEST_TOO_LONG", 400, E.BUG, A.DEAD_LETTER),
    ("INPUT_METHOD_INVALID", 400, E.BUG, A.DEAD_LETTER),
    ("INPUT_METHOD_INVALID_1192227_X", 400, E.BUG, A.DEAD_LETTER),
    ("NEVER_HEARD_OF", 400, E.BUG, A.DEAD_LETTER),
    ("NEVER_HEARD_OF", 404, E.BUG, A.DEAD_LETTER),
    ("NEVER_HEARD_OF", 406, E.BUG, A.DEAD_LETTER),
]


def raised_for(text: str, code: int) -> BaseException:
    """The exception that Telethon makes of Telegram's words."""
    answer = SimpleNamespace(error_message=text, error_code=code)
    return tg.rpc_message_to_error(answer, functions.help.GetConfigRequest())


@pytest.mark.parametrize(
    ("text", "code", "kind", "action"), ANSWERS, ids=[f"{row[0]}-{row[1]}" for row in ANSWERS]
)
def test_an_answer_of_telegram_is_sorted(
    text: str, code: int, kind: ErrorClass, action: Action
) -> None:
    verdict = classify(raised_for(text, code))

    assert (verdict.kind, verdict.action) == (kind, action)
    assert verdict.advice
    assert verdict.terminal is (action in {A.NEW_LOGIN, A.LATCH, A.FREEZE, A.HOLD, A.HOLD_API})


def caught(action: object) -> BaseException:
    """The exception that calling ``action`` raises."""
    try:
        action()  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - it is the thing under test
        return error
    raise AssertionError("nothing was raised")


# What does not come from Telegram's answers: the line, the process, the disk.
OTHERS: list[tuple[BaseException, ErrorClass, Action]] = [
    (ConnectionError("Connection to Telegram failed 5 time(s)"), E.NET, A.RECONNECT),
    (ConnectionRefusedError(111, "refused"), E.NET, A.RECONNECT),
    (OSError("no route to host"), E.NET, A.RECONNECT),
    (asyncio.IncompleteReadError(b"", 8), E.NET, A.RECONNECT),
    (TimeoutError(), E.NET, A.RECONNECT),
    (ConnectionError("Cannot send requests while disconnected"), E.NET, A.REQUEUE),
    (tg.InvalidChecksumError(1, 2), E.NET, A.RECONNECT),
    (tg.InvalidBufferError(struct.pack("<i", -500)), E.NET, A.RECONNECT),
    (tg.InvalidBufferError(b"?"), E.NET, A.RECONNECT),
    (tg.ReadCancelledError(), E.NET, A.RECONNECT),
    (tg.InvalidBufferError(struct.pack("<i", -429)), E.FLOOD, A.COOL_ADDRESS),
    (tg.InvalidBufferError(struct.pack("<i", -404)), E.LOGIN, A.TRY_OTHER_COPY),
    (tg.AuthKeyNotFound(), E.LOGIN, A.TRY_OTHER_COPY),
    (tg.SecurityError("Server replied with a wrong session ID"), E.NET, A.REBUILD),
    (tg.SecurityError("Server sent a very old message"), E.CONFIG, A.CHECK_CLOCK),
    (
        tg.SecurityError("Too many messages had to be ignored consecutively"),
        E.CONFIG,
        A.CHECK_CLOCK,
    ),
    (tg.TypeNotFoundError(0x12345678, b""), E.BUG, A.REBUILD_ONCE),
    (tg.BadMessageError(None, 64), E.NET, A.REBUILD),
    (tg.BadMessageError(None, 16), E.CONFIG, A.CHECK_CLOCK),
    (sqlite3.OperationalError("database is locked"), E.CORRUPT, A.FIND_OWNER),
    (sqlite3.DatabaseError("file is not a database"), E.CORRUPT, A.QUARANTINE_FILE),
    (sqlite3.DatabaseError("database disk image is malformed"), E.CORRUPT, A.QUARANTINE_FILE),
    (sqlite3.OperationalError("no such column: auth_key"), E.CORRUPT, A.CONVERT_FILE),
    (sqlite3.OperationalError("unable to open database file"), E.CORRUPT, A.CONVERT_FILE),
    (caught(lambda: StringSession("nonsense")), E.CORRUPT, A.NEXT_COPY),
    (caught(lambda: binascii.a2b_base64("A")), E.CORRUPT, A.NEXT_COPY),
    (RuntimeError("The asyncio event loop must not change after connection"), E.BUG, A.REBUILD),
    (ValueError("Could not find the input entity for PeerUser(1)"), E.PAIR, A.RESOLVE_PEER),
    (ValueError("Request was unsuccessful 6 time(s)"), E.SRV, A.RETRY),
    (caught(lambda: struct.pack("<i", "x")), E.BUG, A.DEAD_LETTER),
    (asyncio.CancelledError(), E.INTERNAL, A.REQUEUE),
    (KeyError("x"), E.BUG, A.HOLD),
    (KeyboardInterrupt(), E.BUG, A.HOLD),
    (SessionStringDamagedError("is empty"), E.CORRUPT, A.NEXT_COPY),
    (CredentialDamagedError("alice", "altered"), E.CORRUPT, A.NEXT_COPY),
    (TelethonFileDamagedError("x.session", "empty", "0 bytes"), E.CORRUPT, A.QUARANTINE_FILE),
    (PeerUnknownError(-1001), E.PAIR, A.RESOLVE_PEER),
    (ProtectedContentError(-1001), E.PAIR, A.DISABLE_PAIR),
]


@pytest.mark.parametrize(("error", "kind", "action"), OTHERS, ids=lambda value: str(value)[:50])
def test_an_error_of_line_process_or_disk_is_sorted(
    error: BaseException, kind: ErrorClass, action: Action
) -> None:
    verdict = classify(error)

    assert (verdict.kind, verdict.action) == (kind, action)
    assert not verdict.terminal


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (caught(lambda: struct.unpack("<i", b"x")), A.NEXT_COPY),
        (ValueError("too many values to unpack (expected 6)"), A.CONVERT_FILE),
        (TypeError("'NoneType' object is not subscriptable"), A.CONVERT_FILE),
        (ValueError("'1.2' does not appear to be an IPv4 address"), A.NEXT_COPY),
    ],
)
def test_what_breaks_while_opening_a_copy_is_damage(error: BaseException, action: Action) -> None:
    verdict = classify(error, moment=Moment.OPENING)

    assert (verdict.kind, verdict.action) == (E.CORRUPT, action)


def test_every_bare_name_in_the_table_is_a_class_of_telethon() -> None:
    bare = {name for name in ROWS if "." not in name} | {
        entry.owner for entry in TEXTS if "." not in entry.owner
    }

    assert [name for name in sorted(bare) if not hasattr(tg, name)] == []


def test_telethons_timeout_is_telegrams_trouble_and_pythons_is_the_lines() -> None:
    assert classify(tg.TimeoutError(None)).kind is E.SRV
    assert classify(TimeoutError()).kind is E.NET


@pytest.mark.parametrize(
    ("text", "code", "wait"),
    [
        ("FLOOD_WAIT_30", 420, 30.0),
        ("FLOOD_WAIT_0", 420, 1.0),
        ("FLOOD_WAIT_90000", 420, 90_000.0),
        ("SLOWMODE_WAIT_7", 420, 7.0),
        ("FLOOD", 420, 60.0),
        ("PHONE_NUMBER_FLOOD", 400, 86_400.0),
        ("SESSION_TOO_FRESH_77", 400, 77.0),
        ("FROZEN_METHOD_INVALID", 420, 86_400.0),
        ("CHANNEL_PRIVATE", 400, None),
    ],
)
def test_the_wait_is_what_telegram_says(text: str, code: int, wait: float | None) -> None:
    assert classify(raised_for(text, code)).wait == wait


def test_only_a_dead_key_is_latched() -> None:
    latched = {text for text, code, _, _ in ANSWERS if classify(raised_for(text, code)).latches_key}

    assert latched == {
        "AUTH_KEY_DUPLICATED",
        "AUTH_KEY_INVALID",
        "AUTH_KEY_UNREGISTERED",
        "PHONE_NUMBER_BANNED",
        "SESSION_EXPIRED",
        "SESSION_REVOKED",
        "USER_DEACTIVATED",
        "USER_DEACTIVATED_BAN",
    }


def test_of_several_errors_the_gravest_speaks() -> None:
    several = tg.MultiError(
        [raised_for("FLOOD_WAIT_3", 420), None, raised_for("SESSION_REVOKED", 401)],
        [None, None, None],
        [functions.help.GetConfigRequest()] * 3,
    )

    assert classify(several).kind is E.REVOKED


@pytest.mark.parametrize(
    ("text", "code", "dress"),
    [
        ("FLOOD_WAIT_30", 420, TelegramRateLimitError),
        ("SESSION_REVOKED", 401, TelegramAuthError),
        ("AUTH_KEY_DUPLICATED", 406, TelegramAuthError),
        ("PHONE_CODE_INVALID", 400, TelegramAuthError),
        ("CHANNEL_PRIVATE", 400, TelegramSessionError),
        ("RPC_CALL_FAIL", 500, TelegramSessionError),
    ],
)
def test_an_app_catches_one_of_three(text: str, code: int, dress: type[Exception]) -> None:
    error = raised_for(text, code)
    told = to_telewarden(error, session="alice", now=1_000.0)

    assert type(told) is dress
    assert told.session == "alice"
    assert told.deadline == (None if told.wait is None else 1_000.0 + told.wait)
    assert told.advice in str(told)
    assert classify(told) == classify(error)
    assert to_telewarden(told) is told


@pytest.mark.parametrize("text", ["USERNAME_NOT_OCCUPIED", "USERNAME_INVALID"])
def test_a_name_that_nobody_has_is_no_chat_to_open_or_join(text: str) -> None:
    advice = classify(raised_for(text, 400)).advice

    assert "Nobody has this name" in advice
    assert "join" not in advice


def test_the_name_is_telegrams_word() -> None:
    assert classify(raised_for("FLOOD_WAIT_30", 420)).name == "FLOOD_WAIT"
    assert classify(raised_for("NEVER_HEARD_OF", 400)).name == "NEVER_HEARD_OF"
    assert classify(ConnectionResetError()).name == "CONNECTION_RESET"


@pytest.mark.parametrize(
    ("text", "code", "kind", "action"), ANSWERS, ids=[f"{row[0]}-{row[1]}" for row in ANSWERS]
)
async def test_an_answer_driven_out_of_a_data_centre_is_sorted(
    line: Any, text: str, code: int, kind: ErrorClass, action: Action
) -> None:
    client = await line.open(line.alice)
    fault = Fault(method="help.getNearestDc", action=RpcError(text, code), times=1)
    rule = line.tg.faults.add(fault)

    with pytest.raises(tg.RPCError) as caught:
        await client.call(functions.help.GetNearestDcRequest(), deadline=5.0)

    told = to_telewarden(caught.value, session="alice", now=0.0)
    assert rule.struck == 1
    assert (told.kind, told.action) == (kind, action)
    assert isinstance(told, DRESS.get(kind, TelegramSessionError))
    assert told.advice
    assert told.deadline == told.wait
    assert await client.probe() >= 0  # one refused request costs nothing else


DRESS = {
    E.FLOOD: TelegramRateLimitError,
    **dict.fromkeys((E.LOGIN, E.TWO_FA, E.REVOKED, E.BANNED, E.DUP), TelegramAuthError),
}


@pytest.mark.parametrize(
    ("action", "kinds"),
    [
        (BadChecksum(), {E.NET}),
        (Noise(), {E.NET}),
        (CutConnection(), {E.NET}),
        (TransportError(-404), {E.LOGIN}),
        (TransportError(-404, raw=True), {E.LOGIN}),
        (TransportError(-429), {E.FLOOD}),
        (TransportError(-429, raw=True), {E.FLOOD}),
        (TransportError(-444), {E.NET}),
        (BadMessage(64), {E.NET}),
        (VoidKey(), {E.REVOKED}),
        (VoidKey("AUTH_KEY_DUPLICATED"), {E.DUP}),
        (VoidKey(None), {E.LOGIN}),
        (Silence(), {E.NET}),
    ],
    ids=str,
)
async def test_trouble_on_the_line_is_sorted(
    line: Any, action: Any, kinds: set[ErrorClass]
) -> None:
    client = await line.open(line.alice)
    line.tg.faults.add(Fault(method="updates.getState", action=action, times=1))

    with pytest.raises(Exception) as caught:
        await client.call(functions.updates.GetStateRequest(), deadline=1.0)

    assert {classify(caught.value).kind} == kinds


@pytest.mark.parametrize("action", [BadSalt(), BadMessage(16), BadMessage(32)], ids=str)
async def test_what_the_protocol_repairs_is_no_error(line: Any, action: Any) -> None:
    client = await line.open(line.alice)
    line.tg.faults.add(Fault(method="help.getNearestDc", action=action, times=1))

    assert await client.call(functions.help.GetNearestDcRequest(), deadline=5.0)


async def test_data_that_cannot_be_trusted_is_counted(line: Any) -> None:
    client = await line.open(line.alice)
    line.tg.faults.add(Fault(method="help.getNearestDc", action=BadMsgKey(), times=1))

    with pytest.raises(TimeoutError):
        await client.call(functions.help.GetNearestDcRequest(), deadline=0.2)

    assert client.distrusted == 1


def test_every_row_about_telegrams_answers_is_driven() -> None:
    driven = {
        cls.__name__ for text, code, _, _ in ANSWERS for cls in type(raised_for(text, code)).__mro__
    }
    rows = {name for name in ROWS if "." not in name and issubclass(getattr(tg, name), tg.RPCError)}

    assert rows - driven == set()


# The traps that a sorter of errors falls into, by the numbers of Telethon's ways.
TRAPS: list[tuple[str, BaseException, ErrorClass]] = [
    ("a 406 is no dead key", raised_for("PHONE_PASSWORD_FLOOD", 406), E.FLOOD),
    ("nor is one nobody has heard of", raised_for("WHATEVER_THIS_IS", 406), E.BUG),
    ("but this one is", raised_for("AUTH_KEY_DUPLICATED", 406), E.DUP),
    ("a 401 may want a password", raised_for("SESSION_PASSWORD_NEEDED", 401), E.TWO_FA),
    ("a 401 nobody has heard of is asked about", raised_for("WHATEVER_THIS_IS", 401), E.LOGIN),
    ("a 420 may have no seconds", raised_for("FROZEN_METHOD_INVALID", 420), E.BANNED),
    ("a 400 may be a flood", raised_for("PHONE_NUMBER_FLOOD", 400), E.FLOOD),
    ("a known class says its bucket", raised_for("FLOOD_WAIT_5", 420), E.FLOOD),
    ("an unknown one its text", raised_for("ALLOW_PAYMENT_REQUIRED_9", 403), E.PAIR),
    ("a lost chat comes as 400", raised_for("CHANNEL_PRIVATE", 400), E.PAIR),
    ("and as 406", raised_for("CHANNEL_PRIVATE", 406), E.PAIR),
    ("Telethon's timeout is not Python's", tg.TimeoutError(None), E.SRV),
    ("and Python's is the line's", TimeoutError(), E.NET),
    ("an unknown key is no RPCError", tg.AuthKeyNotFound(), E.LOGIN),
    ("retries that ran out are a ValueError", ValueError("unsuccessful 6 time(s)"), E.SRV),
]


@pytest.mark.parametrize(("trap", "error", "kind"), TRAPS, ids=[trap for trap, _, _ in TRAPS])
def test_a_trap_is_not_fallen_into(trap: str, error: BaseException, kind: ErrorClass) -> None:
    told = to_telewarden(error, session="alice")

    assert told.kind == kind, trap
    assert told.terminal is (kind is E.DUP or told.action == A.HOLD)
    assert isinstance(told, DRESS.get(kind, TelegramSessionError))


async def test_a_flood_comes_out_as_itself_and_not_as_tries_that_ran_out(line: Any) -> None:
    client = await line.open(line.alice)
    line.tg.faults.add(Fault(method="help.getNearestDc", action=RpcError("RPC_CALL_FAIL", 500)))

    with pytest.raises(tg.RpcCallFailError):
        await client.call(functions.help.GetNearestDcRequest(), deadline=5.0)

    assert line.tg.stats.calls["help.getNearestDc"] == 1
