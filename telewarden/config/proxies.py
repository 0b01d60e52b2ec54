"""A proxy's table in a configuration."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from .secrets import Secret, Table


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
