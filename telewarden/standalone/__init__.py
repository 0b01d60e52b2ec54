"""One session or configuration used or looked at without a running warden.

Owns ``safe_session``, the safety check and the check of a configuration. Leaves supervision to the
warden.
"""
