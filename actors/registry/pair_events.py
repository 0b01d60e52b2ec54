"""Events of pairs as a whole, one frozen value a fact, told when durable."""

from __future__ import annotations

from collections.abc import Mapping

from ...supervision import frozen
from .events import RegistryEvent


@frozen
class PairAdded(RegistryEvent):
    """There is one more pair."""

    pair: int
    session: str
    who: str


@frozen
class PairChanged(RegistryEvent):
    """A pair goes on by another plan; ``fields`` are the ones that differ."""

    pair: int
    session: str
    who: str
    fields: tuple[str, ...]


@frozen
class PairRemoved(RegistryEvent):
    """A pair is gone, with its outbox and its mark."""

    pair: int
    session: str
    who: str


@frozen
class PairsMoved(RegistryEvent):
    """Pairs have changed hands: ``pairs`` says whose each was."""

    pairs: Mapping[int, str]
    to: str
    who: str
