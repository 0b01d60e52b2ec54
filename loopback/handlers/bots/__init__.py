"""Bots: their commands, their buttons, and who may call which method.

Owns what only bots have; leaves their sign-in to ``auth`` and their messages to ``sending``.
"""
