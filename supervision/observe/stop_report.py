"""How the stop of a tree went: each child, in the order they stopped, and which would not."""

from __future__ import annotations

from dataclasses import dataclass

from ..policy.exit_reason import Exit, ExitKind


@dataclass(frozen=True, slots=True)
class StopEntry:
    """One child's stop: how it ended and how many seconds that took."""

    child: str
    exit: Exit
    seconds: float


@dataclass(frozen=True, slots=True)
class StopReport:
    """All of them; ``abandoned`` would not stop in time and have been abandoned."""

    entries: tuple[StopEntry, ...]
    seconds: float

    @property
    def abandoned(self) -> tuple[StopEntry, ...]:
        """Those that did not come to an end."""
        return tuple(entry for entry in self.entries if entry.exit.kind is ExitKind.ABANDONED)

    @property
    def is_clean(self) -> bool:
        """Whether everything stopped in time."""
        return not self.abandoned

    def as_text(self) -> str:
        """A line for the whole, and one for each child that was abandoned."""
        head = f"{len(self.entries)} stopped in {self.seconds:.3f} s"
        if self.is_clean:
            return head
        lines = (
            f"  {entry.child}: abandoned after {entry.seconds:.3f} s" for entry in self.abandoned
        )
        return "\n".join((f"{head}, {len(self.abandoned)} of them abandoned", *lines))
