"""From findings to a verdict: the worst of what counts decides."""

from collections.abc import Iterable, Sequence

from harness.oracle.given import RULE as PREMISE
from harness.record import ClaimName, Finding, Verdict

_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)


def conclude(findings: Iterable[Finding], strict: bool = False) -> Verdict:
    """FAIL before ERROR before INCONCLUSIVE before PASS; a broken SHOULD counts only if `strict`, a NOTE never.

    Findings that judge nothing leave NOT_APPLICABLE; no finding at all is INCONCLUSIVE.
    """
    told = tuple(findings)
    if not told:
        return Verdict.INCONCLUSIVE
    verdicts = {verdict for finding in told if (verdict := finding.weighed(strict)) is not None}
    return next((verdict for verdict in _WORST_FIRST if verdict in verdicts), Verdict.NOT_APPLICABLE)


def claims(findings: Iterable[Finding], strict: bool = False) -> dict[str, str]:
    """The verdict of each of the three claims by itself; NOT_APPLICABLE where nothing was judged."""
    told = tuple(findings)
    return {name.value: _claim([each for each in told if each.claim is name], strict) for name in ClaimName}


def _claim(findings: Sequence[Finding], strict: bool) -> str:
    return (conclude(findings, strict) if findings else Verdict.NOT_APPLICABLE).value


def heard(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """A judge's findings up to the first premise that does not hold: what comes after it would prove nothing."""
    told: list[Finding] = []
    for finding in findings:
        told.append(finding)
        if finding.rule == PREMISE and finding.verdict is Verdict.INCONCLUSIVE:
            break
    return tuple(told)
