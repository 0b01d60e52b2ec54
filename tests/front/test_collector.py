"""The garbage collector rests while many sessions start, and never longer."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from telewarden.service.gc_pause import GcPause
from telewarden.supervision import EventStream
from telewarden.telegram import Phase, PhaseChanged

pytestmark = pytest.mark.session

MANY = 100


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Nothing is set aside when a test begins; however it ends, the collector works afterwards."""
    gc.unfreeze()
    yield
    gc.enable()
    gc.collect()
    gc.freeze()  # as the suite had it


def told(events: EventStream, session: str, after: Phase) -> None:
    events.publish(
        PhaseChanged(session=session, at=0.0, before=Phase.REGISTERED, after=after, reason="")
    )


async def test_it_rests_until_all_are_online_or_cannot_be() -> None:
    events = EventStream()
    rest = GcPause(events, MANY)

    rest.begin()
    for number in range(MANY - 1):
        told(events, f"s{number}", Phase.RECOVERING)
        told(events, f"s{number}", Phase.NEEDS_LOGIN if number % 2 else Phase.ONLINE)
    assert not gc.isenabled()
    told(events, "last", Phase.ONLINE)

    assert gc.isenabled()
    assert gc.get_freeze_count() > 0  # what is there by now is not looked through again


async def test_an_early_end_lets_it_work_again() -> None:
    rest = GcPause(EventStream(), MANY)
    rest.begin()

    rest.end()
    rest.end()

    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


async def test_it_rests_for_many_sessions_and_works_on_for_few() -> None:
    works_on = {}
    for sessions in (MANY - 1, MANY):
        rest = GcPause(EventStream(), sessions)
        rest.begin()
        works_on[sessions] = gc.isenabled()
        rest.end()

    assert works_on == {MANY - 1: True, MANY: False}


async def test_its_end_leaves_the_collector_as_the_app_had_it() -> None:
    works = {}
    for before in (True, False):
        gc.enable() if before else gc.disable()
        rest = GcPause(EventStream(), MANY)
        rest.begin()
        resting = not gc.isenabled()
        rest.end()
        works[before] = resting, gc.isenabled()

    assert works == {True: (True, True), False: (True, False)}
