"""Events as JSON lines, one object each, for programs."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from ..metrics import sentence
from ..supervision import Event, Exit


def as_json(event: Event) -> str:
    """The event as a line of JSON: class under ``event``, its sentence under ``says``.

    ``at`` is epoch seconds in every line, by the clock of who reads: an event of the tree counts
    by a clock of its own.
    """
    return line(type(event).__name__, sentence(event), **_fields(event))


def line(event: str, says: str | None, **fields: Any) -> str:
    """One line of JSON."""
    return json.dumps({"event": event, **fields, "at": time.time(), "says": says})


def _fields(value: Any) -> dict[str, object]:
    """What may be shown of a dataclass: what is not in its repr is private."""
    shown = (field.name for field in dataclasses.fields(value) if field.repr)
    return {name: _plain(getattr(value, name)) for name in shown}


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case str() | int() | float() | None:
            return value
        case Path():
            return str(value)
        case Exit():
            return value.reason  # never an error's own text, which may hold anything
        case BaseException():
            return type(value).__name__
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(one) for one in value]
        case _ if dataclasses.is_dataclass(value):
            return _fields(value)
        case _:
            return type(value).__name__
