"""What of a pair's sent messages is yet to be set beside its source. Pure.

The newest are compared after every gap, the older ones too where Telegram will not tell what became
of them. Edits that were noted and not made come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ....storage import PendingChange
from ...messages import History
from .shown import shown

NOTED: Final = -1  # in place of what a message said: an edit was noted and not made
UNKNOWN: Final = 0  # the same: nobody knows; its copy had arrived unseen and is not to be edited
PAGE: Final = 100  # messages; what Telegram gives for one question
LOOK_BACK: Final = 1000  # of the newest messages of a pair; what is older is not looked at again


class Comparison:
    """The progress of one pair's comparison, in rounds that begin with the newest messages.

    Args:
        pair: the pair's id.
    """

    due: Final[bool] = shown("_due")
    older_due: Final[bool] = shown("_older_due")
    round: Final[int] = shown("_round")
    question: Final[History | None] = shown("_question")  # while it is under way
    changes: Final[list[PendingChange]] = shown("_changes")

    def __init__(self, pair: int) -> None:
        self._pair = pair
        self._due = self._older_due = True  # the newest messages have not been since the last gap
        self._round = self._compared = 0  # and how many messages of this round have been
        self._failures, self._not_before = 0, 0.0  # in a row, and when they are waited out
        self._question: History | None = None
        self._versions: Mapping[int, int] = {}  # what is asked for said this when it was sent
        self._changes: list[PendingChange] = []  # noted and not made

    def want(self, *, older: bool = False) -> None:
        """Something may have been missed."""
        self._due, self._older_due = True, self._older_due or older

    def want_edits(self, source_ids: Iterable[int]) -> None:
        """See that the edits of these messages are made."""
        self._changes += [PendingChange(self._pair, one, "edit") for one in source_ids]

    def adopt(self, changes: Iterable[PendingChange]) -> None:
        """Take over what an earlier run has not made; without any, forget all."""
        self._changes = list(changes)

    def void(self) -> None:
        """Look at the newest messages again; edits that were noted are not made yet."""
        self.want_edits(one for one, version in self._versions.items() if version == NOTED)
        self._question, self._versions, self._due = None, {}, True

    def may_begin(self, now: float) -> bool:
        """Whether nothing is asked, and no pause after a failure runs."""
        return self._question is None and now >= self._not_before

    def begin(self) -> list[int]:
        """Begin with the newest; returns the messages whose deletions were not made."""
        self._compared = 0
        gone = [one.source_id for one in self._changes if one.change == "delete"]
        self._changes = [one for one in self._changes if one.change == "edit"]
        return gone

    def end(self) -> None:
        """Nothing follows: the pair's copies do not change."""
        self._changes, self._due = [], False
        self.reached_end()

    def reached_end(self) -> None:
        """There are no older messages to be compared."""
        self._older_due = False

    def take_edits(self) -> list[int]:
        """The next messages whose edits were not made; the newest are due until there are none."""
        edits, self._changes = self._changes[:PAGE], self._changes[PAGE:]
        self._due = bool(edits)
        return [one.source_id for one in edits]

    def next_page(self, *, newest: bool) -> int:
        """A page is looked up; returns the round that it belongs to."""
        self._round += newest
        return self._round

    def takes(self, round_: int) -> bool:
        """Whether a page of that round is still wanted."""
        return self._question is None and self._round == round_

    def ask(self, question: History, versions: Mapping[int, int]) -> None:
        """A question was sent, for what these messages say now."""
        self._question, self._versions = question, versions

    def answered(self) -> Mapping[int, int]:
        """There is an answer; returns what the messages said when they were sent."""
        versions = self._versions
        self._question, self._versions, self._failures = None, {}, 0
        self._compared += len(versions)
        return versions

    def failed(self) -> int:
        """There is none; returns how often in a row there was none."""
        self.void()
        self._failures += 1
        return self._failures

    def wait(self, until: float) -> None:
        """Begin no sooner."""
        self._not_before = until

    def goes_on(self, versions: Mapping[int, int]) -> bool:
        """Whether older messages follow behind these."""
        return self._older_due and len(versions) == PAGE and self._compared < LOOK_BACK
