"""A run with one case of each kind, some of it with what a hostile wire would put there."""

from dataclasses import replace

import pytest

from harness.record import CaseResult, Finding, Row, RunHeader, Verdict, Weight
from harness.report.journal import Run

HOSTILE = "\x1b[2J<script>alert(1)</script>\u202e&\x00"

ROWS = (
    Row(
        3,
        0.0,
        "alice",
        "target",
        False,
        "IKE_AUTH request 1 { AUTH, 201! }",
        ("probe",),
        ("Unknown(type=201)",),
    ),
    Row(4, 0.001, "target", "alice", True, "IKE_AUTH response 1 { AUTH, SA, TSi, TSr }"),
)
REFUSAL = Finding("that", Verdict.FAIL, "the refusal never came", (3,), requirement="RFC7296-2.5-12")
PASSED = CaseResult(
    id="ikev2/2.5/unknown-critical-payload",
    title="A request with an unknown critical payload is refused.",
    verdict=Verdict.PASS,
    level="MUST",
    requirements=("RFC7296-2.5-12",),
    findings=(Finding("that", Verdict.PASS, "the refusal came", (3, 4)),),
    claims={"safety": "PASS", "liveness": "PASS", "protocol": "PASS"},
    capture="pcaps/run/ikev2/2.5/unknown-critical-payload.pcapng",
    duration_s=0.25,
    again="ike-harness run ikev2/2.5/unknown-critical-payload --target reference --seed 42",
    conversation=ROWS,
)
FAILED = replace(PASSED, id="ikev2/2.5/other", verdict=Verdict.FAIL, findings=(REFUSAL,))
SHOULD = replace(PASSED, id="ikev2/1.4/should", findings=(replace(REFUSAL, weight=Weight.SHOULD),))
UNCLEAR = replace(PASSED, id="ikev1/5/unclear", verdict=Verdict.INCONCLUSIVE)
MISSING = replace(
    PASSED, id="ikev1/5/missing", verdict=Verdict.NOT_APPLICABLE, why="it has no wings", capture=""
)
BROKEN = replace(
    PASSED, id="fuzz/a/broken", verdict=Verdict.ERROR, why="ours", traceback="Traceback\nValueError: ours"
)
NASTY = replace(
    FAILED,
    id="ikev2/2.5/nasty",
    title=HOSTILE,
    why=HOSTILE,
    traceback=HOSTILE,
    findings=(replace(REFUSAL, says=HOSTILE),),
    conversation=(replace(ROWS[0], sender=HOSTILE, line=HOSTILE, marks=(HOSTILE,), payloads=(HOSTILE,)),),
)
HEADER = RunHeader(
    run="2026-11-23T120000-reference",
    target={"name": "reference", "version": "0.1.0"},
    profile="strict",
    configured_as="strict",
    seed=42,
    started="2026-11-23T12:00:00Z",
    link="virtual",
    cases=7,
)


def run_of(*results: CaseResult, interrupted: bool = False) -> Run:
    """A finished run of these results."""
    return Run(HEADER, results, 1.5, interrupted)


@pytest.fixture
def run() -> Run:
    """One case of each kind."""
    return run_of(PASSED, FAILED, SHOULD, UNCLEAR, MISSING, BROKEN, NASTY)
