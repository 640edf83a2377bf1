"""The peer in version 2: what it starts, what it answers, what it remembers."""
