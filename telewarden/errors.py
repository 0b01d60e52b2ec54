"""Everything that Telewarden raises on purpose, in one tree.

Each room's errors hang below the one root, so that an app can write
``except TelewardenError`` and mean it::

    TelewardenError
    |-- ConfigError                 a configuration file or value cannot be used
    |-- SecretMissingError          a secret is not where the configuration says
    `-- ListenError                 an address to listen on cannot be taken

A leaf is named for what happened and carries it as data. Its message names the
thing, the value and the way out.
"""

from __future__ import annotations

__all__ = ["ConfigError", "ListenError", "SecretMissingError", "TelewardenError"]


class TelewardenError(Exception):
    """The root of every error that Telewarden raises on purpose."""


class ConfigError(TelewardenError):
    """A configuration cannot be used; nothing has been started or written.

    Args:
        source: the file, or ``"config"`` for one that was built in code.
        problems: one sentence for each thing that is wrong, place first.
    """

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(f"{source}: {problem}" for problem in problems))
        self.source, self.problems = source, problems


class SecretMissingError(TelewardenError):
    """A secret is not where the configuration says; nothing has been started.

    Args:
        what: the configuration key that names it.
        why: what was found instead, with the place; never the secret.
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}; set it, or correct the configuration")
        self.what, self.why = what, why


class ListenError(TelewardenError):
    """An address to listen on cannot be taken; nothing has been started."""

    def __init__(self, what: str, address: str, why: str) -> None:
        super().__init__(f"{what} cannot listen on {address}: {why}; free it or choose another")
        self.what, self.address, self.why = what, address, why
