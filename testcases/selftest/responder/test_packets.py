"""Packets through the Child SAs of the responder, driven by the peer over a virtual link and read from the evidence."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bench.evidence import Evidence
from harness.bench.links import VirtualLink
from harness.bench.perform import Performer
from harness.capture import read
from harness.clock import SeededEntropy, VirtualClock
from harness.codes import (
    Encapsulation,
    Encr,
    Esn,
    Integ,
    NotifyType,
    NotifyTypeV1,
    ProfileName,
    Protocol,
    Trigger,
)
from harness.observe import Trace, observe
from harness.peer import Elapse, Initiator, Provoke, Script
from harness.profile import DEFAULT, ChildPolicy, ChildProposal, Configuration, Packets, Selector, Version1
from harness.responder import Responder, Step
from harness.responder.traffic import Traffic
from harness.wire import Message, v1, v2
from harness.wire import replace as replace_message
from harness.wire.datagram import ESP, UDP, Datagram, Endpoint
from harness.wire.packet import IPV6

TARGET, TARGET_NATT = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)
PEER, PEER_NATT = Endpoint("192.0.2.2", 500), Endpoint("192.0.2.2", 4500)
STRANGER = Endpoint("192.0.2.9", 500)
BIG = bytes(1000)


class Watched:
    """A responder that remembers what each event made of it."""

    def __init__(self, responder: Responder) -> None:
        self.device = responder
        self.steps: list[Step] = []

    @property
    def next_wake(self) -> float | None:
        return self.device.next_wake

    def receive(self, datagram: Datagram, now: float) -> Step:
        return self._kept(self.device.receive(datagram, now))

    def wake(self, now: float) -> Step:
        return self._kept(self.device.wake(now))

    def provoke(self, trigger: Trigger, now: float) -> Step:
        return self._kept(self.device.provoke(trigger, now))

    def _kept(self, step: Step) -> Step:
        self.steps.append(step)
        return step


class Line:
    """A responder and its peer on a virtual link."""

    def __init__(self, path: Path, configuration: Configuration) -> None:
        self.path = path
        self.target = Watched(Responder(configuration, SeededEntropy(1), local=TARGET, peer=PEER))
        self.evidence = Evidence(path, {"case": "a"})
        self.link = VirtualLink(self.target, self.evidence.tap, VirtualClock())
        mirrored = configuration.mirrored()
        self.alice = Initiator("alice", mirrored, SeededEntropy(2), PEER, PEER_NATT, TARGET, TARGET_NATT)
        self.results: list[Any] = []

    def play(self, script: Callable[[Initiator], Script]) -> "Line":
        """Perform a script; what its actions gave is in `results`."""
        self._performer = Performer(self.link, self.evidence, [self.alice])
        self._performer.play(self._noted(script(self.alice)))
        return self

    def _noted(self, script: Script) -> Iterator[Any]:
        result = None
        while True:
            try:
                action = script.send(result)
            except StopIteration:
                return
            result = yield action
            self.results.append(result)

    @property
    def children(self) -> list[Any]:
        """The responder's pairs of IPsec SAs."""
        return [child for sa in self.target.device.all() for child in sa.children]

    @property
    def drops(self) -> list[str]:
        """The reasons of all drops, in order."""
        return [step.drop for step in self.target.steps if step.drop is not None]

    @property
    def events(self) -> list[str]:
        """What became of SAs and packets, in order."""
        return [event for step in self.target.steps for event in step.events]

    def trace(self) -> Trace:
        """What the evidence shows."""
        self.evidence.finish(1.0)
        return observe(read(self.path), ["192.0.2.1"])


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Callable[..., Line]]:
    """Makes a line for a configuration."""
    made: list[Line] = []

    def make(configuration: Configuration = DEFAULT) -> Line:
        made.append(Line(tmp_path / f"{len(made)}.pcapng", configuration))
        return made[-1]

    yield make
    for each in made:
        each.evidence.cut_off("the test is over")


