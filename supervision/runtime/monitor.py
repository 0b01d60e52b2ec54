"""Watching a child from anywhere: told once of each end, or once when it is gone (S22)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import pykka

from ..policy.exit_reason import Exit, ExitKind
from .states import ALIVE

if TYPE_CHECKING:
    from .child_slot import Place
    from .refs import StableRef

__all__ = ["Down", "Gone", "Notice", "Watch", "begin_watch", "watch"]

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
class Gone:
    """A watched child is gone for good; its reference answers that the actor is dead."""

    child: str
    exit: Exit | None
    ref: pykka.ActorRef[Any] = field(repr=False, compare=False)


Notice: TypeAlias = Down | Gone


class Watch:
    """Somebody who wants to know; ``cancel`` when not any more."""

    __slots__ = ("_for_good", "_key", "_place", "_tell")

    def __init__(
        self,
        place: Place,
        tell: Callable[[Notice], object],
        *,
        for_good: bool,
        key: Hashable | None = None,
    ) -> None:
        self._place, self._tell, self._for_good = place, tell, for_good
        self._key: Hashable = self if key is None else (key, for_good)

    def cancel(self) -> None:
        """Tell nothing more; from any thread, more than once."""
        place = self._place
        place.watches = tuple(w for w in place.watches if w is not self)

    def begin(self) -> None:
        """Watch from now on; when nothing runs there, tell that at once. In the loop only."""
        place = self._place
        if any(w._key == self._key for w in place.watches):  # noqa: SLF001 - its own kind
            return
        if place.gone.is_set():
            self.went_down() if not self._for_good else self.went_away()
            return
        place.watches = (*place.watches, self)
        if not self._for_good and place.phase not in ALIVE:
            self.went_down()

    def went_down(self) -> None:
        """Its present incarnation has ended."""
        if not self._for_good:
            place = self._place
            self._give(Down(place.path, place.incarnation, place.last_exit, place.ref))

    def went_away(self) -> None:
        """The place has been closed."""
        place = self._place
        if self._for_good:
            self._give(Gone(place.path, place.last_exit, place.ref))
        elif place.phase in ALIVE:  # it was left behind with its tree
            place.last_exit = Exit(ExitKind.ABANDONED)
            self.went_down()

    def _give(self, notice: Notice) -> None:
        try:
            self._tell(notice)
        except pykka.ActorDeadError:
            self.cancel()
        except BaseException:  # S4: who watches must not hurt whom it watches, nor the loop
            logger.exception("watcher failed child=%s", self._place.path)
            self.cancel()


def begin_watch(one: Watch, place: Place) -> Watch:
    """Begin now in the place's own loop, else as soon as that loop has its turn."""
    host = place.realm.host
    if host.in_loop():
        one.begin()
    else:
        host.post(one.begin)
    return one


def watch(ref: StableRef, tell: Callable[[Notice], object], *, for_good: bool = False) -> Watch:
    """Have ``tell`` called when the child behind ``ref`` ends; from any thread.

    Args:
        ref: a reference from a tree.
        tell: gets a ``Down`` for each incarnation's end, or with ``for_good`` one ``Gone`` when no
            other can follow. Called in the child's loop: be quick, as ``another_ref.tell`` is.
        for_good: which of the two.

    Something that does not run now is told of at once. In a ``LoopActor`` use ``self.watch``.
    """
    return begin_watch(Watch(ref.place, tell, for_good=for_good), ref.place)
