"""A ``LoopActor`` on its own: no supervisor, nobody who restarts it, as with plain Pykka."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pykka

from ..policy.exit_reason import Exit, ExitKind
from ..spec.child_spec import ChildSpec
from .child_slot import ChildSlot
from .event_loop import LoopHost
from .runner_factory import make_runner
from .tree_context import Slot, TreeContext

logger = logging.getLogger(__name__)


class _Unsupervised:
    """Stands where a supervisor would, and removes the slot when its only incarnation has ended."""

    def __init__(self, slot: ChildSlot) -> None:
        self._slot = slot

    def child_started(self, _slot: Slot, _incarnation: int) -> None:
        self._slot.on_started()

    def child_exited(self, _slot: Slot, _incarnation: int, exit_: Exit) -> None:
        if exit_.kind not in {ExitKind.NORMAL, ExitKind.SHUTDOWN}:
            logger.error("actor failed child=%s", self._slot.path, exc_info=exit_.error)
        self._slot.on_exited(exit_)
        self._slot.forget()


def start_unsupervised(
    actor: type[pykka.Actor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> pykka.ActorRef[Any]:
    """Start ``actor`` in the running loop.

    Raises:
        Exception: what its constructor or a plain ``on_start`` raises.
        RuntimeError: no loop runs in this thread.
    """
    context = TreeContext(make_runner=make_runner)
    context.host = LoopHost(asyncio.get_running_loop())
    slot = ChildSlot(context, ChildSpec(id=actor.__name__, actor=actor, args=args, kwargs=kwargs))
    slot.supervisor = _Unsupervised(slot)
    outcome = slot.start()
    if outcome is True:
        slot.on_started()
    elif isinstance(outcome, Exit):
        slot.forget()
        if outcome.error is not None:
            raise outcome.error
    return slot.ref
