"""The demo's stage: a data centre in this process, a warden in one of its own.

The warden is started as a user starts it, is heard through its JSON lines and steered through its
control socket. It can be killed and started again on the same folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from ..config import load_config
from ..console import ControlClient
from ..errors import DemoError, TelewardenError
from ..loopback import ChatHandle, LoopbackTelegram
from ..service.loopback_server import populate
from ..storage import MasterKey
from .script import CODE, PASSWORD, PORTS_TRIED, SESSIONS, configuration

P = ParamSpec("P")
T = TypeVar("T")

LOOK_EVERY: Final = 0.1  # seconds between two looks at something that tells no event
START_WITHIN: Final = 30.0  # seconds; a slow machine imports Telethon for some of them
STOP_WITHIN: Final = 40.0  # seconds; sessions may take 25 to end what they are doing


@dataclass(frozen=True, slots=True)
class Heard:
    """One line of the warden: when it was heard (monotonic seconds), and what it says."""

    at: float
    event: Mapping[str, Any]

    def matches(self, kind: str, **fields: object) -> bool:
        """Whether it is an event of that kind with these fields."""
        return self.event.get("event") == kind and all(
            self.event.get(name) == value for name, value in fields.items()
        )


@dataclass(slots=True)
class Stage:
    """What the story acts on."""

    folder: Path
    telegram: LoopbackTelegram
    chats: dict[str, ChatHandle]
    config: Path
    port: int
    heard: list[Heard] = field(default_factory=list)
    listener: Callable[[Heard], None] | None = None
    process: asyncio.subprocess.Process | None = None
    _key: str = field(default_factory=MasterKey.generate, repr=False)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _reader: asyncio.Task[None] | None = None

    @property
    def client(self) -> ControlClient:
        """The way to steer the warden."""
        return ControlClient(load_config(self.config).control_socket)

    async def start_warden(self) -> None:
        """Start the warden's process and wait until it can be asked.

        Raises:
            DemoError: it ended instead, and what it said.
        """
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "telewarden",
            "run",
            str(self.config),
            "--json",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "TELEWARDEN_DEMO_KEY": self._key},
            limit=1 << 20,
        )
        self._reader = asyncio.create_task(self._read(self.process))
        await self._until_it_answers(self.process)

    async def _until_it_answers(self, process: asyncio.subprocess.Process) -> None:
        deadline = time.monotonic() + START_WITHIN
        while process.returncode is None and time.monotonic() < deadline:
            with contextlib.suppress(TelewardenError, OSError):
                await self.ask(self.client.state)
                return
            await asyncio.sleep(LOOK_EVERY)
        said = (
            b""
            if process.stderr is None or process.returncode is None
            else (await process.stderr.read())
        )
        raise DemoError("the warden did not start", said.decode(errors="replace").strip())

    async def kill_warden(self) -> None:
        """SIGKILL: no goodbye, no flush."""
        assert self.process is not None  # noqa: S101 - the story started it
        self.process.kill()
        await self.process.wait()
        await self._stop_reading()

    async def stop_warden(self) -> int:
        """Ask it to stop, as a service manager would; returns its exit code."""
        process = self.process
        if process is None:
            return 0
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_WITHIN)
            except TimeoutError:
                process.kill()
                await process.wait()
        await self._stop_reading()
        self.process = None
        return process.returncode or 0

    async def ask(self, question: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Ask the warden something; its client blocks, so it is asked from a thread."""
        return await asyncio.to_thread(question, *args, **named)

    async def hears(
        self, kind: str, *, since: float, within: float = 20.0, **fields: object
    ) -> Heard:
        """Wait for an event of the warden.

        Raises:
            DemoError: it did not come.
        """

        def found() -> Heard | None:
            return next(
                (one for one in self.heard if one.at >= since and one.matches(kind, **fields)), None
            )

        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: found() is not None)
        except TimeoutError:
            raise DemoError(f"no {kind} within {within:g} s", str(fields)) from None
        heard = found()
        assert heard is not None  # noqa: S101 - that was waited for
        return heard

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        async for line in process.stdout:
            with contextlib.suppress(json.JSONDecodeError):
                heard = Heard(time.monotonic(), json.loads(line))
                self.heard.append(heard)
                if self.listener is not None:
                    self.listener(heard)
                async with self._news:
                    self._news.notify_all()

    async def _stop_reading(self) -> None:
        if self._reader is not None:
            await asyncio.wait({self._reader}, timeout=5.0)
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None


@contextlib.asynccontextmanager
async def stage(folder: Path, *, port: int) -> AsyncIterator[Stage]:
    """Set everything up but the warden; what was started is stopped at the end."""
    port = port or _free_port()
    telegram = LoopbackTelegram(code=CODE)
    async with telegram:
        pubkey, config = folder / "pub.pem", folder / "demo.toml"
        pubkey.write_text(telegram.pem, encoding="ascii")
        config.write_text(
            configuration(port=port, telegram=telegram.port, dc_id=telegram.dc_id),
            encoding="utf-8",
        )
        wanted = load_config(config).loopback
        assert wanted is not None  # noqa: S101 - the configuration above has one
        it = Stage(folder, telegram, populate(telegram, wanted), config, port)
        try:
            yield it
        finally:
            await it.stop_warden()


async def log_in(it: Stage, session: str) -> str:
    """Log one session in as its owner would: read the code, type it, and the password if asked.

    Raises:
        DemoError: it is not logged in afterwards.
    """

    async def take(step: str, secret: str | None = None) -> str:
        return str((await it.ask(it.client.login, session, step, secret))["phase"])

    phase = await take("start")
    if phase == "awaiting_code":
        phase = await take("code", it.telegram.sent_code(SESSIONS[session]))
    if phase == "awaiting_password":
        phase = await take("password", PASSWORD)
    if phase not in {"connecting", "recovering", "online"}:
        raise DemoError(f"{session} could not be logged in", f"it is {phase}")
    return phase


def _free_port() -> int:
    """The usual port if it is free, else any: the warden binds it a moment later."""
    for port in PORTS_TRIED:
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise DemoError("no port is free on 127.0.0.1", "")
