"""A worker group that tells each step of a message's way.

It is another class, chosen when a group is started, so that a group that is not traced has nothing
to look at for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ...telegram import Incoming, MessageStep
from ..messages import Deliver, Returned, Undelivered
from .actor import WorkerGroupActor
from .context import GroupContext
from .outbox import Entries, OutboxWriter
from .pair.batching import Item
from .pair.state import PairState

GIVEN_BACK: Final = "taken back before it was sent"


class TracedContext(GroupContext):
    """Tells what is handed to the session."""

    def tell_session(self, message: object) -> None:
        if isinstance(message, Deliver):
            self.tell_step(message.pair, "sent", message.shipment.messages)
        super().tell_session(message)

    def tell_step(self, pair: int, step: str, items: Iterable[Item], reason: str = "") -> None:
        """Publish that the messages among these came so far."""
        ids = tuple(one.id for one in items if isinstance(one, Incoming))
        state = self.pairs.get(pair)
        if ids and state is not None:
            self.publish(MessageStep, state, source_ids=ids, step=step, reason=reason)


class TracedOutbox(OutboxWriter):
    """Tells what is accepted, and what is on the disk."""

    def __init__(
        self,
        context: GroupContext,
        stored: Callable[[PairState, tuple[Incoming, ...]], None],
    ) -> None:
        def written(state: PairState, messages: tuple[Incoming, ...]) -> None:
            _tell(context, state, "stored", messages)
            stored(state, messages)

        super().__init__(context, written)

    def entries(self, state: PairState, messages: Sequence[Incoming]) -> Entries:
        entries = super().entries(state, messages)
        _tell(self._context, state, "accepted", entries.messages)
        return entries


class TracedGroupActor(WorkerGroupActor):
    """Forwards as any worker group does, and tells each step."""

    context_type = TracedContext
    outbox_type = TracedOutbox

    def on_receive(self, message: object) -> object:
        match message:
            case Undelivered(pair=pair, ticket=ticket, verdict=verdict):
                self._failed(pair, ticket, verdict.name)
            case Returned(pair=pair, ticket=ticket):
                self._failed(pair, ticket, GIVEN_BACK, but=message.count)
        return super().on_receive(message)

    def _failed(self, pair: int, ticket: int, reason: str, *, but: int = 0) -> None:
        state = self._context.pairs.get(pair)
        if state is not None and state.queue.is_current(ticket):
            _tell(self._context, state, "failed", state.queue.busy[but:], reason)


def _tell(
    context: GroupContext, state: PairState, step: str, items: Iterable[Item], reason: str = ""
) -> None:
    if isinstance(context, TracedContext):
        context.tell_step(state.plan.id, step, items, reason)
