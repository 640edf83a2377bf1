"""Plays a case and judges what was captured; here, and nowhere else, a bug of ours becomes the verdict ERROR."""

import inspect
import shlex
import traceback
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.bench.beside import Beside
from harness.bench.catalogue import Entry
from harness.bench.companion import Companion
from harness.bench.digests import digests
from harness.bench.ending import control, farewell
from harness.bench.evidence import Evidence, place_of
from harness.bench.fitting import configured_for, declared, refuse_misfit, waits, watched
from harness.bench.judge import Judgement, judge
from harness.bench.links import LinkRefused, UdpLink, VirtualLink
from harness.bench.perform import Member, Performer
from harness.bench.reach import why_out_of_reach
from harness.bench.stage import SECOND_ADDRESS, STRANGER, LinkKind, Stage, abilities, stage
from harness.bench.windows import Windows
from harness.capture import read
from harness.case import Case
from harness.clock import Clock, SeededEntropy, WallClock, fresh_seed, started_at
from harness.codes import ProfileName
from harness.peer import Device, Initiator, Script
from harness.profile import Configuration
from harness.record import CaseResult, Departure, Verdict
from harness.target.contract import (
    Crashes,
    Elsewhere,
    Explains,
    GivesLogs,
    NotApplicable,
    NotCaused,
    Target,
    TargetUnavailable,
    own_file,
)
from harness.target.departures import in_force, settled

LONGEST_WAIT_S = 600.0
"""How long a case may wait for timers where time is real, unless the run says otherwise."""
LAST_OF_LOG = 2_000
"""How many characters of what a target logged stand in the evidence."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How cases are played and judged; a profile of None is the case's own."""

    pcaps: Path
    seed: int = 0
    link: LinkKind = LinkKind.VIRTUAL
    profile: ProfileName | None = None
    configured_as: ProfileName | None = None
    strict: bool = False
    keys: bool = True
    longest_wait_s: float = LONGEST_WAIT_S
    windows: Windows = Windows.SHORT
    departures: tuple[Departure, ...] = ()
    """What is known of the target, and so expected."""
    round: int = 1
    """Which repetition this is."""

    def judged_by(self, case: type[Case]) -> ProfileName:
        """The profile that the case is judged by: its own if it names one, else the run's."""
        own = names_profile(case)
        return case.profile if own or self.profile is None else self.profile

    def set_up_as(self, case: type[Case]) -> ProfileName:
        """The profile that the target is configured with."""
        return self.configured_as or self.judged_by(case)


