"""Responders with one rule of version 1 broken, each for the cases that must catch it."""
