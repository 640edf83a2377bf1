"""Judges what goes on as it goes on: `audit`, over and over, in memory that is bounded.

Of each peer the latest messages are kept, and judged as a capture that began with the first of them; so every rule
is as careful with an SA whose beginning is forgotten as with one that is older than a capture. Where something was
there before that is not kept, only rules that need not know it speak up.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, NamedTuple, TypeVar

from harness.capture.copies import Copies
from harness.capture.frame import Capture, Frame
from harness.capture.layers import addresses_of
from harness.codes import Exchange
from harness.observe import NO_SPI, observe
from harness.observe.header import Header
from harness.observe.screened import Screened
from harness.oracle.audit import concluded
from harness.oracle.conclude import claims, conclude
from harness.profile import Profile
from harness.record import ClaimName, Finding, Verdict
from harness.wire.datagram import NAT_PORTS, UDP, Kind, demultiplex
from harness.wire.packet import TCP

K = TypeVar("K")
V = TypeVar("V")

FORMAT = 1
OF_A_PEER = 2_048
"""How many frames of a peer are kept when it has been judged."""
OF_ALL = 50_000
"""How many frames of all peers together are kept."""
KNOWN = 100_000
"""Of how many SAs it is remembered which peer has them, and of how many addresses that they spoke."""
GROWN = 4
"""A peer is judged again when a quarter of what is kept of it is new."""
AT_LEAST_EVERY_S = 60.0
"""A peer of whom anything new was seen is judged as often as that."""
AT_A_LOOK = 10_000
"""How many frames are judged at a look, besides those of peers where haste is due: what comes meanwhile must wait."""
SETTLING_S = 60.0
"""What a device says first to a peer so soon may belong to what was said before it was watched."""
REPEATED_S = 300.0
"""For so long a request may be repeated, from somewhere else too."""
_OF_WHO_ASKED = "INV-09"
"""The rule that needs every copy of a request, for each may have come from somewhere else."""
_WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
_ASIDE = frozenset({int(Exchange.INFORMATIONAL), int(Exchange.INFORMATIONAL_V1)})
"""What a device sends of its own accord in every profile; it is judged when enough of it has come."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a rule forbids, and the frames of that peer from the first that is kept, numbered from 1."""

    device: str
    peer: str
    finding: Finding
    frames: tuple[Frame, ...]

    @property
    def time(self) -> float:
        """When the first frame passed that the finding names, in seconds since the epoch."""
        named = self.finding.frames or (len(self.frames),)
        return self.frames[named[0] - 1].time

    def to_json(self) -> dict[str, Any]:
        """The alarm as plain data, the interface of `watch`."""
        return {
            "format": FORMAT,
            "alarm": self.finding.rule,
            "time": self.time,
            "device": self.device,
            "peer": self.peer,
            **self.finding.to_json(),
        }


class Told(NamedTuple):
    """What a vigil saw in all."""

    began: float
    ended: float
    datagrams: int
    ike_messages: int
    conversations: int
    """How many with a peer were begun; one that was forgotten and goes on is another."""
    alarms: dict[str, int]
    """How many by rule."""
    claims: dict[str, str]
    """The verdict of each claim; INCONCLUSIVE where it rests on what was not seen, or not judged in time."""
    lost: int
    """Packets that the tap lost."""
    forgotten: int
    """Frames let go of after they were judged."""
    unjudged: int
    """Frames let go of before they were: more came at once than memory was allowed for."""

    @property
    def window_s(self) -> float:
        """Seconds that were watched."""
        return self.ended - self.began

    @property
    def verdict(self) -> Verdict:
        """The worst of the claims."""
        return next((each for each in _WORST_FIRST if each in self.claims.values()), Verdict.INCONCLUSIVE)


@dataclass(slots=True)
class _Talk:
    """What goes on with one peer."""

    frames: list[Frame] = field(default_factory=list)
    fresh: int = 0
    """How many of these have come since it was judged."""
    cut: bool = False
    """Whether it began before the first frame that is kept, or may have."""
    judged_at: float = 0.0
    hurry: bool = False
    """Whether the device sent what may be the beginning of an exchange."""
    told: set[tuple[str, float]] = field(default_factory=set)
    """The offences that were told, by rule and time; only those whose frames are kept."""
    claims: dict[str, str] = field(default_factory=dict)


