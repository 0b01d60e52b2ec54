"""Worker groups: up to thirty pairs of one session, from "it was said" to "it was delivered".

Owns each pair's outbox, history, deliveries and pauses. Leaves pace, floods and the connection to
``session``, and which pairs there are to ``registry``.
"""
