"""Updates: messages and members changed, everybody concerned told, on whichever connection.

Owns the numbers of events and the way to the clients. Leaves the records to ``world``.
"""
