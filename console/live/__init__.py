"""What an open page is kept up to date with: rows, what changes in them, the stream of changes.

Owns the compact state and its changes, each written once for all pages of a language. Leaves how
it is shown to the page, and how sessions are to those who report it.
"""
