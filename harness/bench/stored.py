"""Evidence that lies on the disk: found, and judged again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.bench.catalogue import Entry
from harness.bench.judge import judge
from harness.bench.run import shown_path
from harness.capture import Capture, read
from harness.codes import ProfileName
from harness.record import CaseResult

JOURNAL, PCAPS, REPORTS = "journal.jsonl", "pcaps", "reports"


@dataclass(frozen=True, slots=True)
class Stored:
    """Evidence and what it comes to today."""

    path: Path
    result: CaseResult


def captures(paths: Iterable[Path]) -> Iterator[Path]:
    """The files of evidence that are named, or lie below a directory that is."""
    for path in paths:
        yield from (sorted(path.rglob("*.pcapng")) if path.is_dir() else (path,))


def stored(path: Path, entries: Mapping[str, Entry], *, strict: bool = False) -> Stored:
    """Judge a file of evidence by the case that it names; LookupError with a sentence if there is none."""
    capture = read(path)
    entry, profile = _case_of(capture, entries), _profile_of(capture)
    told = judge(entry, capture, profile, strict=strict)
    result = CaseResult(
        id=entry.id,
        title=entry.title,
        verdict=told.verdict,
        level=entry.level,
        requirements=entry.kind.requirements,
        findings=told.findings,
        claims=dict(told.claims),
        capture=shown_path(path),
        duration_s=0.0,
        again=_again(entry, capture),
        conversation=told.conversation,
        traceback=told.traceback,
    )
    return Stored(path, result)


class Beside(NamedTuple):
    """The journal of a run, and the directory that its evidence lies under."""

    journal: Path
    evidence: Path


def run_beside(path: Path) -> Beside | None:
    """The run that a capture belongs to: its journal is under `reports`, beside the `pcaps` that the capture lies under."""
    whole = path.resolve()
    pcaps = next((place for place in whole.parents if place.name == PCAPS), None)
    if pcaps is None:
        return None
    below = [
        Path(*whole.relative_to(pcaps).parts[:depth]) for depth in (2, 1, 0)
    ]  # run and target, run, neither
    places = (Beside(pcaps.parent / REPORTS / each / JOURNAL, pcaps / each) for each in below)
    return next((each for each in places if each.journal.is_file()), None)


def runs_within(directory: Path) -> Iterator[Beside]:
    """The runs whose evidence lies below a directory, or around it; not those whose evidence was cleared away."""
    whole = directory.resolve()
    pcaps = next((place for place in (whole, *whole.parents) if place.name == PCAPS), whole / PCAPS)
    for journal in sorted((pcaps.parent / REPORTS).rglob(JOURNAL)):
        evidence = evidence_beside(journal.parent)
        if evidence.is_dir() and (evidence.is_relative_to(whole) or whole.is_relative_to(evidence)):
            yield Beside(journal, evidence)


def evidence_beside(reports: Path) -> Path:
    """The directory that the evidence of a run lies under, if nobody moved it: where `run` put it."""
    whole = reports.resolve()
    place = next((each for each in (whole, *whole.parents) if each.name == REPORTS), whole)
    return place.parent / PCAPS / whole.relative_to(place)


def _case_of(capture: Capture, entries: Mapping[str, Entry]) -> Entry:
    name = (capture.opening or {}).get("case")
    if not isinstance(name, str):
        raise LookupError(
            "it names no case, so it is no evidence of a run; `ike-harness audit` judges foreign captures"
        )
    if name not in entries:
        raise LookupError(
            f"its case {name} is not in the catalogue; name the directory it lies in with --cases"
        )
    return entries[name]


def _profile_of(capture: Capture) -> ProfileName:
    stated = (capture.opening or {}).get("profile")
    try:
        return ProfileName(str(stated))
    except ValueError:
        raise LookupError(f"its opening names no profile that is known, but {stated!r}") from None


def _again(entry: Entry, capture: Capture) -> str:
    opening = capture.opening or {}
    stated = opening.get("target")
    target = stated.get("name", "reference") if isinstance(stated, dict) else "reference"
    return f"ike-harness run {entry.id} --target {target} --link {opening.get('link', 'virtual')} --seed {opening.get('seed', 0)}"