@dataclass(frozen=True, slots=True)
class Performed:
    """A case that was played: where its evidence lies, its keys, and the rules that it passed through, if known."""

    path: Path
    secrets: tuple[Mapping[str, Any], ...]
    cells: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a case: the judgement, and why there is none on the target if there is none."""

    judgement: Judgement
    capture: Path | None = None
    cells: frozenset[str] = frozenset()
    why: str = ""


class Bench:
    """Plays cases against one target; `beside` is shared with the others that are played at the same time."""

    def __init__(
        self, target: Target, settings: Settings, clock: Clock | None = None, beside: Beside | None = None
    ) -> None:
        self._target = target
        self._settings = settings
        self._clock = clock or WallClock()
        self._beside = beside
        self._met: dict[str, str | None] = {} if beside is None else beside.met

    def close(self) -> None:
        """End the target."""
        self._target.stop()

    def play(self, entry: Entry) -> CaseResult:
        """Play one case and judge it; the result of a case that could not be played says why."""
        began = self._clock.now()
        return self._result(entry, began, self.try_out(entry))

    def try_out(self, entry: Entry) -> Played:
        """Play and judge; what goes wrong on our side becomes ERROR, never a verdict on the target."""
        try:
            performed = self.perform(entry)
        except NotApplicable as why:
            return Played(Judgement(Verdict.NOT_APPLICABLE), why=str(why))
        except NotCaused as why:
            return Played(Judgement(Verdict.INCONCLUSIVE), why=str(why))
        except (TargetUnavailable, LinkRefused) as why:
            return Played(Judgement(Verdict.ERROR), why=str(why))
        except Exception as why:  # noqa: BLE001  the one place where a bug of ours becomes a verdict, and says so
            told = Judgement(Verdict.ERROR, traceback=traceback.format_exc())
            return Played(told, why=f"{type(why).__name__}: {why}")
        return Played(self.judge(entry, performed), performed.path, performed.cells)

    def perform(self, entry: Entry) -> Performed:
        """Play one case; whatever happens, what was seen lies on the disk when this ends."""
        self._refuse_what_is_missing(entry)
        self._meet()
        settings = self._settings
        entropy = SeededEntropy(settings.seed).fork(entry.id)
        if isinstance(
            self._target, Elsewhere
        ):  # it runs on, and may know the SPIs of an earlier run with this seed
            entropy = entropy.fork(str(fresh_seed()))
        names = cast_of(entry.kind)
        place = self._stage(entry, names, entropy)
        evidence = Evidence(
            settings.pcaps / place_of(entry.id, settings.round),
            self._opening(entry, place),
            keys=settings.keys,
            drops=0 if place.clock == "virtual" else None,
        )
        try:
            link = place.link(evidence.tap)
            if self._beside is not None and isinstance(link, UdpLink):
                self._beside.watch_over(link)
            devices = devices_of(entry.kind)
            stranger = self._stranger(place, entropy)
            cast = {
                name: (_companion if name in devices else _initiator)(name, place, entropy) for name in names
            }
            everybody = (*cast.values(), stranger)
            performer = Performer(link, evidence, everybody, self._watched_s(entry.kind), self._patience_s)
            roles: list[Any] = [Device(name) if name in devices else cast[name] for name in names]
            window_s = performer.perform(entry.kind().script(*roles), self._ending(stranger, cast.values()))
            if isinstance(link, UdpLink) and link.spared:
                evidence.note(link.now, "spared", sorted(link.spared))
            self._note_end(evidence, link.now)
            evidence.finish(window_s, place.drops())
        finally:
            evidence.cut_off("the script did not come to its end")
            place.close()
        cells = frozenset(link.cells) if isinstance(link, VirtualLink) else frozenset[str]()
        return Performed(evidence.path, tuple(evidence.secrets), cells)

    def judge(self, entry: Entry, performed: Performed) -> Judgement:
        """Judge the evidence of a case as it lies on the disk."""
        extra = () if self._settings.keys else performed.secrets
        profile = self._settings.judged_by(entry.kind)
        return judge(entry, read(performed.path), profile, strict=self._settings.strict, extra_secrets=extra)

    def again(self, entry: Entry) -> str:
        """The command that plays the case again."""
        settings, target = self._settings, self._target
        named = target.path if isinstance(target, Elsewhere) else target.name
        words = ["ike-harness", "run", entry.id, "--target", named, "--seed", str(settings.seed)]
        words += ["--link", settings.link] if settings.link is not LinkKind.VIRTUAL else []
        words += ["--profile", settings.profile] if settings.profile else []
        configured_as = own_file(target) or settings.configured_as
        words += ["--configured-as", str(configured_as)] if configured_as else []
        words += ["--strict"] if settings.strict else []
        words += ["--windows", settings.windows] if settings.windows is not Windows.SHORT else []
        return shlex.join(words)

    def _stage(self, entry: Entry, names: tuple[str, ...], entropy: SeededEntropy) -> Stage:
        with nullcontext() if self._beside is None else self._beside.starting:
            return stage(
                self._settings.link,
                self._target,
                self._configuration(entry.kind),
                names,
                entropy,
                entry.kind.ports,
                moving=SECOND_ADDRESS in entry.kind.needs,
            )

    @property
    def _patience_s(self) -> float:
        return self._target.t_resp_s if isinstance(self._target, Elsewhere) else 0.0

    def _meet(self) -> None:
        """A device elsewhere that answers nothing before the first case is not there: later, silence is its fault."""
        if not isinstance(self._target, Elsewhere):
            return
        path = self._target.path
        if path not in self._met:
            self._met[path] = why_out_of_reach(self._target)
        why = self._met[path]
        if why is not None:
            raise TargetUnavailable(why)

    def _configuration(self, case: type[Case]) -> Configuration:
        return configured_for(case, self._target, self._settings.set_up_as(case))

    def _watched_s(self, case: type[Case]) -> float:
        return watched(case, self._target, self._settings.windows, self._configuration(case))

    def _refuse_what_is_missing(self, entry: Entry) -> None:
        settings, target = self._settings, self._target
        where = f"{target.name} on the {settings.link} link"
        refuse_misfit(entry.kind, target, abilities(settings.link, target), where)
        wait_s = waits(entry.kind, target, settings.windows)
        if settings.link is LinkKind.UDP and wait_s > settings.longest_wait_s:
            raise NotApplicable(f"it waits {wait_s:.0f} s for timers; --longest-wait {wait_s:.0f} plays it")

    def _stranger(self, place: Stage, entropy: SeededEntropy) -> Initiator:
        """Who plays the control exchange: a peer that the target knows and no case needs, if there is one."""
        known = self._target.stranger if isinstance(self._target, Elsewhere) else None
        own = place.configuration
        at = own if known is None else replace(known, local_address=own.local_address, peer=own.peer)
        return _initiator(STRANGER, place, entropy, at)

    def _ending(self, stranger: Initiator, cast: Iterable[Member]) -> Script:
        """The control exchange; peers of a device that runs on after the case leave nothing there."""
        elsewhere = self._target if isinstance(self._target, Elsewhere) else None
        whole = elsewhere is not None and elsewhere.stranger is not None
        yield from control(stranger, self._target.abilities, whole=whole)
        if elsewhere is not None:
            yield from farewell(each for each in cast if isinstance(each, Initiator))

    def _opening(self, entry: Entry, place: Stage) -> dict[str, Any]:
        target, settings = self._target, self._settings
        return {
            "case": entry.id,
            "title": entry.title,
            "requirements": list(entry.kind.requirements),
            "target": {
                "name": target.name,
                "version": target.version,
                "addresses": _hosts(place),
                "endpoints": [str(place.target.ike), str(place.target.natt)],
            },
            "profile": str(settings.judged_by(entry.kind)),
            "configured_as": str(own_file(target) or place.configuration.profile),
            "seed": settings.seed,
            "link": str(settings.link),
            "clock": place.clock,
            **({"windows": str(settings.windows)} if entry.kind.silence is not None else {}),
            "started": started_at(),
            "cast": {name: _places(name, place) for name in place.cast},
            "ike_ports": sorted({place.target.ike.port, *(at.ike.port for at in place.cast.values())}),
            "nat_ports": sorted({place.target.natt.port, *(at.natt.port for at in place.cast.values())}),
            **self._limits(place),
            **_switches(target),
        }

    def _limits(self, place: Stage) -> dict[str, Any]:
        """The hard limits of the target and its patience, as far as it was told them here or somebody declared them."""
        if isinstance(self._target, Elsewhere):
            return declared(self._target)
        if "configure" not in self._target.abilities:
            return {}
        limits = place.configuration.lifetimes
        return {"lifetimes": {"ike_hard": limits.ike_hard, "child_hard": limits.child_hard}}

    def _note_end(self, evidence: Evidence, now: float) -> None:
        """How the target fared, in its own words."""
        how = self._target.crashed() if isinstance(self._target, Crashes) else None
        if how is not None:
            evidence.note(now, "crash", how)
        log = self._target.logs() if isinstance(self._target, GivesLogs) else ""
        if log:
            evidence.note(now, "log", log[-LAST_OF_LOG:])
            _write_beside(evidence.path, log)

    def _result(self, entry: Entry, began: float, played: Played) -> CaseResult:
        told = played.judgement
        result = CaseResult(
            id=entry.id,
            title=entry.title,
            verdict=told.verdict,
            level=entry.level,
            requirements=entry.kind.requirements,
            findings=told.findings,
            claims=dict(told.claims),
            capture=shown_path(played.capture) if played.capture else "",
            duration_s=round(self._clock.now() - began, 3),
            again=self.again(entry),
            why=played.why,
            conversation=told.conversation,
            traceback=told.traceback,
            digests=digests(played.capture) if played.capture else {},
            round=self._settings.round,
            window_s=told.window_s,
        )
        spoken_of = in_force(self._settings.departures, self._target.version)
        return settled(result, spoken_of, strict=self._settings.strict)


def _write_beside(capture: Path, log: str) -> None:
    """Keep what a target logged where its capture is, and as private."""
    path = capture.with_suffix(".log")
    path.touch(0o600)
    path.write_text(log, encoding="utf-8")


def names_profile(case: type[Case]) -> bool:
    """Whether the case, or a base of it other than Case, names the profile that it is judged by."""
    return any(
        "profile" in vars(kind) for kind in case.__mro__ if issubclass(kind, Case) and kind is not Case
    )


def cast_of(case: type[Case]) -> tuple[str, ...]:
    """The names of a script's cast: its parameters."""
    return tuple(inspect.signature(case.script).parameters)[1:]


