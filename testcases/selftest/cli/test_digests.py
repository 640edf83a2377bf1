"""Evidence that was changed since its run is found out by the digests in the journal; accident, not forgery."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli import main
from testcases.selftest.cli.conftest import Run

CASE = "ikev2/1.2/initial-exchanges"
SUFFIXES = ("pcapng", "ikev2_decryption_table", "esp_sa")


def evidence(place: Path, suffix: str = "pcapng") -> Path:
    """A file of the run's evidence."""
    return place / "pcaps" / f"{CASE}.{suffix}"


def flip(path: Path, at: int, bit: int = 1) -> None:
    """Change one bit of a file."""
    octets = bytearray(path.read_bytes())
    octets[at % len(octets)] ^= bit
    path.write_bytes(octets)


def test_the_journal_has_a_digest_of_every_file(played: Path) -> None:
    """The case's event names the capture and each table beside it with its SHA-256."""
    told = [json.loads(line) for line in (played / "reports" / "journal.jsonl").read_text().splitlines()]
    (case,) = (event for event in told if event["event"] == "case")

    assert set(case["digests"]) == {evidence(played, suffix).name for suffix in SUFFIXES}
    assert {len(bytes.fromhex(digest)) for digest in case["digests"].values()} == {32}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_flipped_bit_is_an_error(ike: Run, played: Path, suffix: str) -> None:
    """The verdict is ERROR, the status 3, and the sentence names file, expected and found."""
    path = evidence(played, suffix)
    flip(path, 40)
    said = ike("judge", played)

    assert said.status == 3
    assert f"ERROR {CASE}" in said.out
    assert f"{path} was changed: its SHA-256 is " in said.out
    assert ", the journal has " in said.out


@given(at=st.integers(min_value=0), bit=st.sampled_from([1 << n for n in range(8)]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_a_bit_flipped_anywhere_is_told(played: Path, at: int, bit: int) -> None:
    """Where the octet stands does not matter, nor whether the file can still be read."""
    kept = evidence(played).read_bytes()
    flip(evidence(played), at, bit)
    status = main(["judge", str(evidence(played))])
    evidence(played).write_bytes(kept)

    assert status == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("named", [False, True])
def test_a_missing_file_is_told(ike: Run, played: Path, suffix: str, named: bool) -> None:
    """A capture or a table that is gone is an ERROR, named or looked for in its directory."""
    evidence(played, suffix).unlink()
    said = ike("judge", evidence(played) if named else played)

    assert said.status == 3
    assert f"{evidence(played, suffix)} can't be read (No such file or directory)" in said.out


def test_a_run_whose_every_capture_is_gone_is_told(ike: Run, played: Path) -> None:
    """As long as its directory stands the journal says what should lie there, also looked at from below."""
    evidence(played).unlink()

    assert ike("judge", played / "pcaps").status == 3
    assert ike("judge", evidence(played).parent).status == 3


def test_a_run_that_was_cleared_away_is_not_missed(ike: Run, played: Path) -> None:
    """Where the whole directory of its evidence is gone, nothing is expected, and nothing is there to judge."""
    shutil.rmtree(played / "pcaps")

    assert ike("judge", played).status == 64


def test_an_untouched_run_has_nothing_to_tell(ike: Run, played: Path) -> None:
    """Judged where it lies, the evidence passes without a word, in JSON too."""
    said = ike("judge", played, "--json")

    assert said.status == 0
    assert said.err == ""
    assert json.loads(said.out)["unchecked"] == []


def test_without_a_journal_the_verdict_stands(ike: Run, played: Path, tmp_path: Path) -> None:
    """Evidence that was taken elsewhere is judged, and that its digest was not checked is told."""
    moved = shutil.copytree(played / "pcaps", tmp_path / "elsewhere")
    said = ike("judge", moved)

    assert said.status == 0
    assert f"PASS  {CASE}" in said.out
    assert said.err == "1 capture could not be held against a digest: no journal of its run lies beside it\n"


def test_a_killed_run_has_no_digest_of_its_last_case(ike: Run, played: Path) -> None:
    """Evidence that no line of the journal tells of is judged, and the reason for the missing digest is told."""
    journal = played / "reports" / "journal.jsonl"
    journal.write_text(journal.read_text().splitlines()[0] + "\n")
    said = ike("judge", played)

    assert said.status == 0
    assert "its run was killed before the journal had its digest" in said.err


def test_a_journal_without_digests_is_told(ike: Run, played: Path) -> None:
    """A journal that has verdicts alone leaves the evidence unchecked."""
    journal = played / "reports" / "journal.jsonl"
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    told = [{name: value for name, value in event.items() if name != "digests"} for event in events]
    journal.write_text("".join(json.dumps(event) + "\n" for event in told))

    assert "the journal of its run has no digest of it" in ike("judge", played).err


def test_reports_tell_of_changed_evidence(ike: Run, played: Path) -> None:
    """`report` draws what the journal says, and ends with 3 when the evidence is not as it was written."""
    flip(evidence(played), -1)
    said = ike("report", played)

    assert said.status == 3
    assert "was changed: its SHA-256 is" in said.err
    assert (played / "reports" / "index.html").is_file()


def test_reports_without_evidence_are_drawn(ike: Run, played: Path) -> None:
    """A journal by itself is enough for `report`, which says that no digest was checked."""
    shutil.rmtree(played / "pcaps")
    said = ike("report", played)

    assert said.status == 0
    assert "no digest was checked" in said.err
