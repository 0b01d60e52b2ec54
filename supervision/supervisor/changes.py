"""Changes by command: one at a time for each child, in the order in which they came (S9, S13).

Owns whose turn it is and who waits for an answer; what a change does is the supervisor's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..runtime.future import Answer


class Changes:
    """The changes that are being made or wait, and the answers that are still to be given.

    Args:
        make: makes a change; returns its answer, which may be an ``Answer`` that is given later.
        may_begin: whether a change to the child of that id can be made now.
        done: called when one has been made: others may have waited for it.
    """

    __slots__ = ("_done", "_make", "_making", "_may_begin", "pending", "waiting")

    def __init__(
        self,
        *,
        make: Callable[[Any], Any],
        may_begin: Callable[[str, Any], bool],
        done: Callable[[], object],
    ) -> None:
        self._make, self._may_begin, self._done = make, may_begin, done
        self._making: set[str] = set()
        self.waiting: list[tuple[str, Any, Answer]] = []
        """Whom each waiting change concerns, what it is, who waits for it."""
        self.pending: set[Answer] = set()
        """Answers that are certain to be given, by the supervisor's end at the latest."""

    @property
    def in_progress(self) -> bool:
        """Whether one is being made just now."""
        return bool(self._making)

    def submit(self, id_: str, message: object) -> Any:
        """Make a change to a child now, or when those before it have been made; its answer."""
        if not any(one[0] == id_ for one in self.waiting) and self._is_time_for(id_, message):
            return self._begin(id_, message)
        answer = self.new_answer()
        self.waiting.append((id_, message, answer))
        return answer

    def advance(self) -> None:
        """Make the changes whose time has come."""
        waiting, self.waiting = self.waiting, []
        held: set[str] = set()
        for one in waiting:
            id_, message, answer = one
            if id_ in held or not self._is_time_for(id_, message):
                held.add(id_)
                self.waiting.append(one)
            else:
                self._make_late(id_, message, answer)

    def new_answer(self) -> Answer:
        """An answer that is given by ``refuse_all`` if by nobody else."""
        answer = Answer()
        self.pending.add(answer)
        answer.when_done(lambda: self.pending.discard(answer))
        return answer

    def refuse_all(self, error: BaseException) -> None:
        """Tell everybody who waits that nothing will come."""
        for answer in tuple(self.pending):
            answer.fail(error)

    def _is_time_for(self, id_: str, message: object) -> bool:
        return id_ not in self._making and self._may_begin(id_, message)

    def _begin(self, id_: str, message: object) -> Any:
        result = self._make(message)
        if isinstance(result, Answer) and not result.done:
            self._making.add(id_)
            result.when_done(partial(self._made, id_))
        return result

    def _make_late(self, id_: str, message: object, answer: Answer) -> None:
        try:
            result = self._begin(id_, message)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            answer.fail(error)
            return
        if isinstance(result, Answer):
            result.forward_to(answer)
        else:
            answer.set(result)

    def _made(self, id_: str) -> None:
        self._making.discard(id_)
        self._done()
