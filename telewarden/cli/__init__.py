"""The command line: ``telewarden run``, ``status``, ``pairs``, ``demo`` and more.

Owns options, help texts, tables and exit codes. Leaves what a command does to the rooms below.
"""

from __future__ import annotations

from .main import app, main

__all__ = ["app", "main"]
