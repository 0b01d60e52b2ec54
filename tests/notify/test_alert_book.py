"""Which alerts are pending, firing and over, and what is news of them: the rules, purely."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from telewarden.notify.alert_book import ALL, STEPS, AlertBook, Changes, Sign, State, What
from telewarden.notify.alert_rules import RULES, Severity
from telewarden.notify.conditions import Condition
from telewarden.notify.settings import NotifySettings, RuleChange
from telewarden.storage import AlertRow

pytestmark = pytest.mark.metrics

ROOT = Path(__file__).parents[2]
DOWN = Condition("SessionDown", "alice", "connecting")
DEAD = Condition("KeyLatched", "alice")
LETTERS = Condition("DeadLetters", "pair 1", "NO_MEDIA")
SILENCE = {ALL: 1000.0}
SEEN: list[tuple[float, list[Condition]]] = [(0.0, [DEAD]), (1.0, []), (99.0, [])]
SPANS = {"m": 60.0, "h": 3600.0}


def settings(**changes: RuleChange) -> NotifySettings:
    return NotifySettings(changes=changes, settle=30.0)


def look(
    book: AlertBook,
    now: float,
    *true: Condition,
    by: NotifySettings | None = None,
    silences: dict[str, float] | None = None,
) -> Changes:
    found = list(book.look(true, by or settings(), silences or {}, now))
    return found[0] if found else Changes()


def told(changes: Changes) -> list[tuple[str, str]]:
    return [(one.what.value, one.row.subject) for one in changes.news]


def test_an_alert_is_told_once_it_has_been_true_for_long_enough() -> None:
    book = AlertBook()

    looks = [look(book, now, DOWN) for now in (0.0, 100.0, 299.0, 300.0, 400.0)]

    assert [told(one) for one in looks] == [[], [], [], [("fired", "alice")], []]
    assert looks[0].due == 300.0
    assert [row.since for row in book.firing()] == [0.0]


def test_what_passes_before_its_time_is_never_told() -> None:
    book = AlertBook()

    looks = [look(book, 0.0, DOWN), look(book, 100.0), look(book, 350.0, DOWN)]

    assert [told(one) for one in looks] == [[], [], []]
    assert not any(one.keep or one.forget for one in looks)


def test_an_end_is_told_when_it_has_lasted_and_what_flaps_is_one_alert() -> None:
    book = AlertBook()

    looks = [look(book, 0.0, DEAD), look(book, 10.0), look(book, 30.0, DEAD)]
    looks += [look(book, 40.0), look(book, 69.0), look(book, 70.0)]

    fired, *between, over = [told(one) for one in looks]
    assert (fired, over) == ([("fired", "alice")], [("resolved", "alice")])
    assert not any(between)
    assert looks[-1].forget == (("KeyLatched", "alice"),)
    assert book.firing() == []


def test_what_only_happens_has_no_end_to_tell() -> None:
    book = AlertBook()

    looks = [look(book, now, *true) for now, true in ((0.0, [LETTERS]), (1.0, []), (60.0, []))]

    assert [told(one) for one in looks] == [[("fired", "pair 1")], [], []]
    assert looks[-1].forget == (("DeadLetters", "pair 1"),)


def test_what_fired_before_a_restart_is_not_told_twice_and_its_end_is() -> None:
    row = AlertRow(name="KeyLatched", subject="alice", since=0.0, fired=0.0, owed=0.0)
    book = AlertBook([row])

    looks = [look(book, 100.0, DEAD), look(book, 101.0), look(book, 140.0)]

    assert [told(one) for one in looks] == [[], [], [("resolved", "alice")]]


@pytest.mark.parametrize("name", ["KeyLatched", "KeyLatched:alice", ALL])
def test_what_is_silenced_is_told_at_the_end_of_the_silence_if_it_is_still_true(name: str) -> None:
    book = AlertBook()

    silent = look(book, 0.0, DEAD, silences={name: 50.0})
    later = look(book, 50.0, DEAD, silences={name: 50.0})

    assert told(silent) == []
    assert silent.due == 50.0
    assert told(later) == [("fired", "alice")]


def test_what_was_never_told_has_no_end_to_tell() -> None:
    book = AlertBook()

    looks = [look(book, now, *true, silences=SILENCE) for now, true in SEEN]

    assert [told(one) for one in looks] == [[], [], []]
    assert looks[-1].forget == (("KeyLatched", "alice"),)


def test_an_alert_that_lasts_is_told_again_where_that_is_wanted() -> None:
    book, by = AlertBook(), settings(KeyLatched=RuleChange(again=60.0))

    looks = [look(book, now, DEAD, by=by) for now in (0.0, 30.0, 60.0, 61.0)]

    assert [told(one) for one in looks] == [[("fired", "alice")], [], [("again", "alice")], []]


def test_a_rule_goes_as_the_configuration_says() -> None:
    by = settings(
        SessionDown=RuleChange(after=0.0, severity=Severity.CRITICAL),
        KeyLatched=RuleChange(enabled=False),
    )
    book = AlertBook([AlertRow(name="KeyLatched", subject="alice", since=0.0, fired=0.0, owed=0.0)])

    changes = look(book, 0.0, DOWN, by=by)

    assert [(one.what, one.severity) for one in changes.news] == [(What.FIRED, Severity.CRITICAL)]
    assert changes.forget == (("KeyLatched", "alice"),)


def test_no_step_of_the_machine_leads_out_of_it() -> None:
    reached = {State.QUIET, *STEPS.values()}

    assert reached == set(State)
    assert all((state, Sign.HOLDS) in STEPS for state in State)
    assert all((state, Sign.GONE) in STEPS for state in State if state is not State.QUIET)


def shipped() -> Iterable[tuple[str, float, str]]:
    text = (ROOT / "deploy/prometheus/telewarden.rules.yml").read_text(encoding="utf-8")
    for part in text.split("- alert: Telewarden")[1:]:
        after = re.search(r"^\s+for: (\d+)([mh])$", part, re.MULTILINE)
        grave = re.search(r"severity: (\w+)", part)
        assert grave is not None
        yield part.split("\n")[0], float(after[1]) * SPANS[after[2]] if after else 0.0, grave[1]


@pytest.mark.checkout
def test_alerts_are_called_as_prometheus_calls_them_and_are_as_grave_after_as_long() -> None:
    ours = {name: (rule.after, rule.severity.value) for name, rule in RULES.items()}
    theirs = {name: (after, grave) for name, after, grave in shipped()}

    without = {
        "Gone",
        "SessionsDown",
    }  # who is gone tells nobody; the other names no session
    assert {name: ours[name] for name in theirs.keys() - without} == {
        name: said for name, said in theirs.items() if name not in without
    }
    assert ours.keys() - theirs.keys() == {
        "AccountLimited",
        "PairPaused",
        "TelegramNotice",
    }


@pytest.mark.checkout
def test_every_alert_is_in_the_documents_table() -> None:
    page = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")

    for rule in RULES.values():
        after = f"{rule.after / 60:g} min" if rule.after else "at once"
        limit = "" if rule.limit is None else f"{rule.limit:g}"
        cells = (f"`{rule.name}`", rule.severity, after, limit, rule.what.rstrip("."))
        assert " | ".join(cells) in page
