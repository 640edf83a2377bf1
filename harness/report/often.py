"""What repetitions prove: how rare a violation must be that none of them showed, and which cases are not stable."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.record import CaseResult, Verdict
from harness.report.journal import Run

RULE_OF_THREE = 3.0
"""Of n windows without an event, 3/n bounds its probability from above, at 95 % confidence."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """So many windows of a case without a violation, and how long each was at least."""

    windows: int
    seconds: float

    @property
    def upper_95(self) -> float:
        """The greatest probability of a violation in one window that is still believable."""
        return min(1.0, RULE_OF_THREE / self.windows)

    def __str__(self) -> str:
        bound = f"a violation in less than {self.upper_95:.0%} of them, at 95 % confidence (3/n)"
        windows = f"{self.windows} window{'' if self.windows == 1 else 's'}"
        return f"no violation in {windows} of {self.seconds:.1f} s" + (
            f": {bound}" if self.upper_95 < 1 else ""
        )


def quiet(rounds: Sequence[CaseResult]) -> Quiet | None:
    """What the rounds of a case bound, if each of them passed."""
    if not rounds or any(each.verdict is not Verdict.PASS for each in rounds):
        return None
    return Quiet(len(rounds), min(each.window_s for each in rounds))


def told(run: Run) -> Iterator[str]:
    """A line for each unstable case, and one for all that were without a violation."""
    for case, rounds in run.unstable.items():
        yield f"unstable  {case}: {', '.join(each.verdict for each in rounds)}"
    silent = [found for result in run.results if (found := quiet(run.rounds(result.id)))]
    if silent and run.plays:
        fewest = min(silent, key=lambda each: each.windows)
        least, most = (pick(each.seconds for each in silent) for pick in (min, max))
        bound = (
            f"; the chance of one in a window is below {fewest.upper_95:.0%}, at 95 % confidence (3/n)"
            if fewest.upper_95 < 1
            else ""
        )
        yield (
            f"{len(silent)} case{'' if len(silent) == 1 else 's'} without a violation in {fewest.windows} windows each, "
            f"of {least:.1f} to {most:.1f} s{bound}"
        )
