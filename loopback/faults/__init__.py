"""Faults on request: what a misfortune does, and the rules that say whom it strikes.

Owns rules and actions as values. Leaves carrying them out on a connection to ``fault_injection``.
"""
