"""Facts about an account: which stand at a time, in words, and how they are kept."""

from __future__ import annotations

import pytest

from telewarden.telegram import (
    AccountFacts,
    FactKind,
    facts_from_json,
    facts_to_json,
    in_words,
    standing,
)

pytestmark = pytest.mark.telegram

DAY = 86_400.0
READ = AccountFacts(read_at=0.0, login_ttl_days=180, account_ttl_days=548)


def kinds(facts: AccountFacts, now: float) -> list[FactKind]:
    return [one.kind for one in standing(facts, now)]


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (0, []),
        (172, []),
        (174, [FactKind.LOGIN_EXPIRES]),
        (542, [FactKind.LOGIN_EXPIRES, FactKind.ACCOUNT_EXPIRES]),
    ],
)
def test_what_dies_unused_is_told_of_a_week_before(days: float, told: list[FactKind]) -> None:
    assert kinds(READ, days * DAY) == told


def test_a_login_that_lives_a_week_is_not_told_of_from_the_start() -> None:
    facts = AccountFacts(read_at=0.0, login_ttl_days=7)

    assert kinds(facts, DAY) == []
    assert kinds(facts, 4 * DAY) == [FactKind.LOGIN_EXPIRES]


def test_a_fact_is_told_with_its_date_and_where_to_go() -> None:
    facts = AccountFacts(frozen_since=1.0, frozen_until=2 * DAY, appeal_url="https://t.me/spambot")

    (fact,) = standing(facts, 0.0)

    assert "(1970-01-03 00:00 UTC, https://t.me/spambot). Appeal" in in_words(fact)


def test_facts_are_kept_whole_and_what_another_version_wrote_is_left_out() -> None:
    facts = AccountFacts(read_at=1.0, told=("frozen",), frozen_until=2.0, parallel=3)

    kept = facts_to_json(facts)

    assert facts_from_json(kept) == facts
    assert facts_from_json('{"later": 1}') == AccountFacts()
