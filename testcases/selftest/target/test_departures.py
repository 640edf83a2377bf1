"""Known departures of a target: read with their reasons, held against what was found, written from it."""

from pathlib import Path

import pytest

from harness.bench.catalogue import catalogue
from harness.record import CaseResult, ClaimName, Departure, Finding, Verdict, Weight
from harness.report.summary import unexpected
from harness.requirements import load
from harness.target.departures import SHIPPED, Unreasoned, in_force, known, settled, written

CASE = "ikev2/1.4/child-delete"
KNOWN = Departure(CASE, "that", "FAIL", "it answers late", "2026-01-31", "RFC7296-1.4.1-02", ">= 5.9, < 6")
TEXT = """\
[[departure]]
case = "ikev2/1.4/child-delete"
rule = "that"
requirement = "RFC7296-1.4.1-02"
verdict = "FAIL"
reason = "it answers late"
date = 2026-01-31
versions = ">= 5.9, < 6"

[[departure]]
case = "ikev2/1.4/other"
rule = "INV-11"
verdict = "INCONCLUSIVE"
reason = "its window is hidden"
date = "2026-01-31"
"""


def _file(place: Path, text: str = TEXT) -> Path:
    path = place / "x.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _found(verdict: Verdict, *findings: Finding) -> CaseResult:
    return CaseResult(CASE, "A title.", verdict, "MUST", (), findings, {}, "", 0.1, "again")


def _finding(
    rule: str = "that", verdict: Verdict = Verdict.FAIL, requirement: str = "RFC7296-1.4.1-02"
) -> Finding:
    return Finding(rule, verdict, "it is so", (1,), Weight.MUST, requirement, ClaimName.PROTOCOL)


def test_a_file_is_read(tmp_path: Path) -> None:
    """Each table is a departure; requirement and versions may be left out."""
    first, second = known("anything", _file(tmp_path))

    assert first == KNOWN
    assert (second.requirement, second.versions) == ("", "")


def test_a_target_nobody_knows_anything_of_is_expected_to_pass() -> None:
    """Without a file under its name there are no departures."""
    assert known("reference") == ()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('reason = "it answers late"', 'reason = " "', ":6: reason: fill it in"),
        ('reason = "its window is hidden"\n', "", ":10: reason: fill it in"),
        ("date = 2026-01-31", 'date = "soon"', ":7: date: a day follows"),
        ('verdict = "INCONCLUSIVE"', 'verdict = "PASS"', ":13: verdict: one of FAIL, INCONCLUSIVE"),
        ('versions = ">= 5.9, < 6"', 'versions = "old"', ":8: versions: a range follows"),
        ('rule = "INV-11"', 'rule = "INV-11"\nwhy = "x"', ":13: why: unknown"),
        ("[[departure]]", "[[departures]]", "other things than"),
        ("[[departure]]", "[departure", "no TOML"),
    ],
)
def test_what_can_not_be_relied_on_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    """The sentence has the file, and where a table is wrong the line and the key."""
    path = _file(tmp_path, TEXT.replace(before, after))

    with pytest.raises(Unreasoned, match=f"{path}.*{said}"):
        known("anything", path)


@pytest.mark.parametrize(
    ("version", "holds"),
    [("5.9.8-5+deb12u1", True), ("strongSwan 5.9", True), ("6.0.1", False), ("", False)],
)
def test_a_departure_is_of_some_versions(version: str, holds: bool) -> None:
    """The first dotted number of what the target says of itself counts; a range says nothing of an unknown version."""
    assert bool(in_force([KNOWN], version)) is holds


@pytest.mark.parametrize(
    ("verdict", "findings", "surprising"),
    [
        (Verdict.FAIL, [_finding()], False),
        (Verdict.FAIL, [_finding(), _finding("INV-16", requirement="")], True),
        (Verdict.FAIL, [_finding(requirement="RFC7296-1.4.1-03")], True),
        (Verdict.FAIL, [_finding(), _finding("INV-15", Verdict.PASS, "")], False),
        (Verdict.PASS, [_finding(verdict=Verdict.PASS)], True),
        (Verdict.INCONCLUSIVE, [_finding("given", Verdict.INCONCLUSIVE)], False),
    ],
)
def test_only_a_fail_by_the_stated_rule_was_expected(
    verdict: Verdict, findings: list[Finding], surprising: bool
) -> None:
    """A FAIL by another rule and a PASS are both unexpected; an INCONCLUSIVE stays what it is."""
    result = settled(_found(verdict, *findings), [KNOWN])

    assert result.expected is Verdict.FAIL
    assert unexpected(result) is surprising


def test_a_broken_should_surprises_only_where_it_counts() -> None:
    """Under --strict it is one more reason for the FAIL, and none that was expected."""
    should = Finding("that", Verdict.FAIL, "x", (), Weight.SHOULD, "RFC7296-2.1-01")
    found = _found(Verdict.FAIL, _finding(), should)

    assert settled(found, [KNOWN]).surprises == ()
    assert settled(found, [KNOWN], strict=True).surprises == ("that RFC7296-2.1-01",)


def test_what_is_written_lacks_only_its_reasons(tmp_path: Path) -> None:
    """Read again it is refused at the first reason; filled in, it expects just what was found."""
    found = _found(Verdict.FAIL, _finding(), _finding("INV-11", requirement=""))
    text = written([found, _found(Verdict.PASS)], "5.9.8-5", "2026-02-01")
    with pytest.raises(Unreasoned, match=r"x\.toml:5: reason"):
        known("anything", _file(tmp_path, text))
    filled = tmp_path / "filled.toml"
    filled.write_text(text.replace('reason = ""', 'reason = "so it is"'), encoding="utf-8")
    departures = known("anything", filled)

    assert [each.versions for each in departures] == ["== 5.9.8", "== 5.9.8"]
    assert settled(found, departures).as_expected


def test_a_reason_that_was_known_is_kept() -> None:
    """Written anew, a departure that was foreseen has its reason, its date and its versions."""
    found = settled(_found(Verdict.FAIL, _finding()), [KNOWN])

    assert 'reason = "it answers late"' in written([found], "5.9.9", "2026-02-01")
    assert "2026-02-01" not in written([found], "5.9.9", "2026-02-01")


def test_what_is_shipped_speaks_of_the_catalogue() -> None:
    """Every file can be read, and names cases and requirements that there are."""
    departures = [each for path in SHIPPED.glob("*.toml") for each in known(path.stem)]
    cases = {entry.id for entry in catalogue()}

    assert [each.case for each in departures if each.case not in cases] == []
    assert [each.requirement for each in departures if each.requirement not in {"", *load()}] == []
