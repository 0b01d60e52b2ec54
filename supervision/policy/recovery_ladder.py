"""A ladder of recovery strategies: each rung a few tries of each of its candidates, then the next.

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
    """One strategy: its name, the tries that each candidate gets, and the pause between them."""

    name: str
    tries: int = 3
    wait: wait_base | None = None

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise InvalidSpecError(f"Rung.tries of {self.name}", self.tries, "1 or more")


@dataclass(frozen=True, slots=True)
class Failed:
    """The last try did not work; ``skip`` tells that more tries of the same candidate cannot."""

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
    """Try ``rung`` with its ``candidate`` for the ``attempt``-th time, after ``delay`` seconds."""

    rung: str
    attempt: int
    delay: float = 0.0
    candidate: int = 0

    @property
    def enters(self) -> bool:
        """Whether it is the first try on its rung: the time to look for candidates."""
        return self.attempt == 1 and self.candidate == 0


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
    it. The position can be kept (``position``) and taken up again (``resume_at``). A rung has one
    candidate unless ``candidates`` says how many there are.
    """

    __slots__ = ("_attempt", "_candidate", "_candidates", "_ended", "_error", "_rung", "rungs")

    def __init__(self, rungs: tuple[Rung, ...]) -> None:
        if not rungs:
            raise InvalidSpecError("Ladder.rungs", rungs, "one rung or more")
        self.rungs = rungs
        self._error: BaseException | None = None
        self._ended: Finished | Exhausted | None = None
        self.reset()

    def next(self, after: Report | None = None) -> Advice:
        """What to do now, given how the last try went (``None`` to begin, or to begin again)."""
        match after:
            case Recovered():
                self._ended = Finished(self.rungs[self._rung].name, self._attempt)
                return self._ended
            case Terminal(error):
                self._ended = Exhausted(error, terminal=True)
                return self._ended
            case Failed(error, skip):
                self._error = error or self._error
                return self._go_on(error, skip=skip)
            case _:
                self.reset()
                return self._go_on(None, skip=False)

    def candidates(self, count: int) -> None:
        """Say how many candidates the present rung has: each gets its tries, one after another.

        Raises:
            InvalidSpecError: there is none; report ``Failed(skip=True)`` instead.
        """
        if count < 1:
            raise InvalidSpecError("Ladder.candidates", count, "1 or more")
        self._candidates = count

    @property
    def position(self) -> tuple[str, int]:
        """The rung that is being tried, and how often it has been."""
        return self.rungs[self._rung].name, self._attempt

    def resume_at(self, rung: str, attempt: int) -> None:
        """Take up a position again, as after a restart of the process.

        Raises:
            InvalidSpecError: there is no rung of that name.
        """
        names = [one.name for one in self.rungs]
        if rung not in names:
            raise InvalidSpecError("Ladder.resume_at", rung, f"one of {names}")
        self._enter(names.index(rung))
        self._attempt, self._ended = attempt, None

    def reset(self) -> None:
        """Start over at the first rung."""
        self._enter(0)
        self._error, self._ended = None, None

    def _enter(self, rung: int) -> None:
        self._rung, self._candidate, self._candidates, self._attempt = rung, 0, 1, 0

    def _go_on(self, error: BaseException | None, *, skip: bool) -> Advice:
        if self._ended is not None:
            return self._ended
        if skip or self._attempt >= self.rungs[self._rung].tries:
            if self._candidate + 1 < self._candidates:
                self._candidate, self._attempt = self._candidate + 1, 0
            elif self._rung + 1 < len(self.rungs):
                self._enter(self._rung + 1)
            else:
                self._ended = Exhausted(self._error)
                return self._ended
        self._attempt += 1
        rung = self.rungs[self._rung]
        return Try(rung.name, self._attempt, self._delay(rung.wait, error), self._candidate)

    def _delay(self, wait: wait_base | None, error: BaseException | None) -> float:
        if wait is None or self._attempt == 1:
            return 0.0
        return delay_before(wait, self._attempt - 1, error)
