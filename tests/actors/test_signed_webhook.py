"""The signed webhook that ships: each message as one POST, until it is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from telethon.tl.types import MessageEntityTextUrl

from telewarden import Warden
from telewarden.errors import HandlerOptionsError
from telewarden.telegram import CopyChanged, DeadLettered, Forwarded, PairPaused

from .conftest import Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

SECRET = "a secret of more than 24 bytes"


class Receiver(ThreadingHTTPServer):
    """Takes what is signed; ``answers`` (status, Retry-After) come first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.taken: list[dict[str, Any]] = []
        self.tries: list[str] = []
        self.answers: list[tuple[int, str]] = []
        self.numbers = itertools.count(1000)

    @property
    def options(self) -> dict[str, Any]:
        return {"url": f"http://127.0.0.1:{self.server_port}/hook", "secret": {"env": "HOOK"}}


class _Request(BaseHTTPRequestHandler):
    server: Receiver

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        id_, stamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        digest = hmac.digest(SECRET.encode(), f"{id_}.{stamp}.".encode() + body, hashlib.sha256)
        self.server.tries.append(id_)
        status, pause = self.server.answers.pop(0) if self.server.answers else (200, "")
        if self.headers["webhook-signature"] != f"v1,{base64.b64encode(digest).decode()}":
            status = 401
        if status == 200:
            self.server.taken.append(json.loads(body))
        answer = json.dumps({"id": next(self.server.numbers)}).encode()
        self.send_response(status)
        if pause:
            self.send_header("Retry-After", pause)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("HOOK", SECRET)
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
async def bridge(newsroom: Newsroom, receiver: Receiver, tables: Any) -> Newsroom:
    """Alice's pair posts to the receiver."""
    tables["pairs"][0] |= {"handler": "webhook", "options": receiver.options}
    del tables["pairs"][0]["target"]
    newsroom.reconfigure(tables)
    await newsroom.start()
    return newsroom


async def test_a_message_comes_signed_with_its_entities_and_its_edit_with_its_number(
    bridge: Newsroom, receiver: Receiver
) -> None:
    chat = bridge.chats["news_in"]
    bridge.telegram.post(chat, "read 😀 this", entities=[MessageEntityTextUrl(8, 4, "https://a.b")])
    await bridge.hears(Forwarded, source_id=1)
    chat.edit_message(chat.messages[0], "corrected")
    await bridge.hears(CopyChanged, gone=False)
    chat.delete_messages([chat.messages[0]])
    await bridge.hears(CopyChanged, gone=True)

    post, edit, delete = receiver.taken
    (message,) = post["data"]["messages"]
    link = {"type": "TextUrl", "offset": 8, "length": 4, "url": "https://a.b"}
    assert (post["type"], message["text"], message["id"]) == ("message.post", "read 😀 this", 1)
    assert message["entities"] == [link]
    assert (edit["type"], edit["data"]["receipts"]) == ("message.edit", {"1": 1000})
    assert edit["data"]["messages"][0]["text"] == "corrected"
    assert (delete["type"], delete["data"]["receipts"]) == ("message.delete", {"1": 1000})


async def test_what_is_answered_is_told_by_the_receivers_number(
    bridge: Newsroom, receiver: Receiver
) -> None:
    chat = bridge.chats["news_in"]
    bridge.say("news_in", "question")
    await bridge.hears(Forwarded, source_id=1)
    bridge.telegram.post(chat, "answer", reply_to=chat.messages[0])
    await bridge.hears(Forwarded, source_id=2)

    assert [one["data"]["answers"] for one in receiver.taken] == [None, 1000]


@pytest.mark.parametrize("answer", [(503, ""), (429, "0")], ids=["failed", "busy"])
async def test_a_try_that_failed_is_repeated_under_the_same_id(
    bridge: Newsroom, receiver: Receiver, answer: tuple[int, str]
) -> None:
    receiver.answers = [answer]
    bridge.say("news_in", "one")
    await bridge.hears(Forwarded, source_id=1)

    first, second = receiver.tries
    assert first == second
    assert len(receiver.taken) == 1


async def test_what_the_receiver_refuses_is_a_dead_letter(
    bridge: Newsroom, receiver: Receiver
) -> None:
    receiver.answers = [(422, "")]
    bridge.say("news_in", "one", "two")
    dead = await bridge.hears(DeadLettered)
    await bridge.hears(Forwarded, source_id=2)

    assert "the receiver answered 422" in dead.reason


@pytest.mark.parametrize("status", [301, 401, 404, 410])
async def test_an_address_that_takes_nothing_any_more_pauses_the_pair(
    bridge: Newsroom, receiver: Receiver, status: int
) -> None:
    receiver.answers = [(status, "")]
    bridge.say("news_in", "one")
    paused = await bridge.hears(PairPaused)
    await bridge.warden.pairs.resume(1)
    await bridge.hears(Forwarded, source_id=1)

    assert f"the receiver answered {status}; look at the address and the secret" in paused.reason


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"secret": {"env": "HOOK"}}, "option url is no address"),
        ({"url": "http://127.0.0.1/"}, "option secret is missing"),
        (
            {"url": "http://127.0.0.1/", "secret": SECRET},
            "option secret is a secret; name its place",
        ),
        ({"url": "http://127.0.0.1/", "secret": {"env": "SHORT"}}, "it has 5 bytes; give 24"),
        ({"url": 5, "secret": {"env": "HOOK"}}, "option url is a int; give a text"),
        ({"url": "http://127.0.0.1/", "secret": {"env": "HOOK"}, "uri": ""}, "uri is not known"),
    ],
    ids=["no-url", "no-secret", "clear-secret", "short-secret", "wrong-type", "unknown"],
)
async def test_options_that_cannot_be_used_are_refused_before_anything_starts(
    receiver: Receiver,
    tables: Any,
    options: dict[str, Any],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHORT", "short")
    assert receiver.server_port
    tables["pairs"][0] |= {"handler": "webhook", "options": options}
    del tables["pairs"][0]["target"]

    with pytest.raises(HandlerOptionsError) as refused:
        Warden(tables)

    assert why in str(refused.value)
    assert SECRET not in str(refused.value)
