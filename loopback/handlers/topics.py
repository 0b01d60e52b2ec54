from typing import Final

from .base import Handlers

HANDLERS: Final[Handlers] = {}
