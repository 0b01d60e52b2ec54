"""Statistics of the data centre, for tests and observers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Stats:
    """Counts since the start. Read them; the data centre writes them.

    Args:
        calls: requests by method.
        errors: error answers by text, numbers cut off (``FLOOD_WAIT``).
        faults: rules that struck, by kind of action.
        connects: TCP connections accepted.
        keys: key exchanges finished.
        duplicates: repeats of a ``random_id`` that were refused.
        duplicate_keys: keys voided because two connections used them.
        early: calls that came while the method was closed by a ``FloodWait``.
        pushes: updates sent unasked.
        crashes: handlers that failed with a bug of the data centre's own (answered 500).
    """

    calls: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    connects: int = 0
    keys: int = 0
    duplicates: int = 0
    duplicate_keys: int = 0
    early: int = 0
    pushes: int = 0
    crashes: int = 0

    def to_json(self) -> dict[str, object]:
        """The counts as a JSON object."""
        return {
            "calls": dict(self.calls),
            "errors": dict(self.errors),
            "faults": dict(self.faults),
            "connects": self.connects,
            "keys": self.keys,
            "duplicates": self.duplicates,
            "duplicate_keys": self.duplicate_keys,
            "early": self.early,
            "pushes": self.pushes,
            "crashes": self.crashes,
        }
