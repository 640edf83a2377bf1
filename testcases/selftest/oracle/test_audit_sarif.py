"""`audit --sarif`: what SARIF 2.1.0 demands, and what of an audit stands in it."""

import json
from pathlib import Path

import pytest

from harness.capture import read
from harness.codes import ProfileName
from harness.oracle import STANDING, audit
from harness.oracle.sarif import sarif
from harness.profile import PROFILES
from harness.requirements import load

STRICT = PROFILES[ProfileName.STRICT]
GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
LEVELS = {"none", "note", "warning", "error"}


def of(name, device="10.9.0.1", **how):
    """The log of an audit of a golden capture, and the audit."""
    told = audit(read(GOLDEN / name), [device], STRICT, **how)
    return json.loads(json.dumps(sarif(told, lambda frame: (name, frame)))), told


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.pcap")), ids=lambda path: path.stem)
def test_the_log_has_what_the_schema_demands(path):
    """Version, runs, a driver with a name, unique rules with ids, results with a message, levels of the enumeration."""
    log, _ = of(path.name)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]

    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    assert run["tool"]["driver"]["name"] == "ike-harness"
    assert len(set(rules)) == len(rules)
    assert all(invocation["executionSuccessful"] is True for invocation in run["invocations"])
    for result in run["results"]:
        assert result["message"]["text"]
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in LEVELS
        assert all(where["physicalLocation"]["artifactLocation"]["uri"] for where in result["locations"])


def test_every_standing_rule_is_described():
    """A rule has its title and the requirements of the registry, in words."""
    log, _ = of("ls-ro-v2.pcap")
    rules = {rule["id"]: rule for rule in log["runs"][0]["tool"]["driver"]["rules"]}

    for rule in STANDING:
        assert rules[rule.id]["shortDescription"]["text"] == rule.title
        assert rules[rule.id]["properties"]["requirements"] == list(rule.requirements)
        assert load()[rule.requirements[0]].statement in rules[rule.id]["help"]["text"]


def test_a_fail_is_an_error_with_its_frames():
    """Each FAIL of a MUST is an error, and its frames are its locations."""
    log, told = of("ss-rk-v2.pcap")
    failed = [finding for finding in told.findings if finding.verdict == "FAIL" and finding.weight == "MUST"]
    errors = [result for result in log["runs"][0]["results"] if result["level"] == "error"]

    assert [result["ruleId"] for result in errors] == [finding.rule for finding in failed]
    assert [result["properties"]["frames"] for result in errors] == [
        list(finding.frames) for finding in failed
    ]
    assert errors[0]["locations"][0]["logicalLocations"][0]["name"] == f"frame {failed[0].frames[0]}"


def test_a_note_is_a_note_and_a_doubt_a_warning():
    """NOTE counts for nothing; INCONCLUSIVE is worth a warning; PASS is no result."""
    for path in sorted(GOLDEN.glob("*.pcap")):
        log, told = of(path.name)
        wanted = [
            "note"
            if finding.weight == "NOTE"
            else {"FAIL": "error", "INCONCLUSIVE": "warning"}[finding.verdict]
            for finding in told.findings
            if finding.verdict in ("FAIL", "INCONCLUSIVE") and finding.weight != "SHOULD"
        ]
        levels = [r["level"] for r in log["runs"][0]["results"]]

        assert levels == wanted


def test_a_capture_without_the_device_is_a_warning():
    """Nothing to judge is a result too, of a rule of its own."""
    log, _ = of("ls-ro-v2.pcap", "192.0.2.99")
    (result,) = log["runs"][0]["results"]

    assert (result["ruleId"], result["level"]) == ("audit", "warning")


@pytest.mark.parametrize(
    ("path", "uri"),
    [("a b.pcap", "a%20b.pcap"), ("/x/y.pcap", "file:///x/y.pcap"), ("a/\x1b.pcap", "a/%1B.pcap")],
)
def test_a_path_is_a_uri(path, uri):
    """Whatever a file is called, its location is a URI."""
    told = audit(read(GOLDEN / "ss-rk-v2.pcap"), ["10.9.0.1"], STRICT)
    result = sarif(told, lambda frame: (path, frame))["runs"][0]["results"][0]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].isprintable()
