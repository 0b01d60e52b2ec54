"""The demo: a supervised forwarder on a loopback data centre, struck by six faults.

Owns the stage (data centre, configuration, the warden's process), the faults and the count of
what arrived. The warden it shows is the one that everybody runs, started by ``telewarden run``.
"""

from .story import run_demo

__all__ = ["run_demo"]
