"""Logins of one session: the steps, their budget, the end of an authorisation.

Owns what is counted and stored. Leaves the phase to the session, and the flow to ``telegram``.
"""
