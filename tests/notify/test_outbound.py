"""What one channel is told, when, and in which words: purely."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from telewarden.console import Words
from telewarden.notify.outbound import LONGEST_PAUSE, message_of, pause_after
from telewarden.notify.queues import ChannelQueue
from telewarden.notify.settings import ChannelRules, NotifySettings, QuietHours
from telewarden.storage import NewsRow

pytestmark = pytest.mark.metrics

ENGLISH = Words()
BY = NotifySettings(gather=5.0, stale=3600.0)
SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
NIGHT = QuietHours(begin=time(22), end=time(7), zone=SAIGON)
PHONE = ChannelRules(name="phone", every=30.0)


def news(name: str, subject: str, what: str = "fired", *, at: float = 0.0, **more: str) -> NewsRow:
    return NewsRow(
        id=f"{name}/{subject}/{what}/{at}",
        channel="phone",
        name=name,
        subject=subject,
        what=what,
        since=at,
        at=at,
        **{"severity": "warning", **more},  # type: ignore[arg-type]  # severity, detail
    )


def queue(*rows: NewsRow, rules: ChannelRules = PHONE) -> ChannelQueue:
    made = ChannelQueue(rules)
    for row in rows:
        made.owe(row)
    return made


def clock(hour: int, minute: int = 0, *, day: int = 10) -> float:
    return datetime(2026, 1, day, hour, minute, tzinfo=SAIGON).timestamp()


def text(*rows: NewsRow, now: float = 10.0, words: Words = ENGLISH) -> str:
    return message_of(rows, PHONE, BY, words, now=now).text


def test_ten_sessions_down_are_one_entry_of_one_message() -> None:
    rows = [news("SessionDown", f"s{number}", detail="connecting") for number in range(10)]
    owed = queue(*rows)

    assert owed.due(BY, wall=0.0, now=1.0) == 5.0
    assert owed.freeze("m1", wall=0.0)
    said = text(*owed.batch)

    assert owed.rows == []
    assert said.startswith("[WARNING] SessionDown: s0 (+9)\nWARNING: Session not online.\n- s0 (")
    assert said.count("Session not online.") == said.count("telewarden recover") == 1
    assert all(f"- s{number} " in said for number in range(10))


def test_a_channel_tells_at_most_so_often() -> None:
    owed = queue(news("SessionDown", "alice"))
    owed.freeze("m1", wall=0.0)
    owed.sent(5.0)
    owed.owe(news("SessionDown", "bob", at=6.0))

    assert owed.due(BY, wall=0.0, now=12.0) == 35.0


def test_the_gravest_comes_first_and_what_is_over_last() -> None:
    said = text(
        news("SessionDown", "carol", "resolved", at=3.0),
        news("SessionDown", "alice"),
        news("KeyLatched", "bob", severity="critical"),
    )

    assert said.startswith("[CRITICAL] KeyLatched: bob (+2)")
    order = [said.index(one) for one in ("- bob", "- alice", "RESOLVED", "- carol")]
    assert order == sorted(order)


def test_what_has_come_and_gone_before_it_could_be_told_needs_nobody() -> None:
    said = text(news("SessionDown", "alice"), news("SessionDown", "alice", "resolved", at=4.0))

    assert said.startswith("[RESOLVED] SessionDown: alice\nRESOLVED: Session not online.")
    assert "telewarden recover" not in said


def test_a_night_of_flapping_is_two_rows_and_a_number_in_the_morning() -> None:
    owed = queue()
    for hour in range(100):
        owed.owe(news("SessionDown", "alice", at=hour * 60.0))
        owed.owe(news("SessionDown", "alice", "resolved", at=hour * 60.0 + 30.0))
    owed.owe(news("KeyLatched", "bob", at=50.0, severity="critical"))
    rows = list(owed.rows)

    said = text(*rows, now=10_000.0)

    assert len(rows) == 3
    assert "Alerts that came and went meanwhile: 1." in said
    assert "Could not be told before; it began at 1970-01-01 00:00:00 UTC." in said
    assert "- bob" in said
    assert "alice" not in said.split("\n", 1)[1]


def test_what_is_true_again_before_its_end_was_told_is_as_it_was_told() -> None:
    owed = queue(news("SessionDown", "alice", "resolved", at=1.0))

    kept, untrue = owed.owe(news("SessionDown", "alice", at=2.0))

    assert (kept, len(untrue), owed.rows) == ([], 1, [])


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (clock(21, 59), clock(21, 59)),
        (clock(22), clock(7, day=11)),
        (clock(3), clock(7)),
        (clock(7), clock(7)),
    ],
)
def test_quiet_hours_end_in_the_morning_of_their_zone(now: float, due: float) -> None:
    owed = queue(news("SessionDown", "alice", at=now - 60), rules=replace(PHONE, quiet=NIGHT))

    found = owed.due(BY, wall=now, now=now)

    assert found is not None
    assert max(found, now) == due


def test_what_is_critical_comes_at_night_and_the_rest_stays_for_the_morning() -> None:
    rows = [news("SessionDown", "alice"), news("KeyLatched", "bob", severity="critical")]
    owed = queue(*rows, rules=replace(PHONE, quiet=NIGHT))
    told_not = queue(*rows, rules=replace(PHONE, quiet=replace(NIGHT, critical=False)))
    night = clock(23)

    owed.freeze("m1", wall=night)

    assert [row.subject for row in owed.batch] == ["bob"]
    assert [row.subject for row in owed.rows] == ["alice"]
    assert told_not.due(BY, wall=night, now=night) == clock(7, day=11)


def test_a_message_that_failed_is_tried_again_as_it_is_after_pauses_that_grow() -> None:
    owed = queue(news("SessionDown", "alice"))
    owed.freeze("m1", wall=0.0)
    batch = list(owed.batch)
    owed.owe(news("SessionDown", "bob", at=9.0))

    assert not owed.freeze("m2", wall=0.0)
    assert owed.batch == batch
    assert [pause_after(count) for count in (1, 2, 3, 50)] == [5.0, 10.0, 20.0, LONGEST_PAUSE]


def test_an_alert_is_told_in_the_language_and_the_zone_of_its_channel() -> None:
    at = datetime(2026, 1, 10, 12, tzinfo=UTC).timestamp()
    there = replace(PHONE, zone=SAIGON, language="vi")

    said = message_of([news("SessionDown", "alice", at=at)], there, BY, Words("vi"), now=at).text

    assert "Phiên không trực tuyến." in said
    assert "từ 2026-01-10 19:00:00 +07" in said
