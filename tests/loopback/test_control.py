"""The control port, asked over HTTP as a shell script would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import errors

from telewarden.errors import ListenError
from telewarden.loopback.control_port import ControlPort
from telewarden.loopback.faults import actions

pytestmark = pytest.mark.loopback


class Steering:
    """Asks the control port."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def raw(self, data: bytes) -> tuple[int, Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)

    async def ask(self, method: str, path: str, /, **body: Any) -> tuple[int, Any]:
        data = json.dumps(body).encode() if body else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        return await self.raw(head.encode() + data)

    async def ok(self, method: str, path: str, /, **body: Any) -> Any:
        status, answer = await self.ask(method, path, **body)
        assert status == 200, answer
        return answer


@pytest.fixture
async def steering(tg) -> AsyncIterator[Steering]:
    port = ControlPort(tg)
    await port.start()
    yield Steering(port.port)
    await port.stop()


async def test_a_world_is_set_up_and_used_over_the_port(tg, steering, connect):
    alice = await steering.ok("POST", "/accounts", name="Alice", phone="+9996620001")
    await steering.ok("POST", "/accounts", name="Bob", phone="+9996620002")
    chat = await steering.ok("POST", "/chats", title="News", owner=alice["id"])
    await steering.ok("POST", "/join", chat="News", account="+9996620002")
    minted = await steering.ok("POST", "/mint", account="9996620002")
    client = await connect(tg, minted["session"])

    await steering.ok("POST", "/post", chat=chat["peer_id"], text="hello")

    await client.get_dialogs()
    assert (await client.get_messages(chat["peer_id"]))[0].raw_text == "hello"
    [message] = await steering.ok("GET", f"/history?chat={chat['peer_id']}")
    assert (message["id"], message["text"], message["author"]) == (1, "hello", alice["id"])
    listed = await steering.ok("GET", "/accounts")
    assert [account["connections"] for account in listed] == [0, 1]


async def test_a_bot_is_made_over_the_port_and_signs_in_with_the_token_that_is_told(
    tg, steering, alice, connect
):
    made = await steering.ok("POST", "/bots", name="Helper", username="helper_bot", owner=alice.id)
    client = await connect(tg)

    assert (await client.sign_in(bot_token=made["token"])).id == made["id"]


async def test_rules_are_added_listed_and_removed_over_the_port(
    tg, steering, alice, loopback_client
):
    client = await loopback_client(alice)
    rule = await steering.ok(
        "POST",
        "/faults",
        method="messages.sendMessage",
        account=alice.id,
        times=1,
        action={"kind": "rpc_error", "text": "CHAT_INVALID"},
    )

    with pytest.raises(errors.ChatInvalidError):
        await client.send_message("me", "struck")
    [listed] = await steering.ok("GET", "/faults")
    assert (listed["id"], listed["struck"], listed["times"]) == (rule["id"], 1, 1)
    await steering.ok("DELETE", f"/faults/{rule['id']}")

    assert await steering.ok("GET", "/faults") == []
    assert (await steering.ok("GET", "/stats"))["errors"] == {"CHAT_INVALID": 1}


@pytest.mark.crashes(logged="Automatic reconnection failed")
async def test_connections_are_cut_and_logins_ended_over_the_port(
    tg, steering, alice, loopback_client
):
    client = await loopback_client(alice, auto_reconnect=False)

    assert await steering.ok("POST", "/cut", account=alice.id) == {"cut": 1}
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await client.disconnected
    assert await steering.ok("POST", "/revoke", account=alice.id) == {"revoked": 1}


async def test_the_last_code_is_read_over_the_port(tg, steering, loopback_client):
    client = await loopback_client()
    await client.send_code_request("+9996620009")

    assert await steering.ok("GET", "/code?phone=9996620009") == {"code": "22222"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("GET", "/nowhere", {}, 404, "there is no /nowhere"),
        ("PUT", "/faults", {}, 405, "does not take PUT"),
        ("POST", "/accounts", {}, 400, "'name' is missing"),
        ("POST", "/accounts", {"name": "A", "age": 3}, 400, "unknown field 'age'"),
        ("POST", "/bots", {"name": "A", "username": "a_bot", "token": "x"}, 400, "no token of"),
        ("POST", "/post", {"chat": "Nowhere", "text": "x"}, 404, "there is no chat Nowhere"),
        ("POST", "/mint", {"account": 1}, 404, "there is no account 1"),
        ("POST", "/faults", {"action": "boom"}, 400, "action is not an object"),
        ("POST", "/faults", {"action": {"kind": "boom"}}, 400, "give one of rpc_error"),
        ("POST", "/faults", {"action": {"kind": "delay"}}, 400, "needs 'seconds'"),
        ("POST", "/faults", {"action": {"kind": "silence", "x": 1}}, 400, "has no 'x'"),
        ("POST", "/faults", {"action": {"kind": "rpc_error"}}, 400, "action.text"),
        ("POST", "/faults", {"action": {"kind": "silence"}, "times": 0}, 400, "Fault.times"),
        ("DELETE", "/faults/7", {}, 404, "there is no rule 7"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_a_sentence(
    steering, method, path, body, status, sentence
):
    got, answer = await steering.ask(method, path, **body)

    assert got == status
    assert sentence in answer["error"]


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"POST /post HTTP/1.1\r\nContent-Length: 3\r\n\r\nno!",
        b"POST /post HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]",
        b"POST /post HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /post HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ],
    ids=["no request", "no JSON", "no object", "negative length", "no number"],
)
async def test_what_is_no_request_is_refused_and_the_port_lives_on(steering, data):
    status, _ = await steering.raw(data)

    assert status == 400
    await steering.ok("GET", "/")


async def test_an_occupied_control_port_is_named(tg, steering):
    with pytest.raises(ListenError, match=f"127.0.0.1:{steering.port}"):
        await ControlPort(tg, port=steering.port).start()


@pytest.mark.parametrize(
    "action",
    [
        actions.RpcError("FLOOD_WAIT_3", executed=True),
        actions.FloodWait(3),
        actions.Delay(1.5, executed=True),
        actions.CutConnection(reset=True),
        actions.TransportError(-429, raw=True),
        actions.VoidKey(None),
        actions.StallReading(2),
        actions.Refuse(),
    ],
    ids=actions.kind_of,
)
def test_every_action_is_the_same_after_a_way_through_json(action):
    text = json.dumps(actions.action_to_json(action))

    assert actions.action_from_json(json.loads(text)) == action
