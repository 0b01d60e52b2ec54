"""The configuration model: one TOML file, validated with the place of every mistake.

Owns the shape of a configuration and the sentences said about a wrong one. Secrets are never in
the file: it names an environment variable or a file that holds them.

The models are pydantic's; they are frozen, and an unknown key is an error, because a misspelt
option that is silently ignored is the worst of all.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from pydantic import Field, SecretStr, ValidationError, model_validator

from ..errors import ConfigError, SecretMissingError
from ..errors.root import counted, shown
from .lines import Lines
from .loopback import LoopbackConfig
from .notify import NotifyConfig
from .pairs import PairConfig, refuse_together
from .secrets import Table
from .share import ShareConfig
from .tables import (
    BotConfig,
    ConsoleConfig,
    HealthConfig,
    LogConfig,
    MetricsConfig,
    PacingConfig,
    RecoveryConfig,
    RegistryConfig,
    SessionConfig,
    StorageConfig,
    SupervisionConfig,
    TelegramConfig,
    TokenConfig,
)
from .text import place_of, read_text, tables_in

SHORTEST_TOKEN: Final = 24  # characters; it is looked up by a quick digest, so it must be random


class Config(Table):
    """Everything a warden is told before it starts."""

    telegram: TelegramConfig
    storage: StorageConfig
    sessions: tuple[SessionConfig, ...] = ()
    pairs: tuple[PairConfig, ...] = ()
    health: HealthConfig = HealthConfig()
    recovery: RecoveryConfig = RecoveryConfig()
    pacing: PacingConfig = PacingConfig()
    registry: RegistryConfig = RegistryConfig()
    supervision: SupervisionConfig = SupervisionConfig()
    metrics: MetricsConfig = MetricsConfig()
    log: LogConfig = LogConfig()
    console: ConsoleConfig | None = ConsoleConfig()
    share: ShareConfig | None = None
    bot: BotConfig | None = None
    notify: NotifyConfig = NotifyConfig()
    loopback: LoopbackConfig | None = None
    base: Path = Field(default=Path(), exclude=True, description="what relative paths start from")

    @model_validator(mode="after")
    def _real(self) -> Self:
        if self.loopback is None and self.telegram.api_hash is None:
            raise ValueError(
                'telegram.api_hash is missing; name its place: { env = "TELEGRAM_API_HASH" }'
            )
        hashed = self.telegram.api_hash
        if hashed is not None and (hashed.create or hashed.passphrase or hashed.keyring):
            raise ValueError(
                "telegram.api_hash: create, passphrase and keyring are for master keys;"
                " this is Telegram's"
            )
        return self

    @model_validator(mode="after")
    def _bot_has_a_token(self) -> Self:
        played = self.loopback is not None and self.loopback.bots
        if self.bot is not None and self.bot.token is None and not played:
            raise ValueError(
                'bot.token is missing; name its place: { env = "TELEWARDEN_BOT_TOKEN" }'
            )
        return self

    @model_validator(mode="after")
    def _chats_have_a_bot(self) -> Self:
        for name, channel in self.notify.channels.items():
            if channel.telegram is not None and self.bot is None:
                raise ValueError(
                    f"notify.channels.{name}.telegram is written to by the admin bot; add [bot]"
                )
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = Counter(session.name for session in self.sessions)
        for name, count in names.items():
            if count > 1:
                raise ValueError(
                    f"sessions: name {name!r} is given {count} times; names are unique"
                )
        for pair_id, count in Counter(pair.id for pair in self.pairs).items():
            if count > 1:
                raise ValueError(f"pairs: id {pair_id} is given {count} times; ids are unique")
        for pair in self.pairs:
            if pair.session not in names:
                known = ", ".join(sorted(names)) or "none"
                raise ValueError(
                    f"pairs: pair {pair.id} names session {pair.session!r}; sessions are: {known}"
                )
        for name in (*self.health.fallback, *self.health.fallback.values()):
            if name not in names:
                known = ", ".join(sorted(names)) or "none"
                raise ValueError(
                    f"health.fallback names session {name!r}, which has no table;"
                    f" sessions are: {known}"
                )
        for program in () if self.share is None else self.share.programs:
            for name in program.sessions:
                if name not in names and name != "*":
                    known = ", ".join(sorted(names)) or "none"
                    raise ValueError(
                        f"share.programs: program {program.name!r} names session {name!r};"
                        f" sessions are: {known}"
                    )
        refuse_together(self.pairs)
        load = Counter(pair.session for pair in self.pairs)
        for session in self.sessions:
            if load[session.name] > session.max_pairs:
                raise ValueError(
                    f"pairs: session {session.name!r} has"
                    f" {counted(load[session.name], 'pair')} and takes {session.max_pairs};"
                    " raise its max_pairs (50 at most) or move some"
                )
        return self

    @property
    def folder(self) -> Path:
        """The storage folder, absolute."""
        return (self.base / self.storage.folder.expanduser()).resolve()

    @property
    def control_socket(self) -> Path:
        """The Unix socket over which a running warden is reached."""
        if self.console is not None and self.console.socket is not None:
            return (self.base / self.console.socket.expanduser()).resolve()
        return self.folder / "control.sock"

    @property
    def share_socket(self) -> Path:
        """The Unix socket over which programs share its sessions."""
        if self.share is not None and self.share.socket is not None:
            return (self.base / self.share.socket.expanduser()).resolve()
        return self.folder / "share.sock"

    def api_hash(self) -> SecretStr:
        """The application's secret, read now.

        Raises:
            SecretMissingError: it is not where the configuration says.
        """
        secret = self.telegram.api_hash
        if secret is None or self.loopback is not None:
            return SecretStr("loopback")
        return SecretStr(secret.read("telegram.api_hash", base=self.base))

    def bot_token(self) -> str:
        """The admin bot's token, read now; of a bot on the loopback data centre that one's own.

        Raises:
            SecretMissingError: it is not where the configuration says, or there is no bot.
        """
        secret = None if self.bot is None else self.bot.token
        if secret is not None:
            return secret.read("bot.token", base=self.base)
        if self.bot is None or self.loopback is None or not self.loopback.bots:
            raise SecretMissingError("bot.token", "the configuration has no bot")
        return self.loopback.bots[0].token

    def console_tokens(self) -> list[tuple[TokenConfig, bytes]]:
        """Who may come to the console by a token, and the digest of it, read now.

        Raises:
            SecretMissingError: a token is not where the configuration says, or is too short.
        """
        tokens = () if self.console is None else self.console.tokens
        return [(one, self._digest(one)) for one in tokens]

    def _digest(self, one: TokenConfig) -> bytes:
        if one.hash is not None:
            return bytes.fromhex(one.hash.removeprefix("sha256:"))
        assert one.token is not None  # noqa: S101 - as its model says
        what = f"the token of {one.name} in console.tokens"
        text = one.token.read(what, base=self.base)
        if len(text) < SHORTEST_TOKEN:
            why = f"it has {len(text)} characters; make one of {SHORTEST_TOKEN} or more"
            raise SecretMissingError(what, f"{why} with telewarden token")
        return hashlib.sha256(text.encode()).digest()


def load_config(path: Path | str) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or says something that cannot be.
    """
    place = place_of(path)
    text = read_text(place)
    data = tables_in(text, source=str(place))
    return parse_config(data, source=str(place), base=place.resolve().parent, text=text)


