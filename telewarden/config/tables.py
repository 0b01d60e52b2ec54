"""The configuration tables except pairs and loopback: keys, limits, defaults."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from ..actors.registry.model import LONGEST, MOST, SHORTEST
from ..errors import StorageError
from ..errors.redaction import looks_secret
from .proxies import ProxyConfig
from .secrets import Place, Secret, Table

Seconds = Annotated[float, Field(ge=SHORTEST, le=LONGEST)]
HOST_NAME = r"^[A-Za-z0-9._:-]{1,253}$"
Step = Literal["notify", "reconnect", "recover", "disable", "move"]
Entries = Annotated[int, Field(ge=1, le=MOST)]


class TelegramConfig(Table):
    """Your own application at Telegram (my.telegram.org); one api_id per owner, never borrowed.

    The loopback data centre takes any; there ``api_hash`` may be left out.
    """

    api_id: int = Field(gt=0)
    api_hash: Secret | None = None
    connects_per_second: float = Field(default=5.0, gt=0, description="per address, all sessions")
    connect_burst: int = Field(default=20, ge=1, description="connects at once, before that counts")
    connect_deadline: float = Field(default=15.0, gt=0, description="seconds")
    call_deadline: float = Field(default=30.0, gt=0, description="seconds")
    online_deadline: float = Field(
        default=30.0, ge=0, description="seconds that a call waits for its session to come online"
    )
    proxy: ProxyConfig | None = Field(default=None, description="for all sessions")


class StorageConfig(Table):
    """Where everything that must survive is kept, and the key that seals it."""

    folder: Place
    master_key: Secret
    url: str | None = Field(
        default=None, description="a database in PostgreSQL, instead of a file in the folder"
    )
    password: Secret | None = Field(default=None, description="of the user that url names")
    lease_timeout: float = Field(default=30.0, ge=0, description="seconds to wait for a session")
    backup_every: float = Field(
        default=86_400.0, ge=0, description="seconds between copies of the database; 0: none"
    )
    backups_kept: int = Field(default=5, ge=1, description="copies of the database that stay")
    keep_delivered: float = Field(
        default=2_592_000.0, ge=0, description="seconds that delivered messages stay; 0: for ever"
    )
    keep_audit: float = Field(
        default=7_776_000.0, ge=0, description="seconds that the audit trail stays; 0: for ever"
    )

    @field_validator("url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        from ..storage import DatabaseUrl  # quick for whoever has none

        try:
            found = DatabaseUrl.parse(value)
        except StorageError as error:
            raise ValueError(str(error)) from None
        if found.holds_password:
            raise ValueError("it holds a password; give its place in storage.password")
        return value

    @model_validator(mode="after")
    def _password_of_an_address(self) -> Self:
        if self.password is not None and self.url is None:
            raise ValueError("password goes with url")
        return self


class SessionConfig(Table):
    """One Telegram account."""

    name: str = Field(pattern=r"^[A-Za-z0-9_]{1,64}$")
    phone: str = Field(pattern=r"^\+[1-9][0-9]{6,14}$", description="E.164")
    priority: int = Field(default=5, ge=1, le=10)
    max_pairs: int = Field(default=30, ge=1, le=50)
    metadata: Mapping[str, str] = Field(default_factory=dict)
    proxy: ProxyConfig | None = Field(default=None, description="instead of telegram.proxy")

    @field_validator("name")
    @classmethod
    def _no_secret(cls, value: str) -> str:
        if looks_secret(value):
            raise ValueError("this looks like a secret, and a name is shown everywhere")
        return value


class HealthConfig(Table):
    """How often the monitor looks, in seconds, and when all is well enough."""

    sessions_every: Seconds = Field(default=300.0)
    groups_every: float = Field(default=180.0, gt=0)
    deaf_after: float = Field(default=900.0, gt=0, description="silence that asks for a probe")
    recheck_initial: float = Field(default=600.0, gt=0, description="a paused pair's first recheck")
    recheck_max: float = Field(default=21600.0, gt=0, description="the longest pause between two")
    ready_share: float = Field(
        default=0.5, ge=0, le=1, description="of sessions that are online when it is ready"
    )
    steps: tuple[Step, ...] = Field(
        default=("notify", "reconnect", "recover", "disable", "move"),
        description="what the monitor may do about a verdict",
    )
    fallback: Mapping[str, str] = Field(
        default_factory=dict, description="who gets the pairs of a session whose login has ended"
    )

    @model_validator(mode="after")
    def _another(self) -> Self:
        for name, to in self.fallback.items():
            if name == to:
                raise ValueError(f"fallback of {name!r} is itself; name another session")
        return self


class RecoveryConfig(Table):
    """How a lost session comes back."""

    tries_per_rung: int = Field(default=3, ge=1, le=10)
    backoff_initial: float = Field(default=0.5, gt=0, description="seconds")
    backoff_max: float = Field(default=300.0, gt=0, description="seconds")
    restarts: int = Field(default=5, ge=0)
    restarts_within: float = Field(default=60.0, gt=0, description="seconds")
    handler_tries: int = Field(default=10, ge=1, description="of one message, by a pair's handler")
    late_within: Seconds = Field(default=60.0, description="of what a lost line still carries out")


class PacingConfig(Table):
    """How fast an account may send, in messages per second; conservative on purpose.

    A flood multiplies the rates with ``after_flood``; a tenth of the configured rate comes back
    after every ``recover_every`` seconds without one.
    """

    per_account: float = Field(default=20.0, gt=0)
    per_chat: float = Field(default=1.0, gt=0)
    burst: int = Field(default=5, ge=1)
    after_flood: float = Field(default=0.5, gt=0, le=1)
    recover_every: float = Field(default=60.0, gt=0, description="seconds")


class RegistryConfig(Table):
    """How much is registered and for how long operations are kept; times in seconds."""

    max_sessions: Entries = Field(default=10_000)
    max_operations: Entries = Field(default=10_000)
    keep_finished: Seconds = Field(default=21_600.0, description="operations that went well")
    keep_failed: Seconds = Field(default=3_600.0)
    keep_any: Seconds = Field(default=86_400.0, description="without progress")
    stuck_after: Seconds = Field(default=1_800.0, description="without progress")
    tidy_every: Seconds = Field(default=60.0)
    warning_at: float = Field(default=0.7, gt=0, le=1, description="utilisation")
    critical_at: float = Field(default=0.9, gt=0, le=1, description="utilisation")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.warning_at > self.critical_at:
            raise ValueError("warning_at is above critical_at; give at most critical_at")
        return self


class SupervisionConfig(Table):
    """When the process itself is beyond help, and what it remembers; times in seconds."""

    abandoned_limit: int = Field(default=10, ge=0, description="abandoned; past it exit code 70")
    stall_after: float = Field(default=1.0, gt=0, description="a loop held up so long is reported")
    stall_fatal_after: float | None = Field(
        default=None, gt=0, description="held up so long, the process ends with exit code 70"
    )
    crashes_kept: float = Field(default=604_800.0, ge=0, description="seconds on record")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        fatal = self.stall_fatal_after
        if fatal is not None and fatal < self.stall_after:
            raise ValueError("stall_fatal_after is below stall_after; give at least stall_after")
        return self


class MetricsConfig(Table):
    """What Prometheus is shown."""

    per_session: bool | None = Field(
        default=None, description="series of each session; unless said, up to 1,000 sessions"
    )


class BotUser(Table):
    """A person whom the admin bot answers, by Telegram's number."""

    id: int = Field(gt=0)
    role: Literal["operator", "read-only"] = "operator"
    alerts: bool = Field(default=False, description="tell this person of trouble unasked")
    language: Literal["en", "vi"] = Field(
        default="en", description="explanations and advice are told in it"
    )


