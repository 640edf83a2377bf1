"""The standing rules: what must hold in every trace, whatever its case was about."""

from harness.observe import Trace
from harness.oracle.standing import (
    inv01,
    inv02,
    inv03,
    inv04,
    inv05,
    inv06,
    inv07,
    inv08,
    inv09,
    inv10,
    inv11,
    inv12,
    inv13,
    inv14,
    inv15,
    inv16,
    inv17,
    inv18,
)
from harness.oracle.standing.rule import Rule
from harness.profile import Profile
from harness.record import Finding

_MODULES = (
    inv01,
    inv02,
    inv03,
    inv04,
    inv05,
    inv06,
    inv07,
    inv08,
    inv09,
    inv10,
    inv11,
    inv12,
    inv13,
    inv14,
    inv15,
    inv16,
    inv17,
    inv18,
)

STANDING: tuple[Rule, ...] = tuple(module.RULE for module in _MODULES)
"""Every standing rule, in the order of their ids."""


def standing_findings(trace: Trace, profile: Profile) -> tuple[Finding, ...]:
    """What all standing rules find, in their order; at least one finding each."""
    return tuple(finding for rule in STANDING for finding in rule.check(trace, profile))


__all__ = ["STANDING", "Rule", "standing_findings"]
