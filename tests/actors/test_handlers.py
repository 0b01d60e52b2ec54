"""A pair's own handler: the worked example against a small HTTP receiver, and its failures."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import json
import math
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from telewarden import Warden
from telewarden.actors import HandlerRequest, Handlers
from telewarden.errors import HandlerBusyError, HandlerClosedError, UnknownHandlerError
from telewarden.telegram import CopyChanged, DeadLettered, Forwarded, PairPaused

from .conftest import TABLES, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

EXAMPLE = Path(__file__).parents[2] / "examples" / "webhook_bridge.py"


def example() -> Any:
    spec = importlib.util.spec_from_file_location("webhook_bridge", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Receiver(ThreadingHTTPServer):
    """A webhook as Discord has them: POST, PATCH, DELETE; answers come from ``status``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.messages: dict[int, str] = {}
        self.keys: dict[str, int] = {}
        self.numbers = itertools.count(1000)
        self.status: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Request(BaseHTTPRequestHandler):
    server: Receiver

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def _take(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        key, hook = str(self.headers["Idempotency-Key"]), self.server
        status = hook.status.pop(0) if hook.status else 200
        number = int(self.path.rsplit("/", 1)[-1]) if self.command != "POST" else 0
        if status == 200 and self.command == "POST":
            number = hook.keys.setdefault(key, next(hook.numbers))
            hook.messages[number] = body["content"]
        elif status == 200 and self.command == "PATCH":
            hook.messages[number] = body["content"]
        elif status == 200:
            del hook.messages[number]
        answer = json.dumps({"id": str(number)}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PATCH = do_DELETE = _take  # noqa: N815 - the base's names


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
async def bridge(newsroom: Newsroom, receiver: Receiver, tables: Any) -> Newsroom:
    """Alice's pair posts to the webhook; footers and answers go along."""
    tables["pairs"][0] |= {
        "handler": "webhook",
        "options": {"url": receiver.url},
        "footer": "from Telegram",
    }
    del tables["pairs"][0]["target"]
    newsroom.handlers = {"webhook": example().WebhookHandler}
    newsroom.reconfigure(tables)
    await newsroom.start()
    return newsroom


async def test_what_is_said_goes_to_the_webhook_and_back_to_telegram(
    bridge: Newsroom, receiver: Receiver
) -> None:
    bridge.say("news_in", "one", "two")
    await bridge.hears(Forwarded, source_id=2)

    for number, content in receiver.messages.items():
        message = {"id": number, "content": content}
        for _ in range(2):  # webhooks are delivered at least once
            await example().into_telegram(bridge.warden.session("bob"), "@market_out", message)

    expected = ["one\n\nfrom Telegram", "two\n\nfrom Telegram"]
    assert list(receiver.messages.values()) == expected
    assert bridge.texts("market_out") == expected


async def test_edits_and_deletions_reach_the_webhook(bridge: Newsroom, receiver: Receiver) -> None:
    bridge.say("news_in", "one", "two")
    await bridge.hears(Forwarded, source_id=2)
    chat = bridge.chats["news_in"]
    first, second = chat.messages

    chat.edit_message(first, "one, corrected")
    await bridge.hears(CopyChanged, gone=False)
    chat.delete_messages([second])
    await bridge.hears(CopyChanged, gone=True)

    assert list(receiver.messages.values()) == ["one, corrected\n\nfrom Telegram"]


async def test_a_webhook_that_fails_is_tried_again_with_the_same_key(
    bridge: Newsroom, receiver: Receiver
) -> None:
    receiver.status = [503]
    bridge.say("news_in", "one", "two")

    await bridge.hears(Forwarded, source_id=2)

    assert list(receiver.messages.values()) == ["one\n\nfrom Telegram", "two\n\nfrom Telegram"]
    assert len(receiver.keys) == 2


async def test_a_message_that_the_webhook_refuses_becomes_a_dead_letter(
    bridge: Newsroom, receiver: Receiver
) -> None:
    receiver.status = [413]
    bridge.say("news_in", "too much", "two")

    dead = await bridge.hears(DeadLettered)
    await bridge.hears(Forwarded, source_id=2)

    assert "413" in dead.reason
    assert list(receiver.messages.values()) == ["two\n\nfrom Telegram"]


async def test_a_restart_repeats_nothing_that_the_webhook_has(
    bridge: Newsroom, receiver: Receiver
) -> None:
    bridge.say("news_in", "one")
    await bridge.hears(Forwarded, source_id=1)
    await bridge.stop()
    bridge.say("news_in", "meanwhile")
    await bridge.start()

    await bridge.hears(Forwarded, source_id=2)

    assert [text.split("\n")[0] for text in receiver.messages.values()] == ["one", "meanwhile"]


def test_a_handler_that_nobody_offers_is_refused_before_anything_starts() -> None:
    with pytest.raises(UnknownHandlerError, match="'telepathy'"):
        Handlers().check("telepathy")
    with pytest.raises(UnknownHandlerError):
        Warden(
            {
                **{name: TABLES[name] for name in ("telegram", "storage", "sessions", "loopback")},
                "pairs": [{"id": 1, "session": "alice", "source": 5, "handler": "telepathy"}],
            }
        )


def test_an_installed_package_offers_its_handler_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = tmp_path / "hooks-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: hooks\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[telewarden.handlers]\nhook = offered_hook:Hook\n")
    (tmp_path / "offered_hook.py").write_text("class Hook: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    found = Handlers().factory("hook")

    assert found.__name__ == "Hook"


class Elsewhere:
    """Delivers as its options say: what it returns, what it raises and how often."""

    returns: object = None
    raises: BaseException | None = None
    pauses: ClassVar[list[float]] = []  # asked for before it takes anything
    asked: ClassVar[list[str]] = []

    def __init__(self, options: object) -> None:
        self.options = options

    async def deliver(self, request: HandlerRequest) -> object:
        if self.pauses:
            raise HandlerBusyError("the other side", self.pauses.pop(0))
        self.asked.append(request.text)
        if self.raises is not None and request.text == "poison":
            raise self.raises
        return self.returns

    async def close(self) -> None:
        """Nothing is open."""


class Unheard:
    """Takes each post once, by its key; the answer to its first try is lost."""

    posts: ClassVar[dict[str, str]] = {}
    tries: ClassVar[list[str]] = []
    taken: ClassVar[asyncio.Event]

    def __init__(self, options: object) -> None:
        self.options = options

    async def deliver(self, request: HandlerRequest) -> int | None:
        if request.action != "post":
            [number] = request.receipts.values()
            key = list(self.posts)[number]
            if request.action == "delete":
                self.posts[key] = "deleted"
            else:
                self.posts[key] = request.text
            return None
        self.tries.append(request.text)
        self.posts.setdefault(request.key, request.text)
        if len(self.tries) == 1:
            self.taken.set()
            raise ConnectionError
        return list(self.posts).index(request.key)

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
async def unheard(newsroom: Newsroom, tables: Any) -> Newsroom:
    """A pair of alice's whose handler loses an answer."""
    tables["pairs"][0] |= {"handler": "unheard"}
    del tables["pairs"][0]["target"]
    Unheard.posts, Unheard.tries, Unheard.taken = {}, [], asyncio.Event()
    newsroom.handlers = {"unheard": Unheard}
    newsroom.reconfigure(tables)
    await newsroom.start()
    return newsroom


class Opened:
    """Notes which of its kind were closed, by their options."""

    closed: ClassVar[list[object]] = []

    def __init__(self, options: Mapping[str, object]) -> None:
        self.name = options.get("name")

    async def deliver(self, request: HandlerRequest) -> None:
        """It is only opened and closed."""

    async def close(self) -> None:
        self.closed.append(self.name)


async def test_a_handler_with_other_options_takes_the_place_of_one_that_is_closed(
    newsroom: Newsroom, tables: Any
) -> None:
    tables["pairs"][0] |= {"handler": "opened", "options": {"name": "first"}}
    del tables["pairs"][0]["target"]
    Opened.closed = []
    newsroom.handlers = {"opened": Opened}
    newsroom.reconfigure(tables)
    await newsroom.start()
    newsroom.say("news_in", "one")
    await newsroom.hears(Forwarded, pair=1)

    await newsroom.warden.pairs.change(1, options={"name": "second"})

    await newsroom.until(lambda: Opened.closed == ["first"])


async def test_what_was_handed_over_goes_again_as_it_was_and_an_edit_follows(
    unheard: Newsroom,
) -> None:
    chat = unheard.chats["news_in"]
    unheard.say("news_in", "one")
    async with asyncio.timeout(10):
        await Unheard.taken.wait()

    chat.edit_message(chat.messages[0], "one, corrected")
    await unheard.hears(CopyChanged, gone=False)

    assert Unheard.tries == ["one", "one"]
    assert list(Unheard.posts.values()) == ["one, corrected"]


async def test_what_was_handed_over_and_is_gone_goes_again_and_is_deleted(
    unheard: Newsroom,
) -> None:
    chat = unheard.chats["news_in"]
    unheard.say("news_in", "one")
    async with asyncio.timeout(10):
        await Unheard.taken.wait()

    chat.delete_messages([chat.messages[0]])
    await unheard.hears(CopyChanged, gone=True)

    assert list(Unheard.posts.values()) == ["deleted"]


@pytest.fixture
async def elsewhere(newsroom: Newsroom, tables: Any) -> Newsroom:
    """One source for two pairs of alice's: to Telegram, and to a handler of an app's."""
    tables["pairs"].append(
        {"id": 3, "session": "alice", "source": "@news_in", "handler": "elsewhere"}
    )
    tables["recovery"]["handler_tries"] = 2
    Elsewhere.asked = []
    newsroom.handlers = {"elsewhere": Elsewhere}
    newsroom.reconfigure(tables)
    return newsroom


@pytest.mark.parametrize(
    "value",
    ["message-17", ["17"], 2**80, math.nan, True],
    ids=["text", "list", "big", "nan", "bool"],
)
async def test_what_a_handler_returns_is_a_number_or_is_not_kept(
    elsewhere: Newsroom,
    value: object,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Elsewhere, "returns", value)
    await elsewhere.start()

    elsewhere.say("news_in", "one", "two")
    for source_id in (1, 2):
        told = await elsewhere.hears(Forwarded, pair=3, source_id=source_id)
        assert told.target_id is None
    await elsewhere.arrives("news_out", "one", "two")

    assert Elsewhere.asked == ["one", "two"]
    assert caplog.text.count("handler's number not kept pair=3") == 1


@pytest.mark.parametrize("error", [RuntimeError("why"), asyncio.CancelledError()], ids=repr)
async def test_a_message_that_a_handler_always_fails_with_holds_nothing_up(
    elsewhere: Newsroom,
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Elsewhere, "raises", error)
    await elsewhere.start()

    elsewhere.say("news_in", "poison", "two")
    dead = await elsewhere.hears(DeadLettered, pair=3)
    await elsewhere.hears(Forwarded, pair=3, source_id=2)
    await elsewhere.arrives("news_out", "poison", "two")

    assert dead.source_id == 1
    assert "handler failed" in dead.reason
    assert Elsewhere.asked == ["poison", "poison", "two"]
    assert caplog.text.count("handler failed pair=3 handler=elsewhere error=") == 1


async def test_a_pause_that_a_handler_asks_for_is_kept_and_counts_as_no_try(
    elsewhere: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "pauses", [0.01, 0.02, 0.03])  # one more than it has tries
    await elsewhere.start()

    elsewhere.say("news_in", "one")
    await elsewhere.hears(Forwarded, pair=3, source_id=1)
    await elsewhere.arrives("news_out", "one")

    assert Elsewhere.asked == ["one"]
    assert Elsewhere.pauses == []


async def test_who_looks_sees_which_pause_a_handler_asked_for(
    elsewhere: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "pauses", [240.0])
    await elsewhere.start()

    elsewhere.say("news_in", "one")
    await elsewhere.arrives("news_out", "one")

    await elsewhere.waits(3, "the other side takes nothing for 240 s")


async def test_a_handler_that_is_closed_to_its_pair_pauses_it_and_keeps_what_waits(
    elsewhere: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "raises", HandlerClosedError("the webhook is gone (404)"))
    warden = await elsewhere.start()

    elsewhere.say("news_in", "poison")
    paused = await elsewhere.hears(PairPaused, pair=3)
    monkeypatch.setattr(Elsewhere, "raises", None)
    await warden.pairs.resume(3)
    await elsewhere.hears(Forwarded, pair=3, source_id=1)
    await elsewhere.arrives("news_out", "poison")

    assert "the webhook is gone (404)" in paused.reason
    assert Elsewhere.asked == ["poison", "poison"]
