"""Octets to messages and back: no keys, no time, no sockets."""
