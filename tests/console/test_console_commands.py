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


async def test_a_command_is_passed_on_with_every_parameter(
    owner: httpx.AsyncClient, panel: FakePanel
) -> None:
    answer = await owner.post("/api/commands/recover", json={"session": "alice"})

    assert (answer.status_code, answer.json()) == (200, {"sessions": ["alice"]})
    assert panel.told == [("recover", {"session": "alice", "all": False}, WHO)]


async def test_a_login_goes_step_by_step(owner: httpx.AsyncClient, panel: FakePanel) -> None:
    given = {"session": "alice", "step": "start"}
    started = await owner.post("/api/commands/login", json=given)
    given |= {"step": "code", "secret": "22222"}
    done = await owner.post("/api/commands/login", json=given)

    assert (started.json()["phase"], done.json()["phase"]) == ("awaiting_code", "online")
    assert panel.told[1] == ("login", given, WHO)


async def test_a_command_of_two_words_has_dashes_in_its_address(
    owner: httpx.AsyncClient, panel: FakePanel
) -> None:
    panel.failure = UnknownRecordError("pair", 7)

    answer = await owner.post("/api/commands/pairs-pause", json={"pair": 7})

    assert answer.status_code == 404
    assert (await owner.post("/api/commands/pairs-paus", json={})).json()["error"]["message"] == (
        "pairs-paus: there is no such command; did you mean pairs pause, pairs add, pairs read?"
    )


async def test_a_command_of_the_command_line_alone_is_refused(
    owner: httpx.AsyncClient, panel: FakePanel
) -> None:
    answer = await owner.post("/api/commands/keygen", json={})

    assert answer.status_code == 400
    assert "for the command line alone" in answer.json()["error"]["message"]
    assert panel.told == []


@pytest.mark.parametrize(
    ("command", "body", "kind", "message"),
    [
        ("login", b"{", "BadRequest", "the body is no JSON"),
        ("login", b"[1]", "BadRequest", "the body is no JSON object"),
        ("login", b"x" * 70_000, "BadRequest", "the body is longer than 65536 bytes"),
        (
            "login",
            b"{}",
            "BadCommandError",
            "login: session is missing; give it: The session's name.",
        ),
        (
            "login",
            b'{"session": "a", "step": ["x"]}',
            "BadCommandError",
            "give look, start, code, email, password, qr, scan, resend, cancel",
        ),
        (
            "login",
            b'{"session": "a", "step": "code", "secret": 22222}',
            "BadCommandError",
            "login: secret is not shown; give a text",
        ),
        ("drill", b'{"child": 5}', "BadCommandError", "drill: child is 5; give a text"),
        ("drill", b'{"chid": "x"}', "BadCommandError", "drill: there is no parameter 'chid'; it"),
        ("pairs-why", b'{"pair": 0}', "BadCommandError", "pairs why: pair is 0; give 1 or more"),
        ("pairs-why", b'{"pair": true}', "BadCommandError", "pairs why: pair is True; give 1 or"),
        ("change", b'{"session": "a", "priority": 11}', "BadCommandError", "give 1 to 10"),
        (
            "pairs-add",
            b'{"fields": ["foo", "a=1"]}',
            "BadCommandError",
            "pairs add: fields is 'foo a=1'; give KEY=VALUE",
        ),
        (
            "pairs-retry",
            b'{"pair": 3, "messages": ["abc"]}',
            "BadCommandError",
            "pairs retry: messages is 'abc'; give",
        ),
        ("audit", b'{"since": "soon"}', "BadCommandError", "audit: since is 'soon'; give a date"),
    ],
)
async def test_wrong_parameters_are_refused_with_what_is_wrong(
    owner: httpx.AsyncClient,
    panel: FakePanel,
    command: str,
    body: bytes,
    kind: str,
    message: str,
) -> None:
    answer = await owner.post(f"/api/commands/{command}", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == kind
    assert message in answer.json()["error"]["message"]
    assert panel.told == []


async def test_a_secret_in_a_broken_body_is_not_repeated(
    owner: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await owner.post(
        "/api/commands/login", content=b'{"step": "password", "secret": "hunter2"'
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

    answer = await owner.post("/api/commands/recover", json={"session": "alice"})

    assert answer.status_code == status
    assert answer.json() == {"error": {"type": type(error).__name__, "message": str(error)}}


async def test_an_actor_that_is_gone_is_said_to_be_unavailable(
    owner: httpx.AsyncClient, panel: FakePanel
) -> None:
    panel.failure = pykka.ActorDeadError("registry is gone")

    assert (await owner.post("/api/commands/recover", json={"session": "alice"})).status_code == 503


async def test_what_an_unexpected_error_says_stays_in_the_log(
    owner: httpx.AsyncClient, panel: FakePanel
) -> None:
    panel.failure = ValueError("+491701234567")

    answer = await owner.post("/api/commands/recover", json={"session": "alice"})

    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "ValueError"
    assert "+49" not in answer.text


def test_every_error_of_ours_has_a_status_that_is_an_error() -> None:
    def leaves(kind: type[TelewardenError]) -> set[type[TelewardenError]]:
        below = kind.__subclasses__()
        return {kind}.union(*(leaves(one) for one in below))

    statuses = {kind: status_of(kind.__new__(kind)) for kind in leaves(TelewardenError)}

    assert all(400 <= status < 600 for status in statuses.values())
