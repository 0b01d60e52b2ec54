"""MTProxy: Telegram's own kind of proxy, whose line looks like noise or like TLS.

Owns secrets and links, the obfuscated stream and the handshake that looks like a browser's. Leaves
the connection to ``proxies`` and the frames to ``mtproto``.
"""
