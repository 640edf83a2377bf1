"""Trace to findings to verdict: what a judge can say, the standing rules, and the audit of foreign captures."""

from harness.oracle.audit import Audit, audit
from harness.oracle.claim import Claim
from harness.oracle.conclude import claims, conclude, heard
from harness.oracle.given import RULE as PREMISE
from harness.oracle.given import given
from harness.oracle.standing import STANDING, Rule, standing_findings
from harness.oracle.sweep import Unnamed, audit_files
from harness.oracle.that import that

__all__ = [
    "PREMISE",
    "STANDING",
    "Audit",
    "Claim",
    "Rule",
    "Unnamed",
    "audit",
    "audit_files",
    "claims",
    "conclude",
    "given",
    "heard",
    "standing_findings",
    "that",
]
