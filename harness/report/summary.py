"""What a run comes to: report.json, and the exit status."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.record import CaseResult, Finding, Verdict
from harness.report.journal import Run
from harness.report.often import quiet
from harness.report.telling import rests_on_analogy

FORMAT = 1
AS_EXPECTED, FAILED, INCONCLUSIVE, ERROR_OF_OURS, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 3, 64, 130


def unexpected(result: CaseResult) -> bool:
    """A FAIL that nobody expected, or not for this reason, or a PASS where something else was expected."""
    return result.verdict in (Verdict.FAIL, Verdict.PASS) and not result.as_expected


def exit_status(run: Run) -> int:
    """130 interrupted, else 1 something unexpected, else 3 an error of ours, else 2 not conclusive, else 0."""
    verdicts = {result.verdict for result in run.results}
    unclear = any(each.verdict is Verdict.INCONCLUSIVE and not each.as_expected for each in run.results)
    if run.interrupted:
        return INTERRUPTED
    if any(unexpected(result) for result in run.results):
        return FAILED
    if Verdict.ERROR in verdicts:
        return ERROR_OF_OURS
    if unclear or verdicts <= {Verdict.NOT_APPLICABLE}:
        return INCONCLUSIVE
    return AS_EXPECTED


def worst_of(statuses: Iterable[int]) -> int:
    """The exit status of several runs."""
    order = (INTERRUPTED, FAILED, ERROR_OF_OURS, INCONCLUSIVE, AS_EXPECTED)
    return min(statuses, key=order.index)


def summary(run: Run) -> dict[str, Any]:
    """The content of report.json."""
    header = run.header
    return {
        "format": FORMAT,
        "run": header.run,
        "target": header.target,
        "profile": header.profile,
        "configured_as": header.configured_as,
        "seed": header.seed,
        "started": header.started,
        "duration_s": run.duration_s,
        "totals": run.totals,
        "cases": [_case(result) | _rounds(run, result) for result in run.results],
        "unstable": list(run.unstable),
        "link": header.link,
        "strict": header.strict,
        "selected": header.cases,
        "interrupted": run.interrupted,
        "repeat": header.repeat,
        "jobs": header.jobs,
        "notes": list(header.notes),
    }


def write_summary(run: Run, path: Path) -> None:
    """Write report.json."""
    path.write_text(json.dumps(summary(run), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _case(result: CaseResult) -> dict[str, Any]:
    return {
        "id": result.id,
        "verdict": result.verdict,
        "expected": result.expected,
        "departures": [asdict(each) for each in result.departures],
        "surprises": list(result.surprises),
        "level": result.level,
        "findings": [_finding(finding) for finding in result.findings],
        "capture": result.capture,
        "duration_s": result.duration_s,
        "again": result.again,
        "title": result.title,
        "requirements": list(result.requirements),
        "claims": result.claims,
        "why": result.why,
        "window_s": result.window_s,
        "digests": result.digests,
    }


def _rounds(run: Run, result: CaseResult) -> dict[str, Any]:
    """What the repetitions of a case came to."""
    if not run.plays:
        return {}
    rounds = run.rounds(result.id)
    silent = quiet(rounds)
    bound = (
        {"windows": silent.windows, "seconds": silent.seconds, "upper_95": silent.upper_95}
        if silent
        else None
    )
    return {"rounds": [each.verdict for each in rounds], "no_violation": bound}


def _finding(finding: Finding) -> dict[str, Any]:
    analogy = {"by_analogy": True} if rests_on_analogy(finding) else {}
    return finding.to_json() | analogy
