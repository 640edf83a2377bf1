"""Runs of several targets, of several rounds, and such as were cut off, as a user meets them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.capture import read as read_capture
from harness.report.journal import NAME, read

ROOT = Path(__file__).parents[3]
SUITE = "ikev2/1.2"
DEVIANT = "deviant:leaves-the-first-child-out"
DIFFERING = {
    "ikev2/1.2/child-trouble-spares-the-ike-sa",
    "ikev2/1.2/foreign-selectors-are-refused",
    "ikev2/1.2/initial-exchanges",
    "ikev2/1.2/selectors-are-narrowed",
}


@pytest.fixture
def side_by_side(ike: Any, tmp_path: Path) -> tuple[Any, Path]:
    """What a run against the reference and a deviant says, and where it lies."""
    place = tmp_path / "out"
    words = ("run", SUITE, "--seed", 7, "--target", "reference", "--target", DEVIANT, "--output", place)
    return ike(*words), place


def test_several_targets_are_played_in_one_run(side_by_side: tuple[Any, Path]) -> None:
    """Each has its own evidence and its report of the usual shape; the matrix tells where they differ, and 1 is the worst."""
    said, place = side_by_side
    reports = {each: json.loads((place / "reports" / each / "report.json").read_text()) for each in _NAMES}
    matrix = json.loads((place / "reports" / "matrix.json").read_text())

    assert said.status == 1
    assert {name: told["totals"]["FAIL"] for name, told in reports.items()} == {_NAMES[0]: 0, _NAMES[1]: 2}
    assert set(matrix["differing"]) == DIFFERING
    assert all((place / "pcaps" / each / f"{SUITE}/initial-exchanges.pcapng").is_file() for each in _NAMES)
    assert "4 of 10 cases differ" in said.out


_NAMES = ("reference", "deviant-leaves-the-first-child-out")


def test_several_targets_are_judged_and_drawn_again(ike: Any, side_by_side: tuple[Any, Path]) -> None:
    """`judge` finds each journal, and `report` draws each page and the matrix anew, the same as before."""
    _, place = side_by_side
    page = place / "reports" / "index.html"
    before = page.read_bytes()
    page.unlink()
    judged, drawn = ike("judge", place), ike("report", place)

    assert (judged.status, judged.err) == (1, "")
    assert (drawn.status, page.read_bytes()) == (1, before)


def test_compare_tells_what_changed(ike: Any, side_by_side: tuple[Any, Path]) -> None:
    """From the reference to the deviant there are new failures, exit status 1; back there are none."""
    _, place = side_by_side
    honest, deviant = (place / "reports" / name for name in _NAMES)
    there, back = ike("compare", honest, deviant), ike("compare", deviant, honest, "--json")
    told = json.loads(back.out)

    assert (there.status, back.status) == (1, 0)
    assert there.out.endswith("4 of 10 cases differ; 2 fail anew\n")
    assert set(told["differing"]) == DIFFERING
    assert told["new_failures"] == []
    assert "compare one of them" in ike("compare", place, place).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target", "reference", "--target", "reference"), "two targets have one name"),
        (("--target", "reference", "--target", DEVIANT, "--expect", __file__), "one target"),
    ],
)
def test_what_several_targets_can_not_share_is_refused(ike: Any, words: tuple[str, ...], said: str) -> None:
    """One sentence, and nothing is played."""
    refused = ike("run", SUITE, *words)

    assert refused.status == 64
    assert said in refused.err


def test_repetitions_have_a_seed_and_a_place_of_their_own(ike: Any, tmp_path: Path) -> None:
    """Each round is the run of the next seed, its evidence is kept, and judging again finds all of it."""
    case = f"{SUITE}/initial-exchanges"
    said = ike("run", case, "--seed", 7, "--repeat", 3, "--output", tmp_path)
    told = json.loads((tmp_path / "reports" / "report.json").read_text())
    places = [tmp_path / "pcaps" / each / f"{case}.pcapng" for each in ("", "round-2", "round-3")]
    openings = [read_capture(place).opening or {} for place in places]

    assert said.status == 0
    assert [opening["seed"] for opening in openings] == [7, 8, 9]
    assert told["cases"][0]["rounds"] == ["PASS"] * 3
    assert "1 case without a violation in 3 windows each" in said.out
    assert (ike("judge", tmp_path).status, ike("report", tmp_path).status) == (0, 0)


def _cut_off(place: Path, after: int, *words: str, sent: int = signal.SIGKILL) -> int:
    """A run that a signal ends when its journal has so many lines; its exit status."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "run", *words, "--seed", "7", "--output", str(place)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a gate may run with it ignored
    )
    assert process.stdout is not None
    told = 0
    for line in process.stdout:
        told += line.startswith("PASS")
        if told == after:
            process.send_signal(sent)
            break
    process.stdout.read()
    process.stdout.close()
    return process.wait(60)


