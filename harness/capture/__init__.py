"""Captures: pcapng written and read, and the keys that travel with them."""
