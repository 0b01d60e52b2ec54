"""Configurations of other forwarders, read and written as Telewarden's own.

Owns which program wrote a file, what of it has a counterpart here, and what is said of the rest.
Leaves logins to ``import``: no secret is read further than to say where it belongs.
"""
