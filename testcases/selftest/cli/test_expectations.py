"""Expectations as a user meets them: written from a run, filled in, and held against the next one."""

from pathlib import Path
from typing import Any

import pytest

from harness.report.journal import NAME, read

SUITE = "ikev2/1.2"
DEVIANT = "deviant:leaves-the-first-child-out"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a run against a deviant writes."""
    from harness.cli import main

    place = tmp_path_factory.mktemp("found")
    file = place / "found.toml"
    main(["run", SUITE, "-q", "--target", DEVIANT, "--output", str(place), "--write-expectations", str(file)])
    return file.read_text(encoding="utf-8")


@pytest.fixture
def filled(found: str, tmp_path: Path) -> Path:
    """The same with reasons."""
    path = tmp_path / "known.toml"
    path.write_text(found.replace('reason = ""', 'reason = "it was told to"'), encoding="utf-8")
    return path


def test_departures_without_reasons_are_refused(ike: Any, found: str, tmp_path: Path) -> None:
    """Exit status 64, and the sentence has file and line."""
    (tmp_path / "raw.toml").write_text(found, encoding="utf-8")
    said = ike("run", SUITE, "--target", DEVIANT, "--expect", tmp_path / "raw.toml")

    assert said.status == 64
    assert f"{tmp_path}/raw.toml:5: reason: fill it in" in said.err


def test_what_was_expected_for_its_reason_is_no_failure(ike: Any, filled: Path, tmp_path: Path) -> None:
    """Exit status 0; the verdicts stay, and stand beside what was expected and why."""
    said = ike("run", SUITE, "--target", DEVIANT, "--expect", filled, "--output", tmp_path)
    failed = read(tmp_path / "reports" / NAME).result(f"{SUITE}/initial-exchanges")

    assert said.status == 0
    assert "2 FAIL (2 expected)" in said.out
    assert failed is not None
    assert (failed.verdict, failed.expected) == ("FAIL", "FAIL")
    assert "it was told to" in (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")
    assert ike("judge", tmp_path).status == 0


def test_a_departure_that_is_gone_fails_the_run(ike: Any, filled: Path, tmp_path: Path) -> None:
    """The honest responder passes where a FAIL was expected: exit status 1, and it shows which."""
    said = ike("run", SUITE, "-q", "--expect", filled, "--output", tmp_path)

    assert said.status == 1
    assert "what is known of the target is out of date" in said.out
    assert "4 not as it was expected" in said.out


def test_a_failure_that_nobody_foresaw_fails_the_run(ike: Any, filled: Path, tmp_path: Path) -> None:
    """One departure taken out of the file: exit status 1."""
    head, *rest = filled.read_text(encoding="utf-8").split("\n[[departure]]")
    filled.write_text("[[departure]]".join(["", *rest]), encoding="utf-8")
    said = ike("run", SUITE, "-q", "--target", DEVIANT, "--expect", filled, "--output", tmp_path)

    assert "initial-exchanges" in head
    assert said.status == 1
    assert "FAIL  ikev2/1.2/initial-exchanges" in said.out
