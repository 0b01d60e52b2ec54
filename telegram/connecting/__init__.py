"""Connecting: the gateway that opens and closes clients, and its limits.

Owns limits of connects, outages and blocks that many sessions share. Leaves the connection itself
to ``mtproto``.
"""
