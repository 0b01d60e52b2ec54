"""Bridges: pair handlers that ship, to a signed webhook and to Discord.

Owns how a message looks there and what the answers mean. Leaves order, retries, edits and dead
letters to the worker group. A pair names one: ``handler = "webhook"`` or ``handler = "discord"``.
"""

from .discord.handler import DiscordHandler
from .webhook import WebhookHandler

__all__ = ["DiscordHandler", "WebhookHandler"]
