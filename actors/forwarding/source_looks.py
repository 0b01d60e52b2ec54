"""Looks at the sources of pairs that hear live messages, and the sources that go unheard.

Telegram may stop telling a session of one channel while it tells of all others. So each source is
looked at once in an interval, spread over it: what a look finds that should have been told makes
the session deaf for that source, until it is told of a message there again. Leaves the reading to
``history``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Final

from ...telegram import Incoming, SourceDeaf, SourceHeard
from .context import GroupContext
from .pair.state import PairState
from .pair.state_table import Reading

logger = logging.getLogger(__name__)

SPREAD: Final = 0.8  # of the interval, over which the looks at a group's sources are spread
HEARD_WITHIN: Final = 30.0  # seconds in which a message that is told has been told
FRESH: Final = 60.0  # seconds; what is told of older messages is told of the past


class SourceLooks:
    """Looks at the sources of one group's pairs.

    Args:
        context: what the group's parts share; it knows which sources go unheard.
        look: reads what was said since a pair's mark, though nothing is known to be missed.
        catch_up: reads the same for pairs that have missed something.
    """

    def __init__(
        self,
        context: GroupContext,
        look: Callable[[PairState], object],
        catch_up: Callable[[Iterable[PairState]], object],
    ) -> None:
        self._context, self._look, self._catch_up = context, look, catch_up

    def begin(self, every: float) -> None:
        """Plan a look at each source within ``every`` seconds; who is behind reads at once."""
        states = tuple(self._context.pairs.values())
        self._catch_up([one for one in states if one.reading is Reading.BEHIND])
        sources = dict.fromkeys(one.source for one in states if one.source is not None)
        for gone in self._context.deaf.keys() - sources.keys():
            del self._context.deaf[gone]
        for place, source in enumerate(sources):
            seconds = every * SPREAD * place / len(sources)
            self._context.set_timer(seconds, ("look", source), partial(self._look_at, source))

    def _look_at(self, source: int) -> None:
        """One question for all pairs of a source that hear it live."""
        state = next((one for one in self._of(source) if one.reading is Reading.LIVE), None)
        if state is not None:
            self._look(state)

    def looked(self, state: PairState, found: Sequence[Incoming], heard: Collection[int]) -> None:
        """A look has found messages behind the mark; ``told`` are those that came meanwhile."""
        if not found or state.source is None:
            return
        self._catch_up([one for one in self._of(state.source) if one is not state])
        before = self._telegrams_time() - HEARD_WITHIN
        missed = [one for one in found if one.id not in heard and one.date.timestamp() < before]
        if missed:
            self._deaf(state, state.source, missed)

    def _deaf(self, state: PairState, source: int, missed: Sequence[Incoming]) -> None:
        since = min(one.date.timestamp() for one in missed)
        first = source not in self._context.deaf
        self._context.deaf.setdefault(source, since)
        self._context.publish(SourceDeaf, state, missed=len(missed), since=since, again=not first)
        if first:
            logger.warning(
                "deaf for a source session=%s pair=%d missed=%d",
                self._context.session,
                state.plan.id,
                len(missed),
            )

    def heard(self, message: Incoming) -> None:
        """A message was told live; what is told of the past, as after a look, does not count."""
        states = [one for one in self._of(message.chat) if message.id > (one.seen or 0)]
        if message.chat not in self._context.deaf or not states:
            return
        if message.date.timestamp() >= self._telegrams_time() - FRESH:
            del self._context.deaf[message.chat]
            logger.info(
                "source heard again session=%s pair=%d", self._context.session, states[0].plan.id
            )
            self._context.publish(SourceHeard, states[0])

    def _of(self, source: int) -> list[PairState]:
        return [one for one in self._context.pairs.values() if one.source == source]

    def _telegrams_time(self) -> float:
        services = self._context.services
        ahead = services.epoch.ahead
        return services.stamp() if ahead is None else services.now() + ahead
