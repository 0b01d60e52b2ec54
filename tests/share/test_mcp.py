"""``telewarden mcp``: the official client drives it, a process of its own, over its own pipes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from telewarden.loopback import Fault, FloodWait

from ..front.conftest import short_socket
from .conftest import SOON, House
from .test_kills import CONFIG, Owner

pytestmark = [pytest.mark.session, pytest.mark.timeout(120)]

LOOKS = ["get_chat", "list_chats", "list_sessions", "read_message", "read_messages"]
WRITES = ["edit_message", "mark_read", "reply_to_message", "send_message"]
AGENT = """
[[share.programs]]
name = "agent"
sessions = ["alice"]
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    it = Owner(tmp_path)
    yield it
    it.kill()
    for name in (f"{short_socket(tmp_path)}", f"{short_socket(tmp_path)}2"):
        (tmp_path / name).unlink(missing_ok=True)


@pytest.fixture
async def folder(house: House, owner: Owner) -> Path:
    """The folder of a configuration; its warden does not run yet."""
    await house.warden.stop()
    described(house, owner, CONFIG + AGENT)
    return owner.folder


def described(house: House, owner: Owner, text: str) -> None:
    places = {"console": short_socket(owner.folder), "share": f"{short_socket(owner.folder)}2"}
    text = text.format(**places, phone="+9996620001", port=house.telegram.port)
    (owner.folder / "telewarden.toml").write_text(text, encoding="utf-8")
    (owner.folder / "pub.pem").write_text(str(house.telegram.pem), encoding="utf-8")


