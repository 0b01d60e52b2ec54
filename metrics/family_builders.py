"""Builders of prometheus-client metric families from plain numbers."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from .counters import Bins, LabelledBins, Tally


def gauge(name: str, text: str, value: float) -> Metric:
    """One number that goes up and down."""
    return GaugeMetricFamily(f"telewarden_{name}", text, value=value)


def gauges(name: str, text: str, label: str, rows: Iterable[tuple[str, float]]) -> Metric:
    """One such number for each value of a label."""
    family = GaugeMetricFamily(f"telewarden_{name}", text, labels=(label,))
    for value, number in rows:
        family.add_metric((value,), number)
    return family


def number(name: str, text: str, value: float, *, created: float) -> Metric:
    """One number that only grows, since ``created`` (epoch seconds)."""
    return CounterMetricFamily(f"telewarden_{name}", text, value=value, created=created)


def counter(
    name: str, text: str, tally: Tally, labels: tuple[str, ...], *, created: float
) -> Metric:
    """One such number for each combination of labels."""
    family = CounterMetricFamily(f"telewarden_{name}", text, labels=labels)
    for values, count in tally.rows():
        family.add_metric(values, count, created=created)
    return family


def histogram(name: str, text: str, bins: Bins, *, created: float) -> Metric:
    """How often values were how large."""
    family = HistogramMetricFamily(f"telewarden_{name}", text, labels=())
    _fill(family, {}, bins, created)
    return family


def histograms(name: str, text: str, bins: LabelledBins, label: str, *, created: float) -> Metric:
    """One histogram for each value of a label."""
    family = HistogramMetricFamily(f"telewarden_{name}", text, labels=(label,))
    for value, one in bins.rows():
        _fill(family, {label: value}, one, created)
    return family


def _fill(
    family: HistogramMetricFamily, labels: dict[str, str], bins: Bins, created: float
) -> None:
    family.add_metric(tuple(labels.values()), buckets=bins.cumulative(), sum_value=bins.sum)
    family.add_sample(f"{family.name}_created", labels, created)
