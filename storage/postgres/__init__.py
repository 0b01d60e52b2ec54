"""The store in PostgreSQL: opening, schema, and the connection that speaks as SQLite's does.

Owns what is PostgreSQL's own. The tables' modules, and what is sealed, are the same as in SQLite.
Needs the extra ``postgres`` (psycopg), which is imported when a store is opened there, not before.
"""
