"""How a run was asked for: what the journal keeps of it, and what a run that was cut off is played on by."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from harness.bench.stored import evidence_beside
from harness.cli.wrong import WrongInput
from harness.clock import fresh_seed
from harness.report.draw import below
from harness.report.journal import NAME, NoJournal, Run, mend, read
from harness.report.naming import target_name
from harness.target.contract import Target

SPELT = {"targets": "target"}
"""Options that are not called as what they fill in."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that decide what a run comes to; how it is told and how fast it is played are not among them."""

    selectors: tuple[str, ...]
    targets: tuple[str, ...]
    link: str | None
    profile: str | None
    configured_as: str | None
    seed: int
    strict: bool
    expect: str | None
    no_keys: bool
    windows: str
    longest_wait: float
    repeat: int
    cases: tuple[str, ...]

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Asked":
        """What a user asked for, with the seed that a run without one gets; paths hold wherever it is played on."""
        seed, expect = options["seed"], options["expect"]
        return cls(
            selectors=options["selectors"],
            targets=options["target"] or ("reference",),
            link=options["link"],
            profile=options["profile"],
            configured_as=options["configured_as"],
            seed=fresh_seed() if seed is None else seed,
            strict=options["strict"],
            expect=None if expect is None else str(expect.resolve()),
            no_keys=options["no_keys"],
            windows=options["windows"],
            longest_wait=options["longest_wait"],
            repeat=options["repeat"],
            cases=tuple(str(each.resolve()) for each in options["cases"]),
        )

    def to_json(self) -> dict[str, Any]:
        """As the journal has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> "Asked":
        """As it stands in a journal."""
        known: dict[str, Any] = {}
        for name in {field.name for field in fields(cls)} & plain.keys():
            known[name] = tuple(plain[name]) if isinstance(plain[name], list) else plain[name]
        return cls(**known)


def _told(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "not given"
    return "not given" if value is None else str(value)


def _is_given(context: click.Context, option: str) -> bool:
    return context.get_parameter_source(option) is ParameterSource.COMMANDLINE


@dataclass(frozen=True, slots=True)
class CutOff:
    """A run that did not come to its end: where it lies, and how it was asked for."""

    reports: Path
    pcaps: Path
    asked: Asked
    runs: dict[str, Run]
    """What it has so far, by the directories of its targets; `.` where there is one alone."""

    def refuse_others(self, context: click.Context, given: Asked) -> None:
        """WrongInput if a user asks for anything else than the run did, or for another place."""
        for field in fields(given):
            option = SPELT.get(field.name, field.name)
            before, now = getattr(self.asked, field.name), getattr(given, field.name)
            if _is_given(context, option) and now != before:
                flag = option if option == "selectors" else f"--{option.replace('_', '-')}"
                raise WrongInput(
                    f"a run is played on as it began: {flag} was {_told(before)}, not {_told(now)}; "
                    "leave it away, or begin another run"
                )
        if _is_given(context, "output"):
            raise WrongInput("a run is played on where it lies: leave --output away")

    def done(self, targets: Iterable[Target]) -> set[tuple[str, str, int]]:
        """The plays that it has behind it: target, case, repetition; WrongInput if a target is another one now."""
        for target in targets:
            self._refuse_another(target)
        several = len(self.asked.targets) > 1
        names = {target_name(each) if several else ".": each for each in self.asked.targets}
        return {
            (names[place], result.id, result.round)
            for place, run in self.runs.items()
            for result in run.every
        }

    def _refuse_another(self, target: Target) -> None:
        """WrongInput if a target is not of the version any more that the run began with."""
        for run in self.runs.values():
            name, version = run.header.target["name"], run.header.target["version"]
            if name == target.name and version and target.version not in ("", version):
                raise WrongInput(
                    f"{name} is {target.version} now, and the run began with {version}; begin another run"
                )

    @property
    def ended(self) -> bool:
        """Whether every journal has its end."""
        return all(run.duration_s is not None for run in self.runs.values())


def cut_off(run: Path) -> CutOff:
    """The run at that place or of that name; WrongInput if there is none, or nobody knows how it was asked for."""
    reports = reports_of(run)
    places = below(reports) or {".": reports}
    try:
        for place in places.values():
            if (place / NAME).is_file():
                mend(place / NAME)
        runs = {name: read(place / NAME) for name, place in places.items()}
        asked = Asked.from_json(next(iter(runs.values())).header.asked)
    except NoJournal as why:
        raise WrongInput(str(why)) from why
    except TypeError as why:
        raise WrongInput(
            f"{reports}: its journal does not say how it was asked for; begin another run"
        ) from why
    return CutOff(reports, evidence_beside(reports), asked, runs)


def reports_of(run: Path) -> Path:
    """The directory of reports that a user means by a directory, a journal, or a run's name."""
    if run.name == NAME:
        return run.parent
    places = (run, run / "reports", Path("reports") / run)
    of_one = (place for place in places if (place / NAME).is_file())
    return next(chain(of_one, (place for place in places if below(place))), run)
