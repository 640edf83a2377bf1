"""What a run will take: how many cases at a time, and how long in all."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.bench.catalogue import Entry
from harness.bench.schedule import IN_PROCESS_S, PLAYED_S, WORKED_S, jobs_for, whole_s
from harness.bench.stage import LinkKind
from harness.bench.windows import Windows, waits_s
from harness.report.measured import measured


@dataclass(frozen=True, slots=True)
class Plan:
    """How many cases are played at a time, and how long that takes in seconds."""

    jobs: int
    expected_s: float


def planned(
    entries: Iterable[Entry],
    target: str,
    link: LinkKind,
    jobs: int | None,
    windows: Windows,
    longest_wait_s: float,
) -> Plan:
    """The plan of a run: by what the cases took the last time, else by what they say that they wait."""
    known = measured(Path("reports"), target, link)
    real = link is LinkKind.UDP
    if real:
        waits = {entry.id: waits_s(entry.kind, windows) for entry in entries}
        durations = [
            known.get(case, waited + PLAYED_S) for case, waited in waits.items() if waited <= longest_wait_s
        ]
    else:
        durations = [known.get(entry.id, IN_PROCESS_S) for entry in entries]
    at_a_time = min(jobs or (jobs_for(durations) if real else 1), max(1, len(durations)))
    return Plan(at_a_time, whole_s(durations, at_a_time, worked_s=WORKED_S if real else 0.0))
