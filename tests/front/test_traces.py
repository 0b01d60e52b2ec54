"""OpenTelemetry spans of a warden, read with the SDK's own exporter in memory."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from telewarden import Phase, Warden, parse_config
from telewarden.errors import DrillError
from telewarden.loopback import Fault, LoopbackTelegram, RpcError
from telewarden.service.traces import process_provider

from .conftest import Shell

pytestmark = [pytest.mark.session, pytest.mark.timeout(180)]

SOON = 40.0  # seconds, on a machine that is busy with other things
ALICE, PRESS, TITLE, TEXT = "+9996620001", "+9996620009", "Secret circle", "the words of it"
TABLES: dict[str, Any] = {
    "telegram": {"api_id": 1},
    "storage": {"folder": "store", "master_key": {"file": "master.key", "create": True}},
    "recovery": {"backoff_initial": 0.05, "backoff_max": 0.2},
    "sessions": [{"name": "alice", "phone": ALICE}],
    "pairs": [{"id": 7, "session": "alice", "source": "@news_in", "target": "@news_out"}],
    "loopback": {
        "accounts": [{"name": "alice", "phone": ALICE}, {"name": "press", "phone": PRESS}],
        "chats": [
            {"username": "news_in", "title": TITLE, "owner": "press", "members": ["alice"]},
            {"username": "news_out", "title": "Out", "owner": "alice"},
        ],
    },
}


class Traced:
    """A warden that runs, and the spans that have ended."""

    def __init__(self, warden: Warden, exporter: InMemorySpanExporter) -> None:
        self.warden, self._exporter = warden, exporter

    @property
    def telegram(self) -> LoopbackTelegram:
        standin = self.warden.standin
        assert standin is not None
        assert standin.telegram is not None
        return standin.telegram

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == f"telewarden.{name}"]

    def parts(self, whole: ReadableSpan) -> list[ReadableSpan]:
        """What is a part of a span, the first one first."""
        assert whole.context is not None
        here = whole.context.span_id
        found = [one for one in self.spans if one.parent is not None and one.parent.span_id == here]
        return sorted(found, key=lambda one: one.start_time or 0)

    def post(self) -> int:
        press = self.telegram.account(PRESS)
        (chat,) = [one for one in self.telegram.chats if one.username == "news_in"]
        return self.telegram.post(chat, TEXT, author=press).id

    async def until_ready(self) -> None:
        """Until messages that come now are forwarded."""
        async with asyncio.timeout(SOON):
            while not [
                pair
                for group in (await self.warden.overview()).groups
                for pair in group.pairs
                if pair.ready
            ]:
                await asyncio.sleep(0.02)

    async def until(self, check: Callable[[], Any]) -> Any:
        async with asyncio.timeout(SOON):
            while not (found := check()):
                await asyncio.sleep(0.02)
        return found


@pytest.fixture
async def traced(tmp_path: Path) -> AsyncIterator[Traced]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    config = parse_config(TABLES, base=tmp_path)
    async with Warden(config, tracer_provider=provider) as warden:
        await warden.session("alice").wait_online()
        it = Traced(warden, exporter)
        await it.until_ready()
        yield it
    provider.shutdown()
    secret = [ALICE, ALICE[1:], TITLE, TEXT, "news_in"]
    told = " ".join(one.to_json() for one in it.spans)
    assert not [one for one in secret if one in told]


async def forwarded(traced: Traced) -> ReadableSpan:
    message = traced.post()
    (whole,) = await traced.until(lambda: of(traced, message))
    return whole  # type: ignore[no-any-return]


def of(traced: Traced, message: int) -> list[ReadableSpan]:
    return [
        one for one in traced.named("message") if attributes(one)["telewarden.source_id"] == message
    ]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_messages_way_is_one_trace_of_its_parts_in_order(traced: Traced) -> None:
    whole = await forwarded(traced)
    parts = traced.parts(whole)

    names = [one.name.removeprefix("telewarden.message.") for one in parts]
    assert names == ["outbox", "queue", "send"]
    assert {one.context.trace_id for one in (whole, *parts) if one.context} == {
        whole.context.trace_id if whole.context else 0
    }
    assert [one.end_time for one in parts[:-1]] <= [one.start_time for one in parts[1:]]
    assert whole.parent is None
    assert whole.status.description is None
    assert [event.name for event in whole.events] == ["confirmed"]
    assert attributes(whole)["telewarden.session"] == "alice"
    assert attributes(whole)["telewarden.pair"] == 7
    assert attributes(whole)["telewarden.lag"] >= 0


async def test_a_try_that_fails_is_a_part_of_its_own_with_telegrams_word(traced: Traced) -> None:
    fault = Fault(method="messages.forwardMessages", times=1, action=RpcError("RPC_CALL_FAIL", 500))
    traced.telegram.faults.add(fault)

    parts = traced.parts(await forwarded(traced))

    sends = [one for one in parts if one.name == "telewarden.message.send"]
    assert [one.status.description for one in sends] == ["RPC_CALL_FAIL", None]


@pytest.mark.crashes("*:alice/session", DrillError)
async def test_a_recovery_has_a_part_for_each_try(traced: Traced) -> None:
    before = len(await traced.until(lambda: traced.named("session.recovery")))

    await traced.warden.drill("sessions/session:alice/session")
    await traced.until(lambda: len(traced.named("session.recovery")) > before)
    whole = traced.named("session.recovery")[-1]

    (one,) = traced.parts(whole)
    assert one.name == "telewarden.session.recovery.try"
    assert attributes(one)["telewarden.rung"] == attributes(whole)["telewarden.rung"] == "string"


async def test_a_login_has_a_part_for_each_step(traced: Traced) -> None:
    (first,) = traced.named("session.login")

    assert [one.name for one in traced.parts(first)] == ["telewarden.session.login.awaiting_code"]


async def test_a_login_that_is_given_up_ends_with_the_phase(traced: Traced) -> None:
    session = traced.warden.session("alice")
    await session.logout()
    await session.login("start")
    await traced.warden.stop()

    assert traced.named("session.login")[-1].status.description == Phase.STOPPING.value


async def test_commits_of_the_journal_are_spans_with_how_much_they_wrote(traced: Traced) -> None:
    await forwarded(traced)
    commits = await traced.until(lambda: traced.named("journal.commit"))

    assert all(attributes(one)["telewarden.writes"] >= 1 for one in commits)
    assert all((one.end_time or 0) >= (one.start_time or 0) for one in commits)


async def test_without_a_provider_nothing_of_it_is_there(tmp_path: Path) -> None:
    async with Warden(parse_config(TABLES, base=tmp_path)) as warden:
        await warden.session("alice").wait_online()
        groups = warden.snapshot().find("sessions/session:alice/groups")
        assert groups is not None
        (group,) = groups.children

    assert group.actor == "WorkerGroupActor"


RUN = """\
import runpy, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

provider = TracerProvider()
out = open("spans.jsonl", "w")
line = lambda span: span.to_json(indent=None) + "\\n"
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=out, formatter=line)))
trace.set_tracer_provider(provider)
sys.argv[0] = "telewarden"
runpy.run_module("telewarden", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("off", [False, True], ids=["on", "switched off"])
def test_run_uses_the_provider_that_the_process_was_given(shell: Shell, off: bool) -> None:
    (shell.folder / "traced.py").write_text(RUN, encoding="utf-8")
    if off:
        shell.environment["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "redis, telewarden"
    process = subprocess.Popen(
        [sys.executable, "traced.py", "run", "telewarden.toml"],
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    shell.running.append(process)
    shell.until(process, "online by string")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=SOON)

    lines = (shell.folder / "spans.jsonl").read_text(encoding="utf-8").splitlines()
    names = {json.loads(one)["name"] for one in lines}
    assert process.returncode == 0
    wanted = {
        "telewarden.session.login",
        "telewarden.session.recovery",
        "telewarden.journal.commit",
    }
    assert names == set() if off else wanted <= names


def test_a_process_without_a_provider_has_none() -> None:
    assert process_provider() is None
