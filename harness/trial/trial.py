"""Plays the deviants, in process and in virtual time: first the pairs that cases name, then who has no kill yet."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.bench.catalogue import Entry
from harness.bench.run import Bench, Played, Settings
from harness.clock import Clock
from harness.record import Verdict
from harness.responder import HONEST
from harness.responder.deviants import DEVIANTS, Deviant
from harness.responder.table import Rules
from harness.target.reference import Reference
from harness.trial.attribution import kills
from harness.trial.matrix import Matrix

ENOUGH_KILLS = 3
"""A deviant that this many cases convict is not played further, unless every pair is asked for."""
RECORDED = ("requests", "responses")
"""The kinds of rules whose names a step records whenever it passes through them."""
UNRECORDED = ("guards", "timers", "triggers", "decisions", "extensions")

Told = Callable[[str, str, str], None]
"""Is told a case, a deviant (empty: the honest responder), and what came of it."""


class Trial:
    """One trial of some cases; the evidence of its plays lies in `place` and means nothing afterwards."""

    def __init__(
        self,
        entries: Sequence[Entry],
        place: Path,
        clock: Clock,
        *,
        seed: int = 0,
        budget_s: float | None = None,
        told: Told = lambda *_: None,
        deviants: Mapping[str, Deviant] = DEVIANTS,
    ) -> None:
        self._entries = entries
        self._settings = Settings(pcaps=place, seed=seed)
        self._clock = clock
        self._budget_s = budget_s
        self._told = told
        self._deviants = deviants
        self._cells: dict[str, frozenset[str]] = {}
        self._played: set[tuple[str, str]] = set()
        self.matrix = Matrix(tuple(entry.id for entry in entries), tuple(deviants))

    def run(self, *, full: bool = False) -> Matrix:
        """Play what the budget allows: the honest responder, the named pairs, then the rest."""
        began = self._clock.now()
        for entry in self._entries:
            self._play_honestly(entry)
        for entry in self._entries:
            for name in entry.kind.deviants:
                if not self._convicts(entry, name):
                    self.matrix.named_without_kill.append((entry.id, name))
        self.matrix.complete = all(
            self._try(deviant, began, full=full) for deviant in self._deviants.values()
        )
        self.matrix.duration_s = self._clock.now() - began
        return self.matrix

    def _try(self, deviant: Deviant, began: float, *, full: bool) -> bool:
        """Play a deviant until it has kills enough; False if the budget ended first."""
        for entry in self._entries:
            if not full and (self.matrix.kills_of(deviant.name) >= ENOUGH_KILLS):
                return True
            if (entry.id, deviant.name) in self._played or not (full or self._passes(entry, deviant)):
                continue
            if self._budget_s is not None and self._clock.now() - began > self._budget_s:
                return False
            self._convicts(entry, deviant.name)
        return True

    def _passes(self, entry: Entry, deviant: Deviant) -> bool:
        """Whether the honest play of the case went through what the deviant does otherwise; not recorded: yes."""
        changed = altered(deviant.rules)
        seen = self._cells.get(entry.id, frozenset())
        return changed is None or not changed.isdisjoint(seen)

    def _play_honestly(self, entry: Entry) -> None:
        played = self._play(entry, None)
        verdict = played.judgement.verdict
        self._cells[entry.id] = played.cells
        if verdict is not Verdict.PASS:
            self.matrix.honest_failures.append(
                {"case": entry.id, "verdict": str(verdict), "why": reason(played)}
            )
        self._told(entry.id, "", str(verdict))

    def _convicts(self, entry: Entry, name: str) -> bool:
        self._played.add((entry.id, name))
        if name not in self._deviants:
            self.matrix.errors.append({"case": entry.id, "deviant": name, "why": "no deviant has that name"})
            return False
        played = self._play(entry, name)
        if played.judgement.verdict is Verdict.ERROR:
            self.matrix.errors.append({"case": entry.id, "deviant": name, "why": reason(played)})
        killed = kills(entry, played.judgement)
        if killed:
            self.matrix.killed(entry.id, name)
        self._told(entry.id, name, "killed" if killed else "lives")
        return killed

    def _play(self, entry: Entry, deviant: str | None) -> Played:
        self.matrix.plays += 1
        return Bench(Reference(deviant), self._settings, self._clock).try_out(entry)


def reason(played: Played) -> str:
    """Why a play is no PASS, in a line."""
    if played.why or played.judgement.traceback:
        return played.why or played.judgement.traceback.strip().rpartition("\n")[2]
    broken = (each for each in played.judgement.findings if each.verdict is not Verdict.PASS)
    return next((each.says for each in broken), "")


def altered(rules: Rules) -> frozenset[str] | None:
    """The names of the honest rules that a table has exchanged; None if steps don't record them."""
    if rules.outgoing is not HONEST.outgoing or any(_exchanged(rules, kind) for kind in UNRECORDED):
        return None
    return frozenset(name for kind in RECORDED for name in _exchanged(rules, kind))


def _exchanged(rules: Rules, kind: str) -> list[str]:
    return [
        getattr(honest, "__name__", str(key))
        for key, honest in getattr(HONEST, kind).items()
        if getattr(rules, kind).get(key) is not honest
    ]
