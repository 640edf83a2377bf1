"""What fuzzers once found in the reference stays repaired: every kept script is played again."""

from pathlib import Path

import pytest

from harness.fuzz.keep import Outcome, replayed
from harness.fuzz.script import read_script
from harness.target.reference import Reference

KEPT = sorted((Path(__file__).parents[2] / "fuzz").glob("*.json"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_script_is_fixed(path: Path, tmp_path: Path) -> None:
    """The reference no longer breaks the rule that this script once showed broken."""
    told = replayed(read_script(path), Reference(), tmp_path / "play.pcapng")

    assert (told.outcome, told.faults) == (Outcome.FIXED, ())
