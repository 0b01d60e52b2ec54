"""Check of a configuration without starting or connecting anything.

Everything that a start would refuse and that stays as it is: secrets, handlers, proxies, the place
of the control socket, the data centre of ``[loopback]``. What comes and goes (a port in use, a
full disk) is the start's to say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ..config import Config
from ..config.mapping import handler_problems, notify_problems, proxy_problems
from ..console import LONGEST_PATH
from ..errors import ConfigError, TelewardenError
from ..service.loopback_server import standin_address
from ..service.paths import StoragePaths, master_key_of
from ..storage import database_exists


def config_problems(config: Config) -> tuple[str, ...]:
    """What keeps a configuration from being run, a sentence each."""
    found = (
        *proxy_problems(config),
        *handler_problems(config),
        *notify_problems(config),
        *_others(config),
    )
    return tuple(dict.fromkeys(found))


def _others(config: Config) -> Iterator[str]:
    yield from _said(config.api_hash)
    if config.bot is not None:
        yield from _said(config.bot_token)
    if not _makes_its_key(config):
        yield from _said(lambda: master_key_of(config, make=False))
    yield from _said(lambda: standin_address(config))
    if config.console is not None:
        yield from _short("console.socket", config.control_socket)
    if config.share is not None:
        yield from _short("share.socket", config.share_socket)
        if config.console is not None and config.share_socket == config.control_socket:
            yield "share.socket: the control socket is there; name another path"


def _short(what: str, path: Path) -> Iterator[str]:
    """What is said of a socket whose path is too long."""
    length = len(os.fsencode(path))
    if length > LONGEST_PATH:
        yield (
            f"{what}: the path has {length} bytes, and a socket's may have"
            f" {LONGEST_PATH} at most; name a shorter one"
        )


def _makes_its_key(config: Config) -> bool:
    """Whether the start makes the master key, as nothing is sealed yet."""
    secret = config.storage.master_key
    if not secret.create or database_exists(StoragePaths(config).database):
        return False
    return not secret.path(config.base).exists()


def _said(look: Callable[[], object]) -> Iterator[str]:
    try:
        look()
    except ConfigError as error:
        yield from error.problems
    except TelewardenError as error:
        yield str(error)
