"""Mail and ntfy for real, the command line against a running warden, and what a check says."""

from __future__ import annotations

import asyncio
import email
import socketserver
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from telewarden import ConfigError, parse_config
from telewarden.standalone.config_check import config_problems

from .conftest import SOON, TOPIC, Receiver, until, warden_of, write_secret

pytestmark = pytest.mark.session


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail as SMTP has it, and nothing else."""

    daemon_threads = True

    def __init__(self) -> None:
        self.mails: SimpleQueue[Message] = SimpleQueue()
        super().__init__(("127.0.0.1", 0), _Mailing)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()
        self.port = self.server_address[1]

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Mailing(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line.strip().upper().split(b" ")[0]
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.put(email.message_from_bytes(text))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
            if word == b"QUIT":
                return


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


async def test_mail_and_ntfy_are_told_what_happened_and_what_to_do(
    tables: dict[str, Any], folder: Path, receiver: Receiver, mail_server: MailServer
) -> None:
    write_secret(folder / "ntfy.url", f"ntfy://127.0.0.1:{receiver.port}/{TOPIC}")
    address = (
        f"mailto://127.0.0.1:{mail_server.port}/?smtp=127.0.0.1&from=w@here.test&to=o@here.test"
    )
    write_secret(folder / "mail.url", address)
    tables["notify"]["channels"] = {
        "push": {"url": {"file": "ntfy.url"}, "language": "vi"},
        "mail": {"url": {"file": "mail.url"}, "only": ["SessionNeedsLogin"]},
    }
    tables["sessions"] = [{"name": "carol", "phone": "+9996620007"}]
    async with warden_of(tables, folder):
        push = (await receiver.takes()).data
        mail = await asyncio.to_thread(mail_server.mails.get, timeout=SOON)

    assert push["topic"] == TOPIC
    assert push["title"] == "[CRITICAL] SessionNeedsLogin: carol"
    assert "Phiên cần đăng nhập." in push["message"]
    assert "no stored login" in push["message"]
    assert mail["to"] == "o@here.test"
    assert mail["subject"] == "[CRITICAL] SessionNeedsLogin: carol"
    said = "".join(str(part.get_payload(decode=True)) for part in mail.walk())
    assert "telewarden auth carol" in said


async def test_the_command_line_shows_tests_silences_and_resumes(
    tables: dict[str, Any], folder: Path, receiver: Receiver
) -> None:
    tables["sessions"] = [{"name": "carol", "phone": "+9996620007"}]
    async with warden_of(tables, folder) as warden:
        await receiver.takes()

        async def is_noted() -> bool:
            firing = (await warden.alerts.standing()).firing
            return bool(firing) and firing[0].told == ("phone",)

        await until(is_noted)
        shown = await warden.command("alerts", {})
        tested = await warden.command("alerts test", {"channel": "phone"})
        silenced = await warden.command("alerts silence", {"name": "*", "seconds": "2h"})
        during = await warden.command("alerts", {})
        resumed = await warden.command("alerts resume", {})
        text, _ = warden.exporter.render()

    (alert,) = shown.model_dump()["alerts"]
    assert (alert["name"], alert["subject"], alert["told"]) == (
        "SessionNeedsLogin",
        "carol",
        ("phone",),
    )
    assert tested.model_dump()["channels"][0] == {"channel": "phone", "sent": True, "problem": ""}
    assert silenced.model_dump()["name"] == "*"
    assert [one["name"] for one in during.model_dump()["silences"]] == ["*"]
    assert resumed.model_dump()["names"] == ("*",)
    assert b'notifications_total{channel="phone",state="sent"} 1.0' in text
    assert b'notifications_total{channel="phone",state="failed"} 0.0' in text
    assert b'notifications_waiting{channel="phone"} 0.0' in text


def test_a_check_names_each_secret_of_a_channel_that_is_not_there(
    tables: dict[str, Any], folder: Path
) -> None:
    hook = {"url": {"file": "nowhere.url"}, "secret": {"env": "NO_SUCH_HOOK"}, "events": ["Probed"]}
    tables["notify"]["webhooks"] = {"app": hook}

    found = config_problems(parse_config(tables, base=folder))

    assert [one.partition(": ")[0] for one in found] == [
        "notify.webhooks.app.url",
        "notify.webhooks.app.secret",
    ]


SECRET = "ntfys://user:Passw0rd_of_a_channel@ntfy.sh/topic"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"channels": {"phone": {}}}, "give url or telegram"),
        ({"channels": {"phone": {"url": SECRET}}}, "must be a table of keys"),
        ({"channels": {"phone": {"url": {"env": SECRET}}}}, "looks like the secret itself"),
        ({"channels": {"Phone": {"telegram": 1}}}, "channels.Phone"),
        ({"channels": {"chat": {"telegram": 1}}}, "add [bot]"),
        ({"alerts": {"SessionDwon": {}}}, "no alert 'SessionDwon'"),
        ({"channels": {"x": {"telegram": 1, "only": ["Down"]}}}, "no alert 'Down'"),
        ({"zone": "Mars/Olympus"}, "no time zone"),
        ({"quiet": {"begin": "25:00", "end": "07:00"}}, "'25:00' is no time of day"),
        ({"quiet": {"begin": "07:00", "end": "07:00"}}, "are the same"),
        (
            {"webhooks": {"a": {"url": {"env": "A"}, "secret": {"env": "B"}, "events": ["X"]}}},
            "no event 'X'",
        ),
        ({"again": 5}, "is an unknown key"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place_and_no_secret_repeated(
    tables: dict[str, Any], given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config({**tables, "notify": given})

    assert said in str(refused.value)
    assert "notify" in str(refused.value)
    assert "Passw0rd" not in str(refused.value)
