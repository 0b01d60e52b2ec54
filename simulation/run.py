"""One run: a script played from start to rest, and what was found wrong."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import logging
import os
import random
import shutil
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from telewarden.loopback import Fault, LoopbackTelegram
from telewarden.loopback.actions import action_from_json
from telewarden.supervision import (
    ChildAbandoned,
    ChildFailed,
    ChildQuarantined,
    ChildStartFailed,
    ObserverFailed,
)

from .judge import PairModel, judge
from .loop import LivelockError, NodeLoop, Scheduler, StarvedError
from .network import Network
from .process import KERNEL, Process
from .scene import Scene
from .script import Script
from .surroundings import TIME
from .threads import Threads, run_in_thread

__all__ = ["Outcome", "play"]

REST_WITHIN: Final = 600.0  # virtual seconds until everything must be as the model says
SHAKE: Final = 400.0  # virtual seconds for which it must stay so
READY_WITHIN: Final = 600.0
TABLES: Final[dict[str, Any]] = {
    "telegram": {"api_id": 1, "api_hash": {"env": "SIMULATION_API_HASH"}},
    "storage": {
        "folder": "store",
        "master_key": {"file": "master.key", "create": True},
        "backup_every": 0.0,
    },
    "pacing": {"per_account": 1000.0, "per_chat": 1000.0, "burst": 1000},
    "recovery": {"backoff_initial": 0.05, "backoff_max": 5.0, "restarts": 100},
}


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a run."""

    seed: str
    violations: list[str] = field(default_factory=list)
    acts: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    copies: int = 0
    digest: str = ""
    virtual: float = 0.0
    trace: list[str] = field(default_factory=list)


def play(script: Script, *, keep_trace: bool = False) -> Outcome:
    """Play a script; the same script gives the same outcome, to the byte."""
    return _Run(script, keep_trace=keep_trace).play()


class _ViolationError(Exception):
    """Something is wrong; no use to go on."""


