"""Events as JSON lines, one object each, for programs."""

from __future__ import annotations

import json
import time
from typing import Any

from ..metrics import fields_of, sentence
from ..supervision import Event


def as_json(event: Event) -> str:
    """The event as a line of JSON: class under ``event``, its sentence under ``says``.

    ``at`` is epoch seconds in every line, by the clock of who reads: an event of the tree counts
    by a clock of its own.
    """
    return line(type(event).__name__, sentence(event), **fields_of(event))


def line(event: str, says: str | None, **fields: Any) -> str:
    """One line of JSON."""
    return json.dumps({"event": event, **fields, "at": time.time(), "says": says})
