"""What carries actors, as the BEAM does for OTP: slots, mailboxes, references, two runners.

It starts, serves and stops single incarnations and reports how they ended; what follows from an
end is decided in ``supervisor``.
"""
