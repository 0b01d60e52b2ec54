"""Decisions about children, as pure values and functions: clock readings in, decisions out.

Owns what follows from an end (``decision``), strategies, restart intensity, backoff, directives,
exit reasons, the circuit breaker and the recovery ladder. Nothing here starts, waits or looks
anything up.
"""
