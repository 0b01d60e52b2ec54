"""What a running warden needs beside its actors: assembly, paths, retention, backups, keys.

Owns schedules and the process around the tree. Leaves the handles to ``api``, and what runs
without a warden to ``standalone``.
"""
