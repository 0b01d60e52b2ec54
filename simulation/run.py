"""One run: a script played from start to rest, and what was found wrong."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import logging
import math
import os
import random
import shutil
import tempfile
import traceback
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from telewarden.errors import FolderHeldError, TelewardenError
from telewarden.loopback import LoopbackTelegram
from telewarden.loopback.faults.rules import FaultRules
from telewarden.supervision import (
    ChildAbandoned,
    ChildFailed,
    ChildQuarantined,
    ChildStartFailed,
    ObserverFailed,
)

from .acts import ACT_WITHIN, ACTS
from .disk import DISK, WrittenLog
from .faults import FAULTS
from .floods import watch_floods
from .judge import PairModel, Ruling, carried_at, judge
from .levels import Level, left_in, measured
from .loop import LivelockError, NodeLoop, OutOfTimeError, Scheduler, StarvedError
from .network import Network
from .process import KERNEL, Process
from .scene import Scene
from .script import Script, Step
from .sink import Sink
from .surroundings import START, TIME
from .threads import Threads, run_in_thread

__all__ = ["Outcome", "Run", "play"]

BEGIN: Final = 1000.0  # what the monotonic clock says when a run begins
REST_WITHIN: Final = (
    1200.0  # virtual seconds until all is as the model says; silence is noticed after 900
)
PROMPT: Final = 20.0  # the same where nobody has done anything but talk
TALK: Final = ("say", "album", "edit", "delete", "rest")
REJOINED: Final = 100.0  # the same where accounts left chats and came back: see ``recheck_max``
MEMBERS: Final = ("leave", "return")
SHAKE: Final = 250.0  # virtual seconds for which it must stay so
READY_WITHIN: Final = 600.0
CALLS_WITHIN: Final = 10.0  # virtual seconds over which calls of one method are counted
CALLS_MOST: Final = 150  # in that time, beside what the acts in it ask for
CALLS_AN_ACT: Final = 12
START_WITHIN: Final = 15.0  # virtual seconds that a group may take to stop, and a start to give up
ANSWER_WITHIN: Final = 5.0  # virtual seconds for a call's answer when nothing is wrong
ANSWERS_WITHIN: Final = 60.0  # virtual seconds in which the warden speaks again after a fault
COLLECT_EVERY: Final = 8  # runs; until then what one leaves behind lies in the memory
SINK_REASONS: Final = ("HANDLER_REFUSED", "SinkError", "TimeoutError")
QUIET: Final = 60.0  # virtual seconds until what a start brings along is done
UNDONE: Final = 90.0  # virtual seconds; what was said since may have been sent since
EXPECTED: Final = ("telegram.mtproto.raw_client.telethon",)  # loggers that are not ours
TABLES: Final[dict[str, Any]] = {
    "telegram": {"api_id": 1, "api_hash": {"env": "SIMULATION_API_HASH"}},
    "storage": {
        "folder": "store",
        "master_key": {"file": "master.key", "create": True},
        "backup_every": 0.0,
    },
    "pacing": {"per_account": 1000.0, "per_chat": 1000.0, "burst": 1000},
    "recovery": {"backoff_initial": 0.05, "backoff_max": 5.0, "restarts": 100},
    "health": {"recheck_initial": 20.0, "recheck_max": 60.0, "groups_every": 120.0},
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
    abandoned: bool = False
    """Whether there was no time to play it to its end."""


def play(script: Script, *, keep_trace: bool = False, until: float = math.inf) -> Outcome:
    """Play a script; the same script gives the same outcome, to the byte.

    Past ``until``, by the machine's monotonic clock, it is abandoned.
    """
    return Run(script, keep_trace=keep_trace, until=until).play()


class _ViolationError(Exception):
    """Something is wrong; no use to go on."""


class Run:
    """A script being played.

    Args:
        script: what happens.
        keep_trace: whether everything that happens is kept, for a person to read.
        until: when it is abandoned, by the machine's monotonic clock.
    """

    played = 0
    """How many, in this process."""

    def __init__(self, script: Script, *, keep_trace: bool, until: float = math.inf) -> None:
        self.script, self.keep_trace, self.until = script, keep_trace, until
        self.outcome = Outcome(seed=script.seed)
        self.pairs: list[PairModel] = []
        self.injected: list[tuple[str, str | None, Any]] = []
        """Errors that were asked for: the text, whose requests meet it, and the rule."""
        self.paused: set[int] = set()
        self.staying: set[int] = set()
        self.dead: set[str] = set()
        """Sessions whose logins were ended, until they have others."""
        self.exhausted: set[str] = set()
        """Worker groups that are crashed until they are kept down."""
        self.others: set[Any] = set()
        """Loops of processes beside the one that is judged."""
        self.log = WrittenLog()
        self.sink = Sink(script.seed)
        self._coded: set[str] = set()
        self.process: Any = None
        self.telegram: Any = None
        self.scene: Any = None
        self._digest = hashlib.blake2b(digest_size=16)
        self._orders: dict[asyncio.Task[None], Step] = {}
        self._at_rest: dict[str, Callable[[], object]] = {}
        self.drilled = -math.inf  # when the journal was last made to crash
        self._struck: Counter[str] = Counter()
        self._calls: dict[tuple[int, str], deque[float]] = {}
        self._acted: deque[float] = deque()

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
        self.network.told = self._arrived
        KERNEL.begin(self.scheduler, self.network)
        loop = NodeLoop(self.scheduler, "telegram")
        loop.network, loop.run_in_thread = self.network, run_in_thread
        loop.trouble = self._server_trouble
        watch = _LogWatch(self)
        root = logging.getLogger()
        root.addHandler(watch)
        try:
            task = loop.create_task(self._play())
            with self.threads.watched():
                self.scheduler.run_until(task)
        except _ViolationError:
            pass
        except OutOfTimeError:
            self.outcome.abandoned = True
        except (LivelockError, StarvedError) as error:
            self.wrong(f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - the run is what is judged
            if self.telegram is not None:
                self._check_server()
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
        self.outcome.digest = self._digest.hexdigest()
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
        self._orders.clear()
        self._at_rest.clear()
        self.scheduler.decay()
        Run.played += 1
        if not Run.played % COLLECT_EVERY:
            gc.collect()
        logging.disable(logging.NOTSET)

    # What is seen

    def note(self, text: str) -> None:
        """Something happened."""
        text = self._placeless(text)
        self._digest.update(f"{TIME.now:.9f} {text}\n".encode())
        if self.keep_trace:
            self.outcome.trace.append(f"{TIME.now - BEGIN:12.6f}  {text}")

    def wrong(self, what: str) -> None:
        """Something is as it must not be."""
        what = self._placeless(what)
        if what not in self.outcome.violations:
            self.outcome.violations.append(what)
            self.note(f"WRONG {what}")

    def _placeless(self, text: str) -> str:
        """A text without the folder's name, which bears the process's number."""
        return text.replace(str(self.folder), "FOLDER")

    def _arrived(self, end: Any, data: bytes) -> None:
        self._digest.update(f"{TIME.now:.9f} {end.number} {len(data)}\n".encode() + data)
        if self.keep_trace:
            way = "<-" if end.number > 0 else "->"
            self.outcome.trace.append(
                f"{TIME.now - BEGIN:12.6f}    link {abs(end.number)} {way} {len(data)}"
            )

    def _server_trouble(self, context: dict[str, Any]) -> None:
        self.wrong(f"data centre: {context.get('message')} {context.get('exception')!r}")

    def _hear(self, event: Any) -> None:
        if self.keep_trace:
            self.note(f"event {repr(event)[:300]}")
        match event:
            case ChildFailed() | ChildStartFailed():
                error = event.exit.error
                # A restart goes to its end before the next crash is looked at, as in OTP; so
                # who is started meanwhile waits for a journal that has crashed.
                waits = isinstance(error, TimeoutError) and TIME.now < self.drilled + START_WITHIN
                if "DrillError" not in repr(error) and not _disk_refused(error) and not waits:
                    self.wrong(f"crash {event.child}: {type(error).__name__}: {error}")
            case ChildQuarantined() if event.child in self.exhausted:
                return
            case ChildQuarantined() | ChildAbandoned() | ObserverFailed():
                self.wrong(f"{type(event).__name__} {event.child}")
            case _:
                return

    def _called(self, method: str, account: int | None) -> None:
        """A request has come: it is counted, so that nothing asks again and again."""
        if account is None:
            return
        calls, now = self._calls.setdefault((account, method), deque()), TIME.now
        if self.keep_trace:
            self.note(f"call {method} by {account}")
        calls.append(now)
        while calls[0] < now - CALLS_WITHIN:
            calls.popleft()
        if len(calls) > CALLS_MOST:
            while self._acted and self._acted[0] < now - 3 * CALLS_WITHIN:
                self._acted.popleft()
            if len(calls) > CALLS_MOST + CALLS_AN_ACT * len(self._acted):
                self.wrong(f"{method} is called again and again: {len(calls)} in 10 s")
                raise _ViolationError

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
            self._watch_calls(telegram._engine.faults)
            self.scene = Scene(telegram, self.script)
            self.process = Process(
                self.scheduler,
                self.network,
                name="warden",
                base=self.folder,
                tables=self._tables(),
                server=self.scene.server,
                hear=self._hear,
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
                    raise _ViolationError
            await self._rest(last=True)
            await self.stop()
            self._check_server()

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
            await self._rest()
        elif what in ACTS:
            self.outcome.acts += 1
            self._acted.append(TIME.now)
            await ACTS[what](self, step)
        else:
            if what != "fault":  # those are counted when they strike
                self._struck[what] += 1
            await FAULTS[what](self, step)

    def _watch_calls(self, rules: FaultRules) -> None:
        """See every request, and floods that are not waited for."""
        asked = rules.on_request

        def on_request(method: str, account: int | None) -> Any:
            self._called(method, account)
            return asked(method, account)

        rules.on_request = on_request  # type: ignore[method-assign]
        watch_floods(rules, self.network, self.wrong)
        type(rules).__bool__ = lambda _: True  # so that it is asked each time

    def _tables(self) -> dict[str, Any]:
        tables: dict[str, Any] = {name: dict(table) for name, table in TABLES.items()}
        for name, table in self.script.settings.items():
            tables.setdefault(name, {}).update(table)
        tables["sessions"] = [
            {"name": name, "phone": self.scene.phone(name)} for name in self.script.sessions
        ]
        tables["pairs"] = [self.pair_table(pair) for pair in self.script.pairs]
        return tables

    def pair_table(self, pair: dict[str, Any]) -> dict[str, Any]:
        """A pair as a configuration has it."""
        table = dict(pair)
        named = table.pop("by_name", ())
        if "topic" in table:
            table["topic"] = self.scene.topic(pair["target"], table["topic"])
        if "topics" in table:
            topics = self.scene.topics_of(pair)
            table["topics"] = {str(here): there for here, there in topics.items()}
        for end in ("source", "target"):
            if end in named:
                table[end] = f"@{self.scene.public_name(table[end])}"
            elif end in table:
                table[end] = self.scene.chats[table[end]].peer_id
        return table

    async def _begin(self) -> None:
        self.pairs = [
            PairModel(fields=dict(pair), carriers=[pair["session"]]) for pair in self.script.pairs
        ]
        await self.process.start()
        await self.process.call(self.process.sign_in)
        for pair in self.pairs:
            if not await self._ready(pair):
                raise TimeoutError(f"pair {pair.id} is not ready within {READY_WITHIN:g} s")
        for pair in self.pairs:
            pair.first = pair.must = self.said_in(pair.fields["source"])
        await asyncio.sleep(QUIET)
        self._level = self._measured()

    def _measured(self) -> Level:
        """What the process holds now."""
        timers = len(self.scheduler.timers_of(self.process.loop))
        pairs = sum(not pair.gone for pair in self.pairs)
        return measured(self.process, timers, pairs)

    async def _look_at_levels(self) -> None:
        """After some quiet nothing is kept that was needed on the way.

        A pair looks at its source every now and then, so what is on the way once is looked for
        once more.
        """
        if any(self._measured().grown(self._level)):
            gc.collect()  # it rests while a run is played: what is garbage is no growth
        for what in self._measured().grown(self._level):
            self.wrong(f"level: {what}")
        if left := self._left():
            await asyncio.sleep(ANSWER_WITHIN)
            for what in sorted(left & self._left()):
                self.wrong(f"level: {what}")

    def _left(self) -> frozenset[str]:
        wanted = {pair.id for pair in self.pairs if not pair.gone}
        return frozenset(
            left_in(one for one in self.process.pair_states() if one.plan.id in wanted)
        )

    async def start(self) -> None:
        """Start the process again, while the disk refuses or another process has the folder."""
        while True:
            try:
                await self.process.start()
            except TelewardenError as error:
                if not (_disk_refused(error) or isinstance(error, FolderHeldError)):
                    raise
                self.process.kill()
                await asyncio.sleep(1.0)
            else:
                return

    async def stop(self) -> None:
        """Stop the process in good order, and look at what it has left behind."""
        report = await self.process.stop()
        if report is not None and not report.is_clean:
            self.wrong(f"stop: {report.as_text()}")
        await asyncio.sleep(12.0)
        for left in self.process.gone():
            self.wrong(f"left behind: {left}")

    def said_in(self, chat: str, *, before: float = math.inf) -> int:
        """How many messages a chat has had before an instant."""
        return sum(one.at < before for one in self.scene.said_in(chat))

    async def _ready(self, pair: PairModel) -> bool:
        """Wait until a pair says that it is ready; looks are further and further apart."""
        end, pause = TIME.now + READY_WITHIN, 0.2
        while (report := await self.report_of(pair.id)) is None or not report.ready:
            if TIME.now > end:
                return False
            await asyncio.sleep(pause)
            pause = min(2 * pause, 10.0)
        return True

    async def report_of(self, pair: int) -> Any:
        """How a pair says it is; ``None`` if no group says anything of it."""
        overview = await self.process.call(self.process.warden.overview)
        reports = {one.id: one for group in overview.groups for one in group.pairs}
        return reports.get(pair)

    # What goes on beside the script

    def at_rest(self, name: str, deed: Callable[[], object]) -> None:
        """Do something when the run rests, as nothing else would end it."""
        self._at_rest[name] = deed

    def beside(self, step: Step, work: Coroutine[Any, Any, None]) -> None:
        """An operator waits for an answer meanwhile."""
        task = asyncio.get_running_loop().create_task(work)
        self._orders[task] = step
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        step = self._orders.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename.rpartition('/')[2]}:{where.lineno}"
            what = None if step is None else step["do"]
            self.wrong(f"operator: {what} raised {type(error).__name__}: {error} [{place}]")

    def undone(self) -> None:
        """The last transactions may be undone: operators look at what they have decided.

        Which copies messages became may be forgotten with them, whenever those were said: such a
        copy is not changed.
        """
        since = TIME.now - UNDONE
        for said in self.scene.of.values():
            said.forgotten |= said.at > since
        for pair in self.pairs:
            for said in self.scene.said_in(pair.fields["source"]):
                said.forgotten |= carried_at(self.scene, self.sink, pair, said) > since
        planned = {pair["id"] for pair in self.script.pairs}
        for pair in self.pairs:
            pair.unsettled = True
            pair.doubtful |= pair.id not in planned

    def forget_orders(self) -> None:
        """The process is dead: nobody is answered."""
        for task in list(self._orders):
            task.cancel()

    async def orders_answered(self) -> None:
        """Wait until every operator has an answer."""
        if self._orders:
            await asyncio.wait(list(self._orders), timeout=ACT_WITHIN + 10.0)

    # Rest

    async def _rest(self, *, last: bool = False) -> None:
        self._heal()
        if not self.process.running:
            await self.start()
        await self.orders_answered()
        if self.dead:
            await self.process.call(self.process.sign_in)
        await self._settle_pairs()
        await self._newcomers_ready()
        deadline, pause = TIME.now + self._patience(), 0.5
        excused: dict[tuple[int, int], str] = {}
        while True:
            await asyncio.sleep(pause)
            await self._confirm_names()
            if self.dead:  # what had been asked for is answered by now
                await self.process.call(self.process.sign_in)
            ruling = self._judged(excused)
            if ruling.wrong and pause > 10.0:
                excused = await self._excuses()
                ruling = self._judged(excused)
            if not ruling.wrong or TIME.now >= deadline or self.outcome.violations:
                break
            pause = min(2 * pause, 60.0)
        self.dead.clear()
        for what in ruling.wrong:
            self.wrong(f"at rest: {what}")
        if not ruling.wrong and last:
            await asyncio.sleep(SHAKE)
            for what in self._judged(excused).wrong:
                self.wrong(f"afterwards: {what}")
            await self._look_at_levels()
        self.outcome.copies = ruling.copies
        self._check_server()
        self.network.spikes = 0.01

    def _patience(self) -> float:
        """How long it may take until all is as the model says."""
        done = {step["do"] for step in self.script.steps}
        if done.issubset(TALK):
            return PROMPT
        return REJOINED if done.issubset((*TALK, *MEMBERS)) else REST_WITHIN

    def _judged(self, excused: dict[tuple[int, int], str]) -> Ruling:
        return judge(self.scene, self.pairs, excused=excused, sink=self.sink)

    def _heal(self) -> None:
        """No fault any more; who was taken out is back."""
        for rule in self.telegram.faults:
            if rule.id not in self.staying:
                self.telegram.faults.remove(rule)
        self.network.spikes = 0.0
        self.sink.trouble.clear()
        DISK.heal()
        deeds, self._at_rest = self._at_rest, {}
        for deed in deeds.values():
            deed()

    async def _settle_pairs(self) -> None:
        """Which pairs there are, and whose, as the warden says; paused ones go on."""
        warden = self.process.warden
        plans = {plan.id: plan for plan in await self._plans()}
        for pair in self.pairs:
            plan = plans.get(pair.id)
            if pair.gone and plan is not None and pair is self._newest(pair.id):
                pair.gone, pair.until = False, None  # its removal was refused
            if plan is None:
                if not pair.gone and not pair.doubtful:
                    self.wrong(f"pair {pair.id} is no more")
                pair.gone, pair.until = True, 0 if pair.doubtful else pair.until
                continue
            if pair.gone:
                continue
            pair.doubtful = False
            if pair.unsettled:
                pair.unsettled = False
                pair.carriers.append(plan.session)
            elif plan.session != pair.carriers[-1]:
                self.wrong(f"pair {pair.id} belongs to {plan.session}")
        for number in sorted(self.paused):
            if number in plans:
                with contextlib.suppress(TelewardenError):
                    await self.process.call(lambda number=number: warden.pairs.resume(number))
        self.paused.clear()

    async def _confirm_names(self) -> None:
        """An operator says that pairs stay with their chats, whoever has the names by now."""
        for pair in self.pairs:
            if pair.fields.get("by_name") and not pair.gone:
                report = await self.report_of(pair.id)
                if report is not None and (report.paused or "").startswith("NAME_MOVED"):
                    confirm = partial(self.process.warden.pairs.confirm, pair.id, take=False)
                    with contextlib.suppress(TelewardenError):
                        await self.process.call(confirm)

    async def _plans(self) -> Any:
        """The pairs as the warden has them; right after a fault it may still be at something."""
        end = TIME.now + ANSWERS_WITHIN
        while True:
            try:
                return await self.process.call(self.process.warden.pairs.list)
            except TelewardenError as error:
                if TIME.now > end:
                    self.wrong(f"warden: says nothing of its pairs: {type(error).__name__}")
                    raise _ViolationError from error
            await asyncio.sleep(1.0)

    async def _newcomers_ready(self) -> None:
        """Pairs that were added are ready by now, and carry everything at the latest from now."""
        for pair in self.pairs:
            if not pair.newcomer or pair.gone or pair.barred:
                continue
            if not await self._ready(pair):
                self.wrong(f"pair {pair.id} is never ready")
                return
            pair.newcomer = False
            pair.must = min(pair.must, self.said_in(pair.fields["source"]))

    def _newest(self, number: int) -> PairModel:
        return [pair for pair in self.pairs if pair.id == number][-1]

    async def _excuses(self) -> dict[tuple[int, int], str]:
        """Dead letters for reasons that were asked for, no more of them than there were errors."""
        letters = await self.process.call(self.process.warden.pairs.dead)
        protected = any(step["do"] == "protect" for step in self.script.steps)
        excused: dict[tuple[int, int], str] = {}
        counted: dict[str, set[object]] = {}
        for one in letters:
            pair = self._newest(one.pair)
            if protected and "rotected" in one.reason:
                excused[one.pair, one.source_id] = one.reason
            if pair.handled and self.sink.struck and one.reason.startswith(SINK_REASONS):
                excused[one.pair, one.source_id] = one.reason
            for text in {text for text, _, _ in self.injected if text in one.reason}:
                refused = counted.setdefault(text, set())
                refused.add((one.pair, self._group_of(pair, one.source_id)))
                if len(refused) <= self._struck_with(text, pair):
                    excused[one.pair, one.source_id] = one.reason
        return excused

    def _group_of(self, pair: PairModel, source_id: int) -> int:
        """An album is refused as one."""
        account = self.scene.accounts[pair.carriers[-1]]
        for said in self.scene.said_in(pair.fields["source"]):
            if said.id_for(account) == source_id:
                return said.message.grouped_id or source_id
        return source_id

    def _struck_with(self, text: str, pair: PairModel) -> int:
        """How often accounts that have carried a pair have met an error."""
        return sum(
            rule.struck
            for one, session, rule in self.injected
            if one == text and (session is None or session in pair.carriers)
        )

    def _check_server(self) -> None:
        stats = self.telegram.stats
        if stats.crashes:
            self.wrong("the data centre's own handler failed")
        if stats.duplicate_keys:
            self.wrong("a key was used twice")


def _disk_refused(error: BaseException | None) -> bool:
    """Whether it is the disk's fault that something does not start."""
    seen, known = error, set[int]()
    while seen is not None and id(seen) not in known:  # an error may be its own cause's cause
        known.add(id(seen))
        # A start that waits for the disk takes longer than it may.
        if isinstance(seen, TimeoutError) or type(seen).__name__ in (
            "StorageFullError", "StorageNotWritableError", "StorageBusyError", "StorageFailedError",
            "JournalUnavailableError",
        ):  # fmt: skip
            return bool(DISK.struck)
        seen = getattr(seen, "cause", None) or seen.__cause__
    return False


