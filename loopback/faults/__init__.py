"""Faults on request: actions, and the rules that select their targets.

Owns rules and actions as values. Leaves carrying them out on a connection to ``fault_injection``.
"""
