"""Start and retirement of the running sessions, for the registry.

Owns which of them must not be changed just now. What takes time is done beside the registry's
mailbox and goes on in its turn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pykka

from ...supervision import Answer
from .messages import Deletion
from .roster import SessionRoster
from .session_specs import SessionPlan, SessionTrees

logger = logging.getLogger(__name__)


class RunningSessions:
    """What runs of the roster.

    Args:
        roster: who is planned with what.
        subtrees: starts and stops them; without it there are only names.
        pipe: does work beside the mailbox, as ``LoopActor.pipe``.
        stopped: told of a session that is to be deleted when it has stopped, or why it would not.
    """

    def __init__(
        self,
        roster: SessionRoster,
        subtrees: SessionTrees | None,
        pipe: Callable[..., object],
        stopped: Callable[[Deletion, Answer, BaseException | None], object],
    ) -> None:
        self._roster, self._subtrees, self._pipe = roster, subtrees, pipe
        self._stopped = stopped
        self.busy: dict[str, str] = {}
        """Sessions that must not be changed now, and what is being done to them."""

    def start_all(self) -> None:
        """Start every session that is planned."""
        for plan in self._roster.plans.values():
            self.start(plan)

    def start(self, plan: SessionPlan) -> None:
        """Start a session, unless it is going."""
        name = plan.record.name
        if self._subtrees is not None and name not in self.busy:
            self._pipe(
                self._subtrees.start(plan),
                then=lambda ref: self._started(name, ref),
                otherwise=lambda error: logger.error(
                    "session not started session=%s error=%s", name, error
                ),
            )

    def _started(self, session: str, ref: pykka.ActorRef[Any] | None) -> None:
        """A session's subtree runs; its actor introduces itself unless it ran already."""
        logger.debug("session started session=%s", session)
        if ref is not None:
            self._roster.introduced(session, ref)

    def stop_for_deletion(self, deletion: Deletion, answer: Answer) -> bool:
        """Stop a session that is to be deleted.

        Returns whether there was anything to be stopped. A dry run only looks.
        """
        if deletion.dry_run:
            return self._look(deletion, answer)
        self._roster.begin_transfer(frozenset(deletion.moves))
        # Whoever is to take its pairs must still be there, with room, when they come.
        self.busy |= dict.fromkeys(deletion.moves.values(), "given pairs")
        self.busy[deletion.name] = "deleted"
        if self._subtrees is None:
            return False
        self._pipe(
            self._subtrees.release_and_stop(
                deletion.name,
                dict(self._roster.refs),
                deletion.moves,
                within=deletion.within,
                accept_doubt=deletion.accept_doubt,
            ),
            then=lambda _: self._stopped(deletion, answer, None),
            otherwise=lambda error: self._stopped(deletion, answer, error),
        )
        return True

    def _look(self, deletion: Deletion, answer: Answer) -> bool:
        if self._subtrees is None:
            return False
        self._pipe(
            self._subtrees.look_at(deletion.name, dict(self._roster.refs), deletion.moves),
            then=lambda _: self._stopped(deletion, answer, None),
            otherwise=lambda error: self._stopped(deletion, answer, error),
        )
        return True

    def keep(self, deletion: Deletion) -> None:
        """A session is not deleted after all: it has its pairs, and runs."""
        self.free(deletion.name, deletion.moves)
        self._roster.abort_transfer(frozenset(deletion.moves))
        self.start(self._roster.plans[deletion.name])

    def free(self, name: str, moves: Mapping[int, str]) -> None:
        """A deletion is over, well or not: those that it concerned can be changed again."""
        for concerned in (name, *moves.values()):
            self.busy.pop(concerned, None)

    def leave(self, name: str) -> None:
        """A session is not planned any more: it finishes what is under way, and stops."""
        self._roster.remove(name)
        if self._subtrees is not None:
            self.busy[name] = "stopped"
            self._pipe(
                self._subtrees.stop(name),
                then=lambda _: self.busy.pop(name, None),
                otherwise=lambda error: logger.error(
                    "session not stopped session=%s error=%s", name, error
                ),
            )

    def forget(self, name: str, moves: Mapping[int, str]) -> None:
        """A session is gone; its pairs have been given to others."""
        self.free(name, moves)
        self._roster.remove(name)
        if self._subtrees is not None:
            self._subtrees.set_file_aside(name)