class _Run:
    def __init__(self, script: Script, *, keep_trace: bool) -> None:
        self.script, self.keep_trace = script, keep_trace
        self.outcome = Outcome(seed=script.seed)
        self._digest = hashlib.blake2b(digest_size=16)
        self.staying: set[int] = set()
        self.process: Any = None
        self.telegram: Any = None
        self.scene: Any = None

    # The frame of it

    def play(self) -> Outcome:
        gc.disable()
        TIME.begin(self.script.seed)
        self.folder = memory() / f"telewarden-simulation-{os.getpid()}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.scheduler = Scheduler(self.script.seed)
        self.threads = Threads(self.scheduler)
        self.network = Network(self.scheduler, self.script.seed)
        self.network.told = self._arrived
        KERNEL.scheduler, KERNEL.network = self.scheduler, self.network
        KERNEL.held.clear()
        KERNEL.claims.clear()
        loop = NodeLoop(self.scheduler, "telegram")
        loop.network, loop.run_in_thread = self.network, run_in_thread
        loop.trouble = self._server_trouble
        self.server_loop = loop
        watch = _LogWatch(self)
        root = logging.getLogger()
        root.addHandler(watch)
        try:
            task: Any = asyncio.Task(self._play(), loop=loop)
            self.scheduler.run_until(task)
        except _ViolationError:
            pass
        except (LivelockError, StarvedError) as error:
            self.wrong(f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - the run is what is judged
            self.wrong(f"run broke: {type(error).__name__}: {error}\n{traceback.format_exc()}")
        finally:
            root.removeHandler(watch)
            self.outcome.virtual = TIME.now - 1000.0
            self._bury(loop)
            TIME.end()
            KERNEL.scheduler = KERNEL.network = None
            shutil.rmtree(self.folder, ignore_errors=True)
            gc.enable()
        self.outcome.digest = self._digest.hexdigest()
        return self.outcome

    def _bury(self, loop: NodeLoop) -> None:
        """End everything without a trace, so that the next run finds nothing of this one."""
        logging.disable()
        if self.process is not None:
            self.process.kill()
        loop.kill()
        del self.process, self.telegram, self.scene
        self.scheduler.decay()
        logging.disable(logging.NOTSET)

    def note(self, text: str) -> None:
        self._digest.update(f"{TIME.now:.9f} {text}\n".encode())
        if self.keep_trace:
            self.outcome.trace.append(f"{TIME.now - 1000.0:12.6f}  {text}")

    def _arrived(self, end: Any, data: bytes) -> None:
        self._digest.update(f"{TIME.now:.9f} {end.number} {len(data)}\n".encode())
        self._digest.update(data)
        if self.keep_trace:
            way = "<-" if end.number > 0 else "->"
            self.outcome.trace.append(
                f"{TIME.now - 1000.0:12.6f}    link {abs(end.number)} {way} {len(data)}"
            )

    def wrong(self, what: str) -> None:
        if what not in self.outcome.violations:
            self.outcome.violations.append(what)
            self.note(f"WRONG {what}")

    def _server_trouble(self, context: dict[str, Any]) -> None:
        self.wrong(f"data centre: {context.get('message')} {context.get('exception')!r}")

    def _hear(self, event: Any) -> None:
        if self.keep_trace:
            self.note(f"event {_short(event)}")
        match event:
            case ChildFailed() | ChildStartFailed():
                error = event.exit.error
                if "asked for" in str(error) or "DrillError" in repr(error):
                    return
                self.wrong(f"crash {event.child}: {type(error).__name__}: {error}")
            case ChildQuarantined() | ChildAbandoned() | ObserverFailed():
                self.wrong(f"{type(event).__name__} {event.child}")
            case _:
                return

    # The story

    async def _play(self) -> None:
        async with LoopbackTelegram(
            entropy=random.Random(f"server {self.script.seed}").randbytes,
            clock=lambda: TIME.now + START_OFFSET,
            wall=lambda: TIME.now + START_OFFSET,
        ) as telegram:
            self.telegram = telegram
            self.scene = Scene(telegram, self.script)
            self.tables = self._tables()
            self.process = Process(
                self.scheduler,
                self.network,
                name="warden",
                base=self.folder,
                tables=self.tables,
                server=self.scene.server,
                hear=self._hear,
                trouble=self.wrong,
                strings=lambda name: telegram.mint(self.scene.accounts[name]),
            )
            self.pairs = [
                PairModel(fields=dict(pair), carriers=[pair["session"]])
                for pair in self.script.pairs
            ]
            await self._start(first=True)
            began = TIME.now
            for number, step in enumerate(self.script.steps):
                wait = began + step["at"] - TIME.now
                if wait > 0:
                    await asyncio.sleep(wait)
                self.note(f"step {number} {step}")
                await getattr(self, f"_do_{step['do']}")(step)
                self.outcome.acts += step["do"] != "rest"
                if step["do"] == "rest":
                    began = TIME.now
                if self.outcome.violations:
                    raise _ViolationError
            await self._do_rest({})
            await self._end()

    def _tables(self) -> dict[str, Any]:
        tables = {name: dict(table) for name, table in TABLES.items()}
        for name, table in self.script.settings.items():
            tables.setdefault(name, {}).update(table)
        tables["sessions"] = [
            {"name": name, "phone": self.scene.phone(name)} for name in self.script.sessions
        ]
        tables["pairs"] = [self._pair_table(pair) for pair in self.script.pairs]
        return tables

    def _pair_table(self, pair: dict[str, Any]) -> dict[str, Any]:
        table = dict(pair)
        for end in ("source", "target"):
            if end in table:
                table[end] = self.scene.chats[table[end]].peer_id
        return table

    async def _start(self, *, first: bool = False) -> None:
        await self.process.start()
        if first:
            await self.process.call(self.process.sign_in)
            await self._all_ready()
            for pair in self.pairs:
                pair.first = pair.must = self._said_in(pair.fields["source"])

    def _said_in(self, chat: str) -> int:
        return len(self.scene.said.get(self.scene.chats[chat].record.id, ()))

    async def _all_ready(self) -> None:
        async with asyncio.timeout(READY_WITHIN):
            while True:
                overview = await self.process.call(self.process.warden.overview)
                reports = [pair for group in overview.groups for pair in group.pairs]
                if sum(one.ready for one in reports) >= len(self.pairs):
                    return
                await asyncio.sleep(0.2)

    async def _end(self) -> None:
        report = await self.process.stop()
        if report is not None and not report.is_clean:
            self.wrong(f"stop: {report.as_text()}")
        await asyncio.sleep(1.0)
        for left in self.process.gone():
            self.wrong(f"left behind: {left}")
        self._check_server()

    # Rest

    async def _do_rest(self, step: Any) -> None:
        for rule in self.telegram.faults:
            if rule.id not in self.staying:
                self.telegram.faults.remove(rule)
        self.network.spikes = 0.0
        if not self.process.running:
            await self._start()
        deadline, pause = TIME.now + REST_WITHIN, 0.5
        while True:
            await asyncio.sleep(pause)
            ruling = judge(self.scene, self.pairs)
            if not ruling.wrong or TIME.now >= deadline or self.outcome.violations:
                break
            pause = min(2 * pause, 60.0)
        for what in ruling.wrong:
            self.wrong(f"at rest: {what}")
        if not ruling.wrong and not step:
            await asyncio.sleep(SHAKE)
            for what in judge(self.scene, self.pairs).wrong:
                self.wrong(f"afterwards: {what}")
        self.outcome.copies = ruling.copies
        self._check_server()
        self.network.spikes = 0.01

    def _check_server(self) -> None:
        stats = self.telegram.stats
        if stats.crashes:
            self.wrong("the data centre's own handler failed")
        if stats.duplicate_keys:
            self.wrong("a key was used twice")
        for kind, count in stats.faults.items():
            self.outcome.faults[kind] = count

    # Acts

    async def _do_say(self, step: Any) -> None:
        self.scene.say(step["chat"], step["token"], step["text"])

    async def _do_edit(self, step: Any) -> None:
        self.scene.edit(step["token"], step["text"])

    async def _do_delete(self, step: Any) -> None:
        self.scene.delete(step["tokens"])

    # Faults

    async def _do_cut(self, step: Any) -> None:
        self._struck("cut")
        account = self.scene.accounts[step["session"]]
        for connection in self.telegram.connections(account):
            connection._transport.cut()

    async def _do_fault(self, step: Any) -> None:
        account = self.scene.accounts[step["session"]] if step.get("session") else None
        rule = self.telegram.faults.add(
            Fault(
                action=action_from_json(step["action"]),
                method=step.get("method", "*"),
                account=account,
                times=step.get("times", 1),
                after=step.get("after", 0),
            )
        )
        if step.get("stays"):
            self.staying.add(rule.id)

    async def _do_kill(self, step: Any) -> None:
        self._struck("kill")
        self.process.kill()
        await asyncio.sleep(step.get("down", 0.5))
        await self._start()

    async def _do_restart(self, step: Any) -> None:
        self._struck("restart")
        report = await self.process.stop()
        if report is not None and not report.is_clean:
            self.wrong(f"stop: {report.as_text()}")
        await asyncio.sleep(0.5)
        for left in self.process.gone():
            self.wrong(f"left behind: {left}")
        await asyncio.sleep(step.get("down", 0.5))
        await self._start()

    async def _do_crash(self, step: Any) -> None:
        self._struck("crash")
        with contextlib.suppress(Exception):
            await self.process.call(lambda: self.process.warden.drill(step["path"]))

    async def _do_forget(self, step: Any) -> None:
        self._struck("forget_updates")
        if step.get("chat"):
            self.scene.chats[step["chat"]].forget_updates()
        else:
            self.telegram.forget_updates(self.scene.accounts[step["session"]])

    def _struck(self, what: str) -> None:
        self.outcome.faults[what] = self.outcome.faults.get(what, 0) + 1


def memory() -> Path:
    """A folder in memory, where there is one: what is on the disk is real, the disk need not be."""
    shared = Path("/dev/shm")  # noqa: S108 - the folder below it bears this process's number
    return shared if shared.is_dir() else Path(tempfile.gettempdir())


START_OFFSET: Final = 1_750_000_000.0 - 1000.0


class _LogWatch(logging.Handler):
    def __init__(self, run: _Run) -> None:
        super().__init__(logging.WARNING if not run.keep_trace else logging.DEBUG)
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            trail = traceback.extract_tb(record.exc_info[1].__traceback__)
            where = f"{trail[-1].filename.rpartition('/')[2]}:{trail[-1].lineno}" if trail else ""
            text += f" [{type(record.exc_info[1]).__name__}: {record.exc_info[1]} {where}]"
        text = text.replace(str(self._run.folder), "FOLDER")
        if record.levelno >= logging.ERROR and "telegram.wire.telethon" not in record.name:
            self._run.wrong(f"log {text}")
        elif self._run.keep_trace:
            self._run.note(f"log {record.levelname} {text}")


def _short(event: Any) -> str:
    return repr(event)[:300]