class Vigil:
    """Watches devices; it is shown every frame, and asked from time to time what is wrong."""

    def __init__(
        self,
        devices: Collection[str],
        profile: Profile,
        *,
        ports: Collection[int] = (),
        nat_ports: Collection[int] = (),
        strict: bool = False,
        of_a_peer: int = OF_A_PEER,
        of_all: int = OF_ALL,
    ) -> None:
        self._devices = frozenset(devices)
        self._profile = profile
        self._ports, self._nat_ports = frozenset(ports), frozenset(nat_ports)
        self._strict = strict
        self._of_a_peer, self._of_all = of_a_peer, of_all
        self._talks: OrderedDict[str, _Talk] = OrderedDict()
        self._owners: OrderedDict[bytes, str] = OrderedDict()
        self._spoke: OrderedDict[str, None] = OrderedDict()
        self._copies = Copies()
        self._kept = 0
        self._datagrams = self._ike = self._forgotten = self._unjudged = 0
        self._conversations = 0
        self._alarms: Counter[str] = Counter()
        self._broken: set[ClaimName] = set()
        self._claims: Counter[tuple[str, str]] = Counter()
        """How often which verdict was reached on which claim, with peers that are let go of."""
        self.began = self.ended = 0.0
        """When watching began and ended, as whoever shows the frames says; silence counts as well."""
        self._first = inf
        """When the first frame passed."""
        self.lost = 0
        """Packets that the tap lost so far, as it says."""

    def take(self, frame: Frame) -> None:
        """A frame passed; what is neither from nor to a device, or is the data of an IPsec SA, is left out."""
        ends = self._ends(frame)
        if ends is None or not ends & self._devices or self._carries_data(frame):
            return
        if self._copies.is_copy(frame.number, frame.time, frame.ip_id, frame.octets):
            return
        header = self._header(frame)
        peer = self._owner(header, next(iter(ends - self._devices), next(iter(ends))))
        talk = self._talk(peer, frame)
        self._datagrams += 1
        self._ike += header is not None
        if frame.datagram is not None and frame.datagram.source.address not in self._devices:
            _latest(self._spoke, frame.datagram.source.address, None)
        talk.frames.append(frame)
        talk.fresh += 1
        talk.hurry = talk.hurry or self._may_begin(frame, header)
        self._kept += 1
        if len(talk.frames) > 2 * self._of_a_peer:
            self._let_go(talk, self._of_a_peer)
        while self._kept > 2 * self._of_all:
            self._forget(self._talks.popitem(last=False)[1])

    def look(self, now: float, *, at_last: bool = False) -> Iterator[Alarm]:
        """What is wrong that was not told before; `at_last` everything new is judged, however little and however much."""
        left = inf if at_last else AT_A_LOOK
        for peer, talk in sorted(self._talks.items(), key=lambda each: not each[1].hurry):
            if talk.hurry or (left > 0 and talk.fresh and (at_last or _is_due(talk, now))):
                left -= len(talk.frames)
                yield from self._judge(peer, talk, now)
        while self._kept > self._of_all and len(self._talks) > 1 and left > 0:
            peer, talk = self._talks.popitem(last=False)
            if talk.fresh:
                left -= len(talk.frames)
                yield from self._judge(peer, talk, now)
            self._forget(talk)

    def told(self) -> Told:
        """What was seen so far."""
        shown = self._claims.copy()
        for talk in self._talks.values():
            shown.update(talk.claims.items())
        return Told(
            self.began,
            self.ended,
            self._datagrams,
            self._ike,
            self._conversations,
            dict(sorted(self._alarms.items())),
            {name.value: self._claimed(name, shown) for name in ClaimName},
            self.lost,
            self._forgotten,
            self._unjudged,
        )

    def _judge(self, peer: str, talk: _Talk, now: float) -> Iterator[Alarm]:
        frames = tuple(frame._replace(number=number) for number, frame in enumerate(talk.frames, 1))
        # No packet lost is no proof that none is missing: it may have passed before.
        capture = Capture("", "pcapng", None, frames, (), None, self.lost or None, (), cut_off=False)
        seen = observe(capture, self._devices, ike_ports=self._ports, nat_ports=self._nat_ports)
        trace = replace(seen, screened=self._remembered(frames, cut=talk.cut))
        found = concluded("", trace, [(peer, trace)], self._profile, 0, strict=self._strict, limited=False)
        talk.fresh, talk.hurry, talk.judged_at = 0, False, now
        findings = tuple(each for each in found.findings if not _may_be_explained(each, talk))
        talk.claims = claims(findings, self._strict)
        for finding in findings:
            if conclude((finding,), self._strict) is not Verdict.FAIL:
                continue
            offence = {(finding.rule, frames[number - 1].time) for number in finding.frames}
            offence = offence or {(finding.rule, inf)}
            if offence <= talk.told:
                continue
            talk.told |= offence
            self._alarms[finding.rule] += 1
            self._broken.add(finding.claim)
            yield Alarm(found.device, peer, finding, frames)
        if len(talk.frames) > self._of_a_peer:
            self._let_go(talk, self._of_a_peer // 2)

    def _talk(self, peer: str, frame: Frame) -> _Talk:
        """What goes on with this peer, from now on the latest."""
        talk = self._talks.get(peer)
        if talk is None:
            talk = self._talks[peer] = _Talk(judged_at=frame.time, cut=self._goes_on(peer, frame))
            self._conversations += 1
        self._talks.move_to_end(peer)
        return talk

    def _goes_on(self, peer: str, frame: Frame) -> bool:
        """Whether a peer of whom nothing is kept may have been talked with before this frame."""
        self._first = min(self._first, frame.time)
        return peer in self._spoke or (self._is_by_device(frame) and frame.time - self._first < SETTLING_S)

    def _is_by_device(self, frame: Frame) -> bool:
        return frame.datagram is not None and frame.datagram.source.address in self._devices

    def _remembered(self, frames: Sequence[Frame], *, cut: bool) -> Screened:
        """What is known of these peers from before: that they spoke (a device may answer what is forgotten)."""
        ends = (frame.datagram for frame in frames if frame.datagram is not None)
        named = {end.address for each in ends for end in (each.source, each.destination)}
        return Screened(speakers=frozenset(named & self._spoke.keys()), set_aside=cut)

    def _forget(self, talk: _Talk) -> None:
        """Let go of the peer that was silent for longest."""
        self._unjudged += talk.fresh
        self._forgotten += len(talk.frames) - talk.fresh
        self._kept -= len(talk.frames)
        self._claims.update(talk.claims.items())

    def _let_go(self, talk: _Talk, kept: int) -> None:
        """Let go of the oldest frames of a peer."""
        gone = len(talk.frames) - kept
        judged = min(gone, len(talk.frames) - talk.fresh)
        self._forgotten += judged
        self._unjudged += gone - judged
        talk.fresh -= gone - judged
        talk.cut = True
        del talk.frames[:gone]
        self._kept -= gone
        first = talk.frames[0].time
        talk.told = {each for each in talk.told if each[1] >= first}

    def _claimed(self, name: ClaimName, shown: Counter[tuple[str, str]]) -> str:
        """What all peers together show of a claim."""
        if name in self._broken:
            return Verdict.FAIL.value
        if self.lost or self._unjudged:
            return Verdict.INCONCLUSIVE.value
        seen = (each for each in _WORST_FIRST if shown[name.value, each.value])
        return next(seen, Verdict.NOT_APPLICABLE).value

    def _ends(self, frame: Frame) -> frozenset[str] | None:
        if frame.datagram is not None:
            return frozenset({frame.datagram.source.address, frame.datagram.destination.address})
        return addresses_of(frame.octets)

    def _carries_data(self, frame: Frame) -> bool:
        """Whether it is ESP: it is not kept, for a device may carry any amount of it."""
        datagram = frame.datagram
        return datagram is not None and demultiplex(datagram, NAT_PORTS | self._nat_ports)[0] is Kind.ESP

    def _header(self, frame: Frame) -> Header | None:
        if frame.datagram is None or frame.datagram.protocol != UDP:
            return None
        kind, octets = demultiplex(frame.datagram, NAT_PORTS | self._nat_ports)
        return Header.read(octets) if kind is Kind.IKE else None

    def _may_begin(self, frame: Frame, header: Header | None) -> bool:
        """Whether the device may begin something here that a responder may not."""
        datagram = frame.datagram
        if datagram is None or datagram.source.address not in self._devices:
            return False
        if header is None:
            return datagram.protocol == TCP
        return not header.is_response and header.exchange not in _ASIDE

    def _owner(self, header: Header | None, peer: str) -> str:
        """The peer that has the SA of a message: the one that was first seen with it."""
        if header is None or header.spi_i == NO_SPI:
            return peer
        return _latest(self._owners, header.spi_i, peer)


def _may_be_explained(finding: Finding, talk: _Talk) -> bool:
    """Whether what is forgotten may show that nothing is wrong here: the copy of a request that was answered."""
    if finding.rule != _OF_WHO_ASKED or not talk.cut or not finding.frames:
        return False
    return talk.frames[min(finding.frames) - 1].time - talk.frames[0].time < REPEATED_S


def _is_due(talk: _Talk, now: float) -> bool:
    """Whether a talk in which something is new has grown, or waited, enough to be judged again."""
    return talk.fresh * GROWN >= len(talk.frames) or now - talk.judged_at >= AT_LEAST_EVERY_S


def _latest(known: OrderedDict[K, V], key: K, value: V) -> V:
    """What is known under the key, from now on the latest of KNOWN ones; the value where there was nothing yet."""
    found = known.setdefault(key, value)
    known.move_to_end(key)
    if len(known) > KNOWN:
        known.popitem(last=False)
    return found
