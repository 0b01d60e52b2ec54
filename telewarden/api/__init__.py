"""Typed handles on a running warden: sessions, logins, pairs, operations, audit trail.

Owns what an app can ask and change, from a loop or from threads. Leaves doing it to the actors.
"""
