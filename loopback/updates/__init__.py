"""Updates: changes of messages and members, and their delivery to connections.

Owns the numbers of events and the way to the clients. Leaves the records to ``world``.
"""
