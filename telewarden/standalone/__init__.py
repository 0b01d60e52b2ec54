"""Use or inspection of one session or configuration without a running warden.

Owns ``OfflineWarden``, ``safe_session``, the safety check and the check of a configuration. Leaves
supervision to the warden.
"""
