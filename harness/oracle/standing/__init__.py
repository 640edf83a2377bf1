"""The standing rules: what must hold in every trace, whatever its case was about."""

from types import MappingProxyType

from harness.observe import Trace
from harness.oracle.standing import (
    inv01,
    inv02,
    inv03,
    inv04,
    inv05,
    inv07,
    inv08,
    inv09,
    inv10,
    inv16,
)
from harness.oracle.standing.rule import Rule
from harness.profile import Profile
from harness.record import Finding

_MODULES = (inv01, inv02, inv03, inv04, inv05, inv07, inv08, inv09, inv10, inv16)

STANDING = MappingProxyType({module.RULE.id: module.RULE for module in _MODULES})
"""Every standing rule by its id."""


def standing_findings(trace: Trace, profile: Profile) -> tuple[Finding, ...]:
    """What all standing rules find, in their order; at least one finding each."""
    return tuple(finding for rule in STANDING.values() for finding in rule.check(trace, profile))


__all__ = ["STANDING", "Rule", "standing_findings"]
