"""What users' own tests need: fixtures for pytest, and stand-ins that are honest about it.

The fixtures live in ``plugin``; pytest finds them by itself.
"""

from __future__ import annotations