def _tunnel(alice: Initiator, version: int) -> Script:
    """A Child SA of either version."""
    if version == 2:
        yield from alice.connect()
    else:
        yield from alice.main_mode()
        yield from alice.quick_mode()
        yield Elapse(0.1)  # until the third message has arrived


def _pinging(version: int, **bends: Any) -> Callable[[Initiator], Script]:
    def script(alice: Initiator) -> Script:
        yield from _tunnel(alice, version)
        yield alice.ping(mark="ping", **bends)

    return script


both_versions = pytest.mark.parametrize("version", [1, 2])


# The way in and back


@both_versions
@pytest.mark.parametrize("udp", [False, True], ids=["ESP", "ESP in UDP"])
def test_an_echo_comes_back_the_way_it_came(line: Any, version: int, udp: bool) -> None:
    """An echo request is answered through the paired SA, in UDP exactly if it came in UDP."""
    played = line().play(_pinging(version, udp=udp))
    (seen,) = played.trace().pongs_to("ping").value

    assert played.results[-1] is not None
    assert (seen.source.port, seen.destination.port) == ((4500, 4500) if udp else (0, 0))
    assert seen.packet.spi == (played.alice.ike.child or played.alice.isakmp.child).spi_in


PROPOSALS = [
    ChildProposal(Protocol.ESP, Encr.ENCR_AES_GCM_16, 128, Integ.NONE),
    ChildProposal(Protocol.ESP, Encr.ENCR_CHACHA20_POLY1305, None, Integ.NONE),
    ChildProposal(Protocol.ESP, Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA2_512_256),
    ChildProposal(Protocol.ESP, Encr.ENCR_3DES, None, Integ.AUTH_HMAC_SHA1_96),
    ChildProposal(Protocol.ESP, Encr.ENCR_NULL, None, Integ.AUTH_HMAC_SHA2_256_128),
    ChildProposal(Protocol.ESP, Encr.ENCR_AES_GCM_16, 256, Integ.NONE, Esn.ESN),
    ChildProposal(Protocol.ESP, Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96, Esn.ESN),
]


@pytest.mark.parametrize("proposal", PROPOSALS, ids=lambda p: f"{p.encr}-{p.key_bits}-{p.integ}-{p.esn}")
def test_every_kind_of_suite_carries(line: Any, proposal: ChildProposal) -> None:
    """Under each kind of suite, with extended numbers and without, packets go both ways and open in the evidence."""
    played = line(replace(DEFAULT, child_proposals=(proposal,))).play(_pinging(2))
    played.play(lambda _: iter_of(Provoke(Trigger.MATCHING_TRAFFIC), Elapse(1.0)))
    seen = played.trace().packets

    assert [each.packet.echo is not None for each in seen] == [True] * 4
    assert [each.from_target for each in seen] == [False, True, True, False]


def iter_of(*actions: Any) -> Script:
    """A script of these actions."""
    for action in actions:  # noqa: UP028  what an action gives is sent in here, and goes nowhere
        yield action


def test_ipv6_inside_ipv4(line: Any) -> None:
    """A tunnel over IPv4 carries echoes of IPv6, told by their Next Header."""
    six = replace(DEFAULT, local_subnets=("2001:db8:1::/64",), remote_subnets=("2001:db8:2::/64",))
    played = line(six).play(_pinging(2))
    (seen,) = played.trace().pongs_to("ping").value

    assert (seen.packet.inner.source.address, seen.packet.next_header) == ("2001:db8:1::1", IPV6)


