"""Pictures of the Grafana dashboard's panels, drawn of what a Prometheus answers to their queries.

They show which panels there are and what is in them; Grafana draws more nicely.

usage: python -m tests.metrics.pictures, which writes docs/pictures/dashboard.svg
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

ROOT: Final = Path(__file__).parents[2]
PLACE: Final = ROOT / "docs" / "pictures" / "dashboard.svg"
STANDS_FOR: Final = {
    "$__rate_interval": "30s",
    "$job": ".*",
    "$instance": ".*",
    "$session": ".*",
}
COLUMN, LINE = 44, 17  # pixels of Grafana's units of width and height
GAP, HEAD, FOOT = 3, 20, 16  # pixels around a panel, of its title, of its legend
COLOURS: Final = (
    "#3274d9",
    "#e0752d",
    "#37872d",
    "#8f3bb8",
    "#c4162a",
    "#b58900",
    "#1f6e7a",
    "#666",
)
GOOD: Final = {"online": "#73bf69", "needs_login": "#e02f44", "quarantined": "#8f3bb8"}

Series = tuple[str, list[tuple[float, float]]]
Ask = Callable[[str, float, float], list[dict[str, Any]]]
"""Asks for an expression between two moments; answers with Prometheus's matrix."""


def expression(expr: str) -> str:
    """An expression of the dashboard with its variables filled in."""
    for variable, value in STANDS_FOR.items():
        expr = expr.replace(variable, value)
    return expr


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel and what its queries have answered."""

    title: str
    kind: str
    unit: str
    x: float
    y: float
    width: float
    height: float
    series: tuple[Series, ...]


def panels(dashboard: Mapping[str, Any], ask: Ask, *, begin: float, end: float) -> list[Panel]:
    """All panels with their answers, rows without any."""
    found = []
    for one in dashboard["panels"]:
        place = one["gridPos"]
        series = [
            (named(target.get("legendFormat", ""), row["metric"]), numbers(row["values"]))
            for target in one.get("targets", ())
            for row in ask(expression(target["expr"]), begin, end)
        ]
        found.append(
            Panel(
                title=one["title"],
                kind=one["type"],
                unit=one.get("fieldConfig", {}).get("defaults", {}).get("unit", ""),
                x=place["x"] * COLUMN,
                y=place["y"] * LINE,
                width=place["w"] * COLUMN,
                height=place["h"] * LINE,
                series=tuple((name, points) for name, points in series if points),
            )
        )
    return found


def named(legend: str, labels: Mapping[str, str]) -> str:
    """What a line is called."""
    if legend == "__auto":
        shown = (value for key, value in labels.items() if key not in {"job", "instance"})
        return " ".join(value for value in shown if not value.startswith("telewarden_"))
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend)


def numbers(values: list[list[Any]]) -> list[tuple[float, float]]:
    """The numbers among a line's values."""
    return [(float(at), float(value)) for at, value in values if value not in {"NaN", "+Inf"}]


def drawn(shown: list[Panel], *, begin: float, end: float) -> str:
    """The whole dashboard as SVG."""
    width, height = 24 * COLUMN, max(one.y + one.height for one in shown)
    body = "\n".join(line for one in shown for line in _panel(one, begin, end))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{height}" fill="#f4f5f5"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{escape(text)}</text>'


def _panel(one: Panel, begin: float, end: float) -> Iterator[str]:
    if one.kind == "row":
        yield _text(one.x + 4, one.y + 13, one.title, 'font-weight="bold" font-size="13"')
        return
    x, y, width, height = one.x + GAP, one.y + GAP, one.width - 2 * GAP, one.height - 2 * GAP
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="#fff" stroke="#dcdcdc"/>'
    yield _text(x + 6, y + 14, one.title, 'font-weight="bold" fill="#333"')
    inside = (x + 6, y + HEAD, width - 12, height - HEAD - FOOT)
    draw = {"stat": _numbers, "state-timeline": _states}.get(one.kind, _lines)
    yield from draw(one, *inside, begin, end)


def _numbers(
    one: Panel, x: float, y: float, width: float, height: float, *_: float
) -> Iterator[str]:
    last = " ".join(_amount(points[-1][1], one.unit) for _, points in one.series) or "-"
    yield _text(x + width / 2, y + height / 2 + 12, last, 'text-anchor="middle" font-size="26"')


def _lines(
    one: Panel, x: float, y: float, width: float, height: float, begin: float, end: float
) -> Iterator[str]:
    most = max((value for _, points in one.series for _, value in points), default=0.0) or 1.0
    yield f'<path d="M{x} {y + height}h{width}" stroke="#999"/>'
    yield _text(x + width, y + 4, _amount(most, one.unit), 'text-anchor="end" fill="#888"')
    for number, (_, points) in enumerate(one.series):
        path = " ".join(
            f"{x + (at - begin) / (end - begin) * width:.1f},"
            f"{y + height - max(value, 0.0) / most * (height - 8):.1f}"
            for at, value in points
        )
        colour = COLOURS[number % len(COLOURS)]
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    yield from _legend(one, x, y + height + FOOT - 3, width)


def _legend(one: Panel, x: float, y: float, width: float) -> Iterator[str]:
    room = width
    for number, (name, _) in enumerate(one.series):
        room -= 6.0 * len(name) + 10
        if room < 30 and number + 1 < len(one.series):
            yield _text(x, y, f"+{len(one.series) - number}", 'fill="#666"')
            return
        yield _text(x, y, name, f'fill="{COLOURS[number % len(COLOURS)]}"')
        x += 6.0 * len(name) + 10


def _states(
    one: Panel, x: float, y: float, width: float, height: float, begin: float, end: float
) -> Iterator[str]:
    """A line for each session, in the colour of the state that it is in."""
    bars = sorted((name.rsplit(" ", 1), points) for name, points in one.series)
    names = list(dict.fromkeys(name[0] for name, _ in bars))
    step = (height + FOOT) / max(len(names), 1)
    for at, name in enumerate(names):
        yield _text(x, y + step * (at + 0.7), name, 'fill="#333"')
    left, room = x + 60, width - 60
    for (name, state), points in bars:
        top = y + step * names.index(name)
        for moment, value in points:
            if value:
                place = left + (moment - begin) / (end - begin) * room
                fill = GOOD.get(state, "#f2cc0c")
                yield (
                    f'<rect x="{place:.1f}" y="{top:.1f}" width="{room / (end - begin) + 0.5:.1f}"'
                    f' height="{step - 2:.1f}" fill="{fill}"><title>{escape(state)}</title></rect>'
                )


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / 1e6:.0f} MB"
    if unit == "percentunit":
        return f"{value:.0%}"
    if unit == "s" and value >= 86_400:
        return f"{value / 86_400:.3g} d"
    return f"{value:.3g}{' s' if unit == 's' else ''}"


def main() -> int:
    """Let sessions get into trouble, and draw what the dashboard shows of it."""
    from .test_alerts_fired import TOGETHER, troubled_in

    with tempfile.TemporaryDirectory() as folder, troubled_in(Path(folder)) as troubled:
        begin = time.time() - 5
        for trouble in TOGETHER:
            trouble(troubled)
            time.sleep(2)  # so that not all of it is at one place of the pictures
        text = (ROOT / "deploy" / "grafana" / "telewarden.json").read_text(encoding="utf-8")
        end = time.time()
        shown = panels(json.loads(text), troubled.matrix, begin=begin, end=end)
    PLACE.write_text(drawn(shown, begin=begin, end=end), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
