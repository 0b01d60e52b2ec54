"""Telewarden keeps Telegram sessions alive.

This is the front door: the ``Warden``, its configuration and its errors. The rooms behind it
(``telewarden.supervision``, ``telewarden.storage``, ...) are packages of their own.
"""

from ._version import __version__
from .errors import TelewardenError

__all__ = ["TelewardenError", "__version__"]
