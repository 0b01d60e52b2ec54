"""Data access for each table: its SQL, within one connection's transactions.

Owns SQL and the rows. Leaves opening and migrating the file to ``database``, and sealing to
``crypto``.
"""