def test_a_killed_run_is_played_on(ike: Any, tmp_path: Path) -> None:
    """Only what its journal lacks is played, with the same seed, to the same octets as in one go."""
    _cut_off(tmp_path / "cut", 4, SUITE)
    journal = tmp_path / "cut" / "reports" / NAME
    with journal.open("a", encoding="utf-8") as torn:
        torn.write('{"event": "case", "id":')
    before = {each.id for each in read(journal).results}
    resumed = ike("run", "--resume", tmp_path / "cut")
    whole = ike("run", SUITE, "--seed", 7, "--output", tmp_path / "whole")
    played = {line.split()[1] for line in resumed.out.splitlines() if line.startswith("PASS")}
    cut, at_once = (
        {path.name: read_capture(path).frames for path in (tmp_path / each / "pcaps").rglob("*.pcapng")}
        for each in ("cut", "whole")
    )

    assert (resumed.status, whole.status) == (0, 0)
    assert before
    assert played.isdisjoint(before)
    assert len(played | before) == 10
    assert cut == at_once


@pytest.mark.parametrize(
    "words",
    [
        ("--seed", "8"),
        ("--link", "lossy"),
        (SUITE,),
        ("--strict",),
        ("--target", "deviant:mute"),
        ("--output", "elsewhere"),
    ],
)
def test_a_run_is_played_on_only_as_it_began(ike: Any, played: Path, words: tuple[str, ...]) -> None:
    """Any other setting is refused by its name, with what it was."""
    refused = ike("run", "--resume", played, *words)

    assert refused.status == 64
    assert "a run is played on " in refused.err
    assert refused.err.count("\n") == 1


def test_a_whole_run_has_nothing_left_to_play(ike: Any, played: Path) -> None:
    """That is a sentence, and the run stays as it is."""
    refused = ike("run", "--resume", played)

    assert refused.status == 64
    assert "nothing is left to play" in refused.err


def test_a_target_of_another_version_is_another_run(ike: Any, played: Path) -> None:
    """What began against one version is not played on against the next."""
    journal = played / "reports" / NAME
    journal.write_text(
        journal.read_text(encoding="utf-8").replace('"version": "', '"version": "0.0.', 1), encoding="utf-8"
    )

    assert "and the run began with 0.0." in ike("run", "--resume", played).err


def test_a_journal_that_does_not_say_how_is_refused(ike: Any, played: Path) -> None:
    """One of a version that kept no settings can't be played on."""
    journal = played / "reports" / NAME
    header, *rest = journal.read_text(encoding="utf-8").splitlines()
    bare = {name: value for name, value in json.loads(header).items() if name != "asked"}
    journal.write_text("\n".join((json.dumps(bare), *rest, "")), encoding="utf-8")

    assert "does not say how it was asked for" in ike("run", "--resume", played).err


@pytest.mark.slow
def test_waiting_cases_that_are_interrupted_leave_whole_evidence(ike: Any, tmp_path: Path) -> None:
    """Ctrl-C while targets wait side by side: 130, every capture is closed, and the rest can be played on."""
    words = ("--link", "udp", "ikev2/2.3", "responder_only/c")
    status = _cut_off(tmp_path, 3, *words, sent=signal.SIGINT)
    captures = [read_capture(path) for path in tmp_path.rglob("*.pcapng")]
    finished = [(each.closing or {}).get("finished") for each in captures]
    resumed = ike("run", "--resume", tmp_path)

    assert status == 130
    assert False in finished
    assert None not in finished
    assert resumed.status == 0
    assert json.loads((tmp_path / "reports" / "report.json").read_text())["interrupted"] is False
