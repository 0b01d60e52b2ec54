"""Prometheus metrics from events and snapshots; steers nothing.

Owns the counters, their names and their labels, and the last facts in words. Leaves serving them
to the console, and what is counted to those who publish it.
"""

from .activity_log import Activity, ActivityLog, sentence
from .day import CHART_POINTS, CHART_STEP, Day
from .event_fields import fields_of
from .exporter import Exporter, Look
from .families import Storage
from .floods import Flood
from .sample import AT_REST, Sample
from .session_figures import LeaseOwner, SessionFigures

__all__ = [
    "AT_REST",
    "CHART_POINTS",
    "CHART_STEP",
    "Activity",
    "ActivityLog",
    "Day",
    "Exporter",
    "Flood",
    "LeaseOwner",
    "Look",
    "Sample",
    "SessionFigures",
    "Storage",
    "fields_of",
    "sentence",
]
