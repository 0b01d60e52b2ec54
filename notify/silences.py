"""Silences: until when nobody is told of an alert, or of anything by a channel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ..errors import UnknownAlertError
from ..storage import Epoch, Store
from .alert_book import ALL, FOREVER
from .alert_rules import RULES
from .notify_store import NotifyStore
from .settings import ChannelRules


class Silences:
    """The silences that were asked for, by the name of an alert or a channel."""

    def __init__(self, epoch: Epoch, store: NotifyStore) -> None:
        self._epoch, self._store = epoch, store
        self.until: dict[str, float] = {}
        """Epoch seconds; zero for a channel that tells although its rules have it off."""

    def muted_until(self, channel: ChannelRules) -> float | None:
        """Until when a channel is silent; ``None`` if it tells."""
        said = self.until.get(channel.name)
        if said is None:
            return FOREVER if channel.off else None
        return said if said > self._epoch.now() else None

    def of_alerts(self, channels: Collection[str]) -> tuple[tuple[str, float], ...]:
        """The alerts nobody is told of now, and until when."""
        now = self._epoch.now()
        return tuple(
            sorted(
                (name, until)
                for name, until in self.until.items()
                if until > now and name not in channels
            )
        )

    def begin(self, name: str, seconds: float, *, channels: Collection[str]) -> float:
        """Silence an alert or a channel; returns the end in epoch seconds."""
        rule = name.partition(":")[0]
        if name != ALL and name not in channels and rule not in RULES:
            raise UnknownAlertError(name, (ALL, *channels, *RULES))
        until = min(self._epoch.now() + seconds, FOREVER)
        self.until[name] = until
        self._store.post(_silencing(name, until))
        return until

    def end(self, name: str | None, *, channels: Mapping[str, ChannelRules]) -> tuple[str, ...]:
        """End one silence, or those of all alerts; returns the names."""
        now = self._epoch.now()
        silent = [one for one, until in self.until.items() if until > now]
        off = [one.name for one in channels.values() if one.off]
        if name is not None and name not in {*silent, *channels, *RULES, ALL}:
            raise UnknownAlertError(name, silent, none="nothing is silenced")
        if name is None:
            chosen = [one for one in silent if one not in channels]
        else:
            chosen = [one for one in (*silent, *off) if one == name]
        for one in dict.fromkeys(chosen):
            if one in channels:
                self.until[one] = 0.0
            else:
                del self.until[one]
            self._store.post(_silencing(one, self.until.get(one)))
        return tuple(dict.fromkeys(chosen))


def _silencing(name: str, until: float | None) -> Callable[[Store], object]:
    return lambda store: store.silence(name, until)
