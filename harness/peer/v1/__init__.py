"""The peer in version 1: what it starts, what it answers, what it remembers."""
