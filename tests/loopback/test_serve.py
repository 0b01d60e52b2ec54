"""The data centre as a process of its own, and in a thread for plain code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.sessions import StringSession

from telewarden.errors import ListenError, LoopbackStateError, StorageNotWritableError
from telewarden.loopback import Fault, LoopbackTelegram, RpcError
from telewarden.loopback.serve import serve

pytestmark = pytest.mark.loopback

PROGRAM = """
import sys, json, pathlib
from telewarden.loopback.serve import serve
options = json.loads(sys.argv[1])
for name in ("pubkey", "state", "scenario"):
    if options.get(name):
        options[name] = pathlib.Path(options[name])
sys.exit(serve(**options))
"""


@pytest.fixture
def run() -> Iterator[Callable[..., tuple[subprocess.Popen[str], dict[str, str]]]]:
    """Starts data centres as processes, waits for their line, kills what is left."""
    started: list[subprocess.Popen[str]] = []

    def start(**options: object) -> tuple[subprocess.Popen[str], dict[str, str]]:
        command = [sys.executable, "-c", PROGRAM, json.dumps(options)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("loopback Telegram ready: "), line
        return process, dict(part.split("=") for part in line.split()[3:])

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_one_line_serves_and_ends_by_a_signal(run, tmp_path, number):
    process, facts = run(pubkey=str(tmp_path / "pub.pem"), control=0)

    assert facts["dc"] == "2"
    assert facts["pubkey"] == str(tmp_path / "pub.pem")
    socket.create_connection(("127.0.0.1", int(facts["port"]))).close()
    socket.create_connection(("127.0.0.1", int(facts["control"]))).close()
    process.send_signal(number)

    assert process.wait(30) == 0
    assert process.stdout.read() == ""


async def test_a_client_of_another_process_logs_in_with_the_key_file(run, tmp_path):
    scenario = tmp_path / "scenario.json"
    scenario.write_text(
        json.dumps(
            {
                "accounts": [{"name": "Alice", "phone": "+9996620001"}],
                "bots": [{"name": "Helper", "username": "helper_bot", "owner": "+9996620001"}],
                "chats": [{"title": "News", "owner": "+9996620001"}],
            }
        )
    )
    _, facts = run(
        pubkey=str(tmp_path / "pub.pem"), code="54321", scenario=str(scenario), control=0
    )
    rsa.add_key((tmp_path / "pub.pem").read_text(), old=False)
    session = StringSession()
    session.set_dc(2, "127.0.0.1", int(facts["port"]))
    client = TelegramClient(session, 1, "loopback")
    await client.connect()

    await client.send_code_request("+9996620001")
    me = await client.sign_in("+9996620001", "54321")
    [dialog] = await client.get_dialogs()
    bot = await client.get_entity("helper_bot")
    await client.disconnect()

    assert (me.first_name, dialog.title, bot.bot_can_edit) == ("Alice", "News", True)


async def test_a_session_survives_a_killed_data_centre_with_a_state_file(run, tmp_path):
    state = tmp_path / "state.json"
    LoopbackTelegram(state=state)  # an empty world to begin with
    async with LoopbackTelegram(state=state) as tg:
        string = tg.mint(tg.add_account("Alice", phone="+9996620001"))
        port = tg.port
    process, _ = run(state=str(state), port=port)
    process.kill()
    process.wait()
    run(state=str(state), port=port)

    client = TelegramClient(StringSession(string), 1, "loopback")
    await client.connect()
    me = await client.get_me()
    await client.disconnect()

    assert me.first_name == "Alice"


def test_an_occupied_port_is_named_and_nothing_runs():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}"):
            serve(port=port)


def test_a_key_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(StorageNotWritableError, match=r"pub\.pem"):
        serve(pubkey=tmp_path / "nowhere" / "pub.pem")


@pytest.mark.parametrize(
    "content", ["no json", '{"chats": [{"title": "News"}]}', '{"accounts": [{"age": 3}]}']
)
def test_a_scenario_that_makes_no_sense_is_named(tmp_path, content):
    scenario = tmp_path / "scenario.json"
    scenario.write_text(content)

    with pytest.raises(LoopbackStateError, match=r"scenario\.json"):
        serve(scenario=scenario)


def test_plain_code_uses_one_in_a_thread(loopback_telegram_thread):
    tg = loopback_telegram_thread
    alice = tg.add_account("Alice")
    news = tg.add_channel("News", owner=alice)
    tg.post(news, "hello")
    tg.faults.add(Fault(method="contacts.*", action=RpcError("TIMEOUT"), times=1))

    async def talk() -> None:
        async with TelegramClient(StringSession(tg.mint(alice)), 1, "loopback") as client:
            [dialog] = await client.get_dialogs()
            await client.send_message(dialog, "from another thread")

    asyncio.run(talk())

    assert news.texts == ["hello", "from another thread"]


def test_what_goes_wrong_in_the_thread_is_raised_where_it_was_asked(loopback_telegram_thread):
    tg = loopback_telegram_thread
    tg.add_account("Alice", phone="+9996620001")

    with pytest.raises(ValueError, match="taken"):
        tg.add_account("Alice again", phone="+9996620001")


def test_the_key_is_the_same_everywhere_and_trusted_by_this_process(tmp_path: Path):
    tg = LoopbackTelegram()
    tg.trust()

    assert tg.pem == LoopbackTelegram().pem
    assert tg.pem.startswith("-----BEGIN RSA PUBLIC KEY-----")
