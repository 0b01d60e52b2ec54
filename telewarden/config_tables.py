"""The tables of a configuration file: their keys, their limits, what they default to."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .actors.entries import LONGEST, MOST, SHORTEST
from .actors.handlers import TELEGRAM
from .actors.rules import Rules
from .errors import MasterKeyMissingError, SecretMissingError

__all__ = [
    "ConsoleConfig",
    "FilterConfig",
    "HealthConfig",
    "LoopbackAccount",
    "LoopbackChat",
    "LoopbackConfig",
    "PacingConfig",
    "PairConfig",
    "ProxyConfig",
    "RecoveryConfig",
    "RegistryConfig",
    "ReplaceConfig",
    "Secret",
    "SessionConfig",
    "StorageConfig",
    "SupervisionConfig",
    "Table",
    "TelegramConfig",
]

PeerName = Annotated[int | str, Field(union_mode="left_to_right")]
Seconds = Annotated[float, Field(ge=SHORTEST, le=LONGEST)]
Entries = Annotated[int, Field(ge=1, le=MOST)]


class Table(BaseModel):
    """A table whose keys are all known; what it says stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=False)


class Secret(Table):
    """Where a secret is kept: exactly one of ``env``, ``file`` and ``keyring``.

    Args:
        env: the name of an environment variable.
        file: a path, relative to the configuration file; only its owner may read it.
        keyring: ``service/name`` in the system's keyring; for a master key or a proxy's password.
        create: make the file with a fresh secret when it is missing; for a master key only.
        passphrase: the text is a passphrase (12 characters or more); for a master key only.
    """

    env: str | None = None
    file: Path | None = None
    keyring: str | None = Field(default=None, pattern=r"^.+/.+$")
    create: bool = False
    passphrase: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.env, self.file, self.keyring)) != 1:
            raise ValueError("give exactly one of env, file and keyring")
        if self.passphrase and (self.create or self.keyring is not None):
            raise ValueError("passphrase goes with env or file, and not with create")
        if self.create and self.file is None:
            raise ValueError("create goes with file")
        return self

    def read(self, what: str, *, base: Path) -> str:
        """The secret's text.

        Raises:
            SecretMissingError: the variable is not set, the file is missing or empty, or the
                keyring has no such entry.
        """
        if self.keyring is not None:
            return self._from_keyring(what, self.keyring)
        if self.env is not None:
            value = os.environ.get(self.env, "").strip()
            if not value:
                raise SecretMissingError(what, f"environment variable {self.env} is not set")
            return value
        path = self.path(base)
        try:
            value = path.read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise SecretMissingError(what, f"file {path}: {exc.strerror or exc}") from exc
        if not value:
            raise SecretMissingError(what, f"file {path} is empty")
        return value

    def _from_keyring(self, what: str, entry: str) -> str:
        from .storage import keyring_text  # quick for whoever has no keyring

        service, _, name = entry.rpartition("/")
        try:
            value = keyring_text(service, name).strip()
        except MasterKeyMissingError as exc:
            raise SecretMissingError(what, f"{exc.place} {exc.why}") from None
        if not value:
            raise SecretMissingError(what, f"keyring {entry} is empty")
        return value

    def path(self, base: Path) -> Path:
        """Where the file is, for a secret that is kept in one."""
        return base / (self.file or Path()).expanduser()