@both_versions
@pytest.mark.parametrize("udp", [False, True], ids=["ESP", "ESP in UDP"])
def test_transport_mode_carries_from_end_to_end(line: Any, version: int, udp: bool) -> None:
    """In transport mode what follows the IP header goes between the two ends, and comes back."""
    hosts = replace(
        DEFAULT,
        local_subnets=("192.0.2.1/32",),
        remote_subnets=("192.0.2.2/32",),
        children=ChildPolicy(transport=True),
        version1=Version1(transport=True),
    )

    def script(alice: Initiator) -> Script:
        if version == 2:
            yield from alice.ike_sa_init()
            yield alice.ike_auth(v2.Notify(notify_type=NotifyType.USE_TRANSPORT_MODE))
        else:
            yield from alice.main_mode()
            yield from alice.quick_mode(mode=Encapsulation.TRANSPORT)
        yield alice.ping(mark="ping", udp=udp)

    played = line(hosts).play(script)
    (child,) = played.children
    (seen,) = played.trace().pongs_to("ping").value

    assert child.transport
    assert (seen.packet.next_header, seen.packet.inner.source.address) == (1, "192.0.2.1")
    assert played.results[-1] is not None


def test_own_traffic_in_transport_mode(line: Any) -> None:
    """A packet of the device itself for its peer goes through a child in transport mode."""
    hosts = replace(
        DEFAULT,
        local_subnets=("192.0.2.1/32",),
        remote_subnets=("192.0.2.2/32",),
        children=ChildPolicy(transport=True),
    )

    def script(alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(v2.Notify(notify_type=NotifyType.USE_TRANSPORT_MODE))
        yield Provoke(Trigger.MATCHING_TRAFFIC)
        yield Elapse(1.0)

    asked, answered = line(hosts).play(script).trace().packets

    assert (asked.packet.next_header, answered.packet.echo.is_reply) == (1, True)


def test_packets_that_ask_nothing_are_delivered(line: Any) -> None:
    """A UDP packet within the selectors goes to whoever it is for; nothing comes back."""
    inner = Datagram(Endpoint("203.0.113.7", 5000), Endpoint("198.51.100.7", 53), b"?")

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.packet(inner)
        yield Elapse(1.0)

    played = line().play(script)

    assert "packet-delivered" in played.events
    assert played.trace().packets[-1].from_target is False


@both_versions
def test_traffic_shows_that_the_peer_lives(line: Any, version: int) -> None:
    """A packet whose ICV holds counts as a sign of life (RFC 7296 section 2.4, RFC 3706 section 5.5)."""

    def script(alice: Initiator) -> Script:
        yield from _tunnel(alice, version)
        yield Elapse(5.0)
        yield alice.ping(mark="ping")

    played = line().play(script)
    (sa,) = played.target.device.all()

    assert sa.heard > 5.0


# What is dropped


STRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown SPI": ({"spi": b"\x12\x34\x56\x78"}, "unknown SPI"),
    "broken ICV": ({"bend": lambda packet: packet[:-1] + bytes([packet[-1] ^ 1])}, "the ICV does not hold"),
    "cut off": ({"bend": lambda packet: packet[:6]}, "hold no ESP packet"),
    "header alone": ({"bend": lambda packet: packet[:8]}, "does not open"),
    "from outside": ({"source": "192.0.2.77"}, "its SA is not for"),
    "for outside": ({"destination": "192.0.2.77"}, "its SA is not for"),
    "no packet inside": ({"inner": b"\x00" * 40}, "hold no IP packet"),
    "nothing inside": ({"inner": b""}, "hold no IP packet"),
    "the other family": ({"next_header": IPV6}, "Next Header 41 over IP version 4"),
    "a dummy": ({"next_header": 59}, "a dummy packet"),
    "a lying Pad Length": ({"pad_length": 255}, "a Pad Length of 255"),
    "number zero": ({"number": 0}, "a replayed packet"),
}


@both_versions
@pytest.mark.parametrize("name", STRAYS)
def test_what_is_wrong_is_dropped_for_its_reason(line: Any, version: int, name: str) -> None:
    """A packet that may not be taken has no answer of any kind, and the reason is named."""
    bends, why = STRAYS[name]
    played = line().play(_pinging(version, retransmit=(), wait=1.0, **bends))

    assert played.results[-1] is None
    assert why in played.drops[-1]
    assert not played.trace().packets_after("ping").present


