"""Changes of the registry: tried on a transaction, written together, each refused alone.

Owns what registering, changing, moving and ending mean; pure but for the write. Leaves the actor,
the snapshot and the running sessions to the room around it.
"""
