"""Reload: a running warden goes by another configuration, all of it or nothing.

Owns what is looked at first, and the order of the steps: pairs that change hands come to rest, one
transaction of the registry changes sessions, pairs and limits, then everybody hears of the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..actors import PairPlan, Redeclare, effective_plans
from ..api.pairs_client import PairsClient
from ..api.sessions import Sessions
from ..config import Config
from ..config.changes import ConfigChange, changes_between, taken_over
from ..config.mapping import plans_of, proxies_of, proxy_problems, session_record_of
from ..config.offered import Offered
from ..errors import (
    ConfigError,
    TelewardenError,
    UnknownRecordError,
)
from ..storage import PlanRow, SessionRecord, Store
from ..supervision import Event, frozen
from ..telegram import Proxies
from .paths import config_of

BUILT_IN_CODE: Final = "it was made without a file; hand the new one to reload(config)"
WAY: Final = ("session", "source", "target", "handler")  # of a pair; with another it begins anew
SESSION_FIELDS: Final = ("phone", "priority", "max_pairs", "metadata")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadReport:
    """What a reload has changed, and what the configuration says that only a restart takes over."""

    applied: tuple[ConfigChange, ...]
    needs_restart: tuple[ConfigChange, ...]

    def __str__(self) -> str:
        lines = [f"{_said(one)}" for one in self.applied] or ["nothing has changed"]
        lines += [f"{_said(one)}; needs a restart" for one in self.needs_restart]
        return "\n".join(lines)


@frozen
class ConfigReloaded(Event):
    """A warden goes by another configuration; ``at`` is epoch seconds."""

    child: str = ""
    who: str
    report: ReloadReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What a warden goes by from now on, what that has changed, and in whose name."""

    who: str

    config: Config
    proxies: Proxies
    rerouted: frozenset[str]
    report: ReloadReport


class Reloader:
    """Reloads one running warden, one reload after the other.

    Args:
        file: the configuration's, if it was read from one.
        current: what the warden goes by.
        take_over: called with what it goes by from now on, once the registry does.
        sessions: the registered sessions.
        pairs: asks for pairs, and lets them come to rest.
        offered: the ways to deliver, and the events for webhooks, that there are.
    """

    def __init__(
        self,
        file: Path | str | None,
        current: Callable[[], Config],
        take_over: Callable[[Reloaded], object],
        sessions: Sessions,
        pairs: PairsClient,
        offered: Offered,
    ) -> None:
        self._file, self._current, self._take_over = file, current, take_over
        self._sessions, self._pairs, self._offered = sessions, pairs, offered
        self._turn = asyncio.Lock()

    async def reload(
        self, config: Config | Mapping[str, Any] | Path | str | None, *, who: str
    ) -> ReloadReport:
        """Reload; see ``Warden.reload``."""
        given = self._file if config is None else config
        async with self._turn:
            with self._pairs.auditor.refusals(who, "reload", "configuration"):
                if given is None:
                    raise ConfigError("config", (BUILT_IN_CODE,))
                new = await asyncio.to_thread(config_of, given)
                source = str(given) if isinstance(given, str | Path) else "config"
                done = await _Reload(
                    source, self._current(), new, self._sessions, self._pairs, self._offered
                ).carry_out(who=who)
            self._take_over(done)
            return done.report


