"""Sending: idempotent requests made of a shipment, and the reading of their answers.

Owns requests, random ids and what is done when Telegram refuses one. Leaves when to send to the
caller.
"""
