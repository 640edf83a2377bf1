"""Packets as the peer sends and takes them: its own window, its own counters, every bend."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import SeededEntropy
from harness.codes import Encr, Integ
from harness.peer import Ask, Initiator, Note, Ping, Send
from harness.peer.flows import WINDOW, Flow
from harness.profile import DEFAULT
from harness.sa.esp import EspContent, EspSa, header, protect, unprotect
from harness.sa.opened import Sealed
from harness.wire.datagram import ESP, UDP, Datagram, Endpoint
from harness.wire.packet import NO_NEXT_HEADER, Echo, echo_datagram, ip_packet, read_echo, read_packet

HERE, HERE_NATT = Endpoint("192.0.2.2", 500), Endpoint("192.0.2.2", 4500)
THERE, THERE_NATT = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)
HALF = 1 << 32


def sa_of(spi: bytes, *, esn: bool = False) -> EspSa:
    """One direction under a key that is no secret."""
    return EspSa(spi, Encr.ENCR_AES_GCM_16, 128, Integ.NONE, esn, bytes(range(20)), b"")


class Child:
    """What a script holds of a pair of IPsec SAs."""

    spi_in = b"in__"


@pytest.fixture
def alice() -> Initiator:
    """A peer with one pair of IPsec SAs."""
    made = Initiator("alice", DEFAULT.mirrored(), SeededEntropy(1), HERE, HERE_NATT, THERE, THERE_NATT)
    made.flows[b"in__"] = Flow(sa_of(b"in__"), sa_of(b"out_"))
    made.ike.local, made.ike.remote, made.ike.children = HERE, THERE, [Child()]
    return made


def opened(send: Send, number: int) -> EspContent:
    """What a packet of the peer holds."""
    content = unprotect(sa_of(b"out_"), send.data, number)
    assert isinstance(content, EspContent)
    return content


# The window


@given(numbers=st.lists(st.integers(1, 200), max_size=60))
def test_a_number_comes_once_and_not_too_late(numbers: list[int]) -> None:
    """The flow lets in what a memory without bounds would let in, and keeps no more than its window."""
    flow, seen = Flow(sa_of(b"in__"), sa_of(b"out_")), set[int]()
    for number in numbers:
        fresh = number not in seen and number > max(seen, default=0) - WINDOW
        taken = flow.number_of(protect(sa_of(b"in__"), number, b"", 4, bytes(8)))
        assert (taken is not None) is fresh
        if fresh:
            seen.add(number)
            flow.came(number)
    assert len(flow.recent) <= WINDOW


@given(start=st.integers(WINDOW, HALF * HALF - HALF), jump=st.integers(1, HALF - WINDOW))
def test_extended_numbers_are_found_from_their_lower_half(start: int, jump: int) -> None:
    """A packet far ahead, over a boundary or not, is taken for the number that it was sent under."""
    flow = Flow(sa_of(b"in__", esn=True), sa_of(b"out_", esn=True), highest=start)
    packet = protect(sa_of(b"in__", esn=True), start + jump, b"", 4, bytes(8))

    assert flow.number_of(packet) == start + jump


@given(octets=st.binary(max_size=60), udp=st.booleans())
def test_hostile_packets_are_values(octets: bytes, udp: bool) -> None:
    """Whatever comes in as ESP is not answered, for a reason; nothing raises."""
    made = Initiator("alice", DEFAULT.mirrored(), SeededEntropy(1), HERE, HERE_NATT, THERE, THERE_NATT)
    made.flows[b"in__"] = Flow(sa_of(b"in__"), sa_of(b"out_"))
    ends = (THERE_NATT, HERE_NATT) if udp else (THERE._replace(port=0), HERE._replace(port=0))
    received = made.receive(Datagram(*ends, b"in__" + octets, UDP if udp else ESP), 0.0)

    assert (received.send, received.packet) == ((), None)
    assert received.why


# What is sent


def test_a_ping_asked_again_is_another_packet_with_the_same_echo(alice: Initiator) -> None:
    """Packets count from 1; the echo in them is the same, so that any answer will do."""
    ping = alice.ping(mark="p")
    assert isinstance(ping, Ping)
    sent = [ping.packet() for _ in range(3)]
    echoes = {read_echo(read_packet(opened(each, n).data)) for n, each in enumerate(sent, 1)}

    assert [header(each.data) for each in sent] == [(b"out_", 1), (b"out_", 2), (b"out_", 3)]
    assert len(echoes) == 1


def test_a_ping_goes_as_its_ike_sa_does(alice: Initiator) -> None:
    """Beside UDP from and to no port, in UDP between the NAT ports once the IKE SA is there, or as the script bids."""
    ways = []
    for natt, udp in ((False, None), (False, True), (True, None), (True, False)):
        alice.ike.natt = natt
        ping = alice.ping(udp=udp)
        assert isinstance(ping, Ping)
        sent = ping.packet()
        ways.append((sent.protocol, sent.source.port, sent.destination.port))

    assert ways == [(ESP, 0, 0), (UDP, 4500, 4500), (UDP, 500, 500), (ESP, 0, 0)]


def test_the_very_packet_can_be_sent_again(alice: Initiator) -> None:
    """`again` sends the octets of the last packet under a mark, whatever the protocol."""
    ping = alice.ping(mark="p")
    assert isinstance(ping, Ping)
    first = ping.packet()
    again = alice.again("p", mark="again")

    assert isinstance(again, Send)
    assert (again.data, again.protocol, again.mark) == (first.data, ESP, "again")


@pytest.mark.parametrize(
    ("bends", "why"),
    [
        ({"spi": b"else"}, (b"else", 1)),
        ({"number": 99}, (b"out_", 99)),
        ({"bend": lambda packet: packet[:4] + bytes(4) + packet[8:]}, (b"out_", 0)),
    ],
)
def test_headers_can_be_bent(alice: Initiator, bends: dict[str, Any], why: tuple[bytes, int]) -> None:
    """SPI, number and octets are what the script says, and such a packet makes no claim on an answer."""
    ping = alice.ping(**bends)
    assert isinstance(ping, Ping)
    sent = ping.packet()

    assert header(sent.data) == why
    assert sent.hostile


def test_content_can_be_bent(alice: Initiator) -> None:
    """Inner octets, Next Header and padding are what the script says, under an ICV that holds."""
    ping = alice.ping(inner=b"12345678", next_header=77, padding=b"\x09\x09", pad_length=2)
    assert isinstance(ping, Ping)

    assert opened(ping.packet(), 1) == EspContent(b"12345678", 77, b"\x09\x09")


def test_a_dummy_says_that_it_is_one(alice: Initiator) -> None:
    """RFC 4303 section 2.6."""
    dummy = alice.dummy_packet()
    assert isinstance(dummy, Send)

    assert opened(dummy, 1).next_header == NO_NEXT_HEADER


def test_without_a_child_there_is_a_note() -> None:
    """A script whose Child SA never came to be is told so, and goes on."""
    made = Initiator("alice", DEFAULT.mirrored(), SeededEntropy(1), HERE, HERE_NATT, THERE, THERE_NATT)

    assert isinstance(made.ping(), Note)
    assert isinstance(made.dummy_packet(), Note)


# What is taken


def _asked(number: int = 1) -> Datagram:
    inner = ip_packet(echo_datagram("198.51.100.1", "203.0.113.1", Echo(False, 7, 1, b"abc")))
    packet = protect(sa_of(b"in__"), number, inner, 4, number.to_bytes(8, "big"))
    return Datagram(THERE._replace(port=0), HERE._replace(port=0), packet, ESP)


def test_an_echo_of_the_target_is_answered(alice: Initiator) -> None:
    """An echo request comes back as its reply, the way it came."""
    (answer,) = alice.receive(_asked(), 0.0).send
    content = unprotect(sa_of(b"out_"), answer.data, 1)
    assert isinstance(content, EspContent)
    inner = read_packet(content.data)

    assert (answer.source, answer.destination, answer.protocol) == (
        HERE._replace(port=0),
        THERE._replace(port=0),
        ESP,
    )
    assert inner == echo_datagram("203.0.113.1", "198.51.100.1", Echo(True, 7, 1, b"abc"))


def test_a_script_can_take_the_answer_away(alice: Initiator) -> None:
    """Under `ignores` an echo of the target has no answer."""
    alice.ignores(Ask.ECHO)

    assert alice.receive(_asked(), 0.0).send == ()


def test_a_packet_that_came_before_is_not_taken(alice: Initiator) -> None:
    """The peer keeps a window of its own."""
    alice.receive(_asked(), 0.0)
    again = alice.receive(_asked(), 0.0)

    assert (again.send, again.packet) == ((), None)


def test_a_broken_packet_moves_no_window(alice: Initiator) -> None:
    """What does not open counts for nothing."""
    spoiled = _asked(500)
    spoiled = spoiled._replace(data=spoiled.data[:-1] + bytes([spoiled.data[-1] ^ 1]))

    assert isinstance(unprotect(sa_of(b"in__"), spoiled.data, 500), Sealed)
    assert alice.receive(spoiled, 0.0).packet is None
    assert alice.receive(_asked(2), 0.0).packet is not None
