"""Facts in words."""

from __future__ import annotations

import pytest

from telewarden.metrics import Exporter, sentence
from telewarden.storage import RowsPruned
from telewarden.supervision import (
    ChildFailed,
    ChildStarted,
    Event,
    EventStream,
    Exit,
    ExitKind,
    IntensityExceeded,
)
from telewarden.telegram import Phase
from telewarden.telegram.session_events import CaughtUp, Forwarded, PhaseChanged, RecoveryTried

pytestmark = pytest.mark.metrics


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            PhaseChanged(
                session="alice", at=1.0, before=Phase.ONLINE, after=Phase.RECOVERING, reason="cut"
            ),
            "alice: online to recovering (cut)",
        ),
        (ChildStarted(at=1.0, child="journal", incarnation=1), None),
        (
            ChildStarted(at=1.0, child="journal", incarnation=2, restarted=True),
            "journal: restarted by its supervisor",
        ),
        (
            IntensityExceeded(at=1.0, child="warden", offender="journal", restarts=4, period=5.0),
            "warden: gives up; journal failed too often",
        ),
        (RecoveryTried(session="alice", at=1.0, rung="string", attempt=1, problem=""), None),
        (CaughtUp(session="alice", at=1.0, pair=1, missed=0), None),
        (
            CaughtUp(session="alice", at=1.0, pair=1, missed=2),
            "alice: pair 1 caught up on 2 messages",
        ),
        (RowsPruned(at=1.0), None),
        (
            RowsPruned(at=1.0, outbox=12, audit=3),
            "rows past their time removed: outbox 12, audit 3",
        ),
        (
            Forwarded(
                session="alice", at=1.0, pair=1, source_id=1, target_id=1, repeated=False, lag=0.1
            ),
            None,
        ),
    ],
)
def test_a_fact_worth_reading_is_one_sentence(event: Event, words: str | None) -> None:
    assert sentence(event) == words


def test_what_an_error_says_is_not_repeated() -> None:
    exit_ = Exit(ExitKind.ERROR, ValueError("+491701234567 and a key"))
    event = ChildFailed(at=1.0, child="journal", incarnation=1, exit=exit_, uptime=2.0)

    assert sentence(event) == "journal: failed after 2.0 s (error: ValueError)"


def test_the_feed_keeps_the_newest_facts_newest_first() -> None:
    stream, exporter = EventStream(), Exporter(wall=lambda: 5.0)
    exporter.watch(stream)
    for number in range(100):
        stream.publish(CaughtUp(session="alice", at=1.0, pair=number, missed=1))

    facts = exporter.feed.newest()
    assert facts[0].number == 100
    assert facts[0].text == "alice: pair 99 caught up on 1 message"
    assert facts[0].at == 5.0
    assert [fact.number for fact in facts] == list(range(100, 40, -1))
