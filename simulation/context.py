"""What a run knows, and what acts, faults and its rest ask of it.

How it is played is in ``run``, what must hold when it rests in ``rest``.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from telewarden.errors import FolderHeldError, TelewardenError

from .disk import WrittenLog, disk_refused
from .judge import PairModel, carried_at
from .loop import Scheduler
from .network import Network
from .script import Script, Step
from .sink import Sink
from .surroundings import TIME

__all__ = ["ACT_WITHIN", "BEGIN", "Outcome", "RunContext", "ViolationError"]

BEGIN: Final = 1000.0  # what the monotonic clock says when a run begins
ACT_WITHIN: Final = 400.0  # virtual seconds in which an operator has an answer, whatever it is
READY_WITHIN: Final = 600.0
UNDONE: Final = 90.0  # virtual seconds; what was said since may have been sent since
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


class ViolationError(Exception):
    """Something is wrong; no use to go on."""


class RunContext:
    """What is known of a script that is being played.

    Args:
        script: what happens.
        keep_trace: whether everything that happens is kept, for a person to read.
    """

    folder: Path
    scheduler: Scheduler
    network: Network

    def __init__(self, script: Script, *, keep_trace: bool) -> None:
        self.script, self.keep_trace = script, keep_trace
        self.outcome = Outcome(seed=script.seed)
        self.pairs: list[PairModel] = []
        self.injected: list[tuple[str, str | None, Any]] = []
        """Errors that were asked for: the text, whose requests meet it, and the rule."""
        self.paused: set[int] = set()
        self.resumed: dict[int, float] = {}
        """Pairs that operators let go on, and when they last did."""
        self.staying: set[int] = set()
        self.dead: set[str] = set()
        """Sessions whose logins were ended, until they have others."""
        self.exhausted: set[str] = set()
        """Worker groups that are crashed until they are kept down."""
        self.others: set[Any] = set()
        """Loops of processes beside the one that is judged."""
        self.log = WrittenLog()
        self.sink = Sink(script.seed)
        self.process: Any = None
        self.telegram: Any = None
        self.scene: Any = None
        self.drilled = -math.inf  # when the journal was last made to crash
        self._digest = hashlib.blake2b(digest_size=16)
        self._orders: dict[asyncio.Task[None], Step] = {}
        self._at_rest: dict[str, Callable[[], object]] = {}

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

    def arrived(self, end: Any, data: bytes) -> None:
        """A piece has come to an end of a connection."""
        self._digest.update(f"{TIME.now:.9f} {end.number} {len(data)}\n".encode() + data)
        if self.keep_trace:
            way = "<-" if end.number > 0 else "->"
            self.outcome.trace.append(
                f"{TIME.now - BEGIN:12.6f}    link {abs(end.number)} {way} {len(data)}"
            )

    def digest(self) -> str:
        """All that was seen, as one number: the same for the same script."""
        return self._digest.hexdigest()

    # The process

    def tables(self) -> dict[str, Any]:
        """The configuration that the process is started with."""
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

    async def start(self) -> None:
        """Start the process again, while the disk refuses or another process has the folder."""
        while True:
            try:
                await self.process.start()
            except TelewardenError as error:
                if not (disk_refused(error) or isinstance(error, FolderHeldError)):
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

    async def ready(self, pair: PairModel) -> bool:
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

    def check_server(self) -> None:
        """The data centre has not failed, and no key was used twice."""
        stats = self.telegram.stats
        if stats.crashes:
            self.wrong("the data centre's own handler failed")
        if stats.duplicate_keys:
            self.wrong("a key was used twice")

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
        self.paused.update(number for number, at in self.resumed.items() if at > since)

    def forget_orders(self) -> None:
        """The process is dead: nobody is answered."""
        for task in list(self._orders):
            task.cancel()

    async def orders_answered(self) -> None:
        """Wait until every operator has an answer."""
        if self._orders:
            await asyncio.wait(list(self._orders), timeout=ACT_WITHIN + 10.0)

    def heal(self) -> None:
        """Undo what acts and faults have left behind for the rest."""
        deeds, self._at_rest = self._at_rest, {}
        for deed in deeds.values():
            deed()

    def clear(self) -> None:
        """Forget what goes on beside the script: the run is over."""
        self._orders.clear()
        self._at_rest.clear()
