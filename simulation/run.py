"""One run: a script played from start to rest, and what was found wrong."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import os
import random
import shutil
import tempfile
import traceback
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Final

from telewarden.loopback import LoopbackTelegram

from .acts import ACTS
from .context import BEGIN, READY_WITHIN, Outcome, RunContext, ViolationError
from .disk import DISK
from .faults import FAULTS
from .judge import PairModel
from .levels import LevelWatch
from .loop import LivelockError, NodeLoop, OutOfTimeError, Scheduler, StarvedError
from .network import Network
from .process import KERNEL, Process
from .rest import Rest
from .scene import Scene
from .script import Script, Step
from .surroundings import START, TIME
from .threads import Threads, run_in_thread
from .watch import CallWatch, LogWatch, look_at_event

__all__ = ["Run", "play"]

COLLECT_EVERY: Final = 8  # runs; until then what one leaves behind lies in the memory
USUAL_SPIKES: Final = 0.01  # the share of late pieces in an undisturbed network
QUIET: Final = 60.0  # virtual seconds until what a start brings along is done


def play(script: Script, *, keep_trace: bool = False, until: float = math.inf) -> Outcome:
    """Play a script; the same script gives the same outcome, to the byte.

    Past ``until``, by the machine's monotonic clock, it is abandoned.
    """
    return Run(script, keep_trace=keep_trace, until=until).play()


class Run(RunContext):
    """A script being played.

    Args:
        script: what happens.
        keep_trace: whether everything that happens is kept, for a person to read.
        until: when it is abandoned, by the machine's monotonic clock.
    """

    played = 0
    """How many, in this process."""

    def __init__(self, script: Script, *, keep_trace: bool, until: float = math.inf) -> None:
        super().__init__(script, keep_trace=keep_trace)
        self.until = until
        self._coded: set[str] = set()
        self._struck: Counter[str] = Counter()
        self._calls = CallWatch(self)
        self._rest = Rest(self)

    # The frame of it

    def play(self) -> Outcome:
        """Play it."""
        gc.disable()
        TIME.begin(self.script.seed)
        DISK.begin(self.script.seed)
        DISK.synced = lambda: self.log.sync(self.folder)
        self.folder = memory() / f"telewarden-simulation-{os.getpid()}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.scheduler = Scheduler(self.script.seed, until=self.until)
        self.threads = Threads(self.scheduler)
        self.network = Network(self.scheduler, self.script.seed)
        self.network.told = self.arrived
        KERNEL.begin(self.scheduler, self.network)
        loop = NodeLoop(self.scheduler, "telegram")
        loop.network, loop.run_in_thread = self.network, run_in_thread
        loop.trouble = self._server_trouble
        watch = LogWatch(self)
        root = logging.getLogger()
        root.addHandler(watch)
        try:
            task = loop.create_task(self._play())
            with self.threads.watched():
                self.scheduler.run_until(task)
        except ViolationError:
            pass
        except OutOfTimeError:
            self.outcome.abandoned = True
        except (LivelockError, StarvedError) as error:
            self.wrong(f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - the run is what is judged
            if self.telegram is not None:
                self.check_server()
            self.wrong(f"run broke: {type(error).__name__}: {error}\n{traceback.format_exc()}")
        finally:
            root.removeHandler(watch)
            self.outcome.virtual = TIME.now - BEGIN
            self._bury(loop)
            TIME.end()
            KERNEL.end()
            shutil.rmtree(self.folder, ignore_errors=True)
            gc.enable()
        self.outcome.faults = dict(self._struck + Counter(DISK.struck))
        self.outcome.digest = self.digest()
        return self.outcome

    def _bury(self, loop: NodeLoop) -> None:
        """End everything without a trace, so that the next run finds nothing of this one."""
        logging.disable()
        if self.telegram is not None:
            self._struck.update(self.telegram.stats.faults)
        if self.process is not None:
            self.process.kill()
        loop.kill()
        del self.process, self.telegram, self.scene
        self.clear()
        self.scheduler.decay()
        Run.played += 1
        if not Run.played % COLLECT_EVERY:
            gc.collect()
        logging.disable(logging.NOTSET)

    def _server_trouble(self, context: dict[str, Any]) -> None:
        self.wrong(f"data centre: {context.get('message')} {context.get('exception')!r}")

    # The story

    async def _play(self) -> None:
        async with LoopbackTelegram(
            entropy=random.Random(f"server {self.script.seed}").randbytes,
            clock=lambda: TIME.now + START - BEGIN,
            wall=lambda: TIME.now + START - BEGIN,
        ) as telegram:
            self.telegram = telegram
            telegram.pushes.echo = self.script.pushes.get("echo", False)
            telegram.pushes.number_channels = self.script.pushes.get("number_channels", False)
            telegram.pushes.name_channels = self.script.pushes.get("name_channels", True)
            self._calls.attach(telegram._engine.faults)
            self.scene = Scene(telegram, self.script)
            self.process = Process(
                self.scheduler,
                self.network,
                name="warden",
                base=self.folder,
                tables=self.tables(),
                server=self.scene.server,
                hear=partial(look_at_event, self),
                trouble=self.wrong,
                strings=self._string_of,
                handlers={"sink": self.sink.handler},
            )
            await self._begin()
            began = TIME.now
            for number, step in enumerate(self.script.steps):
                await asyncio.sleep(max(0.0, began + step["at"] - TIME.now))
                await self._take(number, step)
                if step["do"] == "rest":
                    began = TIME.now
                if self.outcome.violations:
                    raise ViolationError
            await self._come_to_rest(last=True)
            await self.stop()
            self.check_server()

    def _string_of(self, name: str) -> str | None:
        """A login for a session; ``None`` where it is to be made by code, the first time."""
        if name in self.script.by_code and name not in self._coded:
            self._coded.add(name)
            return None
        return str(self.telegram.mint(self.scene.accounts[name]))

    async def _take(self, number: int, step: Step) -> None:
        self.note(f"step {number} {step}")
        self.log.look(self.folder)
        what = step["do"]
        if what == "rest":
            await self._come_to_rest()
        elif what in ACTS:
            self.outcome.acts += 1
            self._calls.acted()
            await ACTS[what](self, step)
        else:
            if what != "fault":  # those are counted when they strike
                self._struck[what] += 1
            await FAULTS[what](self, step)

    async def _come_to_rest(self, *, last: bool = False) -> None:
        ruling = await self._rest.settle()
        if last and not ruling.wrong:
            await self._rest.stay()
            await self._levels.look()
        self.check_server()
        self.network.spikes = USUAL_SPIKES

    async def _begin(self) -> None:
        self.pairs = [
            PairModel(fields=dict(pair), carriers=[pair["session"]]) for pair in self.script.pairs
        ]
        await self.process.start()
        await self.process.call(self.process.sign_in)
        for pair in self.pairs:
            if not await self.ready(pair):
                raise TimeoutError(f"pair {pair.id} is not ready within {READY_WITHIN:g} s")
        for pair in self.pairs:
            pair.first = pair.must = self.said_in(pair.fields["source"])
        await asyncio.sleep(QUIET)
        self._levels = LevelWatch(self)


def memory() -> Path:
    """A folder in memory, where there is one: what is on the disk is real, the disk need not be."""
    shared = Path("/dev/shm")  # noqa: S108 - the folder below it bears this process's number
    return shared if shared.is_dir() else Path(tempfile.gettempdir())