@both_versions
def test_a_replayed_packet_is_dropped(line: Any, version: int) -> None:
    """The very octets again are no second request."""

    def script(alice: Initiator) -> Script:
        yield from _pinging(version)(alice)
        yield alice.again("ping", mark="again")
        yield Elapse(1.0)

    played = line().play(script)

    assert played.drops == ["a replayed packet, or one behind the window"]
    assert not played.trace().packets_after("again").present


@pytest.mark.parametrize(
    ("number", "taken"), [(1000 - 63, True), (1000 - 64, False), (1001, True), (2**32 - 1, True)]
)
def test_the_window_is_as_wide_as_it_is_configured(line: Any, number: int, taken: bool) -> None:
    """Of 64 numbers each is taken once, however late; what lies behind them is not."""

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.ping(number=1000)
        yield alice.ping(number=number, retransmit=(), wait=1.0)

    assert (line().play(script).results[-1] is not None) is taken


def test_extended_numbers_go_beyond_32_bits(line: Any) -> None:
    """An SA with extended sequence numbers takes a packet of the next subspace, and one from before again within the window."""
    extended = (PROPOSALS[5],)

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        for number in (2**31, 2**32 - 3, 2**32 + 5, 2**32 - 2):
            yield alice.ping(number=number, retransmit=(), wait=1.0)

    played = line(replace(DEFAULT, child_proposals=extended)).play(script)

    assert [result is not None for result in played.results[-4:]] == [True] * 4


def test_a_window_outlives_the_ike_sa(line: Any) -> None:
    """After the IKE SA was rekeyed its children count on: what came before may not come again."""

    def script(alice: Initiator) -> Script:
        yield from _pinging(2)(alice)
        yield from alice.rekey_ike()
        yield alice.again("ping", mark="again")
        yield alice.ping(mark="new")

    played = line().play(script)

    assert "a replayed packet, or one behind the window" in played.drops
    assert played.results[-1] is not None


def test_a_keepalive_is_ignored(line: Any) -> None:
    """RFC 3948 section 2.3: nothing answers a keepalive."""

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.keepalive()
        yield Elapse(1.0)

    played = line().play(script)

    assert played.drops == ["not IKE: KEEPALIVE"]


@given(octets=st.binary(max_size=120), udp=st.booleans())
def test_hostile_packets_change_nothing(octets: bytes, udp: bool) -> None:
    """Whatever comes in as ESP is dropped for a reason; nothing raises and no SA changes."""
    ends = (PEER_NATT, TARGET_NATT) if udp else (Endpoint("192.0.2.2", 0), Endpoint("192.0.2.1", 0))
    step = Responder(DEFAULT, SeededEntropy(1)).receive(
        Datagram(*ends, b"\x01" + octets, UDP if udp else ESP), 0.0
    )

    assert step.drop is not None
    assert (step.send, step.changed) == ((), ())


# What the peer is told


def _telling(**choices: bool) -> Configuration:
    return replace(DEFAULT, packets=Packets(**choices))


def test_invalid_spi_is_told_on_the_ike_sa_if_configured(line: Any) -> None:
    """RFC 7296 section 1.5: in an INFORMATIONAL of the IKE SA with that address, with the SPI as its data."""
    played = line(_telling(tells_invalid_spi=True)).play(
        _pinging(2, spi=b"\x12\x34\x56\x78", retransmit=(), wait=1.0)
    )
    sent = [p for s in played.trace().ike if s.from_target for p in s.payloads if isinstance(p, v2.Notify)]

    assert [(n.spi, n.data) for n in sent if n.notify_type == NotifyType.INVALID_SPI] == [
        (b"", b"\x12\x34\x56\x78")
    ]