class BotConfig(Table):
    """The admin bot: a bot account of your own (@BotFather), and who may use it.

    With a bot in ``[[loopback.bots]]`` its ``token`` may be left out.
    """

    token: Secret | None = None
    allow: tuple[BotUser, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for number, count in Counter(user.id for user in self.allow).items():
            if count > 1:
                raise ValueError(f"allow: id {number} is given {count} times; give each once")
        if self.token is not None and (self.token.create or self.token.passphrase):
            raise ValueError("token: create and passphrase are for master keys; this is Telegram's")
        return self


class LogConfig(Table):
    """What ``telewarden run`` writes to the standard error, beside the events it tells."""

    level: Literal["debug", "info", "warning", "error"] = "warning"


class TokenConfig(Table):
    """Who may come to the page and the HTTP API by a token.

    Args:
        name: what the audit trail calls him.
        role: what he may do.
        token: where the token is kept.
        hash: its digest instead, as ``telewarden token`` prints it.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,32}$")
    role: Literal["operator", "read-only"] = "read-only"
    token: Secret | None = None
    hash: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.token is None) is (self.hash is None):
            raise ValueError("give either token, the place of a token, or hash, its digest")
        if self.token is not None and (self.token.create or self.token.passphrase):
            raise ValueError("create and passphrase are for master keys; this is a token")
        return self


class ConsoleConfig(Table):
    """The pages; they listen on this machine only, until told otherwise."""

    host: str = "127.0.0.1"
    port: int = Field(default=9464, ge=0, le=65535, description="0: any free port")
    socket: Place | None = Field(default=None, description="default: control.sock in the folder")
    names: tuple[Annotated[str, Field(pattern=HOST_NAME)], ...] = Field(
        default=(), description="names that the pages are asked for by, without a port"
    )
    tokens: tuple[TokenConfig, ...] = ()
    open: bool = Field(default=False, description="who needs no token steers as well")

    @model_validator(mode="after")
    def _closed_to_others(self) -> Self:
        names = Counter(one.name for one in self.tokens)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"tokens: name {twice[0]!r} is given twice; names are unique")
        if self.open and self.tokens:
            raise ValueError("open is for a console without tokens; leave one of both out")
        if self.open and not _is_local(self.host):
            raise ValueError(
                "open is for a console that only this machine reaches; give it tokens instead"
            )
        return self


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
