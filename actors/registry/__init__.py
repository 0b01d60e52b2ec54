"""The registry: which sessions, pairs and operations exist, and who runs them.

Owns the published snapshot, the events and each session's subtree. Leaves what a change means to
``changes``, and what a session does to ``session``.
"""
