"""What a program may do is what its table says, at each call; refusals are noted."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Self

import pytest
from prometheus_client import generate_latest
from telethon import functions
from telethon.tl.alltlobjects import LAYER

from telewarden import parse_config, shared_client
from telewarden.config import ProgramConfig
from telewarden.errors import ConfigError, ShareRefusedError
from telewarden.sharing.rights import refusal
from telewarden.standalone.config_check import config_problems
from telewarden.telegram.sharing.frames import (
    HEAD,
    LONGEST_CALL,
    VERSION,
    FrameBuffer,
    Kind,
    pack_call,
    pack_said,
)

from .conftest import SOON, House, shared_tables

pytestmark = pytest.mark.session


@pytest.mark.parametrize(
    ("table", "method", "allowed"),
    [
        ({}, "messages.getHistory", True),
        ({}, "messages.search", True),
        ({}, "upload.getFile", True),
        ({}, "messages.sendMessage", False),
        ({}, "messages.getBotCallbackAnswer", False),
        ({}, "account.getTmpPassword", False),
        ({"read_only": False}, "messages.sendMessage", True),
        ({"read_only": False}, "auth.logOut", False),
        ({"read_only": False}, "account.updatePasswordSettings", False),
        ({"read_only": False, "methods": ["account.*"]}, "account.changePhone", False),
        (
            {"read_only": False, "methods": ["account.setAuthorizationTTL"]},
            "account.setAuthorizationTTL",
            True,
        ),
        ({"methods": ["messages.getHistory"]}, "messages.getHistory", True),
        ({"methods": ["messages.getHistory"]}, "messages.getDialogs", False),
        ({"methods": ["messages.getHistory"]}, "updates.getDifference", True),
        ({"methods": ["messages.*"]}, "messages.sendMessage", False),
        ({"read_only": False, "methods": ["messages.*"]}, "messages.sendMessage", True),
        ({"read_only": False, "methods": ["auth.*"]}, "auth.signIn", False),
    ],
)
def test_a_method_is_allowed_by_the_table(table: Any, method: str, allowed: bool) -> None:
    program = ProgramConfig.model_validate({"name": "bot", "sessions": ["alice"], **table})

    assert (refusal(program, method) is None) is allowed


async def test_a_reader_reads_and_does_not_write(house: House) -> None:
    house.say("news_in", "hello")
    async with house.client("reader") as client:
        (message,) = await client.get_messages("@news_in", limit=1)
        with pytest.raises(ShareRefusedError, match="read_only = false"):
            await client.send_message("@news_out", "no")

    assert message.raw_text == "hello"
    assert house.texts("news_out") == []


@pytest.mark.parametrize(
    ("program", "session", "why"),
    [
        ("stranger", "alice", "programs are: bot, reader"),
        ("bot", "bob", "not among the program's sessions"),
        ("reader", "dave", "dave"),
    ],
)
async def test_who_may_not_come_is_told_why(
    house: House, program: str, session: str, why: str
) -> None:
    with pytest.raises(ShareRefusedError, match=why):
        await house.client(program, session).connect()


async def test_what_the_table_says_now_holds_at_the_next_call(house: House) -> None:
    async with house.client() as client:
        await client.send_message("@news_out", "one")
        house.share(read_only=True)
        with pytest.raises(ShareRefusedError):
            await client.send_message("@news_out", "two")

    assert house.texts("news_out") == ["one"]


async def test_a_share_of_the_pace_is_kept(house: House) -> None:
    house.warden.config = house.warden.config.model_copy(
        update={
            "pacing": house.warden.config.pacing.model_copy(
                update={"per_account": 20.0, "burst": 1}
            )
        }
    )
    house.share(rate_share=0.5)
    loop = asyncio.get_running_loop()
    async with house.client() as client:
        peer = await client.get_input_entity("@news_out")
        since = loop.time()
        for number in range(6):
            await client.send_message(peer, str(number))

        assert loop.time() - since >= 0.45  # five after the first, at ten a second


async def test_a_program_keeps_to_the_accounts_pace_also_to_itself(house: House) -> None:
    pacing = house.warden.config.pacing.model_copy(update={"per_account": 10.0, "burst": 1})
    await house.warden.reload(house.warden.config.model_copy(update={"pacing": pacing}))
    loop = asyncio.get_running_loop()
    async with house.client() as one, house.client() as two:
        since = loop.time()
        for number in range(3):
            await one.send_message("@news_out", str(number))
            await two.send_message("me", str(number))

        assert loop.time() - since >= 0.45  # five after the first, at ten a second


async def test_use_and_refusals_are_audited_and_counted(house: House) -> None:
    async with house.client("reader") as client:
        for _ in range(3):
            with pytest.raises(ShareRefusedError):
                await client(functions.account.UpdateStatusRequest(offline=True))
    entries = await house.warden.registry.audit(limit=50)

    told = [(one.who, one.what, one.subject, one.outcome) for one in entries]
    assert ("program reader", "share", "alice", "done") in told
    refused = [one for one in told if one[1] == "share account.updateStatus"]
    assert len(refused) == 1
    assert refused[0][3].startswith("refused")
    metrics = generate_latest(house.warden.exporter.registry).decode()
    counted = 'telewarden_shared_requests_total{program="reader",result="refused"} 3.0'
    assert counted in metrics


class Raw:
    """Somebody at the socket who is no Telethon."""

    def __init__(self, house: House) -> None:
        self.path = house.config.share_socket
        self.frames = FrameBuffer(LONGEST_CALL)

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_unix_connection(str(self.path))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    def hello(self, **changes: object) -> bytes:
        said = {"version": VERSION, "layer": LAYER, "session": "alice", "program": "bot"}
        return pack_said(Kind.HELLO, 0, {**said, "updates": False, **changes})

    async def hears(self, data: bytes) -> list[Any]:
        """Say something and return the frames until the other end hangs up."""
        self.writer.write(data)
        async with asyncio.timeout(SOON):
            return list(self.frames.feed(await self.reader.read()))

    async def one(self, data: bytes) -> Any:
        """Say something and return the frame that follows."""
        self.writer.write(data)
        async with asyncio.timeout(SOON):
            head = await self.reader.readexactly(HEAD.size)
            length, _, _ = HEAD.unpack(head)
            (frame,) = self.frames.feed(head + await self.reader.readexactly(length))
        return frame


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        HEAD.pack(LONGEST_CALL + 1, Kind.HELLO, 0),
        HEAD.pack(3, Kind.HELLO, 0) + b"{}}",
        HEAD.pack(2, Kind.HELLO, 0) + b"[]",
        pack_call(1, b"too early"),
        pack_said(Kind.WELCOME, 0, {}),
    ],
    ids=["http", "too long", "no json", "no object", "a call first", "the owner's word"],
)
async def test_what_is_no_greeting_is_hung_up_on(house: House, said: bytes) -> None:
    async with Raw(house) as raw:
        (frame,) = await raw.hears(said)

    assert frame.kind is Kind.END
    assert frame.said["kind"] == "bad"


@pytest.mark.parametrize(
    ("changes", "why"), [({"layer": 1}, "layer"), ({"version": 99}, "another release")]
)
async def test_another_layer_or_release_is_refused_by_name(
    house: House, changes: dict[str, object], why: str
) -> None:
    async with Raw(house) as raw:
        (frame,) = await raw.hears(raw.hello(**changes))

    assert why in frame.said["why"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01\x02\x03",
        bytes(functions.help.GetConfigRequest()) + b"more",
        bytes(functions.InvokeWithLayerRequest(1, functions.help.GetConfigRequest())),
        bytes(functions.InvokeAfterMsgRequest(1, functions.help.GetConfigRequest())),
        bytes(functions.PingRequest(1)),
        bytes(functions.InvokeWithTakeoutRequest(1, functions.auth.LogOutRequest())),
    ],
    ids=["nothing", "noise", "two", "a layer", "after", "a ping", "a wrapped logout"],
)
async def test_what_is_no_request_of_a_program_never_reaches_telegram(
    house: House, data: bytes
) -> None:
    before = _asked(house)
    async with Raw(house) as raw:
        welcome = await raw.one(raw.hello())
        answer = await raw.one(pack_call(7, data))

    assert [welcome.kind, answer.kind] == [Kind.WELCOME, Kind.FAILED]
    assert (answer.number, answer.said["kind"]) == (7, "refused")
    assert _asked(house) == before


def _asked(house: House) -> dict[str, int]:
    calls = house.telegram.stats.calls
    return {method: calls[method] for method in ("help.getConfig", "ping", "auth.logOut")}


async def test_the_socket_is_this_users_alone(house: House) -> None:
    assert house.config.share_socket.stat().st_mode & 0o777 == 0o600


async def test_nobody_listens_where_nothing_is_shared(house: House) -> None:
    await house.warden.stop()
    house.config = house.config.model_copy(update={"share": None})

    with pytest.raises(ConfigError, match=r"add a \[share\] table"):
        shared_client("alice", config=house.config)
    with socket.socket(socket.AF_UNIX) as probe, pytest.raises(OSError, match="No such file"):
        probe.connect(str(house.config.folder / "share.sock"))


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ({"name": "bot", "sessions": ["nobody"]}, "names session 'nobody'"),
        ({"name": "bot", "sessions": []}, "sessions"),
        ({"name": "bot", "sessions": ["*"], "methods": ["sendMessage"]}, "methods"),
        ({"name": "bot", "sessions": ["*"], "rate_share": 2.0}, "rate_share"),
        ({"name": "two words", "sessions": ["*"]}, "name"),
    ],
)
def test_a_wrong_table_is_refused_by_name(tmp_path: Any, program: Any, why: str) -> None:
    tables = shared_tables(tmp_path)
    tables["share"]["programs"] = [program]

    with pytest.raises(ConfigError, match=why):
        parse_config(tables, base=tmp_path)


def test_a_socket_that_cannot_be_is_told_by_the_check(tmp_path: Any) -> None:
    tables = shared_tables(tmp_path)
    tables["share"]["socket"] = "x" * 120
    (long,) = config_problems(parse_config(tables, base=tmp_path))
    tables["console"]["socket"] = tables["share"]["socket"] = "/tmp/one.sock"
    (same,) = config_problems(parse_config(tables, base=tmp_path))

    assert long.startswith("share.socket: the path has")
    assert same.startswith("share.socket: the control socket is there")
