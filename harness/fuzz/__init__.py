"""Fuzzers: they make scripts, the standing rules judge them, and a finding is a kept script with its capture."""
