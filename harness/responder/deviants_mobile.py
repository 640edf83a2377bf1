"""Responders that break rules of MOBIKE (RFC 4555), each for the cases that must catch it."""
