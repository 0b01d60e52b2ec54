"""Validation of arguments at the public border; an error names the argument and the value.

Pure. What it refuses has changed nothing and asked nobody.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..errors import InvalidRecordError

LARGEST = 2**62  # what a row can hold, with room to count on
LONG = 2**63  # TL's long

LONGEST = 10 * 365.25 * 86_400  # seconds; past it a clock's reading and a timer lose their sense


def seconds(what: str, value: object, *, default: float) -> float:
    """A length of time; ``default`` for ``None``.

    Raises:
        InvalidRecordError: it is no number, or none that a clock can wait for.
    """
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRecordError(what, value, "seconds, as a number")
    if not 0 <= value <= LONGEST or math.isnan(value):
        raise InvalidRecordError(what, value, "seconds, 0 or more and within ten years")
    return float(value)


def a_number(what: str, value: object) -> int:
    """A whole number, such as a pair's; whether there is one like it is another question.

    Raises:
        InvalidRecordError: it is none, or none that can be stored.
    """
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
        raise InvalidRecordError(what, value, "a whole number")
    return value


def a_long(what: str, value: object) -> int:
    """A number of Telegram's own, of 64 bits with a sign, such as a login's.

    Raises:
        InvalidRecordError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not -LONG <= value < LONG:
        raise InvalidRecordError(what, value, "a whole number of 64 bits")
    return value


def numbers(what: str, value: object) -> tuple[int, ...]:
    """Whole numbers, such as those of messages.

    Raises:
        InvalidRecordError: it is no collection, or something else is in it.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise InvalidRecordError(what, value, "a list of whole numbers")
    return tuple(a_number(what, one) for one in value)


def a_text(what: str, value: object, wanted: str) -> str:
    """A text.

    Raises:
        InvalidRecordError: it is none; never with the value, which may be a secret.
    """
    if not isinstance(value, str):
        raise InvalidRecordError(what, type(value).__name__, wanted)
    return value


def a_moment(what: str, value: object) -> float:
    """A date and time, as epoch seconds; one without a zone is this machine's.

    Raises:
        InvalidRecordError: it is none.
    """
    wanted = "a datetime, such as datetime(2026, 1, 31, tzinfo=UTC)"
    if not isinstance(value, datetime):
        raise InvalidRecordError(what, value, wanted)
    try:
        return value.timestamp()
    except (OverflowError, OSError, ValueError):  # the year 1, or 9999, in some zone
        raise InvalidRecordError(what, value, wanted) from None


def a_path(value: object) -> None:
    """Make sure that it is a file's path.

    Raises:
        InvalidRecordError: it is none.
    """
    path_text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(path_text, str) or not path_text or "\0" in path_text:
        raise InvalidRecordError("path", type(value).__name__, "the path of a file")


def a_callback(what: str, value: Any) -> Any:
    """Something that can be called.

    Raises:
        InvalidRecordError: it is not.
    """
    if not callable(value):
        raise InvalidRecordError(what, value, "something that can be called")
    return value


def a_request(value: Any) -> Any:
    """A request to Telegram, or a list of them.

    Raises:
        InvalidRecordError: it is none.
    """
    each = value if isinstance(value, list | tuple | set) else (value,)
    if not each or not all(_is_request(one) for one in each):
        wanted = "a request of Telethon's, such as functions.help.GetConfigRequest()"
        raise InvalidRecordError("request", type(value).__name__, wanted)
    return value


def a_passed_request(value: Any) -> Any:
    """A request that a program has written.

    Raises:
        InvalidRecordError: it is none.
    """
    from ..telegram.sharing.passed_request import PassedRequest

    if not isinstance(value, PassedRequest):
        raise InvalidRecordError("request", type(value).__name__, "a PassedRequest")
    return value


def an_error(value: Any) -> Exception:
    """An error that was raised.

    Raises:
        InvalidRecordError: it is none.
    """
    if not isinstance(value, Exception):
        raise InvalidRecordError("error", type(value).__name__, "an exception")
    return value


def _is_request(value: object) -> bool:
    return hasattr(value, "CONSTRUCTOR_ID") and not isinstance(value, type)
