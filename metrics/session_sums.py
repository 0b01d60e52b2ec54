"""All sessions in sum: states, oldest moments, dead keys, fewest codes, owners. Pure.

Summed up a block at a time, and only where a session has changed since: of ten thousand a scrape
finds most as they were.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Self

from ..telegram import Phase
from .session_figures import LEASE_STATES, SessionFigures

BLOCK: Final = 100  # sessions that are summed up together; some 40 us


class SessionSums:
    """What some sessions come to together."""

    def __init__(self) -> None:
        self.phases = Counter[Phase]()
        self.owners = dict.fromkeys(LEASE_STATES, 0)
        self.update = self.outbox = self.backup = math.inf
        """The oldest moments (epoch seconds); infinite without any."""
        self.codes = math.inf
        self.latched = 0

    @classmethod
    def of(cls, sessions: Iterable[SessionFigures]) -> Self:
        """Those of ``sessions``."""
        sums = cls()
        phases, owners = dict[Phase, int](), sums.owners
        update = outbox = backup = codes = math.inf
        for one in sessions:
            phases[one.phase] = phases.get(one.phase, 0) + 1
            if (heard := one.last_update) is not None and heard < update:
                update = heard
            if (waits := one.waiting_since) is not None and waits < outbox and one.waiting:
                outbox = waits
            if (saved := one.backed_up) is not None and saved < backup:
                backup = saved
            if (left := one.codes_left) is not None and left < codes:
                codes = left
            if one.latched:
                sums.latched += 1
            if one.lease is not None:
                owners[one.lease.state] += 1
        sums.phases.update(phases)
        sums.update, sums.outbox, sums.backup, sums.codes = update, outbox, backup, codes
        return sums

    def add(self, other: SessionSums) -> None:
        """Take in what other sessions come to."""
        for phase, count in other.phases.items():
            self.phases[phase] += count
        for state, count in other.owners.items():
            self.owners[state] += count
        self.update = min(self.update, other.update)
        self.outbox = min(self.outbox, other.outbox)
        self.backup = min(self.backup, other.backup)
        self.codes = min(self.codes, other.codes)
        self.latched += other.latched


class BlockSums:
    """The sums of ``sessions`` by blocks, each with the changes that it was made after."""

    def __init__(self, sessions: Sequence[SessionFigures] = ()) -> None:
        self.sessions = sessions
        self._blocks: dict[int, tuple[int, SessionSums]] = {}

    def refresh(self) -> Iterator[None]:
        """Sum up the blocks that have changed; between two steps others may do something."""
        for begin in range(0, len(self.sessions), BLOCK):
            block = self.sessions[begin : begin + BLOCK]
            changes = sum([one.version for one in block])
            if self._blocks.get(begin, (None,))[0] != changes:
                self._blocks[begin] = changes, SessionSums.of(block)
                yield

    def total(self) -> SessionSums:
        """What all come to, as last refreshed."""
        total = SessionSums()
        for _, sums in self._blocks.values():
            total.add(sums)
        return total