class ProxyConfig(Table):
    """A proxy that connections to Telegram go through; ``direct`` goes through none.

    Args:
        kind: what it speaks.
        host: a name or an address.
        port: its TCP port.
        username: for a proxy that asks who it is; to socks4 the user id.
        password: where the secret is that belongs to it.
    """

    kind: Literal["socks5", "socks4", "http", "direct"]
    host: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    username: str | None = Field(default=None, min_length=1, max_length=255, repr=False)
    password: Secret | None = None

    @field_validator("kind", mode="before")
    @classmethod
    def _not_mtproto(cls, value: object) -> object:
        if value in ("mtproto", "mtproxy"):
            raise ValueError(
                "MTProto proxies are not supported (they want another framing of the line than"
                " Telewarden's); give a socks5, socks4 or http proxy"
            )
        return value

    @field_validator("host")
    @classmethod
    def _host_alone(cls, value: str | None) -> str | None:
        # Never with the value: whoever pastes a URL pastes its password.
        if value is not None and not re.fullmatch(r"[A-Za-z0-9._:-]+", value):
            raise ValueError("give a name or an address alone; the rest has keys of its own")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [key for key in ("host", "port", "username", "password") if getattr(self, key)]
        if self.kind == "direct":
            if given:
                raise ValueError(f"direct goes through no proxy; remove {', '.join(given)}")
            return self
        if self.host is None or self.port is None:
            raise ValueError("give host and port")
        if self.kind == "socks4" and self.password is not None:
            raise ValueError("socks4 knows no password; use socks5, or a username alone")
        if self.kind != "socks4" and (self.username is None) != (self.password is None):
            raise ValueError("give username and password, or neither")
        if self.kind == "http" and ":" in (self.username or ""):
            raise ValueError("an http proxy takes no username with a colon")
        if self.password is not None and (self.password.create or self.password.passphrase):
            raise ValueError("password: create and passphrase are for master keys")
        return self


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
    proxy: ProxyConfig | None = Field(default=None, description="for all sessions")


class StorageConfig(Table):
    """Where everything that must survive is kept, and the key that seals it."""

    folder: Path
    master_key: Secret
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


class SessionConfig(Table):
    """One Telegram account."""

    name: str = Field(pattern=r"^[A-Za-z0-9_]{1,64}$")
    phone: str = Field(pattern=r"^\+[1-9][0-9]{6,14}$", description="E.164")
    priority: int = Field(default=5, ge=1, le=10)
    max_pairs: int = Field(default=30, ge=1, le=50)
    metadata: Mapping[str, str] = Field(default_factory=dict)
    proxy: ProxyConfig | None = Field(default=None, description="instead of telegram.proxy")


class FilterConfig(Table):
    """What a message must, or must not, have; every key that is given counts."""

    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = Field(default=(), description="regular expressions")
    senders: tuple[int, ...] = ()
    kinds: tuple[str, ...] = Field(default=(), description="text, photo, video, voice, ...")
    topics: tuple[int, ...] = Field(default=(), description="of a forum; 1 is General")


class ReplaceConfig(Table):
    """What is replaced in a text: ``{ find = "EUR", with = "euro" }``."""

    find: str = Field(min_length=1)
    words: str = Field(alias="with")
    regex: bool = False


class PairConfig(Table):
    """One way from a source chat to a target chat.

    A chat is a ``@username`` or the number that Telegram's clients show (``-1001234567890``).
    With a ``handler`` of your own there is no target; ``options`` are handed to it.
    """

    id: int = Field(ge=1)
    session: str
    source: PeerName
    target: PeerName | None = None
    mode: Literal["forward", "copy"] = "forward"
    enabled: bool = True
    allow: FilterConfig = FilterConfig()
    deny: FilterConfig = FilterConfig()
    replace: tuple[ReplaceConfig, ...] = ()
    header: str = ""
    footer: str = ""
    edits: bool = Field(default=True, description="copies are edited as their source is")
    deletes: bool = Field(default=True, description="what is deleted at the source goes too")
    replies: bool = Field(default=True, description="answers stay answers, in copies")
    topic: int | None = Field(default=None, description="of the target, when it is a forum")
    topics: Mapping[str, int] = Field(default_factory=dict, description="source to target")
    handler: str = TELEGRAM
    options: Mapping[str, Any] = Field(default_factory=dict)

    def rules(self) -> dict[str, Any]:
        """Filters and transforms, as the worker groups read them."""
        rules: dict[str, Any] = {
            "allow": self.allow.model_dump(exclude_defaults=True),
            "deny": self.deny.model_dump(exclude_defaults=True),
            "replace": [one.model_dump(by_alias=True) for one in self.replace],
            "header": self.header,
            "footer": self.footer,
        }
        return {name: value for name, value in rules.items() if value}

    @model_validator(mode="after")
    def _usable(self) -> Self:
        Rules.of(self.rules())
        changes = self.replace or self.header or self.footer
        if changes and self.mode == "forward" and self.handler == TELEGRAM:
            raise ValueError(
                "replace, header and footer change the text, and a forward cannot be changed;"
                ' say mode = "copy"'
            )
        if (self.target is None) == (self.handler == TELEGRAM):
            raise ValueError("give a target, or a handler of your own, and not both")
        if not all(re.fullmatch(r"[0-9]+", topic) for topic in self.topics):
            raise ValueError("topics are numbers: { 5 = 12 }")
        return self

    @model_validator(mode="after")
    def _names(self) -> Self:
        for key in ("source", "target"):
            value = getattr(self, key)
            if isinstance(value, str) and not re.fullmatch(r"@[A-Za-z][A-Za-z0-9_]{3,31}", value):
                raise ValueError(f"{key} is {value!r}; give a @username or a chat's number")
        if self.source == self.target:
            raise ValueError("source and target are the same chat; a pair would feed itself")
        return self