def test_invalid_spi_is_told_in_version_1_if_configured(line: Any) -> None:
    """RFC 2408 section 3.14.1: a protected notify that names the SPI."""
    played = line(_telling(tells_invalid_spi=True)).play(
        _pinging(1, spi=b"\x12\x34\x56\x78", retransmit=(), wait=1.0)
    )
    sent = [p for s in played.trace().ike if s.from_target for p in s.payloads if isinstance(p, v1.Notify)]

    assert [n.spi for n in sent if n.notify_type == NotifyTypeV1.INVALID_SPI] == [b"\x12\x34\x56\x78"]


def test_invalid_selectors_is_told_if_configured(line: Any) -> None:
    """RFC 7296 section 3.10.1: the notify names the SA and shows the start of the packet."""
    told = line(_telling(tells_invalid_selectors=True))
    played = told.play(_pinging(2, source="192.0.2.77", retransmit=(), wait=1.0))
    (child,) = played.children
    sent = [p for s in played.trace().ike if s.from_target for p in s.payloads if isinstance(p, v2.Notify)]
    (notify,) = [n for n in sent if n.notify_type == NotifyType.INVALID_SELECTORS]

    assert (notify.protocol, notify.spi, len(notify.data)) == (Protocol.ESP, child.spi_in, 64)


def test_a_flood_of_unknown_spis_is_told_of_at_a_bounded_rate(line: Any) -> None:
    """However many packets of unknown SPIs come, notifies have an allowance (RFC 7296 section 2.21.4)."""

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        for number in range(100):
            yield alice.ping(spi=number.to_bytes(4, "big"), retransmit=(), wait=0.001)
        yield Elapse(5.0)

    played = line(_telling(tells_invalid_spi=True)).play(script)
    sent = [each for each in played.trace().ike if each.from_target and each.is_request]

    assert 1 <= len(sent) <= 10


# Limits


def _volume(version: int, kilobytes: int, profile: ProfileName = ProfileName.STRICT) -> Configuration:
    return replace(
        DEFAULT.with_lifetimes(child_kilobytes=kilobytes), profile=profile, initiate_version=version
    )


def _heavy(version: int, pings: int) -> Callable[[Initiator], Script]:
    def script(alice: Initiator) -> Script:
        yield from _tunnel(alice, version)
        child = alice.ike.child or alice.isakmp.child
        for _ in range(pings):
            yield alice.ping(child, data=BIG, retransmit=(), wait=0.1)

    return script


@both_versions
def test_a_child_beyond_its_volume_is_deleted(line: Any, version: int) -> None:
    """At the hard limit the pair is removed and the peer is told; what comes later is of an unknown SPI."""
    played = line(_volume(version, 10)).play(_heavy(version, 20))
    answered = [result is not None for result in played.results[-20:]]

    assert played.children == []
    assert {"child-sa-expired", "ipsec-sa-expired"} & set(played.events)
    assert answered == [True] * answered.count(True) + [False] * answered.count(False)
    assert answered.count(True) == 9  # of 1,046 octets each that the cipher saw, in 10,240
    assert played.drops[-1] == "a packet of an unknown SPI"


@both_versions
def test_a_soft_limit_by_volume_rekeys_where_that_is_permitted(line: Any, version: int) -> None:
    """Under a profile that permits it the child is rekeyed at nine tenths of its volume; under responder-only it is not."""
    allowed = line(_volume(version, 10, ProfileName.REKEY_OK)).play(_heavy(version, 9))

    assert {"child-sa-established", "ipsec-sa-established"} & set(allowed.events[-20:])
    assert any("sent rekey-child" in each or "sent quick-mode" in each for each in allowed.events)


@both_versions
def test_responder_only_rekeys_nothing_for_volume(line: Any, version: int) -> None:
    """Under responder-only neither limit starts anything but the Delete."""
    played = line(_volume(version, 10)).play(_heavy(version, 20))

    assert not [
        each for each in played.events if each in ("sent rekey-child", "sent new-child", "sent quick-mode")
    ]


