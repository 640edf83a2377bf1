"""The plan of a run: what counts, how many cases at a time, and how long that takes."""

import json
from pathlib import Path

import pytest

from harness.bench.catalogue import Entry
from harness.bench.schedule import IN_PROCESS_S, PLAYED_S
from harness.bench.stage import LinkKind
from harness.bench.windows import Windows
from harness.case import Case
from harness.cli.plan import Plan, planned
from harness.target.reference import Reference

TARGET = Reference()


def _entry(name: str, **said: object) -> Entry:
    kind = type(name, (Case,), said)
    return Entry(f"ikev2/1.2/{name}", "ikev2", Path(__file__), kind)


WAITS = _entry("waits", wait_s=60.0)
QUICK = [_entry(f"quick-{number}") for number in range(60)]
WAITS_LONG = _entry("waits-long", wait_s=3600.0)
IMPOSSIBLE = _entry("impossible", wait_s=500.0, needs=frozenset({"teleport"}))


def _plan(*entries: Entry, link: LinkKind = LinkKind.UDP, jobs: int | None = None) -> Plan:
    return planned([(entry, TARGET) for entry in entries], link, jobs, Windows.SHORT, 600.0)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, where no earlier run lies."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_takes_its_longest_wait() -> None:
    """The others are played meanwhile, by as many jobs as that takes."""
    plan = _plan(WAITS, *QUICK)

    assert plan.expected_s == 60.0 + PLAYED_S
    assert 2 <= plan.jobs <= 4


def test_what_is_not_played_takes_no_time() -> None:
    """Neither what the target lacks, nor what waits longer than the run allows."""
    assert _plan(QUICK[0], WAITS_LONG, IMPOSSIBLE).expected_s == PLAYED_S


def test_as_many_jobs_as_are_asked_for() -> None:
    """But no more than there are plays."""
    assert _plan(*QUICK, jobs=3).jobs == 3
    assert _plan(QUICK[0], jobs=3).jobs == 1


def test_virtual_time_is_played_by_one() -> None:
    """Nobody waits there, whatever a case says."""
    assert _plan(WAITS, WAITS_LONG, link=LinkKind.VIRTUAL) == Plan(1, 2 * IN_PROCESS_S)


def test_what_a_case_took_the_last_time_counts(place: Path) -> None:
    """More than what it says of its waits."""
    told = {
        "target": {"name": "reference"},
        "link": "udp",
        "cases": [{"id": WAITS.id, "duration_s": 7.5, "capture": "x"}],
    }
    (place / "reports" / "run").mkdir(parents=True)
    (place / "reports" / "run" / "report.json").write_text(json.dumps(told), encoding="utf-8")

    assert _plan(WAITS).expected_s == 7.5
