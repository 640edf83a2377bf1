"""TCP streams in captures: messages written as segments, segments read as messages (RFC 9329)."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture import read
from harness.capture.pcapng import Writer
from harness.capture.streams import MOST, Segments, Streams, read_segment
from harness.observe import observe
from harness.wire import Message, v2
from harness.wire.datagram import TCP_STREAM, Datagram, Endpoint, Kind
from harness.wire.packet import TCP

ALICE, TARGET = Endpoint("192.0.2.2", 40_000), Endpoint("192.0.2.1", 4500)
INIT = Message(b"initiate", bytes(8), 34, 8, 0, (v2.Nonce(bytes(16)),)).encode()


def _message(data: bytes, *, by_target: bool = False) -> Datagram:
    ends = (TARGET, ALICE) if by_target else (ALICE, TARGET)
    return Datagram(*ends, data, TCP_STREAM)


def _segments(*messages: Datagram) -> list[Datagram]:
    writer = Segments()
    return [each for message in messages for each in writer.of(message)]


def _read(segments: list[Datagram]) -> list[Datagram]:
    streams = Streams()
    return [message for each in segments for message in streams.messages(each)]


TALK = (
    _message(b"\0\0\0\0first"),
    _message(b"\0\0\0\0answer", by_target=True),
    _message(b"\xff"),
    _message(b"\0\0\0\0second"),
)


def test_what_is_written_is_read() -> None:
    """Messages of both directions come out of their segments, in their order."""
    assert _read(_segments(*TALK)) == list(TALK)


def test_a_long_message_takes_several_segments() -> None:
    """A message may be longer than an IP packet has room for."""
    long = _message(bytes(65_533))
    segments = _segments(long)

    assert len(segments) == 2
    assert _read(segments) == [long]


def test_the_originators_stream_alone_begins_with_the_prefix() -> None:
    """Whoever speaks first is the originator (section 4)."""
    payloads = [read_segment(each.data).payload for each in _segments(*TALK)]

    assert [payload.startswith(b"IKETCP") for payload in payloads] == [True, False, False, False]


@given(st.permutations(range(4)))
def test_segments_out_of_order_are_put_in_order(order: list[int]) -> None:
    """Once the connection is known, what overtook waits for what comes late."""
    one, *rest = _segments(*(_message(bytes((number,)) * 9) for number in range(5)))

    assert [message.data[0] for message in _read([one, *(rest[place] for place in order)])] == [0, 1, 2, 3, 4]


def test_retransmitted_segments_count_once() -> None:
    """The same octets come once, also where a retransmission reaches further."""
    segments = _segments(*TALK)

    assert _read([segments[0], segments[0], *segments[1:], segments[3]]) == list(TALK)


def test_other_connections_are_left_alone() -> None:
    """Without the prefix a connection is none of these."""
    web = Datagram(ALICE, TARGET, _segments(TALK[0])[0].data.replace(b"IKETCP", b"GET / "), TCP)

    assert Streams().messages(web) == ()


@given(st.binary(max_size=60), st.booleans())
def test_any_segment_is_survived(octets: bytes, known: bool) -> None:
    """Nothing raises, whatever stands behind the IP header."""
    streams = Streams()
    if known:
        streams.messages(_segments(TALK[0])[0])

    streams.messages(Datagram(ALICE, TARGET, octets, TCP))


def test_the_connections_that_are_followed_are_bounded() -> None:
    """The oldest goes first."""
    streams = Streams()
    for port in range(2 * MOST):
        (segment,) = _segments(Datagram(Endpoint("192.0.2.2", 1024 + port), TARGET, b"x", TCP_STREAM))
        streams.messages(segment)

    assert len(streams._directions) <= 2 * MOST


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """A file with a stream in it."""
    path = tmp_path / "stream.pcapng"
    with Writer(path, {"format": 1}) as writer:
        writer.packet(1.0, _message(bytes(4) + INIT), comments=("mark: init",), inbound=True)
        writer.packet(2.0, _message(b"\xff", by_target=True), inbound=False)
        writer.close({"finished": True})
    return path


def test_a_message_of_a_stream_is_observed_as_one(evidence: Path) -> None:
    """In a trace it is IKE with its mark, and a keepalive is one."""
    trace = observe(read(evidence), ["192.0.2.1"])

    assert [(each.kind, each.marks) for each in trace.seen] == [(Kind.IKE, ("init",)), (Kind.KEEPALIVE, ())]
    assert trace.seen[0].octets == INIT
