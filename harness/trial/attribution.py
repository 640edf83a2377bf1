"""What counts as a kill: the case's own judge, or the standing rule that is its matter, said FAIL; nothing else does."""

from harness.bench.catalogue import Entry
from harness.bench.judge import Judgement
from harness.oracle.given import RULE as GIVEN
from harness.record import Finding, Verdict

NEVER = frozenset({"INV-10", "INV-16"})
"""Rules that a mute or dead responder breaks in every case; they kill only where they are the case's matter."""


def kills(entry: Entry, judgement: Judgement) -> bool:
    """Whether this judgement convicts the deviant on the case's own requirement, its premises having held."""
    if any(finding.rule == GIVEN and finding.verdict is Verdict.INCONCLUSIVE for finding in judgement.own):
        return False
    return any(_convicts(entry, finding) for finding in judgement.own) or any(
        finding.verdict is Verdict.FAIL and finding.rule == entry.kind.subject
        for finding in judgement.standing
    )


def _convicts(entry: Entry, finding: Finding) -> bool:
    return (
        finding.verdict is Verdict.FAIL
        and finding.rule not in NEVER
        and finding.requirement in ("", *entry.kind.requirements)
    )
