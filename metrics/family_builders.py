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


def number(name: str, text: str, value: float) -> Metric:
    """One number that only grows."""
    return CounterMetricFamily(f"telewarden_{name}", text, value=value)


def counter(name: str, text: str, tally: Tally, labels: tuple[str, ...]) -> Metric:
    """One such number for each combination of labels."""
    family = CounterMetricFamily(f"telewarden_{name}", text, labels=labels)
    for values, number in tally.rows():
        family.add_metric(values, number)
    return family


def histogram(name: str, text: str, bins: Bins) -> Metric:
    """How often values were how large."""
    return HistogramMetricFamily(
        f"telewarden_{name}", text, buckets=bins.cumulative(), sum_value=bins.sum
    )


def histograms(name: str, text: str, bins: LabelledBins, label: str) -> Metric:
    """One histogram for each value of a label."""
    family = HistogramMetricFamily(f"telewarden_{name}", text, labels=(label,))
    for value, one in bins.rows():
        family.add_metric((value,), buckets=one.cumulative(), sum_value=one.sum)
    return family