def memory() -> Path:
    """A folder in memory, where there is one: what is on the disk is real, the disk need not be."""
    shared = Path("/dev/shm")  # noqa: S108 - the folder below it bears this process's number
    return shared if shared.is_dir() else Path(tempfile.gettempdir())


class _LogWatch(logging.Handler):
    def __init__(self, run: Run) -> None:
        super().__init__(logging.DEBUG if run.keep_trace else logging.ERROR)
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            trail = traceback.extract_tb(record.exc_info[1].__traceback__)
            where = f"{trail[-1].filename.rpartition('/')[2]}:{trail[-1].lineno}" if trail else ""
            text += f" [{type(record.exc_info[1]).__name__}: {record.exc_info[1]} {where}]"
        if self._run.scheduler.current in self._run.others:
            return
        if any(f"child={group}" in text for group in self._run.exhausted):
            return
        if record.levelno >= logging.ERROR and not any(one in record.name for one in EXPECTED):
            self._expected_of_disk(text) or self._run.wrong(f"log {text}")
        elif self._run.keep_trace:
            self._run.note(f"log {record.levelname} {text}")

    def _expected_of_disk(self, text: str) -> bool:
        """What is said at ERROR when the disk refuses has its reason."""
        words = (
            "child failed",
            "start failed",
            "writes lost",
            "not pruned",
            "disk",
            "nobody waits",
            "Storage",
        )
        return bool(DISK.struck) and any(word in text for word in words)
