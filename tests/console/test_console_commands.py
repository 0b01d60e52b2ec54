"""What the owner of the control socket may do, and how a refusal is said."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import httpx
import pykka
import pytest

from telewarden.console import WHO
from telewarden.console.problems import status_of
from telewarden.errors import (
    AskTimeoutError,
    ChildNotFoundError,
    JournalUnavailableError,
    LoginBudgetError,
    NoLoginError,
    TelegramAuthError,
    TelegramRateLimitError,
    TelewardenError,
    UnknownRecordError,
)

if TYPE_CHECKING:
    from .conftest import FakePanel

pytestmark = pytest.mark.console


async def test_a_recovery_is_passed_on(owner: httpx.AsyncClient, panel: FakePanel) -> None:
    answer = await owner.post("/api/sessions/alice/recover")

    assert (answer.status_code, answer.json()["session"]) == (202, "alice")
    assert panel.told == [("recover", "alice", WHO)]


async def test_a_login_goes_step_by_step(owner: httpx.AsyncClient, panel: FakePanel) -> None:
    started = await owner.post("/api/sessions/alice/login", json={"step": "start"})
    done = await owner.post("/api/sessions/alice/login", json={"step": "code", "secret": "22222"})

    assert (started.json()["phase"], done.json()["phase"]) == ("awaiting_code", "online")
    assert panel.told == [
        ("login", "alice", "start", "", WHO),
        ("login", "alice", "code", "22222", WHO),
    ]


async def test_a_command_about_pairs_is_passed_on(
    owner: httpx.AsyncClient, panel: FakePanel
) -> None:
    answer = await owner.post("/api/pairs/reassign", json={"selection": "1-3", "to": "bob"})

    assert answer.json() == {"done": "reassign"}
    assert panel.told == [("pairs", "reassign", "selection=1-3", "to=bob")]


async def test_a_drill_names_its_child(owner: httpx.AsyncClient, panel: FakePanel) -> None:
    answer = await owner.post("/api/drill", json={"child": "sessions/session:alice/session"})

    assert answer.status_code == 202
    assert panel.told == [("drill", "sessions/session:alice/session", WHO)]


async def test_a_shutdown_is_answered_before_it_happens(
    owner: httpx.AsyncClient, panel: FakePanel
) -> None:
    answer = await owner.post("/api/shutdown")

    assert (answer.status_code, answer.json()) == (202, {"stopping": True})
    assert panel.told == [("shutdown", WHO)]


@pytest.mark.parametrize(
    ("target", "body", "message"),
    [
        ("sessions/a/login", b"{", "the body is no JSON"),
        ("sessions/a/login", b"[1]", "the body is no JSON object"),
        ("sessions/a/login", b"{}", "step is None; give start, code, password"),
        ("sessions/a/login", b'{"step": ["x"]}', "step is ['x']; give start, code, password"),
        ("sessions/a/login", b'{"step": "code"}', "step code needs a secret; give the code"),
        (
            "sessions/a/login",
            b'{"step": "code", "secret": 22222}',
            "secret is no text; give a string",
        ),
        ("sessions/a/login", b"x" * 20_000, "the body is longer than 16384 bytes"),
        ("drill", b"", "child is None; give a path such as sessions/session:alice"),
        ("drill", b'{"child": 5}', "child is 5; give a path such as sessions/session:alice"),
    ],
)
async def test_a_wrong_body_is_refused_with_what_is_wrong(
    owner: httpx.AsyncClient, panel: FakePanel, target: str, body: bytes, message: str
) -> None:
    answer = await owner.post(f"/api/{target}", content=body)

    assert answer.status_code == 400
    assert answer.json() == {"error": {"type": "BadRequest", "message": message}}
    assert panel.told == []


async def test_a_secret_in_a_broken_body_is_not_repeated(
    owner: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await owner.post(
        "/api/sessions/alice/login", content=b'{"step": "password", "secret": "hunter2"'
    )

    assert answer.status_code == 400
    assert "hunter2" not in answer.text + caplog.text


def auth_error(kind: type[TelegramAuthError | TelegramRateLimitError]) -> TelewardenError:
    return kind("session alice: no", session="alice", kind="x", action="y", name="Z")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnknownRecordError("session", "nobody"), 404),
        (ChildNotFoundError("sessions/none"), 404),
        (NoLoginError("alice"), 409),
        (auth_error(TelegramAuthError), 409),
        (auth_error(TelegramRateLimitError), 429),
        (LoginBudgetError("alice", spent=3, again_at=0.0), 429),
        (JournalUnavailableError(), 503),
        (AskTimeoutError("registry", 10.0), 504),
        (TelewardenError("something else"), 500),
    ],
)
async def test_a_refusal_has_its_class_its_sentence_and_a_fitting_status(
    owner: httpx.AsyncClient, panel: FakePanel, error: TelewardenError, status: int
) -> None:
    panel.failure = error

    answer = await owner.post("/api/sessions/alice/recover")

    assert answer.status_code == status
    assert answer.json() == {"error": {"type": type(error).__name__, "message": str(error)}}


async def test_an_actor_that_is_gone_is_said_to_be_unavailable(
    owner: httpx.AsyncClient, panel: FakePanel
) -> None:
    panel.failure = pykka.ActorDeadError("registry is gone")

    assert (await owner.post("/api/sessions/alice/recover")).status_code == 503


async def test_what_an_unexpected_error_says_stays_in_the_log(
    owner: httpx.AsyncClient, panel: FakePanel
) -> None:
    panel.failure = ValueError("+491701234567")

    answer = await owner.post("/api/sessions/alice/recover")

    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "ValueError"
    assert "+49" not in answer.text


def test_every_error_of_ours_has_a_status_that_is_an_error() -> None:
    def leaves(kind: type[TelewardenError]) -> set[type[TelewardenError]]:
        below = kind.__subclasses__()
        return {kind}.union(*(leaves(one) for one in below))

    statuses = {kind: status_of(kind.__new__(kind)) for kind in leaves(TelewardenError)}

    assert all(400 <= status < 600 for status in statuses.values())
