"""Sending: from a shipment to requests that can be repeated, and the reading of their answers.

Owns requests, random ids and what is done when Telegram refuses one. Leaves when to send to the
caller.
"""
