"""Session files: sealed copies of session strings outside the database, and their salvage.

Owns their format. Leaves safe writing to ``private_files``, and sealing to ``crypto``.
"""
