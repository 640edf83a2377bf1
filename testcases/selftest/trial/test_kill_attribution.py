"""What counts as a kill, and what the matrix makes of kills."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.bench.catalogue import Entry, catalogue
from harness.bench.judge import Judgement
from harness.case import Case
from harness.clock import WallClock
from harness.record import Finding, Verdict
from harness.responder.deviants import DEVIANTS
from harness.trial.attribution import kills
from harness.trial.matrix import MOST_ALONE, Matrix
from harness.trial.trial import Trial, altered


class Plain(Case):
    """A case with one requirement."""

    requirements = ("R-1",)


class OnSafety(Plain):
    """A case whose matter is a standing rule."""

    subject = "INV-01"


class OnLife(Plain):
    """A case whose matter is that the target still answers."""

    subject = "INV-16"


BROKEN = Finding("that", Verdict.FAIL, "it never came", requirement="R-1")
PREMISE = Finding("given", Verdict.INCONCLUSIVE, "it never came", requirement="R-1")


def judged(own: tuple[Finding, ...] = (), *rules: str) -> Judgement:
    """A judgement with these own findings, in which these standing rules are broken."""
    return Judgement(Verdict.FAIL, own, tuple(Finding(rule, Verdict.FAIL, "broken") for rule in rules))


def entry(kind: type[Case]) -> Entry:
    """The case as a catalogue has it."""
    return Entry("x/1/y", "x", Path(), kind)


@pytest.mark.parametrize(
    ("kind", "judgement", "killed"),
    [
        (Plain, judged((BROKEN,)), True),
        (Plain, judged((replace(BROKEN, requirement="R-2"),)), False),
        (Plain, judged((PREMISE,)), False),
        (Plain, judged((PREMISE, BROKEN)), False),
        (Plain, judged((), "INV-10", "INV-16"), False),
        (Plain, judged((), "INV-01"), False),
        (Plain, judged((replace(BROKEN, verdict=Verdict.INCONCLUSIVE),)), False),
        (OnSafety, judged((), "INV-01"), True),
        (OnSafety, judged((), "INV-02"), False),
        (OnSafety, judged((PREMISE,), "INV-01"), False),
        (OnLife, judged((), "INV-16"), True),
    ],
)
def test_only_the_cases_own_matter_kills(kind: type[Case], judgement: Judgement, killed: bool) -> None:
    """Its own judge, or the standing rule that it names, on its requirement, with its premises held."""
    assert kills(entry(kind), judgement) is killed


def matrix(cases: int = 2) -> Matrix:
    """A matrix of so many cases and two deviants."""
    return Matrix(tuple(f"case-{number}" for number in range(cases)), ("mute", "rude"))


def test_a_case_without_kill_is_unsound() -> None:
    """It is named, and the trial is not sound."""
    found = matrix()
    found.killed("case-0", "mute")

    assert found.cases_without_kill == ["case-1"]
    assert found.deviants_without_kill == ["rude"]
    assert not found.sound


def test_a_matrix_with_a_kill_in_each_row_is_sound() -> None:
    """Every case convicts somebody."""
    found = matrix()
    found.killed("case-0", "mute")
    found.killed("case-1", "rude")

    assert found.sound


def test_one_deviant_can_not_carry_the_whole_trial() -> None:
    """A deviant that is the only kill of too many cases makes it unsound."""
    found = matrix(MOST_ALONE + 1)
    for case in found.cases:
        found.killed(case, "mute")

    assert found.leaned_on == ["mute"]
    assert not found.sound


def test_the_matrix_has_the_shape_that_others_read() -> None:
    """`trial --json` has the keys that it promised."""
    promised = {"format", "cases", "deviants", "kills", "cases_without_kill", "deviants_without_kill"}

    assert promised | {"honest_failures"} <= set(matrix().to_json())
    assert matrix().to_json()["cases"] == 2


def test_a_deviants_exchanged_rule_is_known() -> None:
    """A deviant that exchanges a transition names it; one that bends what is sent names none."""
    assert altered(DEVIANTS["leaves-the-first-child-out"].rules) == {"answer_ike_auth"}
    assert altered(DEVIANTS["mute"].rules) is None


def test_the_trial_of_one_case_finds_its_kill(tmp_path: Path) -> None:
    """A case of the catalogue convicts the deviants that it names, and the honest responder passes it."""
    (case,) = [each for each in catalogue() if each.id == "ikev2/1.2/initial-exchanges"]
    named = {name: DEVIANTS[name] for name in case.kind.deviants}

    found = Trial([case], tmp_path, WallClock(), deviants=named).run()

    assert found.honest_failures == []
    assert found.named_without_kill == []
    assert sorted(found.kills[case.id]) == sorted(named)


def test_a_deviant_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """A case that names a deviant nobody has is told, not passed over."""
    (case,) = [each for each in catalogue() if each.id == "ikev2/1.2/initial-exchanges"]
    found = Trial([case], tmp_path, WallClock(), deviants={}).run()

    assert {each["why"] for each in found.errors} == {"no deviant has that name"}
    assert not found.sound


def test_no_budget_still_plays_the_named_pairs(tmp_path: Path) -> None:
    """A budget cuts short only what nobody named."""
    (case,) = [each for each in catalogue() if each.id == "ikev2/1.2/initial-exchanges"]

    found = Trial([case], tmp_path, WallClock(), budget_s=0.0).run()

    assert found.kills[case.id]
    assert not found.complete
