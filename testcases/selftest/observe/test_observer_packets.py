"""ESP in evidence: opened by the keys in it, followed by number, doubted without them; and packets that leak."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.capture import Frame, Writer, read
from harness.clock import SeededEntropy
from harness.codes import AttributeP2, Encr, Exchange, IdTypeV1, Integ, LifeType, Protocol
from harness.observe import Doubt, Trace, observe
from harness.observe.children import Children
from harness.observe.conversation import conversation
from harness.observe.header import Header
from harness.observe.packets import Protected, Side, in_clear, protected
from harness.observe.seen import Seen
from harness.sa.esp import EspSa, fresh_iv, protect
from harness.sa.secrets import to_evidence
from harness.wire import Message, v1
from harness.wire.datagram import ESP, Datagram, Endpoint, Kind
from harness.wire.packet import NO_NEXT_HEADER, Echo, echo_datagram, ip_packet

TARGET, PEER = Endpoint("192.0.2.1", 0), Endpoint("192.0.2.2", 0)
ASKED, OTHER = Echo(False, 7, 1, b"abc"), Echo(False, 8, 1, b"abc")
LOCAL, REMOTE = "198.51.100.1", "203.0.113.1"


def sa_of(spi: bytes = b"spi!", *, esn: bool = False) -> EspSa:
    """One direction under a key that is no secret."""
    return EspSa(spi, Encr.ENCR_AES_GCM_16, 128, Integ.NONE, esn, bytes(range(20)), b"")


IN, OUT = sa_of(b"in__"), sa_of(b"out_")


def packet(sa: EspSa, number: int, echo: Echo) -> bytes:
    """An echo from the target's side or to it, in ESP."""
    ends = (LOCAL, REMOTE) if echo.is_reply else (REMOTE, LOCAL)
    inner = ip_packet(echo_datagram(*ends, echo))
    return protect(sa, number, inner, 4, fresh_iv(sa, number, SeededEntropy(1)))


def traced(tmp_path: Path, said: list[tuple[bool, bytes, str]], keys: list[EspSa], **options: Any) -> Trace:
    """The trace of packets: whether the target sent each, its octets, its mark."""
    path = tmp_path / "case.pcapng"
    with Writer(path, {"case": "a"}) as writer:
        for key in keys:
            writer.secret(to_evidence(key))
        for number, (from_target, octets, mark) in enumerate(said):
            ends = (TARGET, PEER) if from_target else (PEER, TARGET)
            comments = [f"mark: {mark}"] if mark else []
            writer.packet(
                float(number), Datagram(*ends, octets, ESP), comments=comments, inbound=not from_target
            )
        writer.close({"window_s": 1.0, "finished": True}, drops=0)
    return observe(read(path), ["192.0.2.1"], **options)


PING = (False, packet(IN, 1, ASKED), "ping")
PONG = (True, packet(OUT, 1, ASKED._replace(is_reply=True)), "")


def test_a_packet_is_opened_by_its_spi(tmp_path: Path) -> None:
    """SPI, number, inner packet and echo are in the trace, and told in words."""
    trace = traced(tmp_path, [PING, PONG], [IN, OUT])
    ping, pong = trace.packets

    assert (ping.packet.spi, ping.packet.number, ping.packet.echo) == (b"in__", 1, ASKED)
    assert pong.packet.opened
    assert conversation(trace)[1].line == (
        f"ESP, SPI {b'out_'.hex()}, number 1 {{ {LOCAL} > {REMOTE} echo reply 7/1 }}"
    )


def test_the_answer_of_a_ping_is_told_by_its_echo(tmp_path: Path) -> None:
    """Among packets of the target the one with the reply to the very echo answers it."""
    other = (True, packet(OUT, 2, OTHER._replace(is_reply=True)), "")
    trace = traced(tmp_path, [PING, other, PONG], [IN, OUT])
    (pong,) = trace.pongs_to("ping").value

    assert pong.packet.number == 1


def test_no_answer_is_certain_when_every_packet_opened(tmp_path: Path) -> None:
    """With all keys the absence of an answer can be relied upon."""
    pongs = traced(tmp_path, [PING], [IN, OUT]).pongs_to("ping")

    assert (pongs.present, pongs.doubt) == (False, None)


@pytest.mark.parametrize("keys", [[], [IN]])
def test_without_keys_there_is_doubt(tmp_path: Path, keys: list[EspSa]) -> None:
    """A packet that nobody can open may be the answer, and one that can't be read asks nothing."""
    pongs = traced(tmp_path, [PING, PONG], keys).pongs_to("ping")

    assert (pongs.present, pongs.doubt) == (False, Doubt.NO_KEYS)


