"""What an open page is kept up to date with."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from telewarden.console.live.channel import Channel
from telewarden.console.live.hub import NO_SIGHT
from telewarden.console.live.rows import Sight
from telewarden.console.words import Words
from telewarden.errors import DrillError, JournalUnavailableError
from telewarden.metrics.day import Totals
from telewarden.notify import RULES
from telewarden.storage import AlertRow, Operation, OperationState
from telewarden.supervision import ChildState
from telewarden.telegram import (
    HEALTH_REASONS,
    PHASES,
    Health,
    HealthReason,
    HealthStep,
    HealthVerdict,
    Phase,
    StepRecord,
)
from telewarden.telegram.reports import GroupReport, Overview, Wait, WaitKind

from .conftest import ALICE, BOB, GROUP, LOOKER, OPERATOR, PAIR, PLACE

if TYPE_CHECKING:
    from .conftest import FakePanel, Hand, Page, Running

pytestmark = pytest.mark.console

SOON = 20.0  # seconds


@dataclass
class Told:
    """One server-sent event."""

    kind: str
    number: str
    data: Any


async def events(answer: httpx.Response) -> AsyncIterator[Told]:
    """The events of a stream."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            if "event" in fields:
                data = json.loads(fields["data"])
                yield Told(fields["event"], fields.get("id", ""), data)
            fields = {}


@contextlib.asynccontextmanager
async def following(
    client: httpx.AsyncClient, target: str = "events/stream", **options: Any
) -> AsyncIterator[AsyncIterator[Told]]:
    async with (
        asyncio.timeout(SOON),
        client.stream("GET", target, timeout=SOON, **options) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer)


def sight(*sessions: Any, **other: Any) -> Sight:
    overview = Overview(sessions=sessions, groups=(GROUP,))
    return dataclasses.replace(NO_SIGHT, **{"overview": overview, "tree": PLACE, **other})


async def next_frames(channel: Channel, place: str = "", *, count: int) -> list[bytes]:
    """What a page gets from its place on, the first word on reconnecting left out."""
    async with contextlib.aclosing(channel.frames(place, lambda: True)) as frames:
        await anext(frames)
        return [await anext(frames) for _ in range(count)]


