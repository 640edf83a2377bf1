"""What a run will take: how many cases at a time, and how long in all."""

from collections.abc import Sequence
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
    plays: Sequence[tuple[Entry, str]],
    link: LinkKind,
    jobs: int | None,
    windows: Windows,
    longest_wait_s: float,
) -> Plan:
    """The plan of plays, each of a case against a target: by what they took the last time, else by what they wait."""
    known = {target: measured(Path("reports"), target, link) for target in {target for _, target in plays}}
    real = link is LinkKind.UDP
    waits = {entry.id: waits_s(entry.kind, windows) for entry, _ in plays} if real else {}
    durations = [
        known[target].get(entry.id, waits[entry.id] + PLAYED_S if real else IN_PROCESS_S)
        for entry, target in plays
        if waits.get(entry.id, 0.0) <= longest_wait_s
    ]
    at_a_time = min(jobs or (jobs_for(durations) if real else 1), max(1, len(durations)))
    return Plan(at_a_time, whole_s(durations, at_a_time, worked_s=WORKED_S if real else 0.0))
