"""The facts about one session's account: read in time, kept, told when they change.

Owns when Telegram is asked: after a login, once a day, and on an error that hints at them. Leaves
the questions to ``telegram`` and what a fact means to its table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from ...supervision import LoopActor, TimerHandle
from ...telegram import (
    FACTS,
    AccountFactChanged,
    AccountFacts,
    FactKind,
    Standing,
    Verdict,
    classify,
    facts_from_json,
    facts_to_json,
    in_words,
    read_account_facts,
    standing,
)
from ..context import Services
from .client_slot import ClientSlot
from .internal import LookAtAccount

logger = logging.getLogger(__name__)

EVERY: Final = 86_400.0  # seconds between two readings
SPREAD: Final = 600.0  # seconds over which a start spreads those that are due
HINTED_EVERY: Final = 600.0  # seconds: each message that is refused hints at the same
LOGINS: Final = frozenset({"login", "renewal", "another login"})
HINTS: Final = "FROZEN_"  # how the errors begin that say more in the account's facts


class AccountWatch:
    """Knows the facts about one account.

    Args:
        actor: the session actor; it is sent ``LookAtAccount`` when it is time.
        slot: the client to ask.
        changed: called after facts have changed.
    """

    __slots__ = (
        "_actor",
        "_asking",
        "_changed",
        "_hinted_at",
        "_name",
        "_next",
        "_services",
        "_slot",
        "facts",
    )

    def __init__(
        self,
        name: str,
        services: Services,
        actor: LoopActor,
        slot: ClientSlot,
        changed: Callable[[], object],
    ) -> None:
        self._name, self._services, self._actor = name, services, actor
        self._slot, self._changed = slot, changed
        self.facts: AccountFacts | None = None
        self._asking, self._hinted_at = False, float("-inf")
        self._next: TimerHandle | None = None

    def load(self, *, then: Callable[[], object] | None = None) -> None:
        """Take what is kept, and look whether something has come to its end meanwhile."""
        name = self._name
        self._actor.pipe(
            self._services.journal.do(lambda store: store.account_facts(name)),
            then=partial(self._loaded, then),
            otherwise=lambda error: logger.info(
                "account facts not loaded session=%s error=%s", name, type(error).__name__
            ),
        )

    def _loaded(self, then: Callable[[], object] | None, kept: str | None) -> None:
        if kept is not None:
            self._take(facts_from_json(kept), keep=False)
        if then is not None:
            then()

    def online(self, cause: str) -> None:
        """The session is online: read what is due, after a login at once."""
        if cause in LOGINS:
            self.load(then=self.look)  # the login has told more
        else:
            known = None if self.facts is None else self.facts.read_at
            due = 0.0 if known is None else known + EVERY - self._services.now()
            self._look_in(max(0.0, due) + self._actor.rng.uniform(0.0, SPREAD))

    def hinted(self, verdict: Verdict) -> None:
        """An error may say more in the account's facts: read them, unless one just did."""
        now = self._actor.clock.now()
        if verdict.name.startswith(HINTS) and now - self._hinted_at >= HINTED_EVERY:
            self._hinted_at = now
            self.look()

    def look(self) -> None:
        """Ask Telegram now; without a client only look at the dates."""
        client, now = self._slot.client, self._services.now()
        if client is None:
            if self.facts is not None:
                self._take(self.facts)
            self._look_in(EVERY)
        elif not self._asking:
            self._asking = True
            deadline = self._services.settings.call_deadline
            known = self.facts or AccountFacts()
            self._actor.pipe(
                read_account_facts(client, known, now=now, deadline=deadline),
                then=self._read,
                otherwise=self._not_read,
            )

    def _read(self, found: AccountFacts) -> None:
        self._asking = False
        self._take(found)
        self._look_in(EVERY)

    def _not_read(self, error: BaseException) -> None:
        self._asking = False
        verdict = classify(error)
        logger.info("account facts not read session=%s why=%s", self._name, verdict.name)
        self._look_in(max(HINTED_EVERY, verdict.wait or 0.0))

    def _look_in(self, seconds: float) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = self._actor.after(seconds, LookAtAccount())

    def _take(self, found: AccountFacts, *, keep: bool = True) -> None:
        """Take facts, tell of what stands now and did not, and the other way round."""
        now, before = self._services.now(), self.facts
        stand = standing(found, now)
        gone = [kind for kind in found.told if kind not in {fact.kind for fact in stand}]
        fresh = [fact for fact in stand if fact.kind not in found.told]
        self.facts = replace(found, told=tuple(fact.kind.value for fact in stand))
        if before == self.facts:
            return
        if keep or gone or fresh:
            name, kept = self._name, facts_to_json(self.facts)
            self._services.journal.post(lambda store: store.put_account_facts(name, kept))
        for fact in fresh:
            self._tell(fact)
        for kind in gone:
            self._tell_over(FactKind(kind))
        self._changed()

    def _tell(self, fact: Standing) -> None:
        logger.warning("account session=%s fact=%s says=%s", self._name, fact.kind, in_words(fact))
        self._publish(fact, over=False)

    def _tell_over(self, kind: FactKind) -> None:
        logger.info("account session=%s fact=%s over", self._name, kind)
        text = FACTS[kind]
        fact = Standing(kind=kind, explanation=text.explanation, advice=text.advice)
        self._publish(fact, over=True)

    def _publish(self, fact: Standing, *, over: bool) -> None:
        self._services.publish(
            AccountFactChanged(
                session=self._name,
                at=self._services.now(),
                kind=fact.kind,
                explanation=fact.explanation,
                advice=fact.advice,
                until=fact.until,
                url=fact.url,
                over=over,
            )
        )
