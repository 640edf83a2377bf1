"""A campaign: the three fuzzers in turn against one target, until the budget is spent; what they find is kept at once."""

import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.bench.links import LinkRefused
from harness.bench.reach import reach
from harness.bench.stage import LinkKind
from harness.clock import Clock, SeededEntropy
from harness.fuzz.blocks import AUTH, INIT, Blocks
from harness.fuzz.keep import Found, Keeper
from harness.fuzz.play import Play, Played
from harness.fuzz.script import FuzzScript, Where
from harness.fuzz.stateful import dialogues
from harness.fuzz.volume import mutants
from harness.target.contract import Elsewhere, InProcess, Restarts, Target, TargetUnavailable

FORMAT = 1
DIALOGUES_AT_ONCE = 20
BLOCKS_AT_ONCE = 100
MUTANTS_AT_ONCE = 100
_TURNS = (0, 1, 0)  # the model behind the seal twice as often as the one before it
SLICES = ("stateful", "blocks", "volume")

Told = Callable[["Report"], None]


@dataclass(frozen=True, slots=True)
class Budget:
    """When a campaign ends: after so many cases, so many seconds, or both; None: no such bound."""

    cases: int | None = None
    seconds: float | None = None


@dataclass(slots=True)
class Report:
    """What a campaign came to so far."""

    target: str
    seed: int
    seconds: float = 0.0
    cases: int = 0
    by_state: Counter[str] = field(default_factory=Counter)
    by_slice: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    found: list[Found] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def new(self) -> list[Found]:
        """The findings that were not kept before."""
        return [each for each in self.found if each.new]

    def to_json(self) -> dict[str, Any]:
        """The report as `fuzz --json` tells it."""
        return {
            "format": FORMAT,
            "target": self.target,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "cases": self.cases,
            "cases_per_s": round(self.cases / self.seconds, 1) if self.seconds > 0 else 0.0,
            "by_state": {
                **dict.fromkeys(("unauthenticated", "half-open", "authenticated"), 0),
                **self.by_state,
            },
            "by_slice": {**dict.fromkeys(SLICES, 0), **self.by_slice},
            "restarts": self.restarts,
            "findings": [each.to_json() for each in self.found],
            "errors": self.errors,
            "interrupted": self.interrupted,
        }


