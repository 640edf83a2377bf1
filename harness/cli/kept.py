"""What the journals of runs say of evidence: its verdicts, and the digests by which a changed file shows."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.bench.digests import changes
from harness.bench.evidence import place_of
from harness.bench.stored import Beside, run_beside, runs_within
from harness.cli.wrong import WrongInput
from harness.record import CaseResult, Verdict
from harness.report.journal import NoJournal, Run, read


@dataclass(frozen=True, slots=True)
class Kept:
    """The results that a journal has, by where their evidence lies."""

    results: dict[Path, CaseResult]
    ended: bool
    """Whether the run came to its end."""

    @classmethod
    def of(cls, run: Run, evidence: Path) -> "Kept":
        """What a run says of the evidence under that directory."""
        results = {evidence / place_of(result.id, result.round): result for result in run.every}
        return cls(results, run.duration_s is not None)

    def changes(self) -> Iterator[str]:
        """A sentence for each file of the run that is gone, or is not as it was written."""
        for place, result in self.results.items():
            yield from changes(place, result.digests)


@dataclass(slots=True)
class Journals:
    """The journals that lie beside evidence, each read once."""

    unchecked: Counter[str] = field(default_factory=Counter)
    """How many captures could not be held against a digest, by the reason."""
    _read: dict[Path, Kept] = field(default_factory=dict)

    def result(self, capture: Path) -> CaseResult | None:
        """What the journal of its run says of a capture."""
        kept = self._kept(capture)
        return None if kept is None else kept.results.get(capture.resolve())

    def altered(self, capture: Path) -> CaseResult | None:
        """The ERROR of a capture that is not as its run left it; None where it is, or where nobody can tell."""
        before = self.result(capture)
        if before is None or not before.digests:
            self.unchecked[self._why_unchecked(capture)] += 1
            return None
        found = tuple(changes(capture, before.digests))
        if not found:
            return None
        return replace(
            before,
            verdict=Verdict.ERROR,
            expected=Verdict.PASS,
            departures=(),
            surprises=(),
            findings=(),
            claims={},
            conversation=(),
            why="; ".join(found),
        )

    def gone(self, directory: Path) -> Iterator[Path]:
        """The captures that should lie below a directory, by the journals of its runs, and do not."""
        for run in runs_within(directory):
            for place, result in self._of(run).results.items():
                if result.digests and place.is_relative_to(directory.resolve()) and not place.exists():
                    yield place

    def _kept(self, capture: Path) -> Kept | None:
        run = run_beside(capture)
        return None if run is None else self._of(run)

    def _of(self, run: Beside) -> Kept:
        if run.journal not in self._read:
            try:
                self._read[run.journal] = Kept.of(read(run.journal), run.evidence)
            except NoJournal as why:
                raise WrongInput(str(why)) from why
        return self._read[run.journal]

    def _why_unchecked(self, capture: Path) -> str:
        kept = self._kept(capture)
        if kept is None:
            return "no journal of its run lies beside it"
        if not kept.ended:
            return "its run was killed before the journal had its digest"
        return "the journal of its run has no digest of it"
