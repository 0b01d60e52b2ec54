"""Session files: encrypted copies of session strings, and their recovery.

Owns their format. Leaves safe writing to ``private_files``, and sealing to ``crypto``.
"""
