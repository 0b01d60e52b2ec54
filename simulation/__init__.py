"""The whole path in one process, on one seed: wardens, Telethon and the loopback data centre.

Owns virtual time, the network between the two sides, threads in lock-step, a disk that refuses,
people's and operators' acts, faults, and the judge that says what must be in each chat at rest.
A seed replays a run to the byte. Leaves everything that is judged to the product itself.
"""
