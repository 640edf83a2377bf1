"""An audit as SARIF 2.1.0 (OASIS, 2020), the form in which scanners hand their results to code hosts and CI systems."""

from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from harness import __version__
from harness.oracle.audit import Audit
from harness.oracle.standing import STANDING, Rule
from harness.record import Finding, Verdict, Weight, printable
from harness.requirements import load

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_TOLD = frozenset({Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR})
_NOTHING_TO_JUDGE = "audit"

Place = Callable[[int], tuple[str, int]]
"""From a frame's number to the file that holds it, and its number there."""


def sarif(told: Audit, place: Place) -> dict[str, Any]:
    """What `audit --sarif` writes: a rule for each standing rule, a result for each finding that did not pass."""
    rules = [*map(_rule, STANDING), _rule_of_evidence()]
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "ike-harness", "version": __version__, "rules": rules}},
                "invocations": [
                    {"executionSuccessful": True, "toolExecutionNotifications": _notifications(told)}
                ],
                "results": [
                    _result(finding, numbers[finding.rule], peer, told, place)
                    for peer, finding in _findings(told)
                ],
                "properties": {
                    "device": told.device,
                    "profile": told.profile,
                    "verdict": told.verdict.value,
                    "claims": told.claims,
                },
            }
        ],
    }


def _findings(told: Audit) -> Iterator[tuple[str, Finding]]:
    """The findings worth a result, each with the peer that it is about."""
    pairs = [(pair.peer, finding) for pair in told.pairs for finding in pair.findings]
    for peer, finding in pairs or [("", finding) for finding in told.findings]:
        if finding.verdict in _TOLD:
            yield peer, finding


def _rule(rule: Rule) -> dict[str, Any]:
    statements = [f"{name}: {load()[name].statement}" for name in rule.requirements]
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"{rule.title} ({'; '.join(rule.rfc)})"},
        "help": {"text": "\n".join(statements)},
        "properties": {
            "requirements": list(rule.requirements),
            "rfc": list(rule.rfc),
            "claim": rule.claim.value,
        },
    }


def _rule_of_evidence() -> dict[str, Any]:
    title = "the capture holds what is to be judged"
    return {
        "id": _NOTHING_TO_JUDGE,
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": "Name an address of the device that the capture has."},
        "properties": {"requirements": [], "rfc": [], "claim": ""},
    }


def _result(finding: Finding, number: int, peer: str, told: Audit, place: Place) -> dict[str, Any]:
    about = f"{told.device} towards {peer}: " if peer else ""
    return {
        "ruleId": finding.rule,
        "ruleIndex": number,
        "level": _level(finding, told.strict),
        "message": {"text": printable(about + finding.says)},
        "locations": _locations(finding, place),
        "properties": {
            "verdict": finding.verdict.value,
            "requirement": finding.requirement,
            "claim": finding.claim.value,
            "frames": list(finding.frames),
            "device": told.device,
            "peer": peer,
        },
    }


def _level(finding: Finding, strict: bool) -> str:
    """What counts for nothing is a note, what fails an error, and what is doubtful or merely should be a warning."""
    if finding.weight is Weight.NOTE:
        return "note"
    fails = finding.verdict is not Verdict.INCONCLUSIVE and (strict or finding.weight is Weight.MUST)
    return "error" if fails else "warning"


def _locations(finding: Finding, place: Place) -> list[dict[str, Any]]:
    """A frame has no line or column: its number is the name of a logical location in the file."""
    if not finding.frames:
        return [{"physicalLocation": {"artifactLocation": {"uri": _uri(place(1)[0])}}}]
    found = []
    for path, frame in map(place, finding.frames):
        name = f"frame {frame}"
        found.append(
            {
                "physicalLocation": {"artifactLocation": {"uri": _uri(path)}},
                "logicalLocations": [
                    {"name": name, "fullyQualifiedName": printable(f"{path}, {name}"), "kind": "member"}
                ],
            }
        )
    return found


def _uri(path: str) -> str:
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(pure.as_posix(), safe="/", errors="surrogateescape")


def _notifications(told: Audit) -> list[dict[str, Any]]:
    return [{"level": "warning", "message": {"text": printable(problem)}} for problem in told.problems]
