"""What an app offers by name and a configuration asks for: ways to deliver, classes of events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..actors import Handlers
from ..errors import HandlerClosedError, TelewardenError, UnknownEventError, UnknownHandlerError
from ..notify import EventKinds
from .model import Config


@dataclass(frozen=True, slots=True)
class Offered:
    """The handlers that pairs may name, and the events that webhooks may be sent."""

    handlers: Handlers
    kinds: EventKinds

    def check(self, config: Config) -> None:
        """Refuse a configuration that names what nobody offers.

        Raises:
            HandlerClosedError, UnknownHandlerError, UnknownEventError: the first such name.
        """
        for _, error in self._unknown(config):
            raise error

    def problems(self, config: Config) -> list[str]:
        """A sentence for each name that nobody offers."""
        return [f"{place}: {error}" for place, error in self._unknown(config)]

    def _unknown(self, config: Config) -> Iterator[tuple[str, TelewardenError]]:
        for pair in config.pairs:
            try:
                self.handlers.check(pair.handler, pair.options)
            except (UnknownHandlerError, HandlerClosedError) as error:
                yield f"pairs.{pair.id}", error
        for name, hook in config.notify.webhooks.items():
            try:
                for event in hook.events:
                    self.kinds.of(event)
            except UnknownEventError as error:
                yield f"notify.webhooks.{name}", error
