"""The journal: what is written is what is read, also after a kill."""

from pathlib import Path

import pytest

from harness.report.journal import NAME, Journal, NoJournal, Run, read


def write(run: Run, place: Path) -> Path:
    """The journal of a run, as it is kept while the run goes on."""
    path = place / NAME
    journal = Journal(path)
    journal.begin(run.header)
    for result in run.results:
        journal.case(result)
    journal.end(run.duration_s or 0.0, interrupted=run.interrupted)
    return path


def test_a_run_comes_back_as_it_was(run: Run, tmp_path: Path) -> None:
    """Header, results with findings and conversations, and the end are read as they were written."""
    assert read(write(run, tmp_path)) == run


def test_each_event_is_on_the_disk_at_once(run: Run, tmp_path: Path) -> None:
    """A line can be read as soon as its event has happened."""
    journal = Journal(tmp_path / NAME)
    journal.begin(run.header)
    journal.case(run.results[0])

    told = read(tmp_path / NAME)
    journal.end(0.0, interrupted=False)

    assert told.results == run.results[:1]
    assert told.duration_s is None


def test_a_torn_last_line_is_left_out(run: Run, tmp_path: Path) -> None:
    """A run that was killed while it wrote still tells everything before."""
    path = write(run, tmp_path)
    path.write_bytes(path.read_bytes()[:-20])

    assert read(path).results == run.results


def test_a_damaged_line_is_named(run: Run, tmp_path: Path) -> None:
    """A line in the middle that is none is an error with its number."""
    path = write(run, tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{", *lines[1:]]))

    with pytest.raises(NoJournal, match=f"{NAME}:2: not a line of JSON"):
        read(path)


@pytest.mark.parametrize("content", ["", "{}\n", '{"event": "case"', '"text"\n', "[1]\n"])
def test_another_file_is_no_journal(content: str, tmp_path: Path) -> None:
    """The sentence says what a journal is called and where it lies."""
    path = tmp_path / NAME
    path.write_text(content)

    with pytest.raises(NoJournal, match="no journal of a run"):
        read(path)


def test_a_missing_journal_is_called_so(tmp_path: Path) -> None:
    """The sentence names the path."""
    with pytest.raises(NoJournal, match=NAME):
        read(tmp_path / NAME)


def test_keys_of_a_later_version_are_passed_over(run: Run, tmp_path: Path) -> None:
    """A journal with more in it than is known here can still be read."""
    path = write(run, tmp_path)
    path.write_text(path.read_text().replace('{"event":', '{"new": 1, "event":'))

    assert read(path) == run
