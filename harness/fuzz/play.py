"""A script being played: moves go in one at a time, faults come out, judged by the standing rules from the evidence."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.bench.ending import CONTROL, control, farewell
from harness.bench.evidence import Evidence
from harness.bench.fitting import declared
from harness.bench.links import LinkRefused, VirtualLink
from harness.bench.perform import Performer
from harness.bench.stage import STRANGER, LinkKind, Stage, UdpStage, VirtualStage
from harness.capture import read
from harness.clock import Entropy, SeededEntropy, fresh_seed, started_at
from harness.codes import Trigger
from harness.fuzz.moves import PATIENCE_REAL_S, PATIENCE_S, Hands, Move, Weather
from harness.fuzz.script import Fault, FuzzScript, Where
from harness.fuzz.watchdog import Hung, bounded
from harness.observe import Trace, observe
from harness.oracle import standing_findings
from harness.peer import Initiator, Script
from harness.profile import PROFILES, Configuration
from harness.record import Finding, Verdict, Weight
from harness.responder.step import NOTHING
from harness.target.contract import Addresses, Crashes, Elsewhere, InProcess, NotApplicable, SansIo, Target
from harness.wire.datagram import Datagram, Endpoint

PEER = "alice"


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a play; `messages` counts what the peer sent, copies and the stranger left out."""

    faults: tuple[Fault, ...]
    capture: Path
    messages: int
    cells: frozenset[str]
    crashed: str | None


class Mortal:
    """A device in process that dies of an exception, as its process would: then it neither sends nor wakes."""

    def __init__(self, device: SansIo) -> None:
        self._device = device
        self.died: str | None = None

    @property
    def next_wake(self) -> float | None:
        """When `wake` is next to be called."""
        return None if self.died else self._device.next_wake

    def receive(self, datagram: Datagram, now: float) -> Any:
        """Take one datagram in."""
        return self._survive("receive", datagram, now)

    def wake(self, now: float) -> Any:
        """Do what is due."""
        return self._survive("wake", now)

    def provoke(self, trigger: Trigger, now: float) -> Any:
        """Let a local event happen."""
        return self._survive("provoke", trigger, now)

    def _survive(self, what: str, *arguments: Any) -> Any:
        if self.died:
            return NOTHING
        try:
            with bounded():
                return getattr(self._device, what)(*arguments)
        except Hung as why:
            self.died = f"endless loop in {what}: {why}"
            return NOTHING
        except Exception as why:  # noqa: BLE001  whatever a device raises would have ended its process
            self.died = f"{type(why).__name__} in {_raised_in(why.__traceback__)}: {why}"
            return NOTHING


