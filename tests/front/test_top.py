"""``telewarden top``: its tables, and its keys against a running warden."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static, TabbedContent

from telewarden import Warden
from telewarden.cli.top.app import Top
from telewarden.cli.top.views import VIEWS, advice, arranged, clock, duration
from telewarden.console import ControlClient
from telewarden.errors import CommandFailedError, DrillError, WardenUnreachableError
from telewarden.supervision import ChildStarted, EventStream
from telewarden.telegram import SessionRecovered
from telewarden.telegram.session_events import PairPaused, PairResumed
from telewarden.testing import EventLog

pytestmark = pytest.mark.console

SMALLEST = (80, 24)  # what a terminal over SSH has at least
LOOKS = 0.05  # seconds between two


def test_times_are_told_in_few_letters() -> None:
    told = [duration(value) for value in (0.04, 12, 200, 7500, 273600, -1)]

    assert told == ["40ms", "12s", "3m20s", "2h05m", "3d04h", "0ms"]
    assert clock(None, 0.0) == clock(5.0, 9.0) == "-"


def test_rows_are_sorted_by_value_and_found_by_any_of_their_words() -> None:
    rows = [("a", (10, "Gold")), ("b", (9, "tin")), ("c", (None, "salt"))]

    assert [key for key, _ in arranged(rows, column=0)] == ["b", "a", "c"]
    assert [key for key, _ in arranged(rows, column=0, backwards=True)] == ["a", "b", "c"]
    assert [key for key, _ in arranged(rows, wanted="gOL")] == ["a"]
    assert arranged(rows, wanted="none of them") == []


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)  # so that the control socket's path is short
    names, phones = ("alice", "bob"), ("+9996620001", "+9996620002")
    accounts = [{"name": n, "phone": p} for n, p in zip(names, phones, strict=True)]
    return {
        "telegram": {"api_id": 1},
        "storage": {"folder": "s", "master_key": {"file": "key", "create": True}},
        "console": {"port": 0, "socket": "c.sock"},
        "sessions": accounts,
        "pairs": [{"id": 7, "session": "bob", "source": "@news_in", "target": "@news_out"}],
        "loopback": {
            "accounts": accounts,
            "chats": [
                {"title": name, "username": name, "owner": "bob"}
                for name in ("news_in", "news_out")
            ],
        },
    }


@pytest.fixture
def events() -> EventStream:
    return EventStream()


@pytest.fixture
def log(events: EventStream) -> EventLog:
    return EventLog(events)


@pytest.fixture
async def client(
    tables: dict[str, Any], events: EventStream, log: EventLog, tmp_path: Path
) -> AsyncIterator[ControlClient]:
    async with Warden(tables, events=events):
        for name in ("alice", "bob"):
            await log.hears(SessionRecovered, session=name)
        log.clear()
        yield ControlClient(tmp_path / "c.sock")


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await pilot.pause(LOOKS)


def shown(app: Top) -> list[list[str]]:
    """The texts of the table that is looked at."""
    table = app.query_one(f"#{app.query_one(TabbedContent).active} DataTable", DataTable)
    return [[str(cell) for cell in table.get_row_at(at)] for at in range(table.row_count)]


def told(app: Top) -> set[str]:
    """The messages that have popped up."""
    return {one.message for one in app._notifications}


async def test_it_shows_the_sessions_and_what_to_do_about_the_chosen_one(
    client: ControlClient,
) -> None:
    app = Top(client, every=LOOKS)
    async with app.run_test(size=SMALLEST) as pilot:
        await until(pilot, lambda: len(shown(app)) == 2)
        rows = shown(app)
        said = str(app.query_one("#advice", Static).render())
        summary = str(app.query_one("#summary", Static).render())

    assert [row[:3] for row in rows] == [[n, "online", "healthy"] for n in ("alice", "bob")]
    assert said == "Connected, and Telegram answers."
    assert summary.startswith("ready: ")


async def test_each_table_is_a_key_away(client: ControlClient) -> None:
    app, found = Top(client, every=LOOKS), {}
    async with app.run_test(size=SMALLEST) as pilot:
        for number, view in enumerate(VIEWS, 1):
            await pilot.press(str(number))
            await until(pilot, lambda: app.query_one("#summary").render() != "asking ...")
            found[view.name] = shown(app)

    assert found["Pairs"][0][:3] == ["7", "bob", "ready"]
    assert [row[0].strip() for row in found["Tree"]][:2] == ["warden", "journal"]
    assert {row[1] for row in found["Operations"]} >= {"recovery"}
    assert found["Floods"] == found["Waits"] == []
    assert any("alice: online" in row[2] for row in found["Events"])
    assert found["Health"] == []


def test_a_verdict_is_a_row_that_says_what_was_done_and_what_to_do() -> None:
    verdict = {
        "subject": "group alice/g1",
        "health": "unhealthy",
        "reason": "source_deaf",
        "since": 100.0,
        "ill": True,
        "why": ["pair 1: not told of it"],
        "steps": [{"step": "reconnect", "times": 2}],
        "explanation": "It is deaf",
        "advice": "Open the source.",
    }
    state = {"sessions": [], "verdicts": [verdict, verdict | {"subject": "-", "ill": False}]}
    view = next(view for view in VIEWS if view.name == "Health")

    ((key, cells),) = view.rows(state)

    assert cells[3:] == (100.0, "reconnect 2x", "pair 1: not told of it")
    assert advice(state, key) == "It is deaf. Open the source."


async def test_rows_are_found_by_what_is_typed(client: ControlClient) -> None:
    app = Top(client, every=LOOKS)
    async with app.run_test(size=SMALLEST) as pilot:
        await until(pilot, lambda: len(shown(app)) == 2)
        await pilot.press("slash", *"bob")
        await until(pilot, lambda: [row[0] for row in shown(app)] == ["bob"])
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(app)) == 2)


async def test_rows_are_sorted_by_the_next_column_and_turned_round(client: ControlClient) -> None:
    app = Top(client, every=LOOKS)
    async with app.run_test(size=SMALLEST) as pilot:
        await until(pilot, lambda: len(shown(app)) == 2)
        await pilot.press("s", "S")
        await until(pilot, lambda: [row[0] for row in shown(app)] == ["bob", "alice"])
        await pilot.press("S")
        await until(pilot, lambda: [row[0] for row in shown(app)] == ["alice", "bob"])


async def test_a_key_pauses_the_chosen_pair_and_lets_it_go_on(
    client: ControlClient, log: EventLog
) -> None:
    app = Top(client, every=LOOKS)
    async with app.run_test(size=SMALLEST) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: len(shown(app)) == 1)
        await pilot.press("p")
        await log.hears(PairPaused)
        await until(pilot, lambda: shown(app)[0][2] == "paused")
        await pilot.press("p")
        await log.hears(PairResumed)


async def test_a_key_recovers_the_chosen_session(client: ControlClient) -> None:
    app = Top(client, every=LOOKS)
    async with app.run_test(size=SMALLEST, notifications=True) as pilot:
        await until(pilot, lambda: len(shown(app)) == 2)
        await pilot.press("down", "r")
        await until(pilot, lambda: "bob: recovering" in told(app))
        trail = await asyncio.to_thread(client.command, "audit", {})

    assert ("recover", "bob") in {(row["what"], row["subject"]) for row in trail["rows"]}


@pytest.mark.crashes("gateway", DrillError)
async def test_a_child_is_crashed_only_when_the_question_is_answered_by_yes(
    client: ControlClient, log: EventLog
) -> None:
    app = Top(client, every=LOOKS)
    async with app.run_test(size=SMALLEST) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: len(shown(app)) > 2)
        await pilot.press("slash", *"gateway", "enter")
        await until(pilot, lambda: [row[0].strip() for row in shown(app)] == ["gateway"])
        await pilot.press("d", "n")
        await pilot.pause(LOOKS)
        before = shown(app)[0][3]
        await pilot.press("d", "y")
        await until(pilot, lambda: shown(app)[0][3] != before)

    assert before == "0"
    assert log.of(ChildStarted, child="gateway", restarted=True)


async def test_a_key_that_has_no_row_to_work_on_says_which_table_it_is_for(
    client: ControlClient,
) -> None:
    app = Top(client, every=LOOKS)
    async with app.run_test(size=SMALLEST, notifications=True) as pilot:
        await pilot.press("4", "p", "r", "d")
        await pilot.pause()
        said = told(app)

    assert said >= {"choose a session first (1)", "choose a pair first (2)"}
    assert "choose a child of the tree first (3)" in said


class Gone:
    """A warden that has ended."""

    def state(self) -> dict[str, Any]:
        raise WardenUnreachableError(Path("c.sock"), "")

    def command(self, name: str, given: Any) -> dict[str, Any]:
        raise CommandFailedError("no", kind="NotRunningError", status=503)


async def test_it_waits_for_a_warden_that_does_not_answer() -> None:
    app = Top(Gone(), every=LOOKS)
    async with app.run_test(size=SMALLEST) as pilot:
        await until(pilot, lambda: "c.sock" in str(app.query_one("#summary", Static).render()))
        assert app.query_one("#summary").has_class("trouble")
