"""Crashes outlive the process: on record in the database, counted by the next one."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from telewarden.diagnostics import Level, diagnose
from telewarden.errors import DrillError
from telewarden.supervision import (
    ChildFailed,
    ChildQuarantined,
    ChildRestarting,
    ChildStarted,
    LoopResumed,
    LoopStalled,
)

from .conftest import Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

GROUP = "sessions/session:alice/groups/group-1"
SESSION = "sessions/session:alice/session"


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_a_crash_is_on_record_after_the_process_and_diagnostics_name_it(
    newsroom: Newsroom,
) -> None:
    warden = await newsroom.start()
    await warden.drill(SESSION)
    await newsroom.hears(ChildStarted, child=SESSION, restarted=True)
    await newsroom.stop()

    with newsroom.store() as store:
        (crash,) = store.crashes()
    finding = next(
        one
        for one in diagnose(newsroom.config, server=newsroom.server).findings
        if one.area == "crashes"
    )

    assert (crash.path, crash.reason) == (SESSION, "error: DrillError")
    assert abs(crash.at - time.time()) < 60
    assert finding.level is Level.NOTE
    assert f"1 within a day, {SESSION}: 1; the last 0 min ago" in finding.what


@pytest.mark.crashes("*:alice/groups/group-1", DrillError)
@pytest.mark.crashes("*:alice/groups/group-1", dropped="Loaded", possible=True)
@pytest.mark.crashes(logged="child quarantined")
async def test_an_intensity_counts_what_happened_in_earlier_processes(
    newsroom: Newsroom, tables: Any
) -> None:
    tables["recovery"] |= {"restarts": 1, "restarts_within": 600.0}
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    await warden.drill(GROUP)
    await newsroom.hears(ChildRestarting, child=GROUP)
    await newsroom.stop()
    since = newsroom.mark()

    warden = await newsroom.start(signed_in=False)
    await newsroom.hears(ChildStarted, since=since, child=GROUP)
    await warden.drill(GROUP)

    quarantined = await newsroom.hears(ChildQuarantined, since=since, child=GROUP)
    assert quarantined.reason == "it failed 2 times in 600 s"


async def test_what_is_old_is_forgotten(newsroom: Newsroom) -> None:
    await newsroom.start(signed_in=False)
    await newsroom.stop()
    with newsroom.store() as store:
        store.record_crash("journal", "error: long ago", time.time() - 8 * 86_400.0)
        store.record_crash("journal", "error: just now", time.time() - 60.0)

    await newsroom.start(signed_in=False)
    await newsroom.stop()

    with newsroom.store() as store:
        assert [one.reason for one in store.crashes()] == ["error: just now"]


@pytest.mark.crashes("journal", DrillError)
async def test_a_crash_of_the_journal_itself_is_on_record(newsroom: Newsroom) -> None:
    warden = await newsroom.start(signed_in=False)
    await warden.drill("journal")
    await newsroom.hears(ChildFailed, child="journal")
    await newsroom.hears(ChildStarted, child="journal", restarted=True)
    await newsroom.stop()

    with newsroom.store() as store:
        assert [one.path for one in store.crashes()] == ["journal"]


@pytest.mark.crashes(logged="loop stalled")
async def test_a_loop_that_is_held_up_is_told_of_and_counted(
    newsroom: Newsroom, tables: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tables["supervision"] = {"stall_after": 0.05}
    newsroom.reconfigure(tables)
    warden = await newsroom.start(signed_in=False)
    seen = threading.Event()
    warden.events.subscribe(lambda _: seen.set(), kinds=(LoopStalled,))

    assert seen.wait(5)  # here, in the loop: this is what holds it up
    resumed = await newsroom.hears(LoopResumed)

    assert warden.exporter.counters()["loop_stalls"] >= 1
    scraped = warden.exporter.render()[0].decode()
    assert "telewarden_loop_stalls_total 1.0" in scraped
    assert "telewarden_loop_lag_seconds" in scraped
    assert resumed.seconds >= 0.05
    assert "loop stalled" in caplog.text
    assert "assert seen.wait(5)" in caplog.text
