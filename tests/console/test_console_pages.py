"""What everybody who can connect may see."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from telewarden import console
from telewarden.errors import JournalUnavailableError
from telewarden.telegram import HEALTHS, PHASES, Health, Phase
from telewarden.telegram.reports import Wait, WaitKind

if TYPE_CHECKING:
    from .conftest import FakePanel, Hand

pytestmark = pytest.mark.console

ASSETS = Path(console.__file__).with_name("assets")
FILES = [str(file.relative_to(ASSETS)) for file in ASSETS.rglob("*.*")]


async def test_metrics_show_the_newest_look_and_ask_nobody(
    http: httpx.AsyncClient, panel: FakePanel
) -> None:
    await panel.overview()
    answer = await http.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'telewarden_sessions{state="online"} 1.0' in answer.text
    assert 'telewarden_session_phase{session="alice",state="online"} 1.0' in answer.text
    assert "telewarden_outbox_waiting 4.0" in answer.text
    assert panel.questions == 1


async def test_the_process_is_alive_even_when_no_session_is(
    http: httpx.AsyncClient, panel: FakePanel
) -> None:
    panel.failure = JournalUnavailableError()

    assert (await http.get("/healthz")).status_code == 200


async def test_ready_when_every_session_is_online(http: httpx.AsyncClient) -> None:
    answer = await http.get("/readyz")

    assert (answer.status_code, answer.text) == (200, "1 of 1 sessions online\n")


async def test_not_ready_says_which_session_is_missing(
    http: httpx.AsyncClient, panel: FakePanel
) -> None:
    lost = dataclasses.replace(panel.sessions[0], session="bob", phase=Phase.NEEDS_LOGIN)
    panel.sessions += (lost,)

    answer = await http.get("/readyz")

    assert answer.status_code == 503
    assert answer.text == "1 of 2 sessions not online: bob needs login\n"


async def test_ready_with_as_many_sessions_online_as_are_asked_for(
    http: httpx.AsyncClient, panel: FakePanel
) -> None:
    lost = dataclasses.replace(panel.sessions[0], session="bob", phase=Phase.NEEDS_LOGIN)
    panel.sessions, panel.ready_share = (*panel.sessions, lost), 0.5

    answer = await http.get("/readyz")

    said = "1 of 2 sessions not online: bob needs login; 50% are enough\n"
    assert (answer.status_code, answer.text) == (200, said)


async def test_ready_without_any_session(http: httpx.AsyncClient, panel: FakePanel) -> None:
    panel.sessions = ()

    assert (await http.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("who", "kind", "status"),
    [
        ("journal", WaitKind.DISK, 503),
        ("registry", WaitKind.QUARANTINE, 503),
        ("sessions/session:bob/session", WaitKind.QUARANTINE, 200),
        ("session bob", WaitKind.FLOOD, 200),
    ],
)
async def test_not_ready_while_the_store_or_a_part_of_all_is_out_of_order(
    http: httpx.AsyncClient, panel: FakePanel, who: str, kind: WaitKind, status: int
) -> None:
    panel.waits = (Wait(who=who, kind=kind, what="its disk is full", since=4990.0),)

    answer = await http.get("/readyz")

    assert answer.status_code == status
    assert "its disk is full" in answer.text


async def test_not_started_and_not_ready_before_every_session_has_reported(
    http: httpx.AsyncClient, panel: FakePanel, hand: Hand
) -> None:
    panel.has_started = False
    before = [await http.get(one) for one in ("/healthz", "/startupz", "/readyz")]
    panel.has_started, hand.now = True, 9.0
    after = [await http.get(one) for one in ("/healthz", "/startupz", "/readyz")]

    assert [one.status_code for one in before] == [200, 503, 503]
    assert before[1].text == "0 of 1 sessions have reported\n"
    assert [one.status_code for one in after] == [200, 200, 200]


async def test_not_ready_when_the_monitor_does_not_answer(
    http: httpx.AsyncClient, panel: FakePanel, hand: Hand
) -> None:
    await http.get("/readyz")
    panel.failure, hand.now = JournalUnavailableError(), 60.0

    answer = await http.get("/readyz")

    assert (answer.status_code, answer.text.strip()) == (503, str(panel.failure))


async def test_the_state_has_everything_that_a_page_shows(http: httpx.AsyncClient) -> None:
    state = (await http.get("/api/state")).json()

    assert state["ready"] is True
    assert state["at"] == 5000.0
    assert state["sessions"][0]["session"] == "alice"
    assert state["groups"][0]["pairs"][0]["waiting"] == 4
    assert state["tree"]["id"] == "warden"
    assert state["counters"]["forwarded"] == 0
    assert (state["floods"], state["facts"], state["problem"]) == ([], [], "")


async def test_a_session_comes_with_explanation_and_advice(
    http: httpx.AsyncClient, panel: FakePanel
) -> None:
    panel.sessions = (
        dataclasses.replace(panel.sessions[0], phase=Phase.NEEDS_LOGIN, health=Health.EXPIRED),
    )

    (session,) = (await http.get("/api/state")).json()["sessions"]

    assert (session["phase"], session["health"]) == ("needs_login", "expired")
    assert session["explanation"] == PHASES[Phase.NEEDS_LOGIN].explanation
    assert session["advice"] == PHASES[Phase.NEEDS_LOGIN].advice
    assert session["health_explanation"] == HEALTHS[Health.EXPIRED].explanation


async def test_the_age_of_the_last_update_is_as_it_is_when_asked(
    http: httpx.AsyncClient, panel: FakePanel
) -> None:
    panel.sessions = (dataclasses.replace(panel.sessions[0], last_update=4990.0),)

    (session,) = (await http.get("/api/state")).json()["sessions"]

    assert session["update_age"] == 10.0


async def test_many_who_look_at_once_cost_one_question(
    http: httpx.AsyncClient, panel: FakePanel, hand: Hand
) -> None:
    answers = await asyncio.gather(*(http.get("/api/state") for _ in range(10)))
    first = panel.questions
    hand.now = 1.0
    await http.get("/readyz")

    assert {answer.status_code for answer in answers} == {200}
    assert (first, panel.questions) == (1, 2)


async def test_the_last_look_is_shown_with_its_age_while_nobody_answers(
    http: httpx.AsyncClient, panel: FakePanel, hand: Hand
) -> None:
    await http.get("/api/state")
    panel.failure, hand.now = JournalUnavailableError(), 30.0

    answer = await http.get("/api/state")
    scrape = await http.get("/metrics")

    assert answer.status_code == scrape.status_code == 200
    state = answer.json()
    assert state["sessions"][0]["session"] == "alice"
    assert (state["age"], state["problem"]) == (30.0, str(panel.failure))


@pytest.mark.parametrize("name", ["recover", "login", "stop", "drill"])
async def test_nothing_can_be_steered_from_the_network_without_a_token(
    http: httpx.AsyncClient, panel: FakePanel, name: str
) -> None:
    csrf = {"x-csrf-token": (await http.get("/api/me")).json()["csrf"]}
    given = {"step": "start", "child": "journal", "session": "alice"}

    answer = await http.post(f"/api/commands/{name}", json=given, headers=csrf)

    assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "ReadOnly"
    assert panel.told == []
    assert [row[:2] for row in panel.trail] == [("page", name)]


async def test_looking_takes_no_other_method(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/state")

    assert answer.status_code == 405
    assert answer.json()["error"]["message"] == "/api/state does not take POST"


async def test_the_page_loads_its_own_files_alone(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    texts = [page, *((ASSETS / name).read_text("utf-8") for name in FILES)]
    for text in texts:
        loaded = re.findall(r"""(?:src|href|from|import)\s*[=(]?\s*["']([^"']+)""", text)
        assert not [one for one in loaded if "//" in one and not one.startswith("data:")]
        assert not re.search(r"""@import|url\((?!"data:|%23)""", text)


async def test_every_file_that_the_page_asks_for_is_there(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    asked = dict(re.findall(r"""(?:src|href)="(assets/\w{16}/([^"]+))""", page))

    answers = {name: await http.get(f"/{address}") for address, name in asked.items()}
    assert set(answers) == {name for name in FILES if name.endswith((".js", ".css"))}
    for name, answer in answers.items():
        assert answer.status_code == 200
        assert answer.content == (ASSETS / name).read_bytes()


async def test_a_browser_keeps_files_whose_address_changes_with_them(
    http: httpx.AsyncClient,
) -> None:
    page = (await http.get("/")).text
    style = re.findall(r"""href="(assets/\w{16}/style.css)""", page)[0]
    kept, other = [
        await http.get(f"/{one}") for one in (style, style.replace("assets/", "assets/0"))
    ]

    assert "immutable" in kept.headers["cache-control"]
    assert kept.headers["content-type"] == "text/css; charset=utf-8"
    assert other.status_code == 404
    assert other.headers["cache-control"] == "no-store"


async def test_what_the_page_asks_first_is_on_its_way_with_its_scripts(
    http: httpx.AsyncClient,
) -> None:
    early = (await http.get("/")).headers["link"]

    asked = re.findall(r"<([^>]+)>; rel=preload; as=fetch; crossorigin", early)
    assert asked == ["api/me", "api/live", "api/words"]
    assert {(await http.get(f"/{one}")).status_code for one in asked} == {200}


async def test_nothing_runs_that_stands_inside_the_document(http: httpx.AsyncClient) -> None:
    answer = await http.get("/")
    policy = answer.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=", answer.text)


def test_the_page_writes_names_as_text_only() -> None:
    for file in ASSETS.rglob("*.js"):
        unsafe = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\("
        assert not re.search(unsafe, file.read_text("utf-8")), file.name


@pytest.mark.parametrize("target", ["/", "/metrics", "/api/state", "/healthz", "/nowhere"])
async def test_no_answer_is_kept_guessed_at_or_framed(http: httpx.AsyncClient, target: str) -> None:
    headers = (await http.get(target)).headers

    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["date"] == "Thu, 01 Jan 1970 01:23:20 GMT"