def test_kilobytes_of_quick_mode_count(line: Any) -> None:
    """The volume that was negotiated counts where it is smaller than the one configured (RFC 2407 section 4.5)."""
    played = line(replace(DEFAULT, initiate_version=1))
    played.alice.configuration = played.alice.configuration.with_lifetimes(child_kilobytes=5)
    played.play(_heavy(1, 10))

    assert played.children == []
    assert "ipsec-sa-expired" in played.events


def test_a_shorter_volume_is_told(line: Any) -> None:
    """Where ours is smaller than the volume offered, RESPONDER-LIFETIME says so in kilobytes (RFC 2407 section 4.6.3.1)."""
    played = line(_volume(1, 5))
    played.alice.configuration = played.alice.configuration.with_lifetimes(child_kilobytes=500)
    played.play(lambda alice: _tunnel(alice, 1))
    sent = [p for s in played.trace().ike if s.from_target for p in s.payloads if isinstance(p, v1.Notify)]
    (told,) = [n for n in sent if n.notify_type == NotifyTypeV1.RESPONDER_LIFETIME]

    assert told.data == bytes.fromhex("800100020002000400000005")


def _aged(played: Line, sent: int) -> None:
    """Make the responder's child one that has sent so many packets."""
    (sa,) = played.target.device.all()
    (child,) = sa.children
    played.target.device._sas[sa.ours] = sa.with_child(replace(child, traffic=Traffic(sent=sent)))


@both_versions
def test_sequence_numbers_never_cycle(line: Any, version: int) -> None:
    """RFC 4303 section 3.3.3: with its last number the SA has sent its last packet, and it is deleted."""
    played = line(replace(DEFAULT, initiate_version=version)).play(lambda alice: _tunnel(alice, version))
    _aged(played, 2**32 - 2)

    def script(alice: Initiator) -> Script:
        child = alice.ike.child or alice.isakmp.child
        for _ in range(2):
            yield alice.ping(child, mark="ping", retransmit=(), wait=1.0)

    played.play(script)
    numbers = [each.packet.number for each in played.trace().packets if each.from_target]

    assert numbers == [2**32 - 1]
    assert played.children == []


@both_versions
@pytest.mark.parametrize("busy", [False, True])
def test_a_child_that_carries_nothing_is_deleted(line: Any, version: int, busy: bool) -> None:
    """After the idle time without a packet the pair goes, and nothing takes its place; traffic keeps it."""
    idle = replace(DEFAULT.with_lifetimes(idle=10.0), initiate_version=version)

    def script(alice: Initiator) -> Script:
        yield from _tunnel(alice, version)
        for _ in range(4):
            yield Elapse(6.0)
            if busy:
                yield alice.ping()

    played = line(idle).play(script)

    assert len(played.children) == int(busy)
    assert bool({"child-sa-idle", "ipsec-sa-idle"} & set(played.events)) is not busy


def test_the_idle_time_survives_the_ike_sa(line: Any) -> None:
    """A child that the successor of an IKE SA took over is still deleted when it carries nothing."""
    idle = DEFAULT.with_lifetimes(idle=10.0)

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        yield Elapse(6.0)
        yield alice.ping()
        yield from alice.rekey_ike()
        yield Elapse(11.0)

    played = line(idle).play(script)

    assert (played.children, played.events.count("child-sa-idle")) == ([], 1)


# Packets from behind the responder


@both_versions
def test_own_traffic_goes_through_the_child(line: Any, version: int) -> None:
    """A packet for the tunnel leaves in ESP, and the peer answers it."""

    def script(alice: Initiator) -> Script:
        yield from _tunnel(alice, version)
        yield Provoke(Trigger.MATCHING_TRAFFIC)
        yield Elapse(1.0)

    played = line(replace(DEFAULT, initiate_version=version)).play(script)
    trace = played.trace()

    assert [each.packet.echo.is_reply for each in trace.packets] == [False, True]
    assert not trace.leaked().present


