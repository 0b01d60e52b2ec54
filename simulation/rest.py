"""What must hold when a run rests: every pair has carried what the judge says it must.

Faults are over by then, pairs that were paused go on, and operators have their answers.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Any, Final

from telewarden.errors import TelewardenError

from .context import RunContext, ViolationError
from .disk import DISK
from .judge import PairModel, Ruling, judge
from .scene import Said
from .script import Step
from .surroundings import TIME

__all__ = ["Rest"]

REST_WITHIN: Final = (
    1200.0  # virtual seconds until all is as the model says; silence is noticed after 900
)
PROMPT: Final = 20.0  # the same where people have only talked, and all they said has been told
TALK: Final = ("say", "album", "edit", "delete", "rest")
REJOINED: Final = 100.0  # the same where accounts left chats and came back: see ``recheck_max``
MEMBERS: Final = ("leave", "return")
SHAKE: Final = 250.0  # virtual seconds for which it must stay so
ANSWERS_WITHIN: Final = 60.0  # virtual seconds in which the warden speaks again after a fault
SINK_REASONS: Final = ("HANDLER_REFUSED", "SinkError", "TimeoutError")


class Rest:
    """A run at rest."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._excused: dict[tuple[int, int], str] = {}
        """Dead letters that faults account for, by pair and source id."""

    async def settle(self) -> Ruling:
        """Wait until all is as the model says; what is not by then is a violation."""
        run = self._run
        self._heal()
        if not run.process.running:
            await run.start()
        await run.orders_answered()
        await self._sign_in()
        await self._settle_pairs()
        await self._newcomers_ready()
        ruling = await self._wait_until_right()
        run.dead.clear()
        for what in ruling.wrong:
            run.wrong(f"at rest: {what}")
        run.outcome.copies = ruling.copies
        return ruling

    async def stay(self) -> None:
        """See that all stays so for a while."""
        await asyncio.sleep(SHAKE)
        for what in self._judged().wrong:
            self._run.wrong(f"afterwards: {what}")

    async def _wait_until_right(self) -> Ruling:
        deadline, pause = TIME.now + self._patience(), 0.5
        self._excused = {}
        while True:
            await asyncio.sleep(pause)
            await self._confirm_names()
            await self._sign_in()  # what had been asked for is answered by now
            ruling = self._judged()
            if ruling.wrong and pause > 10.0:
                self._excused = await self._excuses()
                ruling = self._judged()
            if not ruling.wrong or TIME.now >= deadline or self._run.outcome.violations:
                return ruling
            pause = min(2 * pause, 60.0)

    async def _sign_in(self) -> None:
        if self._run.dead:
            await self._run.process.call(self._run.process.sign_in)

    def _patience(self) -> float:
        """How long it may take until all is as the model says."""
        done = {step["do"] for step in self._run.script.steps if not _only_late(step)}
        if done.issubset(TALK):
            return PROMPT
        return REJOINED if done.issubset((*TALK, *MEMBERS)) else REST_WITHIN

    def _judged(self) -> Ruling:
        run = self._run
        return judge(run.scene, run.pairs, excused=self._excused, sink=run.sink)

    def _heal(self) -> None:
        """No fault any more; who was taken out is back."""
        for rule in self._run.telegram.faults:
            if rule.id not in self._run.staying:
                self._run.telegram.faults.remove(rule)
        self._run.network.spikes = 0.0
        self._run.sink.trouble.clear()
        DISK.heal()
        self._run.heal()

    async def _settle_pairs(self) -> None:
        """Which pairs there are, and whose, as the warden says; paused ones go on."""
        warden = self._run.process.warden
        plans = {plan.id: plan for plan in await self._plans()}
        for pair in self._run.pairs:
            plan = plans.get(pair.id)
            if pair.gone and plan is not None and pair is self._newest(pair.id):
                pair.gone, pair.until = False, None  # its removal was refused
            if plan is None:
                if not pair.gone and not pair.doubtful:
                    self._run.wrong(f"pair {pair.id} is no more")
                pair.gone, pair.until = True, 0 if pair.doubtful else pair.until
                continue
            if pair.gone:
                continue
            pair.doubtful = False
            if pair.unsettled:
                pair.unsettled = False
                pair.carriers.append(plan.session)
            elif plan.session != pair.carriers[-1]:
                self._run.wrong(f"pair {pair.id} belongs to {plan.session}")
        for number in sorted(self._run.paused):
            if number in plans:
                with contextlib.suppress(TelewardenError):
                    await self._run.process.call(lambda number=number: warden.pairs.resume(number))
                self._run.resumed[number] = TIME.now
        self._run.paused.clear()

    async def _confirm_names(self) -> None:
        """An operator says that pairs stay with their chats, whoever has the names by now."""
        for pair in self._run.pairs:
            if pair.fields.get("by_name") and not pair.gone:
                report = await self._run.report_of(pair.id)
                if report is not None and (report.paused or "").startswith("NAME_MOVED"):
                    confirm = partial(self._run.process.warden.pairs.confirm, pair.id, take=False)
                    with contextlib.suppress(TelewardenError):
                        await self._run.process.call(confirm)

    async def _plans(self) -> Any:
        """The pairs as the warden has them; right after a fault it may still be at something."""
        end = TIME.now + ANSWERS_WITHIN
        while True:
            try:
                return await self._run.process.call(self._run.process.warden.pairs.list)
            except TelewardenError as error:
                if TIME.now > end:
                    self._run.wrong(f"warden: says nothing of its pairs: {type(error).__name__}")
                    raise ViolationError from error
            await asyncio.sleep(1.0)

    async def _newcomers_ready(self) -> None:
        """Pairs that were added are ready by now, and carry everything at the latest from now."""
        for pair in self._run.pairs:
            if not pair.newcomer or pair.gone or pair.barred:
                continue
            if not await self._run.ready(pair):
                self._run.wrong(f"pair {pair.id} is never ready")
                return
            pair.newcomer = False
            pair.must = min(pair.must, self._run.said_in(pair.fields["source"]))

    def _newest(self, number: int) -> PairModel:
        return [pair for pair in self._run.pairs if pair.id == number][-1]

    async def _excuses(self) -> dict[tuple[int, int], str]:
        """Dead letters for reasons that were asked for, no more of them than there were errors."""
        letters = list(await self._run.process.call(self._run.process.warden.pairs.dead))
        letters.sort(key=self._is_gone)  # what is gone may be refused for that: it strikes last
        protected = any(step["do"] == "protect" for step in self._run.script.steps)
        excused: dict[tuple[int, int], str] = {}
        counted: dict[str, set[object]] = {}
        for one in letters:
            pair = self._newest(one.pair)
            if protected and "rotected" in one.reason:
                excused[one.pair, one.source_id] = one.reason
            if pair.handled and self._run.sink.struck and one.reason.startswith(SINK_REASONS):
                excused[one.pair, one.source_id] = one.reason
            for text in {text for text, _, _ in self._run.injected if text in one.reason}:
                refused = counted.setdefault(text, set())
                said = self._said_of(one)
                group = None if said is None else said.message.grouped_id
                refused.add((one.pair, group or one.source_id))  # an album is refused as one
                if len(refused) <= self._struck_with(text, pair):
                    excused[one.pair, one.source_id] = one.reason
        return excused

    def _is_gone(self, letter: Any) -> bool:
        said = self._said_of(letter)
        return said is not None and bool(said.message.deleted)

    def _said_of(self, letter: Any) -> Said | None:
        """What a dead letter is about."""
        pair = self._newest(letter.pair)
        account = self._run.scene.accounts[pair.carriers[-1]]
        entries = self._run.scene.said_in(pair.fields["source"])
        return next((one for one in entries if one.id_for(account) == letter.source_id), None)

    def _struck_with(self, text: str, pair: PairModel) -> int:
        """How often accounts that have carried a pair have met an error."""
        return sum(
            rule.struck
            for one, session, rule in self._run.injected
            if one == text and (session is None or session in pair.carriers)
        )


def _only_late(step: Step) -> bool:
    """Whether a fault only keeps back, or turns round, what a session is told."""
    return step["do"] == "pushes" and step["how"] == "hold"
