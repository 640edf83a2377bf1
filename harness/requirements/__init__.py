"""What the documents demand: one registry entry per normative statement, in own words."""

from harness.requirements.catalogue import LEVELS, ROLES, TESTABLE, Requirement, get, load

__all__ = ["LEVELS", "ROLES", "TESTABLE", "Requirement", "get", "load"]