@both_versions
@pytest.mark.parametrize("trigger", [Trigger.MATCHING_TRAFFIC, Trigger.SECOND_SELECTOR, Trigger.MULTICAST])
def test_without_a_child_own_traffic_is_discarded(line: Any, version: int, trigger: Trigger) -> None:
    """Under responder-only nothing leaves for it: neither in ESP, nor in clear, nor IKE; the reason is told."""

    def script(alice: Initiator) -> Script:
        yield Provoke(trigger, times=3)
        yield Elapse(1.0)

    played = line(replace(DEFAULT, initiate_version=version)).play(script)

    assert played.trace().seen == ()
    assert all("discarded" in each and "starts nothing" in each for each in played.drops)


@both_versions
def test_two_way_asks_for_a_child_and_the_next_packet_finds_it(line: Any, version: int) -> None:
    """Under two-way the first packet is lost to the negotiation it starts; the next one goes through its child."""
    two_way = replace(DEFAULT, profile=ProfileName.TWO_WAY, initiate_version=version)

    def script(alice: Initiator) -> Script:
        for _ in range(2):
            yield Provoke(Trigger.MATCHING_TRAFFIC)
            yield Elapse(1.0)

    trace = line(two_way).play(script).trace()

    assert [each.from_target for each in trace.packets] == [True, False]
    assert not trace.leaked().present


def test_a_second_pair_of_subnets_needs_a_child_of_its_own(line: Any) -> None:
    """A packet for the second pair goes through no child of the first, even one that would cover it."""
    second = replace(DEFAULT, second_selector=Selector("198.51.100.0/25", "203.0.113.128/25"))

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        yield Provoke(Trigger.SECOND_SELECTOR)
        yield from alice.create_child(subnets=(("203.0.113.128/25",), ("198.51.100.0/25",)))
        yield Provoke(Trigger.SECOND_SELECTOR)
        yield Elapse(1.0)

    played = line(second).play(script)
    first, *_ = played.trace().packets

    assert len([each for each in played.drops if "discarded" in each]) == 1
    assert first.packet.inner.destination.address == "203.0.113.129"


def test_a_hello_that_no_child_covers_is_discarded(line: Any) -> None:
    """A routing protocol's multicast goes through no child made for subnets."""

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        yield Provoke(Trigger.MULTICAST)
        yield Elapse(1.0)

    played = line().play(script)

    assert played.trace().packets == ()
    assert "discarded" in played.drops[-1]


def test_a_hello_goes_through_a_child_for_everything(line: Any) -> None:
    """A tunnel interface whose child is for any address carries routing protocols."""
    everything = replace(DEFAULT, local_subnets=("0.0.0.0/0",), remote_subnets=("0.0.0.0/0",))

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        yield Provoke(Trigger.MULTICAST)
        yield Elapse(1.0)

    (seen,) = line(everything).play(script).trace().packets

    assert (seen.packet.inner.destination.address, seen.packet.inner.protocol) == ("224.0.0.5", 89)


def test_the_old_child_serves_until_the_successor_is_known_to(line: Any) -> None:
    """RFC 7296 section 2.8: the responder sends on the old SA until a packet has come through the new one."""

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.ping()
        yield from alice.rekey_child(delete_old=False)
        yield Provoke(Trigger.MATCHING_TRAFFIC)
        yield Elapse(1.0)
        yield alice.ping()
        yield Provoke(Trigger.MATCHING_TRAFFIC)
        yield Elapse(1.0)

    played = line().play(script)
    old, new = (child.spi_out for child in played.children)
    sent = [each.packet.spi for each in played.trace().packets if each.from_target]

    assert sent == [old, old, new, new]


# Behind a NAT


