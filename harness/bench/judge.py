"""From evidence to a verdict: the same whether the capture was made a moment ago or lies there since last year."""

import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.bench.catalogue import Entry, level_of
from harness.bench.evidence import NOT_CAUSED
from harness.capture import Capture
from harness.codes import ProfileName
from harness.observe import Trace, conversation, observe
from harness.oracle import PREMISE, claims, conclude, heard, standing_findings
from harness.profile import PROFILES
from harness.record import Conversation, Finding, Verdict, Weight, printable

WEIGHTS = {"SHOULD": Weight.SHOULD, "SHOULD NOT": Weight.SHOULD, "MAY": Weight.NOTE}
"""What a broken requirement of a level below MUST weighs."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a case comes to: the findings of its own judge, those of the standing rules, and the verdict of both."""

    verdict: Verdict
    own: tuple[Finding, ...] = ()
    standing: tuple[Finding, ...] = ()
    claims: Mapping[str, str] = field(default_factory=dict)
    conversation: Conversation = ()
    traceback: str = ""
    window_s: float = 0.0
    """How long the target was watched."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, the case's own first."""
        return self.own + self.standing


def judge(
    entry: Entry,
    capture: Capture,
    profile: ProfileName,
    *,
    strict: bool = False,
    extra_secrets: Iterable[Mapping[str, Any]] = (),
) -> Judgement:
    """Judge a capture by a case and every standing rule; a bug of ours makes it ERROR, with the traceback."""
    try:
        trace = observe(capture, capture.devices, extra_secrets)
        judged = (*_not_caused(trace), *heard(entry.kind().judge(trace)))
        own = tuple(_own(entry, finding) for finding in judged)
        standing = standing_findings(trace, PROFILES[profile])
        told = conversation(trace)
    except Exception:  # noqa: BLE001  the one place where a bug of a judge becomes a verdict, and says so
        return Judgement(Verdict.ERROR, traceback=traceback.format_exc())
    found = own + standing
    return Judgement(
        conclude(found, strict), own, standing, claims(found, strict), told, window_s=trace.window_s
    )


def _not_caused(trace: Trace) -> Iterator[Finding]:
    """Whatever a case claims, it rests on its triggers."""
    for each in trace.observations(NOT_CAUSED).value or ():
        told = each.outcome if isinstance(each.outcome, Mapping) else {}
        says = f"the trigger {told.get('trigger')} was not caused: {told.get('outcome')}"
        yield Finding(PREMISE, Verdict.INCONCLUSIVE, printable(says))


def _own(entry: Entry, finding: Finding) -> Finding:
    """A finding of the case's judge under the case's first requirement, unless it names its own; broken, it weighs as that."""
    requirement = finding.requirement or next(iter(entry.kind.requirements), "")
    broken = finding.verdict is Verdict.FAIL and finding.weight is Weight.MUST
    weight = WEIGHTS.get(level_of(requirement), Weight.MUST) if broken else finding.weight
    return replace(finding, requirement=requirement, weight=weight)
