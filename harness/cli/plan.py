"""What a run will take: how many cases at a time, and how long in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.bench.catalogue import Entry
from harness.bench.fitting import refuse_misfit, waits
from harness.bench.schedule import IN_PROCESS_S, PLAYED_S, WORKED_S, jobs_for, whole_s
from harness.bench.stage import LinkKind, abilities
from harness.bench.windows import Windows
from harness.report.measured import measured
from harness.target.contract import NotApplicable, NotCaused, Target


@dataclass(frozen=True, slots=True)
class Plan:
    """How many cases are played at a time, and how long that takes in seconds."""

    jobs: int
    expected_s: float


def planned(
    plays: Sequence[tuple[Entry, Target]],
    link: LinkKind,
    jobs: int | None,
    windows: Windows,
    longest_wait_s: float,
) -> Plan:
    """The plan of plays, each of a case against a target: by what they took the last time, else by what they wait."""
    names = {target.name for _, target in plays}
    known = {name: measured(Path("reports"), name, link) for name in names}
    real = link is LinkKind.UDP
    durations = [
        known[target.name].get(entry.id, _waited(entry, target, windows) + PLAYED_S if real else IN_PROCESS_S)
        for entry, target in plays
        if _fits(entry, target, link) and not (real and _waited(entry, target, windows) > longest_wait_s)
    ]
    at_a_time = min(jobs or (jobs_for(durations) if real else 1), max(1, len(durations)))
    return Plan(at_a_time, whole_s(durations, at_a_time, worked_s=WORKED_S if real else 0.0))


def _waited(entry: Entry, target: Target, windows: Windows) -> float:
    return waits(entry.kind, target, windows)


def _fits(entry: Entry, target: Target, link: LinkKind) -> bool:
    """Whether the case is played at all, as far as that is known before the target runs."""
    try:
        refuse_misfit(entry.kind, target, abilities(link, target), target.name)
    except (NotApplicable, NotCaused):
        return False
    return True
