"""A real Prometheus scrapes a running warden, and its alerts fire and resolve."""

from __future__ import annotations

import subprocess

import httpx
import pytest

from telewarden.errors import DrillError
from telewarden.supervision import ChildState
from telewarden.telegram import Phase

from .conftest import ALICE, Watched, needs_prometheus, until

pytestmark = [pytest.mark.metrics, pytest.mark.checkout, needs_prometheus]


def test_promtool_has_nothing_to_say_of_the_metrics(watched: Watched) -> None:
    scraped = httpx.get(f"http://127.0.0.1:{watched.warden.port}/metrics").text
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scraped,
        text=True,
        capture_output=True,
        timeout=30,
        check=False,
    )

    assert "telewarden_session_phase{" in scraped
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_warden_is_scraped_without_an_error(watched: Watched) -> None:
    (target,) = watched.api("targets")["activeTargets"]

    assert (target["health"], target["lastError"]) == ("up", "")
    (samples,) = watched.query("scrape_samples_scraped")
    assert int(samples["value"][1]) > 300


def test_every_rule_is_evaluated_without_an_error(watched: Watched) -> None:
    def rules() -> list[dict[str, str]]:
        return [rule for group in watched.api("rules")["groups"] for rule in group["rules"]]

    until(lambda: all(rule["health"] != "unknown" for rule in rules()), "an evaluation")

    assert {rule["health"] for rule in rules()} == {"ok"}


def test_what_is_stored_is_seen_of_each_session(watched: Watched) -> None:
    until(lambda: len(watched.query('telewarden_session_lease_info{state="held"}')) == 3)

    assert watched.query('telewarden_leases{state="held"} == 3')
    assert len(watched.query("telewarden_session_login_codes_left == 2")) == 3
    assert len(watched.query("telewarden_session_key_latched == 0")) == 3
    assert watched.query("telewarden_storage_free_bytes > 0")


@pytest.mark.crashes("*:alice/session", DrillError)
def test_the_first_crash_of_a_session_is_an_increase(watched: Watched) -> None:
    watched.warden.run(watched.warden.drill("sessions/session:alice/session"))

    until(
        lambda: watched.query('increase(telewarden_session_restarts_total{kind="session"}[1m]) > 0')
    )
    until(
        lambda: watched.query('increase(telewarden_child_restarts_total{reason="drill"}[1m]) > 0')
    )
    until(lambda: watched.query('telewarden_sessions{state="online"} == 3'))


def test_a_revoked_login_fires_and_a_new_one_resolves(watched: Watched) -> None:
    account = watched.telegram.account(ALICE)
    assert account is not None
    until(lambda: not watched.firing("alice"), "those of the start are over")
    before = watched.firing("alice")

    watched.telegram.revoke(account)
    until(
        lambda: {"TelewardenSessionNeedsLogin", "TelewardenKeyLatched"} <= watched.firing("alice")
    )
    others = watched.firing("bob")
    string = watched.telegram.mint(account)
    watched.warden.run(watched.warden.session("alice").import_string(string))
    until(lambda: not watched.firing("alice"), "they are resolved")

    assert (before, others) == (set(), set())


@pytest.mark.crashes("*:bob/session", DrillError)
@pytest.mark.crashes("*:bob/session", dropped="*", possible=True)
@pytest.mark.crashes(logged="supervisor gives up")
@pytest.mark.crashes(logged="child quarantined")
def test_a_quarantine_fires_and_a_recovery_resolves(watched: Watched) -> None:
    warden = watched.warden

    def state(path: str) -> ChildState | None:
        place = warden.snapshot().find(path)
        return None if place is None else place.state

    while state("sessions/session:bob") is not ChildState.QUARANTINED:
        if state("sessions/session:bob/session") is ChildState.RUNNING:
            warden.run(warden.drill("sessions/session:bob/session"))
    until(lambda: watched.query('ALERTS{alertname="TelewardenPartQuarantined"}'), "it fires")
    until(lambda: "TelewardenSessionQuarantined" in watched.firing("bob"), "it names bob")
    warden.run(warden.recover("bob"))
    until(lambda: not watched.query('ALERTS{alertname="TelewardenPartQuarantined"}'), "it is over")
    until(lambda: watched.phase("bob") is Phase.ONLINE, "bob is back")
    until(lambda: not watched.firing("bob"), "nothing is amiss")
