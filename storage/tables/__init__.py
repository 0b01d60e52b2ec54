"""The tables of the database: the statements on each, in one connection's transactions.

Owns SQL and the rows. Leaves opening and migrating the file to ``database``, and sealing to
``crypto``.
"""
