"""The intake of a worker group: messages of its sources, live or found, into the outbox.

A live message is held while its pair catches up with history; reading that is ``history``'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...telegram import Incoming
from .context import GroupContext
from .outbox import OutboxWriter
from .pair.state import PairState
from .pair.state_table import Reading
from .pausing import PairPausing


class Intake:
    """Takes messages in for the pairs of one group."""

    def __init__(self, context: GroupContext, outbox: OutboxWriter, pausing: PairPausing) -> None:
        self._context, self._outbox, self._pausing = context, outbox, pausing

    def came_in(self, message: Incoming) -> None:
        """A message came, live."""
        for state in self._context.pairs.values():
            if state.source != message.chat or state.paused is not None:
                continue  # a paused pair reads its source's history when it goes on
            state.albums.touch(message, self._context.now())
            if state.reading is Reading.LIVE:
                self.accept(state, state.admit((message,)))
            else:
                state.hold(message)

    def accept(self, state: PairState, messages: Sequence[Incoming]) -> None:
        """Write messages that are a pair's to send into the outbox, with its mark."""
        self._outbox.accept(state, messages)
        self._pausing.look_at_patterns(state)
