"""So many log lines of one kind in a minute, and a count of the others."""

from __future__ import annotations

import logging

import pytest

from telewarden.supervision import LineLimit

pytestmark = pytest.mark.supervision


class Hand:
    """A clock that is turned by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def line(text: str, *values: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("room", level, __file__, 1, text, values, None)


def test_so_many_lines_of_a_kind_are_written_whatever_their_values() -> None:
    limit = LineLimit(3, clock=Hand())

    written = [limit.filter(line("refused who=%d", number)) for number in range(5)]

    assert written == [True, True, True, False, False]


def test_another_kind_has_its_own_count() -> None:
    limit = LineLimit(1, clock=Hand())

    written = [
        limit.filter(line("refused")),
        limit.filter(line("refused")),
        limit.filter(line("cut")),
        limit.filter(line("refused", level=logging.ERROR)),
    ]

    assert written == [True, False, True, True]


def test_the_next_minutes_first_line_tells_how_many_were_withheld() -> None:
    hand = Hand()
    limit = LineLimit(1, clock=hand)
    for _ in range(8):
        limit.filter(line("refused who=%d", 7))
    hand.now = 60.0
    late = line("refused who=%d", 7)

    written = limit.filter(late)

    assert written
    assert late.getMessage() == "refused who=7 (and 7 like it that were not written)"


def test_texts_that_are_all_different_take_no_endless_memory() -> None:
    hand = Hand()
    limit = LineLimit(1, clock=hand)
    for number in range(5_000):
        hand.now += 0.001
        limit.filter(line(f"text {number}"))

    assert len(limit._windows) <= 500
