"""A tree at one moment, to look at: values only, as text like ``pstree`` or as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .runtime.child_slot import ChildSlot
from .runtime.states import ChildState


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One slot and those below it."""

    id: str
    path: str
    actor: str
    host: str
    state: ChildState
    why: str
    incarnation: int
    restarts: int
    """Decided on for its own ends; a sibling's that took it along are not counted."""
    seconds: float
    """How long it has been in this state."""
    resumes_in: float | None
    """Seconds until its next incarnation, when that is known."""
    waiting: int
    """Messages in its mailbox."""
    restarts_left: int | None = None
    """Restarts that may still follow: its own, or for a supervisor those of its children."""
    children: tuple[Snapshot, ...] = ()

    def walk(self) -> Iterator[Snapshot]:
        """This one and all below it, in start order."""
        ahead: list[Snapshot] = [self]
        while ahead:  # no generator in a generator: thousands are walked through each second
            one = ahead.pop()
            yield one
            ahead.extend(reversed(one.children))

    def find(self, path: str) -> Snapshot | None:
        """The one at ``path``, or ``None``."""
        return next((one for one in self.walk() if one.path == path), None)

    def as_text(self) -> str:
        """A drawing, one line a slot."""
        return "\n".join(_drawn(self, "", ""))

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "id": self.id,
            "path": self.path,
            "actor": self.actor,
            "host": self.host,
            "state": self.state.value,
            "why": self.why,
            "incarnation": self.incarnation,
            "restarts": self.restarts,
            "restarts_left": self.restarts_left,
            "seconds": round(self.seconds, 3),
            "resumes_in": None if self.resumes_in is None else round(self.resumes_in, 3),
            "waiting": self.waiting,
            "children": [child.as_dict() for child in self.children],
        }

    def as_json(self, *, indent: int | None = None) -> str:
        """``as_dict`` as text."""
        return json.dumps(self.as_dict(), indent=indent)

    def as_line(self) -> str:
        """This one in one line."""
        parts = [f"{self.id} ({self.actor}, {self.host}) {self.state.value}"]
        if self.why and self.state is not ChildState.RUNNING:
            parts.append(f"[{self.why}]")
        if self.resumes_in is not None:
            parts.append(f"for {self.resumes_in:.1f} s more")
        if self.restarts:
            parts.append(f"restarts={self.restarts}")
        if self.waiting:
            parts.append(f"waiting={self.waiting}")
        return " ".join(parts)


def _drawn(one: Snapshot, first: str, rest: str) -> Iterator[str]:
    yield first + one.as_line()
    for child in one.children[:-1]:
        yield from _drawn(child, f"{rest}|-- ", f"{rest}|   ")
    for child in one.children[-1:]:
        yield from _drawn(child, f"{rest}`-- ", f"{rest}    ")


def take(slot: ChildSlot) -> Snapshot:
    """Look at a slot and those below it; from any thread."""
    now = slot.context.clock.now()
    until = slot.until
    return Snapshot(
        id=slot.id,
        path=slot.path,
        actor=slot.spec.actor.__name__,
        host=slot.spec.placed_on.value,
        state=slot.state,
        why=slot.why,
        incarnation=slot.incarnation,
        restarts=slot.restarts,
        restarts_left=None if slot.restart_window is None else slot.restart_window.left(now),
        seconds=max(0.0, now - slot.since),
        resumes_in=None if until is None else max(0.0, until - now),
        waiting=len(slot.mailbox),
        children=tuple(take(child) for child in list(slot.children.values())),
    )
