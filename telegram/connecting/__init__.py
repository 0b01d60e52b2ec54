"""Connecting: the gateway that opens and closes clients, and what lets one connect or wait.

Owns limits of connects, outages and blocks that many sessions share. Leaves the connection itself
to ``mtproto``.
"""
