"""The requirement of a case: when it does not hold, the target fails."""

from harness.oracle.claim import Claim, observed
from harness.record import ClaimName, Verdict, Weight

RULE = "that"


def that(
    evidence: object,
    words: str = "it",
    *,
    requirement: str = "",
    weight: Weight = Weight.MUST,
    claim: ClaimName = ClaimName.PROTOCOL,
) -> Claim:
    """A claim about an `Observed` or a bare value, which `words` name; broken it is FAIL.

    Where the evidence cannot carry an answer (no keys, a known gap) the finding is INCONCLUSIVE. `requirement`
    stays empty for the first requirement of the case.
    """
    return Claim(observed(evidence), words, RULE, Verdict.FAIL, requirement, weight, claim)
