"""Watching a child from anywhere: told once of each end, or once when it is gone (S22)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pykka

from ..policy.exit_reason import Exit, ExitKind
from .refs import StableRef
from .states import ALIVE
from .tree_context import Slot

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Down:
    """An incarnation of a watched child has ended; another may follow.

    ``exit`` is ``None`` when none had run yet.
    """

    child: str
    incarnation: int
    exit: Exit | None
    ref: pykka.ActorRef[Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Terminated:
    """A watched child is gone for good; its reference answers that the actor is dead."""

    child: str
    exit: Exit | None
    ref: pykka.ActorRef[Any] = field(repr=False, compare=False)


Notice: TypeAlias = Down | Terminated


class Watch:
    """One subscription to the exits of a child; ``cancel`` ends it."""

    __slots__ = ("_for_good", "_slot", "_tell", "key")

    def __init__(
        self,
        slot: Slot,
        tell: Callable[[Notice], object],
        *,
        for_good: bool,
        key: Hashable | None = None,
    ) -> None:
        self._slot, self._tell, self._for_good = slot, tell, for_good
        self.key: Hashable = self if key is None else (key, for_good)
        """The same for two that would be told the same."""

    def cancel(self) -> None:
        """Tell nothing more; from any thread, more than once."""
        slot = self._slot
        slot.watches = tuple(w for w in slot.watches if w is not self)

    def begin(self) -> None:
        """Watch from now on; when nothing runs there, tell that at once. In the loop only."""
        slot = self._slot
        if any(other.key == self.key for other in slot.watches):
            return
        if slot.gone.is_set():
            self.on_exited() if not self._for_good else self.on_removed()
            return
        slot.watches = (*slot.watches, self)
        if not self._for_good and slot.state not in ALIVE:
            self.on_exited()

    def on_exited(self) -> None:
        """Its present incarnation has ended."""
        if not self._for_good:
            slot = self._slot
            self._give(Down(slot.path, slot.incarnation, slot.last_exit, slot.ref))

    def on_removed(self) -> None:
        """The slot has been closed."""
        slot = self._slot
        if self._for_good:
            self._give(Terminated(slot.path, slot.last_exit, slot.ref))
        elif slot.state in ALIVE:  # it was abandoned with its tree
            slot.last_exit = Exit(ExitKind.ABANDONED)
            self.on_exited()

    def _give(self, notice: Notice) -> None:
        try:
            self._tell(notice)
        except pykka.ActorDeadError:
            self.cancel()
        except BaseException:  # S4: who watches must not hurt whom it watches, nor the loop
            logger.exception("watcher failed child=%s", self._slot.path)
            self.cancel()


def begin_watch(one: Watch, slot: Slot) -> Watch:
    """Begin now in the slot's own loop, else as soon as that loop has its turn."""
    host = slot.context.host
    if host.in_loop():
        one.begin()
    else:
        host.call_soon(one.begin)
    return one


def watch(ref: StableRef, tell: Callable[[Notice], object], *, for_good: bool = False) -> Watch:
    """Have ``tell`` called when the child behind ``ref`` ends; from any thread.

    Args:
        ref: a reference from a tree.
        tell: gets a ``Down`` for each incarnation's end, or with ``for_good`` one ``Terminated``
            when no other can follow. Called in the child's loop: be quick, as ``ref.tell`` is.
        for_good: which of the two.

    Something that does not run now is told of at once. In a ``LoopActor`` use ``self.watch``.
    """
    return begin_watch(Watch(ref.slot, tell, for_good=for_good), ref.slot)
