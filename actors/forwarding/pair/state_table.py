"""The state table of a pair: how far it reads, whether it sends, what is certain, whether it stays.

The machine is the table ``STEPS``: what is absent is illegal. A pair is in one state of each of
four kinds at once, and an event moves each kind that has a row for it anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple

from ....errors import IllegalPairStepError


class Reading(StrEnum):
    """How far the source has been read."""

    LOCATING = "locating"  # its chats are looked for; what comes is held
    BEHIND = "behind"  # something may be missed, and nobody has been asked; what comes is held
    CATCHING_UP = "catching_up"  # a question for history is under way; what comes is held
    LIVE = "live"  # what comes goes into the outbox
    MIGRATING = "migrating"  # it is written down that it begins anew in its supergroup
    PAUSED = "paused"  # nothing is begun; what comes is read from history afterwards


class Sending(StrEnum):
    """Whether anything is under way to the target."""

    RESTING = "resting"
    SENDING = "sending"


class Certainty(StrEnum):
    """Whether it is known of all that was sent what became of it."""

    CERTAIN = "certain"
    UNCERTAIN = "uncertain"


class Tenure(StrEnum):
    """Whether the pair stays with its group."""

    STAYING = "staying"
    LEAVING = "leaving"  # only what may have arrived is tried again
    GONE = "gone"


State = Reading | Sending | Certainty | Tenure


class Standing(NamedTuple):
    """Where a pair stands: one state of each kind."""

    reading: Reading = Reading.LOCATING
    sending: Sending = Sending.RESTING
    certainty: Certainty = Certainty.CERTAIN
    tenure: Tenure = Tenure.STAYING


class PairEvent(StrEnum):
    """Something that moves a pair to another state."""

    FOUND = "Found"  # its chats can be addressed
    LOST = "Lost"  # Telegram does not take a chat by what is known of it
    ASKED = "Asked"  # a question for history was sent
    ANSWERED = "Answered"  # and is answered, or failed
    CAUGHT_UP = "CaughtUp"  # history is read to its end
    INTERRUPTED = "Interrupted"  # something may have been missed; answers to come are void
    MIGRATION_BEGUN = "MigrationBegun"
    MIGRATION_DEFERRED = "MigrationDeferred"  # there is something left to do in the old chat
    MIGRATED = "Migrated"
    PAUSED = "Paused"
    RESUMED = "Resumed"
    BEGUN = "Begun"  # the next items are on their way to the target
    ENDED = "Ended"  # nothing is on its way any more, whatever became of it
    DOUBTED = "Doubted"  # something may have arrived unseen
    KNOWN = "Known"  # it is known of the last of it
    RELEASE_ASKED = "ReleaseAsked"
    KEPT = "Kept"  # it did not come to rest in time
    LEFT = "Left"


def _steps() -> Mapping[tuple[State, PairEvent], State]:
    located = (Reading.BEHIND, Reading.CATCHING_UP, Reading.LIVE)
    awake = (Reading.LOCATING, *located, Reading.MIGRATING)
    table: dict[tuple[State, PairEvent], State] = {}
    for at in Reading:
        table[at, PairEvent.FOUND] = Reading.BEHIND if at is Reading.LOCATING else at
        table[at, PairEvent.LOST] = Reading.LOCATING if at in located else at
        table[at, PairEvent.INTERRUPTED] = Reading.BEHIND if at in located else at
        table[at, PairEvent.MIGRATED] = Reading.LOCATING if at in awake else at
    for at in awake:
        table[at, PairEvent.PAUSED] = Reading.PAUSED
        table[at, PairEvent.BEGUN] = at
    return table | {
        (Reading.BEHIND, PairEvent.ASKED): Reading.CATCHING_UP,
        (Reading.LIVE, PairEvent.ASKED): Reading.CATCHING_UP,
        (Reading.CATCHING_UP, PairEvent.ANSWERED): Reading.BEHIND,
        (Reading.BEHIND, PairEvent.CAUGHT_UP): Reading.LIVE,
        (Reading.LIVE, PairEvent.MIGRATION_BEGUN): Reading.MIGRATING,
        (Reading.MIGRATING, PairEvent.MIGRATION_DEFERRED): Reading.BEHIND,
        (Reading.PAUSED, PairEvent.RESUMED): Reading.LOCATING,
        (Sending.RESTING, PairEvent.BEGUN): Sending.SENDING,
        (Sending.RESTING, PairEvent.MIGRATION_BEGUN): Sending.RESTING,
        (Sending.SENDING, PairEvent.ENDED): Sending.RESTING,
        (Certainty.CERTAIN, PairEvent.DOUBTED): Certainty.UNCERTAIN,
        (Certainty.UNCERTAIN, PairEvent.KNOWN): Certainty.CERTAIN,
        (Tenure.STAYING, PairEvent.RELEASE_ASKED): Tenure.LEAVING,
        (Tenure.STAYING, PairEvent.MIGRATION_BEGUN): Tenure.STAYING,
        (Tenure.LEAVING, PairEvent.KEPT): Tenure.STAYING,
        (Tenure.LEAVING, PairEvent.LEFT): Tenure.GONE,
    }


STEPS: Final = _steps()
_MOVED_BY: Final = {(type(at), event) for at, event in STEPS}


@cache
def step(standing: Standing, event: PairEvent) -> Standing:
    """Return where ``event`` leads a pair from ``standing``.

    Raises:
        IllegalPairStepError: one of its states does not take that event.
    """
    return Standing(*(_next(at, event) for at in standing))  # type: ignore[arg-type]  # kind by kind


def _next(at: State, event: PairEvent) -> State:
    if (type(at), event) not in _MOVED_BY:
        return at
    after = STEPS.get((at, event))
    if after is None:
        allowed = sorted(taken for state, taken in STEPS if state is at)
        raise IllegalPairStepError(at, event, tuple(allowed))
    return after


def diagram() -> str:
    """Draw ``STEPS`` as a Mermaid state diagram, one region for each kind of state."""
    edges: dict[tuple[State, State], list[str]] = {}
    for (before, event), after in STEPS.items():
        edges.setdefault((before, after), []).append(event)
    regions = []
    for first in Standing():
        lines = [f"        [*] --> {first}"]
        for (before, after), events in edges.items():
            if type(before) is type(first):
                lines.append(f"        {before} --> {after}: {', '.join(sorted(events))}")
        regions.append("\n".join(lines))
    body = "\n        --\n".join(regions)
    return f"stateDiagram-v2\n    state pair {{\n{body}\n    }}"
