"""The line from end to end, as a user walks it: run, judge, show, report, and what each leaves behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CASE = "ikev2/1.2/initial-exchanges"


def report(place: Path) -> dict[str, Any]:
    """report.json of a run."""
    told: dict[str, Any] = json.loads((place / "reports" / "report.json").read_text())
    return told


def test_a_run_leaves_evidence_and_reports(played: Path) -> None:
    """Capture, journal and the three drawn reports lie where they were asked for."""
    assert {path.name for path in (played / "reports").iterdir()} == {
        "journal.jsonl",
        "report.json",
        "junit.xml",
        "index.html",
    }
    assert (played / "pcaps" / f"{CASE}.pcapng").is_file()
    assert report(played)["seed"] == 7
    assert report(played)["totals"]["PASS"] == 1


def test_the_default_place_is_named_by_moment_and_target(apart: Any, tmp_path: Path) -> None:
    """Without --output a run has its own directory under pcaps/ and under reports/."""
    said = apart("run", CASE)
    (run,) = (tmp_path / "reports").iterdir()

    assert said.status == 0
    assert run.name.endswith("-reference")
    assert (tmp_path / "pcaps" / run.name / f"{CASE}.pcapng").is_file()
    assert f"pcaps/{run.name}/{CASE}.pcapng" in (run / "report.json").read_text()


def test_a_deviant_fails_and_the_commands_repeat_it(apart: Any, tmp_path: Path) -> None:
    """Exit status 1; the block on the terminal holds the commands to play and to judge it again."""
    said = apart(
        "run", CASE, "--seed", 7, "--target", "deviant:leaves-the-first-child-out", "--output", "out"
    )

    assert said.status == 1
    assert f"FAIL  {CASE}" in said.out
    assert f"again   ike-harness run {CASE} --target deviant:leaves-the-first-child-out --seed 7" in said.out
    assert f"judge   ike-harness judge out/pcaps/{CASE}.pcapng" in said.out


def test_judging_again_agrees_with_the_journal(ike: Any, played: Path) -> None:
    """`judge` derives the verdict from the evidence alone and finds nothing to remark."""
    said = ike("judge", played)

    assert said.status == 0
    assert f"PASS  {CASE}" in said.out
    assert said.err == ""


def test_judging_again_tells_of_a_journal_that_says_otherwise(ike: Any, played: Path) -> None:
    """A journal that was altered, or a judge that was, shows."""
    journal = played / "reports" / "journal.jsonl"
    journal.write_text(
        journal.read_text().replace('"verdict": "PASS", "level"', '"verdict": "FAIL", "level"')
    )
    said = ike("judge", played)

    assert said.status == 1
    assert "the journal says FAIL, the evidence PASS" in said.err


def test_show_tells_the_conversation_decrypted(ike: Any, played: Path) -> None:
    """One message a line, with the names of the cast and what was sealed in clear."""
    said = ike("show", played / "pcaps" / f"{CASE}.pcapng")

    assert said.status == 0
    assert "->   3  alice     IKE_AUTH request 1 { SK{IDi, IDr, AUTH, SA, TSi, TSr} }" in said.out
    assert "<-   4  alice     IKE_AUTH response 1 { SK{IDr, AUTH, SA, TSi, TSr} }" in said.out


def test_show_in_json_holds_the_opening(ike: Any, played: Path) -> None:
    """The same as data, with what was known at the start."""
    said = ike("show", played / "pcaps" / f"{CASE}.pcapng", "--json")
    told = json.loads(said.out)

    assert told["opening"]["case"] == CASE
    assert told["messages"][0]["sender"] == "alice"


def test_our_own_evidence_can_be_audited(ike: Any, played: Path) -> None:
    """`audit` takes the device from the evidence, and its JSON has the shape that was promised."""
    said = ike("audit", played / "pcaps" / f"{CASE}.pcapng", "--json")
    told = json.loads(said.out)
    promised = {"format", "capture", "device", "profile", "verdict", "findings", "datagrams", "ike_messages"}

    assert said.status == 0
    assert promised | {"window_s", "gap_free", "duration_s"} <= set(told)
    assert told["device"] == "192.0.2.1"


def test_reports_can_be_drawn_again(ike: Any, played: Path) -> None:
    """`report` makes report.json, junit.xml and index.html from the journal, the same as before."""
    place = played / "reports"
    drawn = [place / name for name in ("report.json", "junit.xml", "index.html")]
    before = [path.read_bytes() for path in drawn]
    for path in drawn:
        path.unlink()
    said = ike("report", played)

    assert said.status == 0
    assert [path.read_bytes() for path in drawn] == before


def test_two_jobs_come_to_the_same(apart: Any, tmp_path: Path) -> None:
    """Played by two workers, every case has the same verdict and the same octets."""
    for place, jobs in (("one", 1), ("two", 2)):
        assert apart("run", "ikev2/1.2", "--seed", 7, "--jobs", jobs, "--output", place).status == 0
    one, two = (
        {each["id"]: each["verdict"] for each in report(tmp_path / p)["cases"]} for p in ("one", "two")
    )

    assert one == two
    assert report(tmp_path / "two")["selected"] == len(two)


def test_interrupted_it_leaves_what_it_has(tmp_path: Path) -> None:
    """After Ctrl-C the status is 130, and the journal tells of the cases that were played."""
    command = [sys.executable, "-m", "harness.cli", "run", "--seed", "7", "--output", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a gate may run with it ignored
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("PASS"):
            process.send_signal(signal.SIGINT)
            break
    process.stdout.read()
    process.stdout.close()

    assert process.wait(60) == 130
    assert report(tmp_path / "out")["interrupted"] is True
    assert report(tmp_path / "out")["totals"]["PASS"] >= 1


def test_plain_pytest_plays_cases_too(tmp_path: Path) -> None:
    """Under pytest a FAIL is a failure with the same block, a PASS passes."""
    root = Path(__file__).parents[3]
    common = [f"--ike-pcaps={tmp_path}/pcaps", f"--ike-reports={tmp_path}/reports", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "testcases/ikev2/s1_2_initial_exchanges.py", "-q", *common]
    honest = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    mute = subprocess.run(
        [*command, "--ike-target=deviant:mute"], cwd=root, capture_output=True, text=True, timeout=120
    )

    assert honest.returncode == 0, honest.stdout
    assert mute.returncode == 1
    assert f"FAIL  {CASE}" in mute.stdout


def test_list_in_json_is_an_array_of_cases(ike: Any) -> None:
    """Every case of the catalogue, with the keys that others read."""
    listed = json.loads(ike("list", "--json").out)
    keys = {"id", "title", "suite", "requirements", "level", "profile", "needs", "deviants", "also", "wait_s"}

    assert listed
    assert all(set(each) == keys for each in listed)


def test_the_trial_in_json_has_its_shape(ike: Any) -> None:
    """A single case's trial is quick, sound, and told in the shape that was promised."""
    said = ike("trial", CASE, "--json", "--budget", 0)
    told = json.loads(said.out)

    assert said.status == 0
    assert told["cases_without_kill"] == []
    assert told["kills"][CASE]


