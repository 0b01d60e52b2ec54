"""Leases: one owning process for each auth key and each database.

Owns locks, owners and what is known of their processes. Leaves who wants a lease, and for how
long, to the callers.
"""
