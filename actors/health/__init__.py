"""The health monitor: verdicts on sessions and worker groups, and the steps that follow.

Owns the sweeps, the verdicts and the table of steps; carries them out by messages and by orders
to the warden. Leaves recovery to the sessions, restarts to supervision, memory to the registry.
"""
