"""Who speaks IKE in a capture, and who starts it."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.capture import read
from harness.capture.frame import Frame
from harness.observe.speakers import Speaker, speakers
from harness.wire.datagram import Datagram, Endpoint

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
NOBODY, SPI = bytes(8), b"responds"


def message(
    exchange: int, version: int = 0x20, flags: int = 0x08, spi_r: bytes = NOBODY, spi: bytes = b"initiate"
) -> bytes:
    """The header of an IKE message."""
    return spi + spi_r + bytes([0, version, exchange, flags]) + bytes(4) + b"\0\0\0\x1c"


def frames(*datagrams: tuple[str, str, int, bytes]) -> list[Frame]:
    """Frames with those senders, receivers, ports and octets."""
    return [
        Frame(
            number,
            0.0,
            Datagram(Endpoint(source, port), Endpoint(destination, port), data),
            (),
            None,
            data,
            None,
        )
        for number, (source, destination, port, data) in enumerate(datagrams, start=1)
    ]


def by_address(found: tuple[Speaker, ...]) -> dict[str, Speaker]:
    """The speakers by their names."""
    return {each.address: each for each in found}


def test_who_starts_is_told() -> None:
    """One IKE SA is begun once, however often its first message is sent."""
    ask, answer = message(34), message(34, flags=0x20, spi_r=SPI)
    found = by_address(
        speakers(
            frames(("a::1", "a::2", 500, ask), ("a::1", "a::2", 500, ask), ("a::2", "a::1", 500, answer))
        )
    )

    assert (found["a::1"].started, found["a::1"].asked) == ({"a::2": 1}, {})
    assert (found["a::2"].started, found["a::2"].asked) == ({}, {"a::1": 1})
    assert (found["a::1"].sent, found["a::1"].received) == (2, 1)


def test_who_is_asked_stands_first() -> None:
    """The address that most IKE SAs are asked of is most likely the device."""
    asks = [(f"192.0.2.{n}", "192.0.2.9", 500, message(2, 0x10, 0, spi=bytes([n]) * 8)) for n in (3, 1, 2)]

    assert speakers(frames(*asks))[0].address == "192.0.2.9"


def test_a_refusal_starts_nothing() -> None:
    """A response without a responder's SPI, as a cookie comes in, is nobody's start (RFC 7296 section 2.6)."""
    found = by_address(speakers(frames(("192.0.2.1", "192.0.2.2", 500, message(34, flags=0x20)))))

    assert not found["192.0.2.1"].started


def test_ports_are_those_of_ike() -> None:
    """On other ports IKE is found when they are named, behind the marker on those mapped to 4500."""
    datagrams = frames(
        ("192.0.2.1", "192.0.2.2", 10500, message(34)),
        ("192.0.2.3", "192.0.2.4", 14500, bytes(4) + message(34)),
    )

    assert speakers(datagrams) == ()
    assert [each.address for each in speakers(datagrams, [10500], [14500]) if each.started] == [
        "192.0.2.1",
        "192.0.2.3",
    ]


def test_a_golden_capture_names_its_initiator() -> None:
    """In a real capture the initiator is known by what it sends."""
    found = by_address(speakers(read(GOLDEN / "oi-ro-v2.pcap").frames))

    assert found["10.9.0.2"].started.keys() == {"10.9.0.1"}
    assert not found["10.9.0.1"].started


@given(
    st.lists(
        st.tuples(
            st.just("192.0.2.1"),
            st.just("192.0.2.2"),
            st.sampled_from([500, 4500, 7]),
            st.binary(max_size=40),
        )
    )
)
def test_any_octets_are_heard(datagrams: list[tuple[str, str, int, bytes]]) -> None:
    """Whatever is sent, what one sends the other receives."""
    found = speakers(frames(*datagrams))

    assert sum(each.sent for each in found) == sum(each.received for each in found)
