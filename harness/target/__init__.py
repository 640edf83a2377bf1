"""Targets: the implementations under test, each behind one small contract; they never speak IKE themselves."""
