"""Logging in: the flow of one login, how its code is sent and may be sent again.

Owns the steps and their rules. Leaves how often a code may be asked for, and what is stored, to
its caller.
"""
