"""Classification of any error by the table: class, action, wait time, explanation.

``classify`` is a pure look-up in ``table``; it reads an exception's class names, its text
and its seconds, and never imports Telethon. ``to_telewarden`` dresses the same verdict as one
of the errors that leave this room.
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from ... import errors
from .meanings import PAYMENT, Row
from .proxy_trouble import ProxyTroubleError
from .table import ROWS, TEXTS
from .verdict import Action, ErrorClass, Moment, Verdict

_AUTH: Final = frozenset(
    {
        ErrorClass.LOGIN,
        ErrorClass.TWO_FA,
        ErrorClass.REVOKED,
        ErrorClass.BANNED,
        ErrorClass.DUP,
    }
)

# Of several errors in one answer the gravest speaks: what ends the session, then what holds it.
_GRAVITY: Final = (
    ErrorClass.DUP,
    ErrorClass.REVOKED,
    ErrorClass.BANNED,
    ErrorClass.CONFIG,
    ErrorClass.LOGIN,
    ErrorClass.TWO_FA,
    ErrorClass.LIMITED,
    ErrorClass.FLOOD,
    ErrorClass.CORRUPT,
    ErrorClass.NET,
    ErrorClass.SRV,
    ErrorClass.BUG,
    ErrorClass.PAIR,
    ErrorClass.MESSAGE,
    ErrorClass.INTERNAL,
    ErrorClass.DELIVERED,
)

NO_DESCRIPTORS: Final = "NO_DESCRIPTORS"
LAYER_DRIFT: Final = "TYPE_NOT_FOUND"  # an answer that the installed Telethon cannot read
SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE})
SHORT_OF_DESCRIPTORS: Final = Verdict(
    kind=ErrorClass.CONFIG,
    action=Action.RECONNECT,
    name=NO_DESCRIPTORS,
    advice="No more files can be opened; raise the limit (ulimit -n, LimitNOFILE=).",
)

_OWN: Final[tuple[tuple[type[errors.TelewardenError], str], ...]] = (
    (errors.SessionStringDamagedError, "binascii.Error"),
    (errors.CredentialDamagedError, "binascii.Error"),
    (errors.SessionFileDamagedError, "sqlite3.DatabaseError"),
    (errors.TelethonFileDamagedError, "sqlite3.DatabaseError"),
    (errors.MessageNotCopyableError, "telewarden.errors.MessageNotCopyableError"),
    (errors.JoinRequestedError, "telewarden.errors.JoinRequestedError"),
    (errors.NotJoinedError, "telewarden.errors.NotJoinedError"),
    (errors.NameMovedError, "telewarden.errors.NameMovedError"),
    (errors.PeerUnknownError, "PeerIdInvalidError"),
    (errors.ProtectedContentError, "ChatForwardsRestrictedError"),
)


def classify(exc: BaseException, *, moment: Moment = Moment.REQUEST) -> Verdict:
    """Tell what ``exc`` means; never raises, and knows an answer for any exception."""
    if isinstance(exc, errors.TelegramError):
        return _again(exc)
    inner = getattr(exc, "exceptions", None)
    if isinstance(inner, list | tuple) and any(inner):
        verdicts = [classify(one, moment=moment) for one in inner if one is not None]
        return min(verdicts, key=lambda verdict: _GRAVITY.index(verdict.kind))
    if short_of(exc):
        return SHORT_OF_DESCRIPTORS
    row = _own_row(exc) or _text_row(exc, moment) or _class_row(exc)
    advice = str(exc) if isinstance(exc, errors.MessageNotCopyableError) else _advice(exc, row)
    proxy = exc if isinstance(exc, ProxyTroubleError) else None
    return Verdict(
        kind=row.kind,
        action=row.action,
        name=_name(exc) if proxy is None else proxy.trouble.value,
        advice=advice if proxy is None else proxy.advice,
        wait=_wait(exc, row),
        terminal=row.terminal,
    )


def short_of(exc: BaseException | None) -> bool:
    """Whether this process, or this machine, has no room for one more connection or file."""
    while exc is not None:
        if isinstance(exc, OSError) and exc.errno in SHORTAGES:
            return True
        exc = exc.__cause__
    return False


def to_telewarden(
    exc: BaseException,
    *,
    session: str | None = None,
    moment: Moment = Moment.REQUEST,
    now: float | None = None,
) -> errors.TelegramError:
    """Dress ``exc`` as the error an app catches; raise it ``from exc``.

    ``now`` is the wall clock in seconds since the epoch (default: this host's), which the
    deadline is counted from.
    """
    if isinstance(exc, errors.TelegramError):
        return exc
    verdict = classify(exc, moment=moment)
    return error_of(verdict, session=session, now=now)


def error_of(
    verdict: Verdict, *, session: str | None = None, now: float | None = None
) -> errors.TelegramError:
    """The error that an app catches for a verdict; ``now`` as in ``to_telewarden``."""
    at = time.time() if now is None else now
    return _dress(verdict)(
        f"{session or 'session'}: {verdict.name}: {verdict.advice}{_until(verdict, at)}",
        session=session,
        kind=verdict.kind,
        action=verdict.action,
        name=verdict.name,
        advice=verdict.advice,
        wait=verdict.wait,
        deadline=None if verdict.wait is None else at + verdict.wait,
        terminal=verdict.terminal,
    )


def _until(verdict: Verdict, now: float) -> str:
    """From when on a person may try again, where that is hours or days away."""
    if verdict.wait is None or verdict.action not in {Action.PARK_LOGIN, Action.PARK_ACTION}:
        return ""
    date = datetime.fromtimestamp(now + verdict.wait, tz=UTC)
    return f" Not before {date:%Y-%m-%d %H:%M} UTC."


def _dress(verdict: Verdict) -> type[errors.TelegramError]:
    if verdict.kind is ErrorClass.FLOOD:
        return errors.TelegramRateLimitError
    return errors.TelegramAuthError if verdict.kind in _AUTH else errors.TelegramSessionError


def _again(exc: errors.TelegramError) -> Verdict:
    return Verdict(
        kind=ErrorClass(exc.kind),
        action=Action(exc.action),
        name=exc.name,
        advice=exc.advice,
        wait=exc.wait,
        terminal=exc.terminal,
    )


def _own_row(exc: BaseException) -> Row | None:
    return next((ROWS[name] for owner, name in _OWN if isinstance(exc, owner)), None)


def _text_row(exc: BaseException, moment: Moment) -> Row | None:
    names = set(_names(exc))
    text = _text_of(exc)
    for entry in TEXTS:
        if (
            entry.owner in names
            and entry.moment in (None, moment)
            and entry.pattern.search(text) is not None
        ):
            return entry.row
    return None


def _class_row(exc: BaseException) -> Row:
    return next(ROWS[name] for name in _names(exc) if name in ROWS)


def _names(exc: BaseException) -> Iterator[str]:
    """The names ``exc`` may be found by: bare for Telethon's classes, with module for others."""
    for cls in type(exc).__mro__:
        foreign = cls.__module__.partition(".")[0] != "telethon"
        yield f"{cls.__module__}.{cls.__name__}" if foreign else cls.__name__


def _text_of(exc: BaseException) -> str:
    """The raw text: a bucket class keeps it as ``message``, a known class says the bucket there."""
    raw = exc.__dict__.get("message")
    return raw if isinstance(raw, str) else str(exc)


_PRICE: Final = re.compile(r"PAYMENT_REQUIRED_(\d+)$")


def price_of(exc: BaseException) -> int:
    """What Telegram takes for one message by an error, in Stars; 0 where it names no price."""
    told = _PRICE.search(_text_of(exc))
    return int(told[1]) if told else 0


def _advice(exc: BaseException, row: Row) -> str:
    """What to do about it, with the price that an error names."""
    if row is not PAYMENT:
        return row.advice
    price = price_of(exc)
    return row.advice.format(price=f"{price} Stars" if price else "Stars")


_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _name(exc: BaseException) -> str:
    raw = exc.__dict__.get("message")
    if isinstance(raw, str) and raw:
        return raw.upper().replace(" ", "_")
    return _CAMEL.sub("_", type(exc).__name__.removesuffix("Error") or "ERROR").upper()


_SECONDS: Final = re.compile(r"_(\d+)$")


def _wait(exc: BaseException, row: Row) -> float | None:
    """Seconds to wait: what Telegram said, at least one; else what the row assumes."""
    if row.kind is not ErrorClass.FLOOD:
        return row.wait
    seconds = getattr(exc, "seconds", None)
    if not isinstance(seconds, int | float):
        told = _SECONDS.search(_text_of(exc))
        seconds = int(told.group(1)) if told else None
    return row.wait if seconds is None else max(float(seconds), 1.0)
