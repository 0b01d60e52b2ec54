"""The compact state as rows of JSON text, and what one look changes in them.

Pure. A row is written when it changes, once for all pages that show it: a look at a thousand
sessions costs a comparison each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..._version import __version__
from ..words import Words
from .rows import KINDS, Sight, lean

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)


class Picture:
    """The state in one language.

    Args:
        words: explains in it.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._top: dict[str, Any] = {}
        self._sources: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self._rows: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        self._of: dict[str, object] = {}

    def see(self, sight: Sight) -> str | None:
        """Take a look in; returns the members of a change, or ``None`` if there is none."""
        changed, gone = {}, {}
        for kind in KINDS:
            new, old = self._see(kind, sight)
            if new:
                changed[kind] = _object(new)
            if old:
                gone[kind] = encoded(old)
        top = self._see_top(sight)
        if not (changed or gone or top):
            return None
        members = {"at": encoded(round(sight.at, 3))}
        for name, one in (("top", top), ("set", changed), ("gone", gone)):
            if one:
                members[name] = _object(one)
        return _members(members)

    def whole(self, *, at: float) -> str:
        """The members of the whole state, as the last look left it."""
        first = {"at": round(at, 3), "version": __version__, "language": self._words.language}
        members = {name: encoded(one) for name, one in first.items()}
        members["top"] = encoded(self._top)
        members.update((kind, _object(rows)) for kind, rows in self._rows.items())
        return _members(members)

    def _see(self, kind: str, sight: Sight) -> tuple[dict[str, str], list[str]]:
        """The rows that are new or other ones, and the keys of those that are gone."""
        how, known, rows = KINDS[kind], self._sources[kind], self._rows[kind]
        if how.of is not None:
            before, self._of[kind] = self._of.get(kind, self), how.of(sight)
            if before is self._of[kind]:
                return {}, []
        found = dict(how.sources(sight))
        changed: dict[str, str] = {}
        for key, source in found.items():
            before = known.get(key)
            if before is source or (before is not None and how.same(before, source)):
                continue
            text = encoded(lean(how.row(source, sight, self._words)))
            if rows.get(key) != text:
                changed[key] = rows[key] = text
        gone = [key for key in known if key not in found]
        self._sources[kind] = found
        if gone or len(known) != len(found):
            self._rows[kind] = {key: rows[key] for key in found}  # in the order of the look
        return changed, gone

    def _see_top(self, sight: Sight) -> dict[str, str]:
        ready, readiness = sight.ready
        top = {
            "ready": ready,
            "readiness": readiness,
            "problem": sight.problem,
            "counters": dict(sight.counters),
        }
        before, self._top = self._top, top
        return {name: encoded(one) for name, one in top.items() if before.get(name) != one}


def encoded(value: object) -> str:
    """Compact JSON."""
    return _ENCODER.encode(value)


def _object(rows: Mapping[str, str]) -> str:
    return "{" + _members(rows) + "}"


def _members(rows: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    items = rows.items() if isinstance(rows, Mapping) else rows
    return ",".join(f"{encoded(key)}:{text}" for key, text in items)
