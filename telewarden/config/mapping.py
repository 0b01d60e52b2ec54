"""Mapping of a configuration to the actors' settings and specifications."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..actors import Pace, PairPlan, SessionPlan, Settings
from ..actors.pair_handlers import Handlers
from ..errors import (
    ConfigError,
    ProxySupportMissingError,
    SecretMissingError,
    UnknownHandlerError,
)
from ..storage import SessionRecord
from ..telegram import Proxies, Proxy, ProxyKind, ServerAddress
from .model import Config
from .pairs import PairConfig
from .proxies import ProxyConfig
from .tables import SessionConfig


def settings_of(config: Config) -> Settings:
    """The times and limits that sessions, groups and monitors work with."""
    return Settings(
        sessions_every=config.health.sessions_every,
        groups_every=config.health.groups_every,
        deaf_after=config.health.deaf_after,
        recheck_initial=config.health.recheck_initial,
        recheck_max=config.health.recheck_max,
        tries_per_rung=config.recovery.tries_per_rung,
        backoff_initial=config.recovery.backoff_initial,
        backoff_max=config.recovery.backoff_max,
        restarts=config.recovery.restarts,
        restarts_within=config.recovery.restarts_within,
        handler_tries=config.recovery.handler_tries,
        late_within=config.recovery.late_within,
        connect_deadline=config.telegram.connect_deadline,
        call_deadline=config.telegram.call_deadline,
        lease_timeout=config.storage.lease_timeout,
        pace=Pace(
            per_account=config.pacing.per_account,
            per_chat=config.pacing.per_chat,
            burst=config.pacing.burst,
            slower=config.pacing.after_flood,
            every=config.pacing.recover_every,
        ),
    )


def refuse_invented(config: Config, server: ServerAddress | None) -> None:
    """Keep the real Telegram from being dialled with what was made up for a loopback.

    Raises:
        ConfigError: ``config`` has a ``[loopback]`` table, and no ``server`` stands in.
    """
    if config.loopback is not None and server is None:
        problem = (
            "[loopback] is set, and no data centre stands in for Telegram here; "
            "start the warden with it, or remove the table and name telegram.api_hash"
        )
        raise ConfigError("config", (problem,))


def proxies_of(config: Config) -> Proxies:
    """Which session goes through which proxy; their passwords are read now.

    Raises:
        SecretMissingError: one is not where the configuration says.
        ProxySupportMissingError: a proxy needs python-socks, which is not installed.
    """
    return Proxies(
        default=_proxy(config, config.telegram.proxy, "telegram.proxy"),
        by_session={
            one.name: _proxy(config, one.proxy, f"proxy of session {one.name}")
            for one in config.sessions
            if one.proxy is not None
        },
    )


def proxy_problems(config: Config) -> tuple[str, ...]:
    """What keeps proxies from being used, a sentence each; none is connected to."""
    ways = [("telegram.proxy", config.telegram.proxy)]
    ways += [(f"proxy of session {one.name}", one.proxy) for one in config.sessions]
    found = [problem for what, wanted in ways for problem in _problems(config, wanted, what)]
    return tuple(dict.fromkeys(found))  # several sessions may go through the same


def handler_problems(config: Config) -> tuple[str, ...]:
    """Which pairs name a handler that no installed package offers, a sentence each."""
    installed, found = Handlers(), []
    for pair in config.pairs:
        try:
            installed.check(pair.handler)
        except UnknownHandlerError as error:
            found.append(f"pair {pair.id}: {error}")
    return tuple(found)


def _problems(config: Config, wanted: ProxyConfig | None, what: str) -> Iterator[str]:
    if wanted is None:
        return
    try:
        _proxy(config, wanted.model_copy(update={"password": None}), what)
    except ProxySupportMissingError as error:
        yield str(error)
    try:
        if wanted.password is not None:
            wanted.password.read(f"{what}.password", base=config.base)
    except SecretMissingError as error:
        yield str(error)


def _proxy(config: Config, wanted: ProxyConfig | None, what: str) -> Proxy | None:
    if wanted is None or wanted.host is None or wanted.port is None:
        return None
    secret = wanted.password
    return Proxy(
        kind=ProxyKind(wanted.kind),
        host=wanted.host,
        port=wanted.port,
        username=wanted.username,
        password=None if secret is None else secret.read(f"{what}.password", base=config.base),
    )


def plans_of(config: Config) -> tuple[SessionPlan, ...]:
    """The sessions that the configuration names, each with its pairs."""
    return tuple(
        SessionPlan(
            record=session_record_of(session),
            pairs=tuple(
                pair_plan_of(pair) for pair in config.pairs if pair.session == session.name
            ),
        )
        for session in config.sessions
    )


def session_record_of(session: SessionConfig) -> SessionRecord:
    """What a configuration says of a session, as the store keeps it."""
    return SessionRecord(
        name=session.name,
        phone=session.phone,
        priority=session.priority,
        max_pairs=session.max_pairs,
        metadata=dict(session.metadata),
    )


def pair_plan_of(pair: PairConfig) -> PairPlan:
    """One pair as the worker groups know it."""
    return pair.plan()


def tables_of(plan: PairPlan) -> dict[str, Any]:
    """A pair as the configuration would say it; the other way round."""
    return {
        "id": plan.id,
        "session": plan.session,
        "source": plan.source,
        "target": plan.target or None,
        "mode": plan.mode,
        "enabled": plan.enabled,
        **plan.rules,
        "handler": plan.handler,
        "options": plan.options,
        "edits": plan.edits,
        "deletes": plan.deletes,
        "replies": plan.replies,
        "topic": plan.topic,
        "topics": {str(source): target for source, target in plan.topics.items()},
        "ring": plan.ring,
        "unwanted": plan.unwanted,
        "max_stars": plan.max_stars,
    }
