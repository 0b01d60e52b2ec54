"""The table ``[loopback]``: a local data centre instead of Telegram."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from .secrets import Place, Table


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


class LoopbackBot(Table):
    """A bot on the loopback data centre; its token protects nothing."""

    name: str
    username: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{1,28}[Bb][Oo][Tt]$")
    token: str = Field(
        default="7000000001:loopback_loopback_loopback_loopback",
        pattern=r"^[1-9][0-9]{5,11}:[A-Za-z0-9_-]{35}$",
        repr=False,
    )


class LoopbackConfig(Table):
    """A Telegram data centre on 127.0.0.1, for trying things without an account."""

    port: int = Field(default=0, ge=0, le=65535, description="0: any free port")
    dc_id: int = Field(default=2, ge=1, le=5)
    code: str = Field(default="22222", pattern=r"^[0-9]{5,6}$")
    embedded: bool = Field(default=True, description="start it with the warden")
    pubkey: Place | None = Field(default=None, description="of one that runs by itself")
    chatter: float = Field(default=0.0, ge=0, description="seconds between messages posted")
    accounts: tuple[LoopbackAccount, ...] = ()
    chats: tuple[LoopbackChat, ...] = ()
    bots: tuple[LoopbackBot, ...] = ()

    @model_validator(mode="after")
    def _external(self) -> Self:
        if not self.embedded and (self.port == 0 or self.pubkey is None):
            raise ValueError("embedded = false needs the port and the pubkey of the running one")
        return self