class Campaign:
    """Fuzzes one target; the same seed and number of cases give the same cases, as far as the target repeats.

    A case is one hostile message, or one whole dialogue of the stateful fuzzer. A target that can be played in
    process meets dialogues and mutants in virtual time; boofuzz's models go over UDP where it can be started.
    """

    def __init__(
        self,
        target: Target,
        budget: Budget,
        seed: int,
        clock: Clock,
        output: Path,
        *,
        told: Told = lambda _: None,
        slices: tuple[str, ...] = SLICES,
        enough: Callable[[Report], bool] = lambda _: False,
    ) -> None:
        self._target = target
        self._budget = budget
        self._entropy = SeededEntropy(seed).fork("campaign")
        self._clock = clock
        self._told = told
        self._slices = slices
        self._enough = enough
        self._keeper = Keeper(output, target)
        self._models: tuple[Blocks, ...] = ()
        self.report = Report(target.name, seed)
        in_process = isinstance(target, InProcess)
        self._link = LinkKind.VIRTUAL if in_process else LinkKind.UDP
        stays_in = in_process and getattr(target, "in_process_only", False)
        self._blocks_link = LinkKind.VIRTUAL if stays_in else LinkKind.UDP
        self._began = 0.0
        self._batch = self._rounds = 0

    def run(self) -> Report:
        """Fuzz until the budget is spent; an interruption and a bug of ours end it early, with all that was found kept."""
        self._began = self._clock.now()
        try:
            if isinstance(self._target, Elsewhere):
                reach(self._target)  # what was never met can't have died
            with TemporaryDirectory(prefix="ike-harness-fuzz-") as place:
                while self._goes_on():
                    self._round(Path(place) / "play.pcapng")
                    self._rounds += 1
        except KeyboardInterrupt:
            self.report.interrupted = True
        except (TargetUnavailable, LinkRefused) as why:
            self.report.errors.append(str(why))
        except Exception as why:  # noqa: BLE001  a bug of ours ends the campaign; it must not lose its findings
            where = traceback.extract_tb(why.__traceback__)[-1]
            said = f"{type(why).__name__} in {Path(where.filename).name} {where.name}: {why}"
            self.report.errors.append(f"{said} (seed {self.report.seed}, batch {self._batch})")
        finally:
            self._target.stop()
        self.report.seconds = self._clock.now() - self._began
        return self.report

    def _round(self, capture: Path) -> None:
        for name in self._slices:
            if self._goes_on():
                self._batch += 1
                _RUN[name](self, capture)
                self.report.seconds = self._clock.now() - self._began
                self._told(self.report)

    def _goes_on(self) -> bool:
        budget, report = self._budget, self.report
        if self._enough(report):
            return False
        if budget.cases is not None and report.cases >= budget.cases:
            return False
        return budget.seconds is None or self._clock.now() - self._began < budget.seconds

    def _left(self, at_once: int) -> int:
        budget = self._budget.cases
        return at_once if budget is None else max(1, min(at_once, budget - self.report.cases))

    def _counted(self, name: str, state: str) -> None:
        self.report.cases += 1
        self.report.by_state[state] += 1
        self.report.by_slice[name] += 1

    def _taken(self, play: Play, played: Played) -> None:
        """Keep what a play showed; a target that died in it is started afresh by the next play, or by its owner's word."""
        if played.faults:
            script = FuzzScript(play.where, tuple(play.moves), target=self._target.name)
            self.report.found += self._keeper.take(script, played.faults, played)
        if played.crashed is not None or any(fault.rule == "INV-16" for fault in played.faults):
            self.report.restarts += 1
            if isinstance(self._target, Restarts):
                self._target.restart()

    # --- the three fuzzers -----------------------------------------------------------------------------------------

    def _stateful(self, capture: Path) -> None:
        number = self._entropy.fork(f"dialogues {self._batch}").below(1 << 32)

        def done(play: Play, played: Played) -> None:
            if self._goes_on():
                self._counted("stateful", play.hands.state)
                self._taken(play, played)

        dialogues(
            self._left(DIALOGUES_AT_ONCE),
            number,
            Where(link=self._link),
            lambda where: Play(self._target, where, capture),
            done,
        )

    def _blocks(self, capture: Path) -> None:
        if not self._models:
            self._models = tuple(Blocks(name, self._entropy.fork(name)) for name in (AUTH, INIT))
        model = self._models[_TURNS[self._rounds % len(_TURNS)]]
        where = Where(self._entropy.fork(f"blocks {self._batch}").below(1 << 16), link=self._blocks_link)
        with Play(self._target, where, capture) as play:
            model.run(
                play,
                self._left(BLOCKS_AT_ONCE),
                lambda state: self._counted("blocks", state),
                self._goes_on,
            )
            played = play.finish()
        self._taken(play, played)

    def _volume(self, capture: Path) -> None:
        entropy = self._entropy.fork(f"volume {self._batch}")
        where = Where(entropy.below(1 << 16), link=self._link)
        with Play(self._target, where, capture) as play:
            made = mutants(entropy, play.hands)
            for _ in range(self._left(MUTANTS_AT_ONCE)):
                if play.crashed is not None or not self._goes_on():
                    break
                mutant = next(made)
                for move in (*mutant.before, mutant.move):
                    play.do(move)
                self._counted("volume", mutant.state)
            played = play.finish()
        self._taken(play, played)


_RUN: dict[str, Callable[[Campaign, Path], None]] = {
    "stateful": Campaign._stateful,
    "blocks": Campaign._blocks,
    "volume": Campaign._volume,
}
