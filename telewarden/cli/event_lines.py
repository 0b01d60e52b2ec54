"""Events as JSON lines, one object each, for programs."""

from __future__ import annotations

import dataclasses
import json
from enum import Enum

from ..metrics import sentence
from ..supervision import Event, Exit


def as_json(event: Event) -> str:
    """The event as a line of JSON: class under ``event``, its sentence under ``says``."""
    fields = {field.name: _plain(getattr(event, field.name)) for field in dataclasses.fields(event)}
    return json.dumps({"event": type(event).__name__, **fields, "says": sentence(event)})


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case str() | int() | float() | None:
            return value
        case Exit():
            return value.reason  # never an error's own text, which may hold anything
        case BaseException():
            return type(value).__name__
        case _:
            return str(value)
