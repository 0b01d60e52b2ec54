"""What of one pair may have arrived unseen: its messages, its edits, and what copies may say. Pure.

Whether all of it is known is a state of the pair; each change that turns it is told as an event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ....telegram import Incoming
from .shown import shown
from .state_table import PairEvent


@dataclass(frozen=True, slots=True)
class Orphan:
    """A message that is gone at the source and may have arrived before.

    Its copy says one of ``says``, and stands behind message ``after`` in the target. With a
    ``message`` it is not gone, and goes on its way if it has not arrived. ``sought`` says that it
    was looked for before, and is so for the last time; ``pages``, how many have been read. One that
    is ``unwanted`` is not gone: the filters keep it out as it is by now.
    """

    says: frozenset[int]
    after: int
    message: Incoming | None = None
    sought: bool = False
    pages: int = 1
    unwanted: bool = False


class Doubts:
    """What may have arrived, by message, and where it is looked for.

    Args:
        step: called with ``Doubted`` when something is not known any more, ``Known`` when all is.
    """

    orphans: Final[Mapping[int, Orphan]] = shown("_orphans")

    def __init__(self, step: Callable[[PairEvent], None]) -> None:
        self._step, self._uncertain = step, False
        self._says: dict[int, frozenset[int]] = {}  # what copies may say; on the disk, too
        self._doubtful: set[int] = set()  # messages that may have arrived without an answer
        self._foreign: set[int] = set()  # those that another account may have sent
        self._unwanted: set[int] = set()  # those that an earlier run had taken out
        self._retried: set[int] = set()  # dead letters that are sent again, behind others
        self._handed: dict[int, Incoming] = {}  # as a handler was given them, and is again
        self._orphans: dict[int, Orphan] = {}  # those that are looked for in the target
        self._strays: dict[int, Orphan] = {}  # were not there, and are looked for once more
        self._belated: dict[int, float] = {}  # until when a lost edit may still be carried out

    def adopt(
        self,
        says: Mapping[int, frozenset[int]],
        *,
        owed: Iterable[int],
        foreign: Iterable[int],
        unwanted: Iterable[int],
        retried: Iterable[int],
        handed: Mapping[int, Incoming],
        belated: Mapping[int, float],
    ) -> None:
        """Take over what an earlier run, or another account, has left undone."""
        self._says, self._handed, self._belated = dict(says), dict(handed), dict(belated)
        self._doubtful, self._foreign = self._says.keys() & set(owed), set(foreign)
        self._unwanted, self._retried = set(unwanted), set(retried)
        self._weigh()

    def recall(self, says: Mapping[int, frozenset[int]]) -> None:
        """Dead letters are sent again, of which any may have arrived before it became one."""
        self._says |= says
        self._retried |= says.keys()
        self.doubt(says)

    @property
    def messages(self) -> Collection[int]:
        """The messages that may have arrived unseen."""
        return self._doubtful | self._orphans.keys()

    @property
    def sought(self) -> Collection[int]:
        """The messages of which it is asked, or will be, whether they have arrived."""
        return {*self._orphans, *self._strays}

    def has(self, source_id: int) -> bool:
        """Whether a message may have arrived without an answer."""
        return source_id in self._doubtful

    def has_foreign(self, source_ids: Iterable[int]) -> bool:
        """Whether another account may have sent one of these."""
        return not self._foreign.isdisjoint(source_ids)

    def is_unwanted(self, source_id: int) -> bool:
        """Whether a message was taken out before, and only its copy is to be found."""
        return source_id in self._unwanted

    def is_retried(self, source_id: int) -> bool:
        """Whether a copy may stand before those of messages that were said earlier."""
        return source_id in self._retried

    def says(self, source_id: int) -> frozenset[int]:
        """All that the copy of a message on its way may say."""
        return self._says.get(source_id, frozenset())

    def said_of_others(self, source_id: int) -> list[int]:
        """What the copies of other messages may say."""
        return [one for other, said in self._says.items() if other != source_id for one in said]

    def handed(self, source_id: int) -> Incoming | None:
        """A message as the handler was given it, if it may have taken it."""
        return self._handed.get(source_id)

    def doubt(self, source_ids: Iterable[int]) -> None:
        """These may have arrived, or may yet: the answer was lost."""
        self._doubtful.update(source_ids)
        self._weigh()

    def known(self, source_id: int) -> None:
        """It is known what became of a message."""
        for kept in (self._doubtful, self._unwanted, self._retried):
            kept.discard(source_id)
        self._handed.pop(source_id, None)
        self._says.pop(source_id, None)
        self._weigh()

    def add_possible_versions(self, versions: Mapping[int, int]) -> dict[int, int]:
        """These copies are about to be sent; returns those that never said that before."""
        fresh = {}
        for source_id, version in versions.items():
            before = self.says(source_id)
            if version not in before:
                self._says[source_id] = before | {version}
                fresh[source_id] = version
        return fresh

    def hand_over(self, messages: Iterable[Incoming]) -> dict[int, Incoming]:
        """Keep what a handler is given; returns those that it was not given before."""
        fresh = {one.id: one for one in messages if one.id not in self._handed}
        self._handed |= fresh
        return fresh

    # In the target

    def seek(self, source_id: int, after: int, message: Incoming | None, *, unwanted: bool) -> None:
        """Look for the copy of a message behind message ``after`` of the target."""
        said = self.says(source_id)
        self._orphans[source_id] = Orphan(said, after, message, unwanted=unwanted)
        self._weigh()

    def seek_further(self, source_id: int, orphan: Orphan) -> None:
        """It was not on this page; look on the next one."""
        self._orphans[source_id] = orphan
        self._weigh()

    def behind(self, *, gone: bool) -> int | None:
        """Behind which message of the target those that are gone, or those that are not, are."""
        sought = (one.after for one in self._orphans.values() if (one.message is None) is gone)
        return min(sought, default=None)

    def take_orphans(self, *, gone: bool) -> list[tuple[int, Orphan]]:
        """The messages that were looked for, in order; each is found, put back, or given up."""
        orphans = {at: one for at, one in self._orphans.items() if (one.message is None) is gone}
        self._orphans = {at: one for at, one in self._orphans.items() if at not in orphans}
        self._weigh()
        return sorted(orphans.items())

    def looked_for(self, source_id: int) -> None:
        """Whether another account had sent it is known by now."""
        self._foreign.discard(source_id)

    def stray(self, source_id: int, orphan: Orphan) -> None:
        """It was not there, and may come late."""
        self._strays[source_id] = orphan

    def seek_again(self, source_ids: Iterable[int]) -> None:
        """Look once more for those that were not there."""
        again = {one: self._strays.pop(one) for one in source_ids if one in self._strays}
        self._orphans = again | self._orphans
        self._weigh()

    def gone(self, source_id: int) -> None:
        """A message is gone at the source, whether it was wanted before or not."""
        for sought in (self._orphans, self._strays):
            if source_id in sought:
                sought[source_id] = replace(sought[source_id], unwanted=False)

    # Edits

    def belate(self, source_id: int, until: float) -> None:
        """An edit whose answer was lost may be carried out as late as that."""
        self._belated[source_id] = until

    def belated_for(self, source_id: int, now: float) -> float:
        """For how many seconds an older edit of a message may still be carried out; 0 for none."""
        return max(0.0, self._belated.get(source_id, now) - now)

    def take_belated(self, now: float) -> list[int]:
        """The messages whose older edits have been carried out by now, or never will be."""
        due = [one for one, until in self._belated.items() if until <= now]
        for one in due:
            del self._belated[one]
        return due

    def settle_edit(self, source_id: int) -> None:
        """It does not matter any more what becomes of older edits."""
        self._belated.pop(source_id, None)

    def clear(self) -> None:
        """Forget all: the target is another chat."""
        for kept in (self._says, self._handed, self._orphans, self._strays, self._belated):
            kept.clear()
        for sorts in (self._doubtful, self._foreign, self._unwanted, self._retried):
            sorts.clear()
        self._weigh()

    def _weigh(self) -> None:
        uncertain = bool(self._doubtful or self._orphans)
        if uncertain is not self._uncertain:
            self._uncertain = uncertain
            self._step(PairEvent.DOUBTED if uncertain else PairEvent.KNOWN)