def test_a_mark_that_is_not_there_is_not_asked(tmp_path: Path) -> None:
    """What never reached the target proves nothing."""
    trace = traced(tmp_path, [PING], [IN, OUT])

    assert trace.pongs_to("else").doubt is Doubt.NOT_ASKED
    assert trace.packets_after("else").doubt is Doubt.NOT_ASKED


def test_packets_after_a_mark_are_all_of_them(tmp_path: Path) -> None:
    """Whether it opens or not, an ESP packet of the target is one."""
    stray = (True, b"\x77" * 40, "")
    trace = traced(tmp_path, [PONG, PING, PONG, stray], [IN, OUT])

    assert [each.number for each in trace.packets_after("ping").value] == [3, 4]


def test_extended_numbers_are_followed(tmp_path: Path) -> None:
    """From packet to packet the subspace is inferred, over its end and back for one that came late."""
    sa = sa_of(b"in__", esn=True)
    numbers = [5, 2**32 - 1, 2**32 + 3, 2**32 - 7]
    said = [(False, packet(sa, number, ASKED), "") for number in numbers]
    trace = traced(tmp_path, said, [sa])

    assert [each.packet.number for each in trace.packets] == numbers


def test_what_does_not_open_says_why(tmp_path: Path) -> None:
    """A packet whose keys are known and whose ICV does not hold is told apart from one without keys."""
    broken = packet(IN, 1, ASKED)[:-1] + b"\0"
    spoiled, unknown = traced(tmp_path, [(False, broken, ""), (False, b"\x77" * 40, "")], [IN]).packets

    assert (spoiled.packet.known, spoiled.packet.opened, spoiled.packet.why) == (
        True,
        False,
        "the ICV does not hold",
    )
    assert (unknown.packet.known, unknown.packet.why) == (False, "")


def test_odd_packets_are_told(tmp_path: Path) -> None:
    """A dummy, a payload that is no packet, and padding that does not count up are named."""
    dummy = protect(IN, 1, b"x" * 20, NO_NEXT_HEADER, bytes(8))
    empty = protect(IN, 2, b"", 4, bytes(8))
    padded = protect(IN, 3, ip_packet(echo_datagram(REMOTE, LOCAL, ASKED)), 4, bytes(8), padding=b"\0\0\0")
    trace = traced(tmp_path, [(False, each, "") for each in (dummy, empty, padded)], [IN])

    assert [each.packet.why for each in trace.packets] == ["a dummy packet", "0 octets hold no IP packet", ""]
    assert trace.packets[2].packet.notes == ("its padding is 000000",)
    assert "its padding is 000000" in conversation(trace)[2].payloads


def test_keys_of_esp_that_cannot_be_read_are_a_problem(tmp_path: Path) -> None:
    """Hostile keys in evidence are named, not raised."""
    trace = traced(
        tmp_path, [PING], [IN], extra_secrets=[{"esp": "zz"}, {"esp": 5}, {"esp": "", "encr": "x"}]
    )

    assert len(trace.problems) == 3


# Packets in clear


PAIR = Protected(
    (Side(b"\xc6\x33\x64\x00", b"\xc6\x33\x64\xff"),), (Side(b"\xcb\x00\x71\x00", b"\xcb\x00\x71\xff"),), 0
)


@pytest.mark.parametrize(
    ("protocol", "port", "covered"),
    [(17, 53, True), (17, 54, False), (6, 53, False), (1, 0, False), (1, 53, False)],
)
def test_protocol_and_ports_of_a_selector_count(protocol: int, port: int, covered: bool) -> None:
    """A Child SA for one port of UDP is for nothing else (RFC 7296 section 3.13.1)."""
    dns = replace(PAIR, remote=(PAIR.remote[0]._replace(protocol=17, ports=(53, 53)),))

    assert dns.covers(Datagram(Endpoint(LOCAL, 9), Endpoint(REMOTE, port), b"", protocol)) is covered


def test_a_pair_covers_what_goes_from_the_target_to_the_peer() -> None:
    """Direction and both addresses count."""
    ends = {
        (LOCAL, REMOTE): True,
        (REMOTE, LOCAL): False,
        (LOCAL, "192.0.2.2"): False,
        ("2001:db8::1", REMOTE): False,
    }

    covered = {
        each: PAIR.covers(Datagram(Endpoint(each[0], 0), Endpoint(each[1], 0), b"", 1)) for each in ends
    }

    assert covered == ends