class _Watched:
    """A target whose device in process is mortal."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.name, self.version, self.abilities = target.name, target.version, target.abilities
        self.mortal: Mortal | None = None

    def device(self, configuration: Configuration, entropy: Entropy) -> Mortal:
        """A fresh device."""
        if not isinstance(self._target, InProcess):
            raise NotApplicable(f"{self.name} has sockets of its own")
        self.mortal = Mortal(self._target.device(configuration, entropy))
        return self.mortal

    def start(self, configuration: Configuration, peer: Endpoint) -> Addresses:
        """Not called on a virtual stage."""
        return self._target.start(configuration, peer)

    def stop(self) -> None:
        """Nothing runs."""


class _Session(Performer):
    """A performer that is fed scripts one after the other."""

    def settle(self, seconds: float) -> None:
        """Listen on."""
        self._elapse(seconds)


class Play:
    """One play on a fresh target; as a context manager it leaves nothing open, finished or not."""

    def __init__(self, target: Target, where: Where, path: Path) -> None:
        entropy = SeededEntropy(where.seed).fork("fuzz")
        if isinstance(target, Elsewhere):  # it runs on, and may know the SPIs of a play with the same seed
            entropy = entropy.fork(str(fresh_seed()))
        self.where = where
        self.moves: list[Move] = []
        self._target = target
        self._mortal: Mortal | None = None
        self._over: str | None = None
        virtual = where.link is not LinkKind.UDP and not isinstance(target, Elsewhere)
        weather = Weather() if virtual else None
        self._place = self._stage(entropy, weather)
        self._evidence = Evidence(path, self._opening())
        link = self._place.link(self._evidence.tap)
        self._link, self._began = link, link.now
        cast = {name: self._initiator(name, entropy) for name in (PEER, STRANGER)}
        self._stranger = cast[STRANGER]
        self._session = _Session(link, self._evidence, cast.values())
        self.hands = Hands(cast[PEER], weather, PATIENCE_S if weather is not None else PATIENCE_REAL_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._evidence.cut_off("the script did not come to its end")
        self._place.close()

    @property
    def crashed(self) -> str | None:
        """How the target died, in words, as far as that can be told between two moves."""
        return (
            self._crashed() if self._mortal is not None or not isinstance(self._target, Elsewhere) else None
        )

    def do(self, move: Move) -> None:
        """Make one more move; a dead target is left alone."""
        self.moves.append(move)
        if self.crashed is None:
            self._guarded(self.hands.play(move))

    def answers(self) -> bool:
        """Whether a stranger still gets an answer: a liveness check in the middle of a play."""
        heard = self._stranger.heard_at
        if self.crashed is None:
            self._guarded(_asked_once(self._stranger))
        return self.crashed is None and self._stranger.heard_at != heard

    def finish(self) -> Played:
        """Close the window, ask as a stranger, and judge what lies on the disk."""
        self._settle()
        window_s = self._link.now - self._began
        self._guarded(self._ending())
        crashed = self._crashed()
        if crashed is not None:
            self._evidence.note(self._link.now, "crash", crashed)
        self._evidence.finish(window_s)
        trace = observe(captured := read(self._evidence.path), captured.devices)
        faults = tuple(_faults(standing_findings(trace, PROFILES[self.where.profile]), crashed))
        cells = frozenset(self._link.cells) if isinstance(self._link, VirtualLink) else frozenset[str]()
        return Played(faults, self._evidence.path, _messages(trace), cells, crashed)

    def _ending(self) -> Script:
        yield from control(self._stranger, self._target.abilities)
        if isinstance(self._target, Elsewhere):
            yield from farewell((self.hands.alice,))

    def _crashed(self) -> str | None:
        if self._over is not None:
            return self._over
        if self._mortal is not None:
            return self._mortal.died
        return self._target.crashed() if isinstance(self._target, Crashes) else None

    def _settle(self) -> None:
        try:
            self._session.settle(self._link.settle_s)
        except LinkRefused as why:
            self._refused(why)

    def _guarded(self, script: Script) -> None:
        try:
            self._session.play(script)
        except LinkRefused as why:
            self._refused(why)

    def _refused(self, why: LinkRefused) -> None:
        if self._mortal is None:
            raise why
        self._over = str(why)  # a virtual link refuses only a device that keeps time from passing
        self._mortal.died = self._over

    def _stage(self, entropy: SeededEntropy, weather: Weather | None) -> Stage:
        configuration = self.where.configuration
        if isinstance(self._target, Elsewhere):
            return UdpStage(self._target, self._target.configuration, (PEER,))
        if weather is None:
            return UdpStage(self._target, configuration, (PEER,))
        watched = _Watched(self._target)
        place = VirtualStage(watched, configuration, (PEER,), entropy, weather)
        self._mortal = watched.mortal
        return place

    def _opening(self) -> dict[str, Any]:
        place, target, where = self._place, self._target, self.where
        return {
            "case": "fuzz",
            "title": "A fuzzer's script",
            "requirements": [],
            "target": {
                "name": target.name,
                "version": target.version,
                "addresses": list(place.target.hosts),
                "endpoints": [str(place.target.ike), str(place.target.natt)],
            },
            "profile": str(where.profile),
            "configured_as": str(where.profile),
            "settings": where.settings,
            "seed": where.seed,
            "link": str(where.link),
            "clock": place.clock,
            "started": started_at(),
            "cast": {name: [str(at.ike), str(at.natt)] for name, at in place.cast.items()},
            **(declared(target) if isinstance(target, Elsewhere) else {}),
            "ike_ports": sorted({500, place.target.ike.port, *(at.ike.port for at in place.cast.values())}),
            "nat_ports": sorted(
                {4500, place.target.natt.port, *(at.natt.port for at in place.cast.values())}
            ),
        }

    def _initiator(self, name: str, entropy: SeededEntropy) -> Initiator:
        at, target = self._place.cast[name], self._place.target
        mirrored = self._place.configuration.mirrored()
        return Initiator(name, mirrored, entropy.fork(name), at.ike, at.natt, target.ike, target.natt)


def play(script: FuzzScript, target: Target, path: Path) -> Played:
    """Play a whole script and judge it."""
    with Play(target, script.where, path) as being_played:
        for move in script.moves:
            being_played.do(move)
        return being_played.finish()


def shape_of(says: str) -> str:
    """A finding's sentence without what differs from play to play: what it rests on, frames, SPIs, addresses, numbers."""
    claim, _, _ = says.partition("; seen in ")
    text = re.sub(r"\b[0-9a-f]{8,}(?:/[0-9a-f]{8,})?\b", "#", claim)
    text = re.sub(r"\[?(?:[0-9a-f]*:[0-9a-f:.]+|\d[\d.]*)\]?(?::\d+)?", "#", text)
    text = re.sub(r"\bframes? #(?:(?:, | and | … )#)*(?: … \(# in all\))?", "frames", text)
    return re.sub(r"# (\w+?)s?\b", r"# \1", text.replace(" and # more", ""))


def _faults(findings: Iterable[Finding], crashed: str | None) -> Iterable[Fault]:
    """What broke a rule, each shape once; after a crash the crash alone: all silence follows from it."""
    told: dict[tuple[str, str], Fault] = {}
    for finding in findings:
        if finding.verdict is not Verdict.FAIL or finding.weight is not Weight.MUST:
            continue
        if crashed is not None and crashed.partition(":")[0] not in finding.says:
            continue
        shape = crashed.partition(":")[0] if crashed is not None else shape_of(finding.says)
        fault = Fault(finding.rule, shape, finding.says)
        told.setdefault(fault.key, fault)
    return told.values()


def _messages(trace: Trace) -> int:
    sent = Counter(
        each.octets
        for each in trace.seen
        if not each.from_target
        and CONTROL not in each.marks
        and each.source.port not in _stranger_ports(trace)
    )
    return len(sent)


def _stranger_ports(trace: Trace) -> frozenset[int]:
    places = (trace.opening or {}).get("cast", {}).get(STRANGER, ())
    return frozenset(int(place.rpartition(":")[2]) for place in places)


def _asked_once(stranger: Initiator) -> Script:
    yield from stranger.ike_sa_init(hostile=True, due=False)


def _raised_in(trace: TracebackType | None) -> str:
    """The innermost function of an exception, as `file.py function`."""
    if trace is None:
        return "?"
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return f"{Path(code.co_filename).name} {code.co_name}"


def rehearsed(where: Where, target: Target) -> Where:
    """Where a script is best minimised: in virtual time if the target can be played there."""
    return replace(where, link=LinkKind.VIRTUAL) if isinstance(target, InProcess) else where
