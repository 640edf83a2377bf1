"""IP fragments: put together in any order, bounded in memory, never guessed."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture import read
from harness.capture.layers import Dissector
from harness.capture.notes import Tally
from harness.capture.reassembly import Reassembly
from harness.wire.datagram import Datagram, Endpoint
from harness.wire.packet import ip_packet

LONG = Datagram(Endpoint("192.0.2.2", 500), Endpoint("192.0.2.1", 500), bytes(range(256)) * 8)
LONG_6 = Datagram(Endpoint("2001:db8::2", 500), Endpoint("2001:db8::1", 500), bytes(range(256)) * 8)


def fragments(packet: bytes, sizes: list[int]) -> list[bytes]:
    """An IPv4 packet in fragments of so many units of 8 octets each, and one of the rest."""
    content, out, at = packet[20:], [], 0
    for size in [*(8 * size for size in sizes), len(content)]:
        part = content[at : at + size]
        if not part:
            break
        more = 0x2000 if at + size < len(content) else 0
        head = struct.pack("!BBHHH", 0x45, 0, 20 + len(part), 77, more | at // 8)
        out.append(head + packet[8:20] + part)
        at += size
    return out


def fragments_6(packet: bytes, size: int) -> list[bytes]:
    """An IPv6 packet in fragments of `size` octets."""
    content = packet[40:]
    out = []
    for at in range(0, len(content), size):
        part = content[at : at + size]
        head = struct.pack("!BBHI", 17, 0, at | (at + size < len(content)), 99) + part
        out.append(struct.pack("!IHBB", 6 << 28, len(head), 44, 64) + packet[8:40] + head)
    return out


def found(packets: list[bytes], step_s: float = 0.0) -> list[Datagram]:
    """The datagrams in these packets."""
    dissector = Dissector(Tally("others"))
    every = [dissector.dissect(101, packet, step_s * n).datagram for n, packet in enumerate(packets)]
    return [datagram for datagram in every if datagram is not None]


@given(sizes=st.lists(st.integers(1, 100), max_size=10), data=st.data())
def test_fragments_in_any_order(sizes: list[int], data: st.DataObject) -> None:
    """Fragments of any sizes in any order give the datagram, once."""
    packets = data.draw(st.permutations(fragments(ip_packet(LONG, 1), sizes)))

    assert found(packets) == [LONG]


def test_ipv6_fragments() -> None:
    """IPv6 fragments give the datagram too."""
    assert found(fragments_6(ip_packet(LONG_6, 0), 512)[::-1]) == [LONG_6]


def test_datagram_is_in_the_last_frame() -> None:
    """The datagram belongs to the frame that completes it; the frames before say that they are fragments."""
    dissector = Dissector(Tally("others"))
    every = [dissector.dissect(101, packet, 0.0) for packet in fragments(ip_packet(LONG, 1), [100, 100])]

    assert [one.datagram for one in every] == [None, None, LONG]
    assert every[0].why == "an IP fragment; the datagram is in the frame of its last one"


def test_copy_of_a_fragment_is_no_overlap() -> None:
    """A fragment that the network doubled is passed over."""
    first, second = fragments(ip_packet(LONG, 1), [100])

    assert found([first, first, second]) == [LONG]


def test_overlapping_fragments_give_nothing() -> None:
    """Fragments that overlap give no datagram (RFC 5722)."""
    reassembly = Reassembly()
    reassembly.add("key", 0, True, b"a" * 16, 0.0)
    reassembly.add("key", 8, True, b"c" * 16, 0.0)

    assert reassembly.add("key", 16, False, b"b" * 16, 0.0) == "IP fragments that overlap"


def test_fragments_in_one_place_contradict_each_other() -> None:
    """Two fragments that put different octets in one place give no datagram."""
    reassembly = Reassembly()
    reassembly.add("key", 0, True, b"a" * 16, 0.0)

    assert reassembly.add("key", 0, True, b"c" * 16, 0.0) == "IP fragments that overlap"


def test_two_ends_contradict_each_other() -> None:
    """Two last fragments that end in different places give no datagram."""
    reassembly = Reassembly()
    reassembly.add("key", 16, False, b"b" * 16, 0.0)

    assert reassembly.add("key", 24, False, b"b" * 16, 0.0) == "IP fragments that overlap"


@pytest.mark.parametrize(
    ("offset", "more", "data"),
    [(0, True, b""), (0, True, b"1234567"), (65_528, False, b"12345678"), (8, False, b"")],
    ids=["empty", "odd", "beyond", "empty last"],
)
def test_impossible_fragment_is_refused(offset: int, more: bool, data: bytes) -> None:
    """A fragment that no sender could make starts no reassembly."""
    reassembly = Reassembly()
    answer = reassembly.add("key", offset, more, data, 0.0)

    assert (isinstance(answer, str), reassembly.unfinished) == (True, 0)


def test_late_fragment_starts_anew() -> None:
    """A fragment more than a minute after the first belongs to another datagram with the same number."""
    assert found(fragments(ip_packet(LONG, 1), [100]), step_s=61.0) == []


def test_unfinished_datagrams_are_bounded() -> None:
    """Of a flood of first fragments 64 are kept; the others count as given up."""
    reassembly = Reassembly()
    for number in range(10_000):
        reassembly.add(number, 0, True, bytes(1480), 0.0)

    assert (len(reassembly._partials), reassembly.given_up) == (64, 10_000 - 64)


def test_unfinished_datagrams_are_said(tmp_path: Path) -> None:
    """A file whose fragments do not make a datagram says so."""
    first = fragments(ip_packet(LONG, 1), [100])[0]
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0, 101)
    (tmp_path / "c.pcap").write_bytes(head + struct.pack("<IIII", 0, 0, len(first), len(first)) + first)

    assert read(tmp_path / "c.pcap").problems == (
        "an IP datagram lacks fragments, or has fragments that overlap",
    )
