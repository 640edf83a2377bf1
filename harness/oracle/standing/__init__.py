"""The standing rules: what must hold in every trace, whatever its case was about. A rule is a file here, `invNN.py`."""

from importlib import import_module
from pkgutil import iter_modules

from harness.observe import Trace
from harness.oracle.standing.rule import Rule
from harness.profile import Profile
from harness.record import Finding

_NAMES = sorted(each.name for each in iter_modules(__path__) if each.name.startswith("inv"))

STANDING: tuple[Rule, ...] = tuple(import_module(f"{__name__}.{name}").RULE for name in _NAMES)
"""Every standing rule, in the order of their ids."""


def standing_findings(trace: Trace, profile: Profile) -> tuple[Finding, ...]:
    """What all standing rules find, in their order; at least one finding each."""
    return tuple(finding for rule in STANDING for finding in rule.check(trace, profile))


__all__ = ["STANDING", "Rule", "standing_findings"]
