"""The states of a pair: the table, what it refuses, and a pair that goes along it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telewarden.actors import PairPlan
from telewarden.actors.forwarding.pair.pair_queue import UnderWay
from telewarden.actors.forwarding.pair.state import PairState
from telewarden.actors.forwarding.pair.state_table import (
    STEPS,
    Certainty,
    PairEvent,
    Reading,
    Sending,
    Standing,
    State,
    Tenure,
    diagram,
    step,
)
from telewarden.errors import IllegalPairStepError
from telewarden.telegram import Incoming, Receipt

from .conftest import go_live, question

pytestmark = pytest.mark.actors

EVERYWHERE = [
    Standing(*states) for states in itertools.product(Reading, Sending, Certainty, Tenure)
]
MOVED_BY = {event: {type(at) for at, other in STEPS if other is event} for event in PairEvent}


def said(number: int) -> Incoming:
    return Incoming(chat=-1001, id=number, date=datetime.fromtimestamp(0, tz=UTC))


def begin(state: PairState) -> None:
    state.queue.begin(UnderWay(1, (said(6),)))


def migrate(state: PairState) -> None:
    go_live(state)
    state.begin_migration()


def leave(state: PairState) -> None:
    state.leave()
    state.left()


HAPPENS: Final[Mapping[PairEvent, Callable[[PairState], object]]] = {
    PairEvent.FOUND: PairState.found,
    PairEvent.LOST: PairState.lose_chats,
    PairEvent.ASKED: lambda state: state.ask(question()),
    PairEvent.ANSWERED: PairState.answered,
    PairEvent.CAUGHT_UP: PairState.caught_up,
    PairEvent.INTERRUPTED: lambda state: state.interrupt(0.0),
    PairEvent.MIGRATION_BEGUN: PairState.begin_migration,
    PairEvent.MIGRATION_DEFERRED: PairState.defer_migration,
    PairEvent.MIGRATED: lambda state: state.migrated(-1009),
    PairEvent.PAUSED: lambda state: state.pause("why"),
    PairEvent.RESUMED: PairState.resume,
    PairEvent.BEGUN: begin,
    PairEvent.ENDED: lambda state: state.queue.end(),
    PairEvent.DOUBTED: lambda state: state.doubt([said(6)], 0.0),
    PairEvent.KNOWN: lambda state: state.sure(6),
    PairEvent.RELEASE_ASKED: PairState.leave,
    PairEvent.KEPT: PairState.stay,
    PairEvent.LEFT: PairState.left,
}
COMES_TO: Final[Mapping[State, Callable[[PairState], object]]] = {
    Reading.LOCATING: lambda _: None,
    Reading.BEHIND: PairState.found,
    Reading.CATCHING_UP: lambda state: (state.found(), state.ask(question())),
    Reading.LIVE: go_live,
    Reading.MIGRATING: migrate,
    Reading.PAUSED: HAPPENS[PairEvent.PAUSED],
    Sending.RESTING: go_live,
    Sending.SENDING: begin,
    Certainty.CERTAIN: lambda _: None,
    Certainty.UNCERTAIN: HAPPENS[PairEvent.DOUBTED],
    Tenure.STAYING: go_live,
    Tenure.LEAVING: PairState.leave,
    Tenure.GONE: leave,
}


@pytest.fixture
def state() -> PairState:
    return new()


def new() -> PairState:
    return PairState(plan=PairPlan(id=1, session="alice", source=-1001, target=2), target=2, seen=5)


@pytest.mark.parametrize(("before", "event"), STEPS, ids=lambda one: str(one))
def test_a_pair_takes_each_step_of_the_table(
    state: PairState, before: State, event: PairEvent
) -> None:
    COMES_TO[before](state)
    assert before in state.standing

    HAPPENS[event](state)

    assert STEPS[before, event] in state.standing


@pytest.mark.parametrize("event", PairEvent)
def test_an_event_moves_all_kinds_that_take_it_or_is_refused(event: PairEvent) -> None:
    for standing in EVERYWHERE:
        taken = [type(at) not in MOVED_BY[event] or (at, event) in STEPS for at in standing]
        if all(taken):
            assert step(standing, event) == tuple(STEPS.get((at, event), at) for at in standing)
            continue
        with pytest.raises(IllegalPairStepError) as caught:
            step(standing, event)
        assert caught.value.event == event
        assert caught.value.state == standing[taken.index(False)]


@pytest.mark.parametrize(
    ("before", "event"),
    [
        (Reading.LOCATING, PairEvent.ASKED),  # its chats may be others than before
        (Reading.BEHIND, PairEvent.MIGRATION_BEGUN),  # there may be something left to read
        (Reading.CATCHING_UP, PairEvent.ASKED),  # one question at a time
        (Reading.CATCHING_UP, PairEvent.CAUGHT_UP),  # the answer may tell of something missed
        (Reading.PAUSED, PairEvent.ASKED),
        (Reading.PAUSED, PairEvent.CAUGHT_UP),
        (Sending.SENDING, PairEvent.BEGUN),  # order is the source's
        (Sending.SENDING, PairEvent.MIGRATION_BEGUN),
        (Tenure.STAYING, PairEvent.LEFT),
        (Tenure.LEAVING, PairEvent.MIGRATION_BEGUN),
    ],
)
def test_what_would_lose_or_double_messages_is_illegal(before: State, event: PairEvent) -> None:
    assert (before, event) not in STEPS


def test_nothing_is_begun_while_a_pair_is_paused_and_it_stays_as_it_was(state: PairState) -> None:
    state.pause("why")
    before = state.standing

    with pytest.raises(IllegalPairStepError, match="paused takes no Begun but Found, Interrupted"):
        begin(state)

    assert (state.standing, state.queue.under_way) == (before, None)


def test_nothing_leads_out_of_gone() -> None:
    assert [event for at, event in STEPS if at is Tenure.GONE] == []


@pytest.mark.parametrize("kind", [Reading, Sending, Certainty, Tenure])
def test_every_state_is_reached(kind: type[State]) -> None:
    reached = {after for (at, _), after in STEPS.items() if type(after) is kind and at is not after}

    assert reached == set(kind)


def test_the_diagram_draws_every_step() -> None:
    lines = diagram().splitlines()

    for (before, event), after in STEPS.items():
        assert any(f" {before} --> {after}: " in one and event in one for one in lines)


def test_an_answer_to_a_question_from_before_a_gap_is_void(state: PairState) -> None:
    state.found()
    state.ask(question())

    state.interrupt(0.0)

    assert (state.reading, state.question) == (Reading.BEHIND, None)


def test_a_pair_that_is_paused_while_it_migrates_begins_in_its_supergroup(
    state: PairState,
) -> None:
    migrate(state)
    state.pause("why")

    state.migrated(-1009)
    state.resume()

    assert (state.reading, state.source, state.seen) == (Reading.LOCATING, -1009, 0)


# Random events

Deed = Callable[[PairState], object]
DEEDS: Final[tuple[Deed, ...]] = (
    *HAPPENS.values(),
    PairState.reset_progress,
    PairState.forget_targets,
    PairState.read_again,
    PairState.tidy,
    lambda state: state.hold(said(7)),
    lambda state: state.queue.enqueue(state.admit(state.release())),
    lambda state: (
        state.queue.settle(1, Receipt(target_ids={6: 60})) if said(6) in state.queue else ()
    ),
    lambda state: state.orphan(6),
    lambda state: [state.doubts.stray(*one) for one in state.doubts.take_orphans(gone=True)],
    lambda state: state.doubts.seek_again([6]),
)


def hold_together(state: PairState) -> None:
    """What a pair keeps is what its states say."""
    standing = state.standing
    assert (state.question is not None) is (standing.reading is Reading.CATCHING_UP)
    assert (state.paused is not None) is (standing.reading is Reading.PAUSED)
    assert (state.queue.under_way is not None) is (standing.sending is Sending.SENDING)
    assert bool(state.doubts.messages) is (standing.certainty is Certainty.UNCERTAIN)
    assert state.report().ready is (state.target is not None and standing.reading is Reading.LIVE)
    if state.paused is not None or state.queue.under_way is not None:
        assert state.next_items(0.0) is None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(DEEDS), max_size=60))
def test_whatever_happens_a_pair_is_where_its_states_say(deeds: list[Deed]) -> None:
    state = new()
    for deed in deeds:
        before = state.standing
        try:
            deed(state)
        except IllegalPairStepError:
            assert state.standing == before
        hold_together(state)
