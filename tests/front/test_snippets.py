"""Each snippet of the README, the pages and the docstrings that users meet first runs as printed.

Or it says here why it does not. A snippet is known by its page and its number there, an example by
whose docstring it is in. What its text takes for granted (a warden that
runs, a folder with a configuration) is made for it; the snippet itself is not changed.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import json
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
import tomllib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from telethon.tl.functions.help import GetNearestDcRequest

from telewarden import Warden, parse_config, safe_session, safety_check
from telewarden.actors import Handlers, OperationStuck
from telewarden.api.operations import Operations
from telewarden.api.pairs import Pairs
from telewarden.api.registry import Registry
from telewarden.api.session import SessionHandle
from telewarden.api.sessions import Sessions
from telewarden.loopback import LoopbackTelegram
from telewarden.notify.webhooks import headers_of
from telewarden.standalone.safe_session import SafeSession
from telewarden.storage import MasterKey
from telewarden.testing import RegistryKit

from ..offline import CLOSED_IN
from ..postgres_server import PostgresServer
from ..postgres_server import programs as programs_of_postgres

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES: Final = ("README.md", *sorted(f"docs/{one.name}" for one in (ROOT / "docs").glob("*.md")))
RUN: Final = {"python", "toml", "sh", "json"}
SHOWN: Final = {"text", "mermaid"}  # output and drawings; the phases' is compared with its table
ELSEWHERE: Final = {
    "docs/supervision.md": "tests/supervision/test_supervision_docs.py runs each",
    "docs/loopback.md python": "tests/loopback/test_documentation.py runs each",
    "docs/sharing.md json": "tests/share/test_mcp.py starts what it says",
    "docs/configuration.md": "tests/front/test_documents.py reads it as it is printed",
}
WITHIN: Final = 50.0  # seconds
PASSWORD: Final = "..."

pytestmark = [pytest.mark.session, pytest.mark.checkout, pytest.mark.timeout(120)]


def blocks(page: str) -> list[tuple[str, str]]:
    """The language and the text of each snippet of a page."""
    return [(one[1], one[2]) for one in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8"))]


def snippet(page: str, number: int, language: str = "python") -> str:
    return [text for kind, text in blocks(page) if kind == language][number]


CONFIG = """\
[telegram]
api_id = 1
[storage]
folder = "store"
master_key = { file = "key", create = true }
[console]
port = 0
socket = "c.sock"
[[sessions]]
name = "alice"
phone = "+9996620001"
[[sessions]]
name = "bob"
phone = "+9996620002"
[[pairs]]
id = 3
session = "alice"
source = "@market_in"
target = "@market_out"
"""
OWN = """\
[loopback]
[[loopback.accounts]]
name = "alice"
phone = "+9996620001"
[[loopback.accounts]]
name = "bob"
phone = "+9996620002"
"""
CHATS = "".join(
    f'[[loopback.chats]]\nusername = "{name}"\ntitle = "{name}"\nkind = "supergroup"\n'
    'owner = "alice"\nmembers = ["bob"]\n'
    for name in ("market_in", "market_out", "news_in", "news_out")
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the snippets are run: a folder with the configurations that they name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEWARDEN_KEY", MasterKey.generate())
    for name in ("telewarden.toml", "forwarding.toml"):
        (tmp_path / name).write_text(CONFIG + OWN + CHATS, encoding="utf-8")
    return tmp_path


async def run(text: str, **known: Any) -> dict[str, Any]:
    """Run a snippet, which may wait at its top level, with what its page has made known."""
    code = compile(text, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, Any] = dict(known)
    async with asyncio.timeout(WITHIN):
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, names)  # noqa: S307 - our own page
        else:  # plain code, which may block: in a thread, where no loop runs
            await asyncio.to_thread(exec, code, names)
    return names


@contextlib.asynccontextmanager
async def running(name: str = "forwarding.toml") -> AsyncIterator[Warden]:
    """A warden whose sessions are online and whose pair is ready."""
    async with Warden(name) as warden:
        for session in ("alice", "bob"):
            await warden.session(session).wait_online(WITHIN)
        async with asyncio.timeout(WITHIN):
            while not [p for g in (await warden.overview()).groups for p in g.pairs if p.ready]:
                await asyncio.sleep(0.05)
        yield warden


async def has_run() -> None:
    """Leave what a warden leaves that has run: logins, and a copy of the database."""
    async with running() as warden:
        await warden.backups.take()


# One for each snippet: what its text takes for granted, and what must come of it.


async def readme(text: str) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", text],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), *sys.path]))},
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "NearestDc" in done.stdout


async def a_pair(text: str) -> None:
    tables = {**tomllib.loads(CONFIG + OWN), "pairs": tomllib.loads(text)["pairs"]}
    assert parse_config(tables).pairs[0].mode == "copy"


async def handlers_that_ship(text: str) -> None:
    pairs = tomllib.loads(text)["pairs"]
    secrets = {
        "HOOK_SECRET": "a secret of more than 24 bytes",
        "DISCORD_WEBHOOK": f"https://discord.com/api/webhooks/{'1' * 18}/{'s' * 64}",
        "DISCORD_TOKEN": "a token",
    }
    with pytest.MonkeyPatch.context() as patched:
        for name, value in secrets.items():
            patched.setenv(name, value)
        for pair in parse_config({**tomllib.loads(CONFIG + OWN), "pairs": pairs}).pairs:
            Handlers().check(pair.handler, pair.options)


async def an_allow_list(text: str) -> None:
    bot = parse_config({**tomllib.loads(CONFIG + OWN), **tomllib.loads(text)}).bot
    assert bot is not None
    assert [user.role for user in bot.allow] == ["operator", "read-only"]


async def tokens_of_the_console(text: str) -> None:
    given = tomllib.loads(CONFIG + OWN)
    given["console"] |= tomllib.loads(text)["console"]
    assert [token.role for token in parse_config(given).console.tokens] == ["operator", "read-only"]


async def a_bot_to_play_with(text: str) -> None:
    assert parse_config(tomllib.loads(text)).bot_token().startswith("7000000001:")


async def rules(text: str) -> None:
    assert {"wanted", "change"} <= set(await run(text))


async def a_handler(text: str) -> None:
    await (await run(text))["Printer"]({"prefix": ">"}).close()


async def pair_orders(text: str) -> None:
    async with running() as warden:
        await run(text, warden=warden)


async def registrations(text: str) -> None:
    await run(text, Warden=Warden)


async def an_audit(text: str) -> None:
    async with running() as warden:
        await warden.sessions.change("alice", priority=2)
        await run(text, warden=warden, yesterday=0.0)


async def a_registry_kit(text: str) -> None:
    folder = await asyncio.to_thread(Path.cwd)
    await run(text, RegistryKit=RegistryKit, OperationStuck=OperationStuck, tmp_path=folder)


@contextlib.asynccontextmanager
async def nobody_logged_in() -> AsyncIterator[None]:
    """A data centre whose accounts nobody has logged in, and a configuration that leads there."""
    async with LoopbackTelegram(code="12345") as telegram:
        telegram.add_account("alice", phone="+9996620001", password=PASSWORD)
        telegram.add_account("bob", phone="+9996620002")
        await asyncio.to_thread(Path("pub.pem").write_text, str(telegram.pem))
        elsewhere = f'[loopback]\nembedded = false\nport = {telegram.port}\npubkey = "pub.pem"\n'
        await asyncio.to_thread(Path("forwarding.toml").write_text, CONFIG + elsewhere)
        yield


async def a_login(text: str) -> None:
    async with nobody_logged_in():
        await run(text)


async def a_restore(text: str) -> None:
    await has_run()
    assert (await run(text))["kept"]


async def offline_work(text: str) -> None:
    await has_run()
    await run(text)


async def a_script(text: str) -> None:
    await has_run()
    strings: list[str] = []
    await run(text, run_my_own_client=strings.append)
    assert strings or "run_my_own_client" not in text


async def a_key(text: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed:  # a key, which is no log's to keep
        assert isinstance((await run(text))["master"], MasterKey)
    assert printed.getvalue().startswith("twk1_")


async def a_server(text: str) -> None:
    known, more = tomllib.loads(CONFIG + OWN), tomllib.loads(text)
    assert parse_config({**known, **more}).storage.url == more["storage"]["url"]


async def a_move(text: str) -> None:
    there = programs_of_postgres()
    if there is None:
        pytest.skip("there is no PostgreSQL on this machine (Debian: postgresql)")
    server = await asyncio.to_thread(PostgresServer, there)
    try:
        await asyncio.to_thread(server.start)
        os.environ["TELEWARDEN_DATABASE"] = server.fresh()
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            await run(text)
    finally:
        os.environ.pop("TELEWARDEN_DATABASE", None)
        server.close()
    assert printed.getvalue().endswith(" rows\n")


async def snapshots(text: str) -> None:
    """Both of the page: taking one and putting it back."""
    key = 'master_key = { env = "TELEWARDEN_KEY" }'
    config = CONFIG.replace('master_key = { file = "key", create = true }', key)
    await asyncio.to_thread(Path("forwarding.toml").write_text, config + OWN + CHATS)
    async with running():
        known = await run(snippet("docs/storage.md", 2))
    assert (await run(snippet("docs/storage.md", 3), **known))["kept"]


async def a_data_centre(text: str) -> None:
    """Both of the page: the program, and steering it over HTTP."""
    if not CLOSED_IN:  # its ports are anybody's on this machine
        pytest.skip("to have all ports to itself is root's to arrange")
    async with LoopbackTelegram(state=Path("world.json")) as telegram:
        owner = telegram.add_account("Alice", phone="+9996620001")
        telegram.add_channel("News", owner=owner)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = subprocess.Popen(  # noqa: ASYNC220 - returns at once; its output is read in threads
        ["sh", "-c", f"exec {snippet('docs/loopback.md', 0, 'sh')}"],
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(WITHIN, program.kill)
    guard.start()
    try:
        assert program.stdout is not None
        assert "ready" in await asyncio.to_thread(program.stdout.readline)
        done = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-ec", snippet("docs/loopback.md", 1, "sh")],
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
    finally:
        guard.cancel()
        program.terminate()
        program.communicate(timeout=WITHIN)
    assert done.returncode == 0, done.stderr
    assert "hello" in done.stdout
    assert "error" not in done.stdout


async def messages_out(text: str) -> None:
    bot = {"allow": [{"id": 5_000_000_101}], "token": {"env": "TOKEN"}}
    notify = parse_config({**tomllib.loads(CONFIG + OWN), **tomllib.loads(text), "bot": bot}).notify
    assert notify.channels or notify.alerts or notify.webhooks


async def a_signature(text: str) -> None:
    is_ours = (await run(text))["is_ours"]
    headers = headers_of("msg_1", "{}", PASSWORD * 8, at=time.time())
    assert is_ours(headers, b"{}", PASSWORD.encode() * 8)
    assert not is_ours(headers, b"{ }", PASSWORD.encode() * 8)


async def alerts_in_python(text: str) -> None:
    async with running():
        pass  # makes what a warden needs
    assert await run(text)


async def programs(text: str) -> None:
    share = parse_config({**tomllib.loads(CONFIG + OWN), **tomllib.loads(text)}).share
    assert share is not None
    assert [one.name for one in share.programs] == ["greeter"]


async def a_program(text: str) -> None:
    shared = snippet("docs/sharing.md", 0, "toml")
    config = Path("telewarden.toml")
    await asyncio.to_thread(config.write_text, f"{CONFIG}{OWN}{CHATS}\n{shared}")
    async with running("telewarden.toml"):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            await run(text)
    assert printed.getvalue() == "hello\n"


async def a_scenario(text: str) -> None:
    assert {"accounts", "bots", "chats"} == set(json.loads(text))


SETTINGS: Final[dict[str, tuple[Callable[[str], Any], ...]]] = {
    "README.md python": (readme,),
    "docs/alerts.md toml": (messages_out, messages_out, messages_out),
    "docs/alerts.md python": (a_signature, alerts_in_python, alerts_in_python),
    "docs/bot.md toml": (an_allow_list, a_bot_to_play_with),
    "docs/forwarding.md toml": (a_pair, handlers_that_ship, handlers_that_ship),
    "docs/forwarding.md python": (rules, a_handler, pair_orders, pair_orders, pair_orders),
    "docs/page.md toml": (tokens_of_the_console,),
    "docs/registry.md python": (registrations, registrations, an_audit, a_registry_kit),
    "docs/sessions.md python": (a_login, a_restore, offline_work, a_script, a_script),
    "docs/sharing.md toml": (programs,),
    "docs/sharing.md python": (a_program,),
    "docs/storage.md python": (a_key, a_move, snapshots, snapshots),
    "docs/storage.md toml": (a_server,),
    "docs/loopback.md sh": (a_data_centre, a_data_centre),
    "docs/loopback.md json": (a_scenario,),
}


def every_snippet() -> list[Any]:
    return [
        pytest.param(setting, snippet(page, number, kind), id=f"{page} {kind} {number}")
        for where, settings in SETTINGS.items()
        for page, kind in (where.split(),)
        for number, setting in enumerate(settings)
    ]


@pytest.mark.parametrize(("setting", "text"), every_snippet())
async def test_a_snippet_runs_as_it_is_printed(
    folder: Path, setting: Callable[[str], Any], text: str
) -> None:
    await setting(text)


def test_every_snippet_is_run_or_says_why_not() -> None:
    for page in PAGES:
        kinds = [kind for kind, _ in blocks(page)]
        assert set(kinds) <= RUN | SHOWN, page
        for kind in RUN.intersection(kinds):
            elsewhere = ELSEWHERE.get(page) or ELSEWHERE.get(f"{page} {kind}")
            settled = len(SETTINGS.get(f"{page} {kind}", ()))
            assert elsewhere or settled == kinds.count(kind), f"{page}: {kind}"


# Examples in docstrings


ON_A_WARDEN: Final = (
    Warden.overview,
    Warden.diagnose,
    Warden.recover_all,
    SessionHandle.wait_online,
    SessionHandle.call,
    SessionHandle.report,
    SessionHandle.recover,
    SessionHandle.backup,
    SessionHandle.restore,
    Sessions.register,
    Sessions.change,
    Sessions.best,
    Operations.track,
    Registry.statistics,
    Registry.audit,
    Pairs.add,
    Pairs.change,
    Pairs.pause,
    Pairs.backfill,
    Pairs.dead,
    Pairs.retry,
    Pairs.reassign,
)
"""Whose examples take for granted that ``warden`` runs; one warden does them in this order."""
BY_THEMSELVES: Final = (Warden, Warden.run, safe_session, SafeSession.call, safety_check)
EXAMPLE = re.compile(r"::\n\n((?:    .*\n|\n)+)")


def examples(of: object) -> list[str]:
    """The code of a docstring: what stands indented below a line that ends with two colons."""
    found = [textwrap.dedent(one) for one in EXAMPLE.findall(f"{inspect.getdoc(of)}\n")]
    assert found, of
    return found


async def test_examples_run_on_a_warden_as_they_are_printed(folder: Path) -> None:
    async with running() as warden:
        for method in ON_A_WARDEN:
            for text in examples(method):
                try:
                    await run(text, warden=warden)
                except Exception as error:
                    error.add_note(f"in the example of {method.__qualname__}")
                    raise


@pytest.mark.parametrize("of", BY_THEMSELVES, ids=lambda one: one.__qualname__)
async def test_examples_that_need_no_warden_run_as_they_are_printed(
    folder: Path, of: object
) -> None:
    await has_run()

    for text in examples(of):
        await run(
            text,
            Warden=Warden,
            safe_session=safe_session,
            safety_check=safety_check,
            request=GetNearestDcRequest(),
        )


async def test_the_example_of_a_login_runs_as_it_is_printed(folder: Path) -> None:
    (text,) = examples(SessionHandle.login)
    typed = {"code: ": "12345", "password: ": PASSWORD}

    async with nobody_logged_in(), Warden("forwarding.toml") as warden:
        await run(text, warden=warden, input=typed.__getitem__)

        assert (await warden.session("alice").wait_online(WITHIN)).phase == "online"