def members(frame: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(frame.decode().split("data: ", 1)[1].split("\n", 1)[0])
    return found


# All of it


async def test_the_whole_state_comes_in_one_compact_answer(page: Page) -> None:
    async with page.logged_in(LOOKER) as leo:

        async def at_rest() -> bool:
            rows = (await leo.get("api/live")).json()["sessions"]
            return bool(rows.get("alice", {}).get("phase") == "needs_login")

        await page.until(at_rest)
        answer = await leo.get("api/live")

    state = answer.json()
    assert state["sessions"]["alice"]["phase"] == "needs_login"
    assert state["tree"]["sessions/session:alice/session"]["actor"] == "SessionActor"
    assert next(iter(state["tree"])) == "warden"
    assert "state" not in state["tree"]["journal"]
    assert set(state["top"]) == {"ready", "readiness", "problem", "counters"}
    assert ", " not in answer.text.replace(json.dumps(state["top"]), "")[:20]
    assert "explanation" not in answer.text


async def test_what_states_mean_is_told_once_and_in_the_language_of_who_asks(page: Page) -> None:
    async with page.logged_in(LOOKER) as leo:
        told = (await leo.get("api/words", headers={"accept-language": "vi"})).json()

    said = PHASES[Phase.NEEDS_LOGIN]
    assert told["language"] == "vi"
    assert told["phases"]["needs_login"] == {
        "explanation": Words("vi")(said.explanation),
        "advice": Words("vi")(said.advice),
        "advice_needed": True,
    }
    assert not told["phases"]["online"]["advice_needed"]
    assert set(told["reasons"]) == set(HealthReason)
    assert set(told["healths"]) == {one.value for one in Health}


def test_a_row_leaves_out_what_is_not_there_and_tells_everything_else() -> None:
    wait = Wait(who="pair 1", kind=WaitKind.FLOOD, what="asked to wait", since=1.0, until=9.0)
    paused = dataclasses.replace(PAIR, paused="by hand", waits=(wait,))
    group = GroupReport(session="alice", group="g1", online=True, pairs=(paused,))
    running = Operation(id=7, kind="reassign", steps=4, step=1, started=2.0)
    ended = [
        Operation(id=100 + number, kind="backup", state=OperationState.FINISHED)
        for number in range(60)
    ]
    overview = Overview(sessions=(BOB,), groups=(group,), waits=(wait, wait))
    limited = dataclasses.replace(PLACE, restarts=3, restarts_left=0, state=ChildState.QUARANTINED)
    channel = Channel(Words())

    channel.see(sight(overview=overview, operations=(running, *ended), tree=limited))
    state = json.loads(channel.whole())

    assert state["sessions"]["bob"] == {
        "phase": "needs_login",
        "health": "expired",
        "reason": "SESSION_REVOKED",
        "since": 1000.0,
    }
    assert state["groups"] == {"alice/g1": {"session": "alice", "group": "g1", "online": True}}
    assert state["pairs"]["1"]["paused"] == "by hand"
    assert state["pairs"]["1"]["waits"] == [
        {"kind": "flood", "what": "asked to wait", "since": 1.0, "until": 9.0}
    ]
    assert set(state["waits"]) == {"pair 1 flood", "pair 1 flood 2"}
    assert state["operations"]["7"]["progress"] == 0.25
    assert len(state["operations"]) == 51
    assert "110" in state["operations"]
    assert state["tree"]["warden"]["restarts_left"] == 0
    assert state["tree"]["warden"]["state"] == "quarantined"


def test_a_verdict_is_told_with_what_to_do_and_its_sessions_row_tells_it_too() -> None:
    deaf = HealthVerdict(
        session="alice",
        group="g1",
        health=Health.UNHEALTHY,
        reason=HealthReason.SOURCE_DEAF,
        why=("pairs 1, 3: not told of what is said in the source",),
        since=5.0,
        steps=(StepRecord(step=HealthStep.RECONNECT, times=2, at=7.0),),
    )
    well = dataclasses.replace(deaf, group="g2", health=Health.HEALTHY, reason=HealthReason.WORKS)
    words = Words("vi")
    channel = Channel(words)

    channel.see(sight(overview=Overview(sessions=(ALICE, BOB), groups=(), verdicts=(deaf, well))))
    found = json.loads(channel.whole())
    channel.see(sight(overview=Overview(sessions=(ALICE, BOB), groups=()), at=2.0))
    after = json.loads(channel.whole())

    assert found["verdicts"] == {
        "alice/g1": {
            "session": "alice",
            "group": "g1",
            "health": "unhealthy",
            "reason": "source_deaf",
            "why": [{"pairs": ["1", "3"], "text": words("not told of what is said in the source")}],
            "since": 5.0,
            "steps": [{"step": "reconnect", "times": 2, "at": 7.0}],
        }
    }
    assert found["sessions"]["alice"]["ill"] == [found["verdicts"]["alice/g1"]]
    assert "ill" not in found["sessions"]["bob"]
    assert after["verdicts"] == {}
    assert "ill" not in after["sessions"]["alice"]


@pytest.mark.parametrize("reason", list(HealthReason))
def test_what_a_verdict_means_is_told_in_the_readers_language(reason: HealthReason) -> None:
    words, meaning = Words("vi"), HEALTH_REASONS[reason]

    assert words(meaning.explanation) != meaning.explanation
    assert words(meaning.advice) != meaning.advice


async def test_what_is_firing_is_told_with_its_advice_in_the_language_of_who_asks(
    http: httpx.AsyncClient, panel: FakePanel
) -> None:
    panel.firing = (
        AlertRow(name="KeyLatched", subject="alice", severity="critical", since=9.0, told=("ops",)),
        AlertRow(name="DiskRefuses", subject="", since=9.0),
    )

    state = (await http.get("/api/live", headers={"accept-language": "vi"})).json()

    rule, words = RULES["KeyLatched"], Words("vi")
    assert list(state["alerts"]) == ["KeyLatched:alice", "DiskRefuses"]
    assert state["alerts"]["KeyLatched:alice"] == {
        "name": "KeyLatched",
        "subject": "alice",
        "severity": "critical",
        "explanation": words(rule.what),
        "advice": words(rule.advice),
        "since": 9.0,
        "told": ["ops"],
    }


async def test_a_notifier_that_does_not_answer_holds_nothing_up(
    http: httpx.AsyncClient, panel: FakePanel, hand: Hand
) -> None:
    async def seen() -> list[str]:
        hand.now += 1
        return list((await http.get("/api/live")).json()["alerts"])

    panel.firing = (AlertRow(name="KeyLatched", subject="alice", since=9.0),)
    before, panel.notifier = await seen(), asyncio.Event()
    meanwhile = [await seen(), await seen()]
    panel.firing = ()
    panel.notifier.set()

    assert before == ["KeyLatched:alice"]
    assert meanwhile == [before] * 2
    assert await seen() == []


# Charts


async def test_a_day_of_minutes_can_be_asked_for_and_each_new_one_is_told(
    running: Running,
) -> None:
    day = running.panel.exporter.day
    for minute in range(3):
        day.look(minute * 60.0, Totals(online=minute))
    async with httpx.AsyncClient(base_url=running.url) as client:
        told = (await client.get("/api/charts?minutes=2")).json()
        wrong = [await client.get(f"/api/charts?minutes={one}") for one in ("0", "x", "1441")]
        async with following(client) as stream:
            await anext(stream)
            day.look(1e12, Totals(online=9))
            minute = await anext(stream)
            while minute.kind != "minute":
                minute = await anext(stream)

    assert (told["step"], told["start"], told["points"]) == (60, 0, 2)
    assert told["series"]["online"] == [0.0, 1.0]
    assert [one.status_code for one in wrong] == [400] * 3
    assert minute.data["at"] == 1e12 // 60 * 60 - 60
    assert set(minute.data) - {"id", "at"} == set(told["series"])


# Changes


@pytest.mark.crashes("sessions/session:alice/session", DrillError)
async def test_a_crash_and_its_recovery_appear_on_the_page(page: Page) -> None:
    child = "sessions/session:alice/session"
    async with page.logged_in(OPERATOR) as ann, following(ann) as stream:
        first = await anext(stream)
        await ann.post("api/commands/drill", json={"child": child})
        facts: list[str] = []
        rows: list[Any] = []
        async for told in stream:
            assert told.kind in {"diff", "beat", "minute"}
            facts += [
                one["kind"]
                for one in told.data.get("set", {}).get("facts", {}).values()
                if one.get("child") == child
            ]
            rows += [told.data.get("set", {}).get("tree", {}).get(child)]
            if {"ChildFailed", "ChildStarted"} <= set(facts) and any(rows):
                break

    assert (first.kind, first.data["id"]) == ("state", first.number)
    assert next(row for row in reversed(rows) if row)["restarts"] == 1


async def test_a_page_goes_on_where_it_was(page: Page) -> None:
    async with page.logged_in(OPERATOR) as ann:
        place = (await ann.get("api/live")).json()["id"]
        await ann.post("api/commands/operations-begin", json={"kind": "mine"})
        async with following(ann, f"events/stream?from={place}") as stream:
            told = await anext(stream)
            while "operations" not in told.data.get("set", {}):
                told = await anext(stream)
        last = {"last-event-id": told.number}
        await ann.post("api/commands/operations-begin", json={"kind": "other"})
        async with following(ann, headers=last) as stream:
            more = await anext(stream)
            while "operations" not in more.data.get("set", {}):
                more = await anext(stream)

    assert [told.kind, more.kind] == ["diff", "diff"]
    assert [one["kind"] for one in more.data["set"]["operations"].values()] == ["other"]


async def test_a_place_that_nobody_knows_gets_the_whole_state(page: Page) -> None:
    async with (
        page.logged_in(LOOKER) as leo,
        following(leo, "events/stream?from=of-another-life-3") as stream,
    ):
        told = await anext(stream)

    assert told.kind == "state"
    assert "sessions" in told.data


async def test_a_change_tells_only_what_is_another_one() -> None:
    channel = Channel(Words())
    channel.see(sight(ALICE, BOB))
    online = dataclasses.replace(BOB, phase=Phase.ONLINE, health=Health.HEALTHY, reason="")
    before = json.loads(channel.whole())["id"]
    channel.see(sight(ALICE, online, at=1.0))
    later = dataclasses.replace(PLACE, seconds=9.0)
    channel.see(sight(ALICE, at=2.0, tree=later, ready=(True, "all well")))

    (frame,) = await next_frames(channel, before, count=1)
    first, second = (part + b"\n\n" for part in frame.split(b"\n\n")[:2])

    assert members(first)["set"] == {
        "sessions": {"bob": {"phase": "online", "health": "healthy", "since": 1000.0}}
    }
    assert "gone" not in members(first)
    assert members(second)["gone"] == {"sessions": ["bob"]}
    assert members(second)["top"] == {"ready": True, "readiness": "all well"}
    assert "set" not in members(second)


async def test_the_last_update_of_a_busy_session_is_no_change_each_second() -> None:
    channel = Channel(Words())
    channel.see(sight(dataclasses.replace(ALICE, last_update=1001.0)))
    before = json.loads(channel.whole())["id"]
    channel.see(sight(dataclasses.replace(ALICE, last_update=1008.0), at=7.0))

    assert json.loads(channel.whole())["id"] == before


async def test_all_pages_are_sent_the_same_bytes() -> None:
    channel = Channel(Words())
    channel.see(sight(ALICE))
    place = json.loads(channel.whole())["id"]
    channel.see(sight(BOB))

    one, other = [await next_frames(channel, place, count=1) for _ in range(2)]
    whole = [channel.whole() for _ in range(2)]

    assert one == other
    assert whole[0] is whole[1]


async def test_a_page_that_is_too_slow_loses_its_place_and_gets_the_whole_state() -> None:
    channel = Channel(Words(), kept=3)
    channel.see(sight(ALICE))
    place = json.loads(channel.whole())["id"]
    async with contextlib.aclosing(channel.frames(place, lambda: True)) as slow:
        await anext(slow)
        for number in range(5):
            channel.see(sight(dataclasses.replace(ALICE, recoveries=number + 1), at=number + 1.0))
        frame = await anext(slow)
        channel.see(sight(BOB, at=9.0))
        following_one = await anext(slow)

    assert frame.split(b"\n")[1] == b"event: state"
    assert members(frame)["sessions"]["alice"]["recoveries"] == 5
    assert members(following_one)["gone"] == {"sessions": ["alice"]}
    assert len(channel._frames) == 3


async def test_a_page_is_told_that_nothing_changes() -> None:
    channel = Channel(Words())
    channel.see(sight(ALICE))
    place = json.loads(channel.whole())["id"]
    async with contextlib.aclosing(channel.frames(place, lambda: True)) as frames:
        await anext(frames)
        waiting = asyncio.ensure_future(anext(frames))
        await asyncio.sleep(0)
        for number in range(10):
            channel.see(sight(ALICE, at=number + 1.0))
        beat = await waiting

    assert beat == b'event: beat\ndata: {"at":10.0}\n\n'


async def test_a_logout_ends_the_stream(page: Page) -> None:
    async with page.logged_in(OPERATOR) as ann, following(ann) as stream:
        await anext(stream)
        await ann.post("logout")
        async with page.logged_in(OPERATOR) as again:
            await again.post("api/commands/operations-begin", json={"kind": "mine"})
            kinds = [told.kind async for told in stream]

    assert kinds[-1] == "bye"


async def test_nothing_is_streamed_without_a_token(page: Page) -> None:
    async with page.browser() as browser:
        answers = [await browser.get(one) for one in ("events/stream", "api/live", "api/words")]

    assert [one.status_code for one in answers] == [401] * 3


async def test_trouble_is_told_and_the_last_state_stays(running: Running) -> None:
    async with httpx.AsyncClient(base_url=running.url) as client, following(client) as stream:
        first = await anext(stream)
        running.panel.failure = JournalUnavailableError()
        told = await anext(stream)
        while "problem" not in told.data.get("top", {}):
            told = await anext(stream)
        running.panel.failure = None

    assert "alice" in first.data["sessions"]
    assert told.data["top"]["problem"] == str(JournalUnavailableError())
    assert "gone" not in told.data


async def test_twenty_pages_cost_one_question_and_none_when_they_have_gone(
    running: Running,
) -> None:
    panel = running.panel
    async with contextlib.AsyncExitStack() as pages:
        client = await pages.enter_async_context(
            httpx.AsyncClient(base_url=running.url, limits=httpx.Limits(max_connections=30))
        )
        streams = [await pages.enter_async_context(following(client)) for _ in range(20)]
        for stream in streams:
            await anext(stream)
        first = panel.questions
    async with asyncio.timeout(SOON):
        while any(task.get_name() == "live page" for task in asyncio.all_tasks()):
            await asyncio.sleep(0.05)

    assert first <= 3


async def test_a_stop_ends_every_stream(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    async with page.logged_in(OPERATOR) as ann, following(ann) as stream:
        await anext(stream)
        await page.warden.stop()
        async for _ in stream:
            pass

    assert "did not end in time" not in caplog.text