def devices_of(case: type[Case]) -> frozenset[str]:
    """The names in a script's cast that are real devices, by their annotation."""
    parameters = inspect.signature(case.script, eval_str=True).parameters.values()
    return frozenset(each.name for each in parameters if each.annotation is Device)


def shown_path(path: Path) -> str:
    """A path as a person at this place would write it."""
    whole = path.resolve()
    return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole)


def _companion(name: str, place: Stage, entropy: SeededEntropy) -> Companion:
    mirrored = place.configuration.mirrored()
    return Companion(name, mirrored, entropy.fork(name), place.cast[name], place.target)


def _initiator(
    name: str, place: Stage, entropy: SeededEntropy, known_as: Configuration | None = None
) -> Initiator:
    at, target = place.cast[name], place.target
    return Initiator(
        name,
        (known_as or place.configuration).mirrored(),
        entropy.fork(name),
        at.ike,
        at.natt,
        target.ike,
        target.natt,
        place.elsewhere.get(name),
    )


def _switches(target: Target) -> dict[str, Any]:
    """What the target's own files say of what it may start by itself, if it tells that."""
    told = dict(target.switches()) if isinstance(target, Explains) else {}
    return {"switches": told} if told else {}


def _hosts(place: Stage) -> list[str]:
    """The addresses of the target, those that it can move to among them (RFC 4555)."""
    mobility = place.configuration.mobility
    return [*place.target.hosts, *(mobility.additional if mobility is not None else ())]


def _places(name: str, place: Stage) -> list[str]:
    """Where a peer may be."""
    at = place.cast[name]
    other = [
        end._replace(address=place.elsewhere[name]) for end in (at.ike, at.natt) if name in place.elsewhere
    ]
    return [str(each) for each in (at.ike, at.natt, *other)]
