"""An MCP server: agents read, and where they may write, through the sessions of a running warden.

It owns the tools and what they say; the sessions, and what a program may do, are their owner's.
Needs the extra ``mcp``.
"""