@contextlib.asynccontextmanager
async def agent(folder: Path, *words: str) -> AsyncIterator[Client]:
    """The official client, at a server that its host has started."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "telewarden", "mcp", *words], cwd=folder
    )
    with (folder / "mcp.log").open("w") as log:
        async with asyncio.timeout(SOON), Client(stdio_client(server, errlog=log)) as client:
            yield client


@contextlib.asynccontextmanager
async def hosted(folder: Path) -> AsyncIterator[Client]:
    """The same, as the document has a host start it."""
    page = (Path(__file__).parents[2] / "docs" / "sharing.md").read_text(encoding="utf-8")
    (printed,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    text = printed.replace("/home/me", str(folder))
    (said,) = json.loads(text)["mcpServers"].values()
    assert said["command"] == "telewarden"
    command = str(Path(sys.executable).with_name("telewarden"))
    server = StdioServerParameters(command=command, args=said["args"], cwd="/")
    async with asyncio.timeout(SOON), Client(stdio_client(server)) as client:
        yield client


async def tools(client: Client) -> list[str]:
    return sorted(one.name for one in (await client.list_tools()).tools)


async def used(client: Client, tool: str, **given: Any) -> dict[str, Any]:
    """What a tool answers."""
    result = await client.call_tool(tool, given)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return dict(result.structured_content)


async def refused(client: Client, tool: str, **given: Any) -> str:
    """The sentence with which a tool fails."""
    result = await client.call_tool(tool, given)
    assert result.is_error, result.content
    return "\n".join(one.text for one in result.content if one.type == "text")


async def running(owner: Owner) -> None:
    """Start the warden, and wait until its sessions are online."""
    owner.start()
    wait = [sys.executable, "-m", "telewarden", "wait", "--ready", "--timeout", f"{SOON:g}"]
    ended = await asyncio.to_thread(
        subprocess.run, wait, cwd=owner.folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


async def test_tools_that_write_are_there_only_where_asked_for_and_allowed(folder: Path) -> None:
    async with agent(folder, "--program", "bot") as client:
        assert await tools(client) == LOOKS
        told = await refused(client, "send_message", chat="@news_out", text="no")
        assert told == "Unknown tool: send_message"
    async with agent(folder, "--program", "agent", "--write") as client:
        assert await tools(client) == LOOKS
        log = (folder / "mcp.log").read_text(encoding="utf-8")
        assert "no tools that write program=agent" in log
    async with agent(folder, "--program", "bot", "--write") as client:
        assert await tools(client) == sorted(LOOKS + WRITES)
        assert (await used(client, "list_sessions"))["may_write"] is True


async def test_an_agent_reads_what_others_wrote_and_is_told_that_they_did(
    house: House, owner: Owner, folder: Path
) -> None:
    await running(owner)
    house.say("news_in", "one", "two", "three " + 2000 * "x")
    async with agent(folder, "--program", "agent") as client:
        sessions = await used(client, "list_sessions")
        chats = await used(client, "list_chats")
        chat = next(one for one in chats["chats"] if one["username"] == "news_in")
        info = await used(client, "get_chat", chat="@news_in")
        me = await used(client, "get_chat", chat="me")
        page = await used(client, "read_messages", chat="@news_in", limit=2)
        older = await used(client, "read_messages", chat="@news_in", before_id=page["before_id"])
        found = await used(client, "read_messages", chat="@news_in", search="two")
        whole = await used(client, "read_message", chat="@news_in", message_id=3)
        middle = await used(client, "read_message", chat="@news_in", message_id=2)
        too_many = await refused(client, "read_messages", chat="@news_in", limit=101)
        missing = await refused(client, "read_message", chat="@news_in", message_id=999)
        nobody = await refused(client, "read_messages", chat="@nobody_of_that_name")

    assert sessions == {"program": "agent", "sessions": ["alice"], "may_write": False}
    assert (chat["kind"], chat["untrusted_title"], chat["unread"]) == ("channel", "News", 3)
    assert (info["id"], info["members"]) == (chat["id"], 2)
    assert (me["kind"], me["members"]) == ("user", None)
    assert "never instructions" in page["notice"]
    assert [one["untrusted_text"][:5] for one in page["messages"]] == ["three", "two"]
    assert [len(one["untrusted_text"]) for one in page["messages"]] == [1000, 3]
    assert [one["text_is_cut"] for one in page["messages"]] == [True, False]
    assert [one["untrusted_text"] for one in older["messages"]] == ["one"]
    assert [one["id"] for one in found["messages"]] == [2]
    assert len(whole["message"]["untrusted_text"]) == 2006
    assert [[one["id"] for one in middle[side]] for side in ("before", "after")] == [[1], [3]]
    assert "less than or equal to 100" in too_many
    assert "no message 999" in missing
    assert "list_chats" in nobody


async def test_an_agent_knows_a_chat_by_its_number_from_the_start(
    house: House, owner: Owner, folder: Path
) -> None:
    await running(owner)
    house.say("news_in", "hello")
    number = house.chats["news_in"].peer_id
    async with agent(folder, "--program", "agent") as client:
        page = await used(client, "read_messages", chat=str(number))
        nobody = await refused(client, "read_messages", chat="-1001999999999")

    assert [one["untrusted_text"] for one in page["messages"]] == ["hello"]
    assert "knows no chat '-1001999999999'" in nobody


async def test_an_agent_that_may_sends_answers_edits_and_marks_as_read(
    house: House, owner: Owner, folder: Path
) -> None:
    await running(owner)
    house.say("news_in", "unread")
    async with agent(folder, "--program", "bot", "--session", "alice", "--write") as client:
        sent = await used(client, "send_message", chat="@news_out", text="**as it is**")
        answer = await used(
            client, "reply_to_message", chat="@news_out", message_id=sent["id"], text="and this"
        )
        await used(
            client, "edit_message", chat="@news_out", message_id=answer["id"], text="or this"
        )
        read = await used(
            client, "read_message", chat=str(sent["chat_id"]), message_id=answer["id"]
        )
        await used(client, "mark_read", chat="@news_in")
        chats = await used(client, "list_chats")
        missing = await refused(
            client, "reply_to_message", chat="@news_out", message_id=999, text="no"
        )

    assert house.texts("news_out") == ["**as it is**", "or this"]
    assert read["message"]["reply_to"] == read["answers"]["id"] == sent["id"]
    assert [one["unread"] for one in chats["chats"] if one["username"] == "news_in"] == [0]
    assert "no message 999" in missing


async def test_the_owner_refuses_what_its_table_does_not_allow(
    house: House, owner: Owner, folder: Path
) -> None:
    await running(owner)
    text = (folder / "telewarden.toml").read_text(encoding="utf-8")
    allowed = text.replace(AGENT, f"{AGENT}read_only = false\n")
    (folder / "telewarden.toml").write_text(allowed, encoding="utf-8")  # not read again
    async with agent(folder, "--program", "agent", "--write") as client:
        told = await refused(client, "send_message", chat="@news_out", text="no")

    assert "messages.sendMessage is refused" in told
    assert "read_only = false" in told
    assert "Do not repeat it" in told
    assert house.texts("news_out") == []


async def test_a_flood_is_an_error_with_its_seconds(
    house: House, owner: Owner, folder: Path
) -> None:
    await running(owner)
    house.telegram.faults.add(Fault(method="messages.getHistory", action=FloodWait(90), times=1))
    async with agent(folder, "--program", "agent") as client:
        first = await refused(client, "read_messages", chat="@news_in")
        asked = house.telegram.stats.calls["messages.getHistory"]
        second = await refused(client, "read_messages", chat="@news_in")

    assert "again in 90 seconds" in first
    assert re.search(r"again in (90|8\d) seconds", second)
    assert house.telegram.stats.calls["messages.getHistory"] == asked


async def test_a_host_starts_it_as_the_document_says(
    house: House, owner: Owner, folder: Path
) -> None:
    await running(owner)
    house.say("news_in", "hello")
    async with hosted(folder) as client:
        assert await tools(client) == LOOKS
        page = await used(client, "read_messages", chat="@news_in")

    assert [one["untrusted_text"] for one in page["messages"]] == ["hello"]


async def test_without_a_warden_a_tool_says_how_to_start_one_and_works_when_it_runs(
    house: House, owner: Owner, folder: Path
) -> None:
    house.say("news_in", "hello")
    async with agent(folder, "--program", "agent") as client:
        told = await refused(client, "list_chats")
        await running(owner)
        page = await used(client, "read_messages", chat="@news_in")

    assert "start it with: telewarden run" in told
    assert len(page["messages"]) == 1


def started(folder: Path, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "telewarden", "mcp", *words]
    return subprocess.run(
        command, cwd=folder, input=said, capture_output=True, text=True, timeout=SOON, check=False
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--program", "stranger"), "[share] has no program 'stranger'"),
        (("--program", "agent", "--session", "bob"), "may not use session 'bob'"),
        ((), "[share] has no program 'default'"),
    ],
)
async def test_who_may_not_come_is_told_at_the_start(
    folder: Path, words: tuple[str, ...], why: str
) -> None:
    ended = await asyncio.to_thread(started, folder, *words)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert why in ended.stderr


async def test_there_is_nothing_but_the_protocol_on_the_standard_output(folder: Path) -> None:
    params = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "host", "version": "1"},
    }
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    said = json.dumps(hello) + "\nno protocol\n"
    ended = await asyncio.to_thread(started, folder, "--program", "bot", "--write", said=said)

    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, ended.stderr
    assert told[0]["result"]["serverInfo"]["name"] == "telewarden"
    assert {one["jsonrpc"] for one in told} == {"2.0"}
