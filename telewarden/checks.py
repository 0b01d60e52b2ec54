"""What an app hands in, looked at where it comes in: an error names the thing and the value.

Pure. What it refuses has changed nothing and asked nobody.
"""

from __future__ import annotations

import math
from typing import Any

from .errors import InvalidRecordError

__all__ = ["a_request", "seconds"]

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


def _is_request(value: object) -> bool:
    return hasattr(value, "CONSTRUCTOR_ID") and not isinstance(value, type)
