"""The text of the sessions' families, with the lines kept of sessions that have not changed.

Writes what prometheus-client would write of the same families, ages to the millisecond. The library
writes each sample anew at each scrape, which for ten thousand sessions takes a second of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.utils import floatToGoString

from .session_families import SESSION_FAMILIES, SessionFamily
from .session_figures import SessionFigures

SLICE: Final = 500  # sessions whose lines are put together at once; takes a third of a millisecond
FRESH_SLICE: Final = 10  # sessions that are written anew at once; takes as long
CREATED: Final = "_created"

_number: Callable[[float], str] = floatToGoString


class _Column:
    """One family's lines, session by session; of an age the line without its value, and the moment.

    An age family has one series of each session at most.
    """

    __slots__ = ("created", "main", "moments")

    def __init__(self, count: int) -> None:
        self.main, self.created = [""] * count, [""] * count
        self.moments: list[float | None] = [None] * count

    def pieces(self, *, age: bool, now: float) -> Iterator[str]:
        """The lines of all sessions, so many at once."""
        for begin in range(0, len(self.main), SLICE):
            some = self.main[begin : begin + SLICE]
            if age:
                moments = self.moments[begin : begin + SLICE]
                some = [
                    f"{text}{now - at if now > at else 0.0:.3f}\n"
                    for text, at in zip(some, moments, strict=True)
                    if at is not None
                ]
            yield "".join(some)


class _Table:
    """The lines of these sessions, each as of the version beside it."""

    __slots__ = ("columns", "sessions", "versions")

    def __init__(self, sessions: Sequence[SessionFigures], families: int) -> None:
        self.sessions = sessions
        self.versions = [-1] * len(sessions)
        self.columns = [_Column(len(sessions)) for _ in range(families)]

    def stale(self, begin: int) -> list[int]:
        """Which of ``SLICE`` sessions have changed since their lines were written."""
        end = begin + SLICE
        beside = zip(self.sessions[begin:end], self.versions[begin:end], strict=True)
        return [at for at, (one, version) in enumerate(beside, begin) if one.version != version]


class SessionText:
    """Writes the sessions' families in one of the two formats.

    Args:
        open_metrics: OpenMetrics 1.0; otherwise the classic text format.
        families: which ones.
    """

    def __init__(
        self, *, open_metrics: bool, families: Sequence[SessionFamily] = SESSION_FAMILIES
    ) -> None:
        self._open = open_metrics
        self._families = tuple((one.full_name, one) for one in families)
        self._table = _Table((), 0)

    def slices(self, sessions: Sequence[SessionFigures], *, now: float) -> Iterator[str]:
        """The text in pieces that take less than a millisecond each.

        Lines are kept from one call to the next for as long as ``sessions`` is the same sequence.
        """
        table = self._table
        if table.sessions is not sessions:
            table = self._table = _Table(sessions, len(self._families))
        for begin in range(0, len(sessions), SLICE):
            for count, place in enumerate(table.stale(begin)):
                self._write(table, place)
                if count % FRESH_SLICE == 0:
                    yield ""
            yield ""
        for (_, family), column in zip(self._families, table.columns, strict=True):
            yield self._head(family)
            yield from column.pieces(age=family.age, now=now)
            if any(column.created[:1]):
                yield self._created_head(family)
                for begin in range(0, len(sessions), SLICE):
                    yield "".join(column.created[begin : begin + SLICE])

    def _write(self, table: _Table, place: int) -> None:
        figures = table.sessions[place]
        table.versions[place], session = figures.version, figures.name
        for (name, family), column in zip(self._families, table.columns, strict=True):
            main, created, moment = "", "", None
            for suffix, labels, value in family.read(figures):
                text = f"{name}{suffix}{{{_labels(session, labels)}}} "
                if family.age:
                    main, moment = text, value
                elif suffix == CREATED and not self._open:
                    created += f"{text}{_number(value)}\n"
                else:
                    main += f"{text}{_number(value)}\n"
            column.main[place], column.created[place] = main, created
            column.moments[place] = moment

    def _head(self, family: SessionFamily) -> str:
        name, kind = family.full_name, family.kind
        if not self._open and kind == "counter":
            name += "_total"
        if not self._open and kind == "info":
            name, kind = f"{name}_info", "gauge"
        return f"# HELP {name} {family.help}\n# TYPE {name} {kind}\n"

    def _created_head(self, family: SessionFamily) -> str:
        name = f"{family.full_name}{CREATED}"
        return f"# HELP {name} {family.help}\n# TYPE {name} gauge\n"


def _labels(session: str, labels: Mapping[str, str]) -> str:
    if not labels:
        return f'session="{session}"'
    pairs = sorted({"session": session, **labels}.items())
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in pairs])


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