def _through_a_nat(alice: Initiator, version: int, *, at_target: bool) -> Script:
    """A tunnel of a peer that moves to port 4500, and sees the target elsewhere than it is if that is behind a NAT."""
    if version == 2:
        elsewhere = v2.Notify(notify_type=NotifyType.NAT_DETECTION_DESTINATION_IP, data=bytes(20))
        yield from alice.ike_sa_init(*([elsewhere] if at_target else []), nat_detection=not at_target)
        alice.ike.local, alice.ike.remote, alice.ike.natt = alice.local_natt, alice.remote_natt, True
        yield alice.ike_auth()
        return
    yield alice.main_mode_1(nat_t=True)
    yield alice.main_mode_3(change=_seen_elsewhere if at_target else None)
    sa = alice.isakmp
    sa.local, sa.remote, sa.natt = alice.local_natt, alice.remote_natt, True
    yield alice.main_mode_5()
    yield from alice.quick_mode()
    yield Elapse(0.1)


def _seen_elsewhere(message: Message) -> Message:
    """A message whose first NAT-D is of another place than it goes to (RFC 3947 section 3.2)."""
    detections = [p for p in message.payloads if isinstance(p, v1.NatDetection)]
    payloads = tuple(v1.NatDetection(bytes(16)) if p is detections[0] else p for p in message.payloads)
    return replace_message(message, payloads=payloads)


def _keepalives(played: Line) -> list[Endpoint]:
    sent = [each for step in played.target.steps for each in step.send]
    return [each.destination for each in sent if each.data == b"\xff"]


@both_versions
@pytest.mark.parametrize("at_target", [False, True])
def test_a_device_behind_a_nat_keeps_its_mapping_alive(line: Any, version: int, at_target: bool) -> None:
    """RFC 3948 section 4: behind a NAT a keepalive goes out after each twenty seconds in which no packet was sent."""

    def script(alice: Initiator) -> Script:
        yield from _through_a_nat(alice, version, at_target=at_target)
        for _ in range(6):
            yield Elapse(10.0)
            yield alice.ping()
        yield Elapse(65.0)

    assert _keepalives(line().play(script)) == [PEER_NATT] * 3 * at_target


def test_a_peer_behind_a_nat_is_followed_by_its_packets(line: Any) -> None:
    """RFC 7296 section 2.23: a new packet from another port moves the SA of a peer in UDP; a replayed one does not."""
    played = line()

    def script(alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        alice.ike.local, alice.ike.remote, alice.ike.natt = alice.local_natt, alice.remote_natt, True
        yield alice.ike_auth()
        yield alice.ping(mark="ping")

    played.play(script)
    (sa,) = played.target.device.all()
    there = Endpoint("192.0.2.2", 14500)
    packets = [each for each in played.trace().packets if not each.from_target]
    played.target.receive(Datagram(there, TARGET_NATT, packets[0].octets), 9.0)
    unmoved = played.target.device.find(sa.ours).remote
    fresh = played.alice.ping()
    played.target.receive(fresh.packet().datagram._replace(source=there), 9.0)

    assert unmoved == PEER_NATT
    assert played.target.device.find(sa.ours).remote == there


# Bounds


def test_state_is_bounded_by_what_stands(line: Any) -> None:
    """However many packets come, what is kept of them are counters and a window."""

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        for _ in range(300):
            yield alice.ping()

    (child,) = line().play(script).children

    assert child.traffic.window.bit_length() <= 64
    assert (child.traffic.sent, child.traffic.received) == (300, 300)


def test_children_that_go_are_not_found_any_more(line: Any) -> None:
    """The index of inbound SPIs holds the children that stand, and no others."""

    def script(alice: Initiator) -> Script:
        yield from alice.connect()
        for _ in range(5):
            yield from alice.rekey_child()
        yield from alice.rekey_ike()
        yield alice.delete_child()

    played = line().play(script)

    assert played.target.device._receiving._owners == {}


def test_the_keys_of_children_are_told(line: Any) -> None:
    """Both directions of a child are among the secrets of the responder, as they are among those of the peer."""
    played = line().play(lambda alice: _tunnel(alice, 2))
    told = {secret["esp"]: secret for secret in played.target.device.secrets() if "esp" in secret}
    peers = {secret["esp"]: secret for secret in played.evidence.secrets if "esp" in secret}

    assert told == peers
    assert len(told) == 2
