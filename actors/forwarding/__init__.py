"""Worker groups: up to thirty pairs of one session, from arrival to delivery.

Owns each pair's outbox, history, deliveries and pauses. Leaves pace, floods and the connection to
``session``, and which pairs there are to ``registry``.
"""