def parse_config(
    data: Mapping[str, Any], *, source: str = "config", base: Path = Path(), text: str = ""
) -> Config:
    """Check a configuration that is already parsed.

    Args:
        data: the tables, as ``tomllib`` returns them.
        source: what errors call it.
        base: where relative paths start.
        text: the TOML it came from; with it, errors name the line.

    Raises:
        ConfigError: with one sentence for every mistake, not for the first only.
    """
    _refuse_untabled(data, source)
    if "base" in data:
        raise ConfigError(source, ("base is an unknown key; remove it",))
    try:
        return Config.model_validate({**data, "base": base})
    except ValidationError as exc:
        lines = Lines(text)
        problems = tuple(_sentence(error, lines) for error in exc.errors(include_url=False))
        raise ConfigError(source, problems) from None


def parse_pair(fields: Mapping[str, Any]) -> PairConfig:
    """Check the fields of one pair, as a ``[[pairs]]`` table has them.

    Raises:
        ConfigError: with one sentence for every mistake.
    """
    _refuse_untabled(fields, "pair")
    try:
        return PairConfig.model_validate(fields)
    except ValidationError as exc:
        lines = Lines("")
        problems = tuple(_sentence(error, lines) for error in exc.errors(include_url=False))
        raise ConfigError("pair", problems) from None


def _refuse_untabled(data: object, source: str) -> None:
    if not isinstance(data, Mapping):
        raise ConfigError(source, (f"is a {type(data).__name__}; give tables, as TOML has them",))
    for key in data:
        if not isinstance(key, str):
            raise ConfigError(source, (f"has a key that is a {type(key).__name__}; give names",))


SECRET_PLACES: Final = frozenset(
    {"api_hash", "hash", "master_key", "password", "proxy", "secret", "token", "url"}
)
_SAYING: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is an unknown key; remove it or correct its spelling",
    # Never with the input: a secret that was written here by mistake would be printed.
    "model_type": 'must be a table of keys (a secret is named, as in { env = "NAME" })',
}


def _sentence(error: Any, lines: Lines) -> str:
    place = _place(error["loc"])
    kind, message = error["type"], str(error["msg"]).removeprefix("Value error, ")
    said = _SAYING.get(kind)
    if said is None and kind == "value_error":
        said = f": {message}" if place else message
    elif said is None:
        said = f"{_value(error)}; {message[0].lower()}{message[1:]}"
    line = lines.of(error["loc"])
    where = f"line {line}: " if line else ""
    return f"{where}{place} {said}".replace(" : ", ": ").strip()


def _value(error: Any) -> str:
    """What was given, unless it may be a secret or is more than a value."""
    given = error["input"]
    # A proxy's address is pasted with its password in it: no value is repeated there.
    if not SECRET_PLACES.isdisjoint(error["loc"]):
        return "cannot be that"
    if isinstance(given, Mapping | list | tuple):
        return f"is a {'table' if isinstance(given, Mapping) else 'list'}"
    return f"is {shown(given)}"


def _place(loc: tuple[int | str, ...]) -> str:
    parts: list[str] = []
    for step in loc:
        if isinstance(step, int):
            parts[-1:] = [f"{parts[-1] if parts else ''}[{step + 1}]"]
        elif step not in {"int", "str"}:
            parts.append(step)
    return ".".join(parts)
