"""Telethon on our terms: clients, errors, login, requests, session strings and files.

The only room, but for the loopback data centre, that imports Telethon, and it does so late:
errors, phases and the reading of strings and files work without it. It knows no actors, no
database and no metrics; it takes clock and limits from its caller.
"""

from __future__ import annotations

__all__: list[str] = []
