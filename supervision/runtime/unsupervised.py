"""A ``LoopActor`` on its own: no supervisor, nobody who restarts it, as with plain Pykka."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pykka

from ..policy.exit_reason import Exit, ExitKind
from ..spec.child_spec import ChildSpec
from .child_slot import Place
from .event_loop import LoopHost
from .tree_context import Realm

__all__ = ["start_alone"]

logger = logging.getLogger(__name__)


class _Solo:
    """Watches one place and closes it when its only incarnation has ended."""

    def started(self, place: Place, incarnation: int) -> None:  # noqa: ARG002 - there is one
        place.went_up()

    def ended(self, place: Place, incarnation: int, exit_: Exit) -> None:  # noqa: ARG002
        if exit_.kind not in {ExitKind.NORMAL, ExitKind.SHUTDOWN}:
            logger.error("actor failed child=%s", place.path, exc_info=exit_.error)
        place.went_down(exit_)
        place.forget()


def start_alone(
    actor: type[pykka.Actor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> pykka.ActorRef[Any]:
    """Start ``actor`` in the running loop.

    Raises:
        Exception: what its constructor or a plain ``on_start`` raises.
        RuntimeError: no loop runs in this thread.
    """
    realm = Realm()
    realm.host = LoopHost(asyncio.get_running_loop())
    place = Place(realm, ChildSpec(id=actor.__name__, actor=actor, args=args, kwargs=kwargs))
    place.watcher = _Solo()
    outcome = place.begin()
    if outcome is True:
        place.went_up()
    elif isinstance(outcome, Exit):
        place.forget()
        if outcome.error is not None:
            raise outcome.error
    return place.ref
