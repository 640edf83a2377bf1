"""The kill matrix: which case convicts which deviant."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1
MOST_ALONE = 10
"""For how many cases one deviant may be the only kill."""


@dataclass(slots=True)
class Matrix:
    """What the trial found; `to_json` is the shape of `trial --json`."""

    cases: tuple[str, ...]
    deviants: tuple[str, ...]
    kills: dict[str, list[str]] = field(default_factory=dict)
    honest_failures: list[dict[str, str]] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)
    named_without_kill: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of a case and a deviant that it names and does not convict."""
    plays: int = 0
    duration_s: float = 0.0
    complete: bool = True
    """False: the budget ended before every pair that was meant to be played was."""

    def killed(self, case: str, deviant: str) -> None:
        """The case convicts the deviant."""
        found = self.kills.setdefault(case, [])
        if deviant not in found:
            found.append(deviant)

    def kills_of(self, deviant: str) -> int:
        """How many cases convict the deviant."""
        return sum(deviant in found for found in self.kills.values())

    @property
    def cases_without_kill(self) -> list[str]:
        """The cases that no deviant fails: they prove nothing yet."""
        return [case for case in self.cases if not self.kills.get(case)]

    @property
    def deviants_without_kill(self) -> list[str]:
        """The deviants that no case convicts."""
        return [deviant for deviant in self.deviants if not self.kills_of(deviant)]

    @property
    def leaned_on(self) -> list[str]:
        """The deviants that are the only kill of too many cases."""
        alone = Counter(found[0] for found in self.kills.values() if len(found) == 1)
        return sorted(deviant for deviant, count in alone.items() if count > MOST_ALONE)

    @property
    def sound(self) -> bool:
        """Whether every case can fail, fails what it says it fails, and the honest responder passes."""
        return not (
            self.cases_without_kill or self.named_without_kill or self.honest_failures or self.leaned_on
        )

    def to_json(self) -> dict[str, Any]:
        """The matrix as plain data."""
        return {
            "format": FORMAT,
            "cases": len(self.cases),
            "deviants": len(self.deviants),
            "kills": {case: sorted(self.kills.get(case, [])) for case in self.cases},
            "cases_without_kill": self.cases_without_kill,
            "deviants_without_kill": self.deviants_without_kill,
            "honest_failures": self.honest_failures,
            "named_without_kill": [list(pair) for pair in self.named_without_kill],
            "leaned_on": self.leaned_on,
            "errors": self.errors,
            "plays": self.plays,
            "duration_s": round(self.duration_s, 3),
            "complete": self.complete,
        }