class _Reload:
    """One reload, from what a warden goes by to another configuration; ``source`` names that."""

    def __init__(
        self,
        source: str,
        old: Config,
        new: Config,
        sessions: Sessions,
        pairs: PairsClient,
        offered: Offered,
    ) -> None:
        self._source, self._old, self._new = source, old, taken_over(old, new)
        self._sessions, self._pairs, self._offered = sessions, pairs, offered
        changes = changes_between(old, new)
        self._report = ReloadReport(
            applied=tuple(one for one in changes if not one.needs_restart),
            needs_restart=tuple(one for one in changes if one.needs_restart),
        )

    async def carry_out(self, *, who: str) -> Reloaded:
        """Do it.

        Raises:
            ConfigError: it cannot be applied, with a sentence for each problem.
        """
        proxies = self._checked()
        if self._report.applied:
            await self._redeclare(who)
        return Reloaded(
            who=who,
            config=self._new,
            proxies=proxies,
            rerouted=self._rerouted(proxies),
            report=self._report,
        )

    def _checked(self) -> Proxies:
        problems = [*proxy_problems(self._new), *self._offered.problems(self._new)]
        if problems:
            raise ConfigError(self._source, tuple(problems))
        return proxies_of(self._new)

    def _rerouted(self, proxies: Proxies) -> frozenset[str]:
        """The sessions whose way to Telegram is another one now."""
        before = proxies_of(self._old) if self._proxies_changed else proxies
        names = (entry.name for entry in self._sessions.list())
        return frozenset(name for name in names if before.of(name) != proxies.of(name))

    @property
    def _proxies_changed(self) -> bool:
        return any("proxy" in one.key.split(".") for one in self._report.applied)

    async def _redeclare(self, who: str) -> None:
        stored = await self._pairs.stored(_stored)
        before = {plan.id: plan for plan in await self._pairs.plans()}
        message = self._message(who, before, *stored)
        moving = frozenset(_another_way(before, message.pairs))
        if not moving:
            await self._ask(message)
            return
        async with self._pairs.let_go(moving) as problems:
            told = tuple(
                f"pairs.{pair}: {error}"
                for pair, error in sorted(problems.items())
                if not isinstance(error, UnknownRecordError)  # no group has it: it is at rest
            )
            if told:
                raise ConfigError(self._source, told)
            await self._ask(message)

    async def _ask(self, message: Redeclare) -> None:
        try:
            await self._pairs.registry.ask(message)
        except ConfigError:
            raise
        except TelewardenError as error:
            raise ConfigError(self._source, (str(error),)) from error

    def _message(
        self,
        who: str,
        before: Mapping[int, PairPlan],
        rows: list[PlanRow],
        registered: frozenset[str],
    ) -> Redeclare:
        declared = {pair.id: pair for plan in plans_of(self._new) for pair in plan.pairs}
        after, obsolete = effective_plans(declared, rows)
        changed = {
            pair: after.get(pair)
            for pair in (*after, *(pair for pair in before if pair not in after))
            if after.get(pair) != before.get(pair)
        }
        added, others = self._session_changes()
        kept = {session.name for session in self._new.sessions} | registered
        gone = {session.name for session in self._old.sessions} - kept
        return Redeclare(
            who=who,
            added=added,
            changed=others,
            removed=tuple(sorted(name for name in gone if name in self._sessions)),
            before={pair: before[pair] for pair in changed if pair in before},
            pairs=changed,
            declared=declared,
            obsolete=obsolete,
            limits=self._limits(),
            audited=_audited(self._report.applied),
        )

    def _session_changes(self) -> tuple[tuple[SessionRecord, ...], dict[str, dict[str, Any]]]:
        """Who is new, and what is different of the others since the configuration before."""
        earlier = {session.name: session_record_of(session) for session in self._old.sessions}
        added, changed = [], {}
        for session in self._new.sessions:
            record, old = session_record_of(session), earlier.get(session.name)
            fields = {
                name: getattr(record, name)
                for name in SESSION_FIELDS
                if old is None or getattr(old, name) != getattr(record, name)
            }
            if session.name in self._sessions:
                if fields:
                    changed[session.name] = fields
            elif fields:  # one that was deleted by hand stays away while its table is as it was
                added.append(record)
        return tuple(added), changed

    def _limits(self) -> dict[str, Any]:
        old, new = self._old.registry.model_dump(), self._new.registry.model_dump()
        limits = {name: value for name, value in new.items() if old[name] != value}
        if self._old.health.sessions_every != self._new.health.sessions_every:
            limits["sessions_every"] = self._new.health.sessions_every
        return limits


def _stored(store: Store) -> tuple[list[PlanRow], frozenset[str]]:
    return store.plans(), frozenset(store.registrations())


def _another_way(
    before: Mapping[int, PairPlan], after: Mapping[int, PairPlan | None]
) -> Iterator[int]:
    for pair, plan in after.items():
        old = before.get(pair)
        if plan is None or old is None:
            continue
        if any(getattr(old, name) != getattr(plan, name) for name in WAY):
            yield pair


def _audited(changes: Iterable[ConfigChange]) -> tuple[dict[str, Any], dict[str, Any]]:
    found = tuple(changes)
    return {one.key: one.old for one in found}, {one.key: one.new for one in found}


def _said(change: ConfigChange) -> str:
    match change:
        case ConfigChange(old=None):
            return f"{change.key}: added ({change.new})"
        case ConfigChange(new=None):
            return f"{change.key}: removed"
        case _:
            return f"{change.key}: {change.old} -> {change.new}"
