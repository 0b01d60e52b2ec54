"""The supervisor held against real Erlang/OTP: random trees and scripts, the same for both.

``python tests/supervision/differential --rounds 300 --seed 7`` (or ``make differential``) needs
``erl`` and ``erlc``. What differs on purpose is in ``rules``, and in ``docs/supervision.md``.
"""
