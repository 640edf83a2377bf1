"""The premise of a case: when it does not hold, nothing was shown about the target, either way."""

from harness.oracle.claim import Claim, observed
from harness.record import Verdict

RULE = "given"


def given(evidence: object, words: str = "the premise") -> Claim:
    """A claim about an `Observed` or a bare value, which `words` name; broken it is INCONCLUSIVE."""
    return Claim(observed(evidence), words, RULE, Verdict.INCONCLUSIVE)
