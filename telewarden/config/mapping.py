"""Mapping of a configuration to the actors' settings and specifications."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import tzinfo
from importlib.util import find_spec
from typing import Any, Final

from ..actors import Pace, PairPlan, SessionPlan, Settings
from ..actors.pair_handlers import Handlers
from ..errors import (
    ConfigError,
    HandlerClosedError,
    NotifySupportMissingError,
    ProxySupportMissingError,
    SecretMissingError,
    UnknownHandlerError,
)
from ..notify import (
    ChannelRules,
    NotifySettings,
    QuietHours,
    RuleChange,
    Severity,
    WebhookRules,
    bot_channel,
)
from ..storage import SessionRecord
from ..telegram import (
    BadSecretError,
    HealthStep,
    MtproxySecret,
    Proxies,
    Proxy,
    ProxyKind,
    ServerAddress,
)
from .model import Config
from .notify import QuietConfig, time_of, zone_of
from .pairs import PairConfig
from .proxies import ProxyConfig
from .secrets import Secret
from .tables import SessionConfig

BOT_EVERY: Final = 30.0  # seconds between two messages to a person on the bot's list


def settings_of(config: Config) -> Settings:
    """The times and limits that sessions, groups and monitors work with."""
    return Settings(
        sessions_every=config.health.sessions_every,
        groups_every=config.health.groups_every,
        deaf_after=config.health.deaf_after,
        recheck_initial=config.health.recheck_initial,
        recheck_max=config.health.recheck_max,
        health_steps=frozenset(map(HealthStep, config.health.steps)),
        fallback=config.health.fallback,
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


def notify_settings_of(config: Config) -> NotifySettings:
    """Who is told what, by which way; secrets are read when something is sent."""
    given = config.notify
    return NotifySettings(
        channels=_channels_of(config) | _bot_channels_of(config),
        changes={
            name: RuleChange(
                enabled=one.enabled,
                severity=None if one.severity is None else Severity(one.severity),
                after=one.after,
                limit=one.limit,
                again=one.again,
                resolved=one.resolved,
            )
            for name, one in given.alerts.items()
        },
        webhooks={
            name: WebhookRules(
                name=name,
                url=_reader(config, one.url, f"notify.webhooks.{name}.url"),
                secret=_reader(config, one.secret, f"notify.webhooks.{name}.secret"),
                events=frozenset(one.events),
                timeout=one.timeout,
                refusals=one.refusals,
                give_up=one.give_up,
            )
            for name, one in given.webhooks.items()
        },
        gather=given.gather,
        settle=given.settle,
    )


def _channels_of(config: Config) -> dict[str, ChannelRules]:
    """The channels of ``[notify.channels]``."""
    given = config.notify
    zone = zone_of(given.zone)
    return {
        name: ChannelRules(
            name=name,
            url=None
            if one.url is None
            else _reader(config, one.url, f"notify.channels.{name}.url"),
            telegram=one.telegram,
            least=Severity(one.least),
            only=frozenset(one.only),
            resolved=one.resolved,
            quiet=_quiet(one.quiet or given.quiet, zone),
            every=one.every,
            zone=zone,
            language=one.language,
        )
        for name, one in given.channels.items()
    }


def _bot_channels_of(config: Config) -> dict[str, ChannelRules]:
    """A channel for each person whom the admin bot answers."""
    zone = zone_of(config.notify.zone)
    return {
        bot_channel(person.id): ChannelRules(
            name=bot_channel(person.id),
            telegram=person.id,
            quiet=_quiet(config.notify.quiet, zone),
            zone=zone,
            language=person.language,
            every=BOT_EVERY,
            off=not person.alerts,
        )
        for person in (() if config.bot is None else config.bot.allow)
    }


def notify_problems(config: Config) -> tuple[str, ...]:
    """What keeps channels and webhooks from being used, a sentence each; nothing is sent."""
    found = []
    settings = notify_settings_of(config)
    readers = [one.url for one in settings.channels.values() if one.url is not None]
    for hook in settings.webhooks.values():
        readers += [hook.url, hook.secret]
    for read in readers:
        try:
            read()
        except SecretMissingError as error:
            found.append(str(error))
    wanted = {"apprise": any(one.url for one in settings.channels.values())}
    wanted["httpx"] = bool(settings.webhooks)
    for package, needed in wanted.items():
        if needed and find_spec(package) is None:
            found.append(str(NotifySupportMissingError(package)))
    return tuple(found)


def _reader(config: Config, secret: Secret, what: str) -> Callable[[], str]:
    return lambda: secret.read(what, base=config.base)


def _quiet(given: QuietConfig | None, zone: tzinfo) -> QuietHours | None:
    if given is None:
        return None
    return QuietHours(
        begin=time_of(given.begin), end=time_of(given.end), zone=zone, critical=given.critical
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
    """Which pairs name a handler that nobody offers, or that cannot use its options."""
    installed, found = Handlers(), []
    for pair in config.pairs:
        try:
            installed.check(pair.handler, pair.options)
        except (UnknownHandlerError, HandlerClosedError) as error:
            found.append(f"pair {pair.id}: {error}")
    return tuple(found)


def _problems(config: Config, wanted: ProxyConfig | None, what: str) -> Iterator[str]:
    if wanted is None:
        return
    try:
        _proxy(config, wanted.model_copy(update={"password": None}), what)
    except (ProxySupportMissingError, SecretMissingError) as error:
        yield str(error)
    try:
        if wanted.password is not None:
            wanted.password.read(f"{what}.password", base=config.base)
    except SecretMissingError as error:
        yield str(error)


def _proxy(config: Config, wanted: ProxyConfig | None, what: str) -> Proxy | None:
    if wanted is None or wanted.kind == "direct":
        return None
    if wanted.kind == "mtproto":
        return _mtproxy(config, wanted, what)
    assert wanted.host is not None and wanted.port is not None  # noqa: S101, PT018 - the table looked
    return Proxy(
        kind=ProxyKind(wanted.kind),
        host=wanted.host,
        port=wanted.port,
        username=wanted.username,
        password=_read(config, wanted.password, f"{what}.password"),
    )


def _mtproxy(config: Config, wanted: ProxyConfig, what: str) -> Proxy:
    """An MTProxy, whose secret or link is read now; what it says is in no error."""
    key = "secret" if wanted.link is None else "link"
    text = _read(config, wanted.secret if wanted.link is None else wanted.link, f"{what}.{key}")
    try:
        if wanted.link is not None:
            return Proxy.of_link(text or "")
        assert wanted.host is not None and wanted.port is not None  # noqa: S101, PT018 - as above
        secret = MtproxySecret.parse(text or "")
        return Proxy(kind=ProxyKind.MTPROTO, host=wanted.host, port=wanted.port, secret=secret)
    except BadSecretError as error:
        raise SecretMissingError(f"{what}.{key}", f"what is there {error}") from None


def _read(config: Config, place: Secret | None, what: str) -> str | None:
    return None if place is None else place.read(what, base=config.base)


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
        "send_as": plan.send_as,
        "silent": plan.silent,
        "join": plan.join,
    }
