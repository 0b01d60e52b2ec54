"""The process around a warden's tree: assembly, paths, retention, backups, key rotation.

Owns schedules and the process around the tree. Leaves the handles to ``api``, and what runs
without a warden to ``standalone``.
"""
