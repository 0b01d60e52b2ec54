"""The fields of an event as JSON has them, for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from ..supervision import Exit


def fields_of(value: Any) -> dict[str, object]:
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
            return fields_of(value)
        case _:
            return type(value).__name__
