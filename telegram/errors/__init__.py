"""Telegram's errors, sorted once at the border: class, action, how long, what to tell.

Owns the table and the words. Leaves what follows from a verdict to whoever asked.
"""