def test_the_responder_serves_as_a_daemon(apart: Any, tmp_path: Path) -> None:
    """It says where it listens, and ends with 0 when its standard input does."""
    said = apart("responder", "--port", 0, "--nat-port", 0, "--json", "--stop-with-stdin")
    told = json.loads(said.out)

    assert said.status == 0
    assert told["ike"].startswith("127.0.0.1:")


def test_the_responder_takes_toml_and_several_addresses(apart: Any, tmp_path: Path) -> None:
    """A configuration without IOS, with its key in a file beside it, served on two addresses."""
    (tmp_path / "key").write_text("open-sesame\n")
    (tmp_path / "device.toml").write_text("profile = 'strict'\npsk = { file = 'key' }\npeer = 'any'\n")
    options = ("--port", 0, "--nat-port", 0, "--json", "--stop-with-stdin", "--stop-wait", 0)
    said = apart("responder", "--config", "device.toml", "--listen", "127.0.0.1", "--listen", "::1", *options)

    assert said.status == 0, said.err
    assert sorted(each.rpartition(":")[0] for each in json.loads(said.out)["listening"]) == [
        "127.0.0.1",
        "127.0.0.1",
        "[::1]",
        "[::1]",
    ]


@pytest.mark.parametrize("words", [("list",), ("run", "ikev2/1.2", "--output", "out")])
def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Piped into `head`, a command ends as it would have, without a word on stderr."""
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()

    assert process.wait(60) == 0
    assert said == b""
