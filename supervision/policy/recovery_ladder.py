"""A ladder of recovery strategies: each rung a few tries, then the next.

Pure: callers try, report, and are told what to try next and when. Nothing waits here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tenacity.wait import wait_base

from ...errors import InvalidSpecError
from .backoff import delay_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One strategy: its name, how many tries it gets, and the pause between them."""

    name: str
    tries: int = 3
    wait: wait_base | None = None

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise InvalidSpecError(f"Rung.tries of {self.name}", self.tries, "1 or more")


@dataclass(frozen=True, slots=True)
class Failed:
    """The last try did not work; ``skip`` tells that more tries of the same rung cannot."""

    error: BaseException | None = None
    skip: bool = False


@dataclass(frozen=True, slots=True)
class Recovered:
    """The last try worked: the ladder is at its end, and starts over when asked again."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """The last try showed that no rung can help."""

    error: BaseException | None = None


Report: TypeAlias = Failed | Recovered | Terminal


@dataclass(frozen=True, slots=True)
class Try:
    """Try ``rung`` for the ``attempt``-th time, after ``delay`` seconds."""

    rung: str
    attempt: int
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """It worked, on this rung."""

    rung: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Nothing more to try; ``error`` is the last one seen."""

    error: BaseException | None = None
    terminal: bool = False


Advice: TypeAlias = Try | Finished | Exhausted


class Ladder:
    """Where a recovery stands.

    ``next()`` begins; ``next(after=Failed(error))`` goes on; ``Recovered()`` and ``Terminal()`` end
    it. The position can be kept (``position``) and taken up again (``resume_at``).
    """

    __slots__ = ("_attempt", "_ended", "_error", "_woken", "rungs")

    def __init__(self, rungs: tuple[Rung, ...]) -> None:
        if not rungs:
            raise InvalidSpecError("Ladder.rungs", rungs, "one rung or more")
        self.rungs = rungs
        self._woken, self._attempt = 0, 0
        self._error: BaseException | None = None
        self._ended: Finished | Exhausted | None = None

    def next(self, after: Report | None = None) -> Advice:
        """What to do now, given how the last try went (``None`` to begin, or to begin again)."""
        match after:
            case Recovered():
                self._ended = Finished(self.rungs[self._woken].name, self._attempt)
                return self._ended
            case Terminal(error):
                self._ended = Exhausted(error, terminal=True)
                return self._ended
            case Failed(error, skip):
                self._error = error
                return self._go_on(skip=skip)
            case _:
                self.reset()
                return self._go_on(skip=False)

    @property
    def position(self) -> tuple[str, int]:
        """The rung that is being tried, and how often it has been."""
        return self.rungs[self._woken].name, self._attempt

    def resume_at(self, rung: str, attempt: int) -> None:
        """Take up a position again, as after a restart of the process.

        Raises:
            InvalidSpecError: there is no rung of that name.
        """
        names = [one.name for one in self.rungs]
        if rung not in names:
            raise InvalidSpecError("Ladder.resume_at", rung, f"one of {names}")
        self._woken, self._attempt, self._ended = names.index(rung), attempt, None

    def reset(self) -> None:
        """Start over at the first rung."""
        self._woken, self._attempt, self._error, self._ended = 0, 0, None, None

    def _go_on(self, *, skip: bool) -> Advice:
        if self._ended is not None:
            return self._ended
        if skip or self._attempt >= self.rungs[self._woken].tries:
            if self._woken + 1 == len(self.rungs):
                self._ended = Exhausted(self._error)
                return self._ended
            self._woken, self._attempt = self._woken + 1, 0
        self._attempt += 1
        return Try(self.rungs[self._woken].name, self._attempt, self._delay())

    def _delay(self) -> float:
        wait = self.rungs[self._woken].wait
        if wait is None or self._attempt == 1:
            return 0.0
        return delay_before(wait, self._attempt - 1, self._error)