class HealthConfig(Table):
    """How often the monitor looks; seconds."""

    sessions_every: Seconds = Field(default=300.0)
    groups_every: float = Field(default=180.0, gt=0)
    deaf_after: float = Field(default=900.0, gt=0, description="silence that asks for a probe")
    recheck_initial: float = Field(default=600.0, gt=0, description="a paused pair's first recheck")
    recheck_max: float = Field(default=21600.0, gt=0, description="the longest pause between two")


class RecoveryConfig(Table):
    """How a lost session comes back."""

    tries_per_rung: int = Field(default=3, ge=1, le=10)
    backoff_initial: float = Field(default=0.5, gt=0, description="seconds")
    backoff_max: float = Field(default=300.0, gt=0, description="seconds")
    restarts: int = Field(default=5, ge=0)
    restarts_within: float = Field(default=60.0, gt=0, description="seconds")


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

    abandoned_limit: int = Field(default=10, ge=0, description="left behind; past it exit code 70")
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


class ConsoleConfig(Table):
    """The pages; they listen on this machine only, until told otherwise."""

    host: str = "127.0.0.1"
    port: int = Field(default=9464, ge=0, le=65535, description="0: any free port")
    socket: Path | None = Field(default=None, description="default: control.sock in the folder")


class LoopbackAccount(Table):
    """An account on the loopback data centre."""

    name: str = Field(pattern=r"^[A-Za-z0-9_]{1,64}$")
    phone: str = Field(pattern=r"^\+[1-9][0-9]{6,14}$")
    password: str | None = Field(default=None, repr=False, description="cloud password (2FA)")


class LoopbackChat(Table):
    """A chat on the loopback data centre."""

    username: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{3,31}$")
    title: str
    kind: Literal["channel", "supergroup"] = "channel"
    owner: str
    members: tuple[str, ...] = ()


class LoopbackConfig(Table):
    """A Telegram data centre on 127.0.0.1, for trying things without an account."""

    port: int = Field(default=0, ge=0, le=65535, description="0: any free port")
    dc_id: int = Field(default=2, ge=1, le=5)
    code: str = Field(default="22222", pattern=r"^[0-9]{5,6}$")
    embedded: bool = Field(default=True, description="start it with the warden")
    pubkey: Path | None = Field(default=None, description="of one that runs by itself")
    chatter: float = Field(default=0.0, ge=0, description="seconds between messages posted")
    accounts: tuple[LoopbackAccount, ...] = ()
    chats: tuple[LoopbackChat, ...] = ()

    @model_validator(mode="after")
    def _external(self) -> Self:
        if not self.embedded and (self.port == 0 or self.pubkey is None):
            raise ValueError("embedded = false needs the port and the pubkey of the running one")
        return self
