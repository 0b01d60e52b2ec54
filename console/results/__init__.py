"""Results of commands, as pydantic models: what ``--json`` prints and the HTTP API returns.

Times are epoch seconds, durations seconds. Nothing in a result is secret, but what ``export`` is
asked for.
"""