@pytest.mark.parametrize(
    ("number", "ends", "protocol", "inbound", "leaks"),
    [
        (9, (LOCAL, REMOTE), 1, False, True),
        (9, (LOCAL, REMOTE), 17, None, True),
        (9, (LOCAL, REMOTE), 1, True, False),
        (9, (LOCAL, REMOTE), ESP, False, False),
        (9, (REMOTE, LOCAL), 1, False, False),
        (0, (LOCAL, REMOTE), 1, False, False),
        (9, ("198.51.100.254", REMOTE), 1, False, False),
    ],
)
def test_what_leaks_is_told_from_what_may_be_in_clear(
    number: int, ends: tuple[str, str], protocol: int, inbound: bool | None, leaks: bool
) -> None:
    """A packet from side to side outside ESP leaks; not what comes in, what was before, or what the target says itself."""
    datagram = Datagram(Endpoint(ends[0], 0), Endpoint(ends[1], 0), b"", protocol)
    frame = Frame(number, 0.0, datagram, (), None, b"", None, 0, inbound)

    assert bool(in_clear([frame], (PAIR,), frozenset({"198.51.100.254"}))) is leaks


def _quick(number: int, from_target: bool, *payloads: v1.Payload) -> Seen:
    octets = Message(b"i" * 8, b"r" * 8, Exchange.QUICK_MODE, 1, 77, (), version=0x10).encode()
    ends = (TARGET, PEER) if from_target else (PEER, TARGET)
    return Seen(number, 0.0, *ends, from_target, Kind.IKE, octets, Header.read(octets), inner=payloads)


@pytest.mark.parametrize("by_target", [False, True])
def test_what_quick_mode_protects_is_read_from_its_identities(by_target: bool) -> None:
    """IDci is the initiator's side, IDcr the responder's, whoever that is (RFC 2409 section 5.5)."""
    peers = v1.Identification(IdTypeV1.ID_IPV4_ADDR_SUBNET, 0, 0, b"\xcb\x00\x71\x00\xff\xff\xff\x00")
    ours = v1.Identification(IdTypeV1.ID_IPV4_ADDR_RANGE, 0, 0, b"\xc6\x33\x64\x00\xc6\x33\x64\xff")
    named = (ours, peers) if by_target else (peers, ours)
    said = [_quick(1, by_target, *named), _quick(2, not by_target, *named)]
    (pair,) = protected(said)

    assert (pair.local, pair.remote, pair.since) == (PAIR.local, PAIR.remote, 2)


def test_identities_that_name_no_addresses_protect_nothing() -> None:
    """A name, or one identity alone, says nothing about traffic."""
    name = v1.Identification(IdTypeV1.ID_FQDN, 0, 0, b"example")

    assert protected([_quick(1, False, name, name), _quick(2, True, name, name)]) == ()
    assert protected([_quick(1, False), _quick(2, True)]) == ()


def test_a_subnet_cut_short_protects_nothing() -> None:
    """An identity whose octets are no address and mask is read as no traffic, and raises nothing."""
    cut = v1.Identification(IdTypeV1.ID_IPV4_ADDR_SUBNET, 0, 0, b"\xcb\x00\x71\x00\xff\xff\xff")

    assert protected([_quick(1, False, cut, cut), _quick(2, True, cut, cut)]) == ()


@pytest.mark.parametrize(("octets", "seconds"), [(b"\x0e\x10", 3600.0), (b"\xff" * 400, None)])
def test_a_lifetime_beyond_all_sense_is_none(octets: bytes, seconds: float | None) -> None:
    """An SA_LIFE_DURATION may have hundreds of octets (RFC 2407 section 4.5); a Child SA that agreed on one has no end."""
    lifetime = (
        v1.Attribute(AttributeP2.SA_LIFE_TYPE, LifeType.SECONDS),
        v1.Attribute(AttributeP2.SA_LIFE_DURATION, octets),
    )
    offers = [
        v1.SecurityAssociation(
            proposals=(
                v1.Proposal(protocol=Protocol.ESP, spi=spi, transforms=(v1.Transform(attributes=lifetime),)),
            )
        )
        for spi in (b"peer", b"ours")
    ]
    (child,) = Children.of([_quick(1, False, offers[0]), _quick(2, True, offers[1])]).made

    assert child.seconds == seconds
