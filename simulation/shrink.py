"""From a script that shows a violation to the smallest one that still does.

Delta debugging over steps, then what nobody needs any more: pairs, chats, sessions. The seed
stays, so that latency and threads fall as alike as they can.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from .context import Outcome
from .run import play
from .script import Script

__all__ = ["kind_of", "shrink"]

T = TypeVar("T")


def kind_of(violation: str) -> str:
    """A violation without its numbers and texts: what kind of thing it is."""
    head = violation.partition("\n")[0]
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|0x[0-9a-f]+", "_", head)
    return re.sub(r"\d+", "N", bare)


def shrink(
    script: Script, *, keep: Callable[[Script], object] = lambda _: None, most: int = 400
) -> tuple[Script, Outcome]:
    """Make a script smaller as long as it shows a violation of the same kind.

    Args:
        script: one that shows a violation.
        keep: given each smaller one.
        most: how many plays it may take.

    Raises:
        ValueError: the script shows none.
    """
    return _Shrinker(script, keep, most).shrink()


class _Shrinker:
    def __init__(self, script: Script, keep: Callable[[Script], object], most: int) -> None:
        self.best, self.keep, self.left = script, keep, most
        self.outcome = play(script)
        if not self.outcome.violations:
            raise ValueError(f"seed {script.seed} shows no violation")
        self.kind = kind_of(self.outcome.violations[0])

    def shrink(self) -> tuple[Script, Outcome]:
        before = None
        while before != self._size() and self.left > 0:
            before = self._size()
            self._steps()
            self._parts("pairs", lambda _: True)
            self._parts("chats", self._unused_chat)
            self._parts("sessions", self._unused_session)
            self._fields()
        return self.best, self.outcome

    def _size(self) -> tuple[int, ...]:
        best = self.best
        fields = sum(len(pair) for pair in best.pairs)
        return len(best.steps), len(best.pairs), len(best.chats), len(best.sessions), fields

    def _steps(self) -> None:
        size = max(1, len(self.best.steps) // 2)
        while size and self.left > 0:
            at = 0
            while at < len(self.best.steps) and self.left > 0:
                kept = [*self.best.steps[:at], *self.best.steps[at + size :]]
                if not self._try(replace(self.best, steps=kept)):
                    at += size
            size //= 2

    def _parts(self, name: str, may: Callable[[Any], bool]) -> None:
        for one in list(getattr(self.best, name)):
            if len(getattr(self.best, name)) > 1 and may(one):
                kept = [other for other in getattr(self.best, name) if other != one]
                self._try(replace(self.best, **{name: kept}))

    def _unused_chat(self, chat: dict[str, Any]) -> bool:
        used = {pair.get(end) for pair in self.best.pairs for end in ("source", "target")}
        named = {step.get(end) for step in self.best.steps for end in ("chat", "to")}
        return chat["name"] not in used | named

    def _unused_session(self, name: str) -> bool:
        used = {pair["session"] for pair in self.best.pairs}
        owners = {chat["owner"] for chat in self.best.chats}
        return name not in used | owners | {step.get("session") for step in self.best.steps}

    def _fields(self) -> None:
        for number, pair in enumerate(self.best.pairs):
            for field in [f for f in pair if f not in ("id", "session", "source", "target")]:
                bare = {k: v for k, v in self.best.pairs[number].items() if k != field}
                pairs = [*self.best.pairs]
                pairs[number] = bare
                self._try(replace(self.best, pairs=pairs))

    def _try(self, script: Script) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        outcome = play(script)
        if not outcome.violations or kind_of(outcome.violations[0]) != self.kind:
            return False
        self.best, self.outcome = script, outcome
        self.keep(script)
        return True
