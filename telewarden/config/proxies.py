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
        secret: where an MTProxy's secret is.
        link: where a link is that names an MTProxy, its port and its secret.
    """

    kind: Literal["socks5", "socks4", "http", "mtproto", "direct"]
    host: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    username: str | None = Field(default=None, min_length=1, max_length=255, repr=False)
    password: Secret | None = None
    secret: Secret | None = None
    link: Secret | None = None

    @field_validator("host")
    @classmethod
    def _host_alone(cls, value: str | None) -> str | None:
        # Never with the value: whoever pastes a URL pastes its password.
        if value is not None and not re.fullmatch(r"[A-Za-z0-9._:-]+", value):
            raise ValueError("give a name or an address alone; the rest has keys of its own")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name in ("password", "secret", "link"):
            place = getattr(self, name)
            if place is not None and (place.create or place.passphrase):
                raise ValueError(f"{name}: create and passphrase are for master keys")
        if self.kind == "direct":
            if given := self._given("host", "port", "username", "password", "secret", "link"):
                raise ValueError(f"direct goes through no proxy; remove {', '.join(given)}")
        elif self.kind == "mtproto":
            self._check_mtproto()
        else:
            self._check_login()
        return self

    def _check_mtproto(self) -> None:
        if login := self._given("username", "password"):
            raise ValueError(f"an MTProxy asks for a secret alone; remove {', '.join(login)}")
        fields = self._given("host", "port", "secret")
        if self.link is not None and fields:
            raise ValueError(f"the link says all of it; remove {', '.join(fields)}")
        if self.link is None and len(fields) < 3:
            raise ValueError("give host, port and secret, or link")

    def _check_login(self) -> None:
        if more := self._given("secret", "link"):
            raise ValueError(f"{', '.join(more)}: for kind mtproto only")
        if self.host is None or self.port is None:
            raise ValueError("give host and port")
        if self.kind == "socks4" and self.password is not None:
            raise ValueError("socks4 knows no password; use socks5, or a username alone")
        if self.kind != "socks4" and (self.username is None) != (self.password is None):
            raise ValueError("give username and password, or neither")
        if self.kind == "http" and ":" in (self.username or ""):
            raise ValueError("an http proxy takes no username with a colon")

    def _given(self, *keys: str) -> list[str]:
        return [key for key in keys if getattr(self, key)]
