"""What the writer puts on disk, and when."""

import stat
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture import Writer, read
from harness.wire.datagram import ESP, Datagram, Endpoint
from harness.wire.packet import checksum

ALICE = Endpoint("192.0.2.2", 500)
TARGET = Endpoint("192.0.2.1", 500)
REQUEST = Datagram(ALICE, TARGET, b"request")

ports = st.integers(0, 0xFFFF)
octets = st.binary(max_size=300)


def endpoints(version: int) -> st.SearchStrategy[tuple[Endpoint, Endpoint]]:
    """Two endpoints of one address family."""
    endpoint = st.builds(Endpoint, st.ip_addresses(v=version).map(str), ports)
    return st.tuples(endpoint, endpoint)


udp = st.builds(lambda ends, data: Datagram(ends[0], ends[1], data), endpoints(4) | endpoints(6), octets)
nanoseconds = st.integers(0, 2_000_000_000 * 10**9)
comments = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=3)
packets = st.lists(st.tuples(nanoseconds, udp, comments, st.none() | st.booleans()), max_size=8)
values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
objects = st.dictionaries(st.text(max_size=10), values | st.lists(values, max_size=3), max_size=5)


@settings(deadline=None)
@given(packets=packets)
def test_packets_survive(packets: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every datagram comes back with its nanosecond, its comments and its direction."""
    path = tmp_path_factory.mktemp("capture") / "c.pcapng"
    with Writer(path, {}) as writer:
        for stamp, datagram, said, inbound in packets:
            writer.packet(stamp / 10**9, datagram, comments=said, inbound=inbound)
        writer.close({})

    found = [(f.time, f.datagram, list(f.comments), f.inbound) for f in read(path).frames]
    assert found == [(t / 10**9, d, c, i) for t, d, c, i in packets]


@settings(deadline=None)
@given(opening=objects, secrets=st.lists(objects, max_size=3), closing=objects)
def test_what_is_said_survives(
    opening: dict, secrets: list[dict], closing: dict, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Opening, secrets and closing come back as the objects they were."""
    path = tmp_path_factory.mktemp("capture") / "c.pcapng"
    with Writer(path, opening) as writer:
        for secret in secrets:
            writer.secret(secret)
        writer.close(closing)

    capture = read(path)
    assert (capture.opening, list(capture.secrets), capture.closing) == (opening, secrets, closing)


def test_file_is_private(tmp_path: Path) -> None:
    """A capture holds keys, so its mode is 0600 even where a file open to all was in its place."""
    path = tmp_path / "c.pcapng"
    path.touch(mode=0o644)
    Writer(path, {}).close({})

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_block_is_on_disk_at_once(tmp_path: Path) -> None:
    """What was written can be read while the writer still has the file open."""
    with Writer(tmp_path / "c.pcapng", {"case": "a"}) as writer:
        writer.packet(1.0, REQUEST)
        frames = read(tmp_path / "c.pcapng").frames

    assert [frame.datagram for frame in frames] == [REQUEST]


def test_without_closing_block_it_was_cut_off(tmp_path: Path) -> None:
    """A writer that is abandoned leaves a file whose silence proves nothing."""
    with Writer(tmp_path / "c.pcapng", {"case": "a"}) as writer:
        writer.packet(1.0, REQUEST)

    capture = read(tmp_path / "c.pcapng")
    assert (capture.cut_off, capture.closing) == (True, None)


def test_closed_file_is_whole(tmp_path: Path) -> None:
    """A file with its closing block is not cut off and has no problems."""
    Writer(tmp_path / "c.pcapng", {"case": "a"}).close({"window_s": 5})

    capture = read(tmp_path / "c.pcapng")
    assert (capture.cut_off, capture.problems) == (False, ())


@pytest.mark.parametrize(("drops", "expected"), [(0, 0), (7, 7), (None, None), ({0: 1, 1: 4}, 5)])
def test_drop_counters(drops: object, expected: int | None, tmp_path: Path) -> None:
    """Drop counters add up over the taps; a tap that cannot count leaves them unknown."""
    writer = Writer(tmp_path / "c.pcapng", {})
    writer.add_interface("second")
    writer.close({}, drops=drops)

    assert read(tmp_path / "c.pcapng").drops == expected


def test_frames_are_numbered_from_one(tmp_path: Path) -> None:
    """The writer's frame numbers are the reader's."""
    with Writer(tmp_path / "c.pcapng", {}) as writer:
        numbers = [writer.packet(0.0, REQUEST) for _ in range(3)]

    assert numbers == [frame.number for frame in read(tmp_path / "c.pcapng").frames] == [1, 2, 3]


def test_retransmission_is_no_copy(tmp_path: Path) -> None:
    """The same datagram sent twice has two IPv4 Identifications."""
    with Writer(tmp_path / "c.pcapng", {}) as writer:
        writer.packet(0.0, REQUEST)
        writer.packet(0.0, REQUEST)

    first, second = read(tmp_path / "c.pcapng").frames
    assert first.ip_id != second.ip_id


def test_long_objects_take_several_comments(tmp_path: Path) -> None:
    """Observations longer than one option can hold come back whole."""
    closing = {"observations": [{"t": n, "what": "log", "value": "x" * 90} for n in range(5000)]}
    Writer(tmp_path / "c.pcapng", {"notes": "y" * 200_000}).close(closing)

    capture = read(tmp_path / "c.pcapng")
    assert (capture.opening, capture.closing) == ({"notes": "y" * 200_000}, closing)


@pytest.mark.parametrize("protocol", [ESP, 1, 58])
def test_other_protocols_have_no_ports(protocol: int, tmp_path: Path) -> None:
    """ESP and ICMP come back under port 0."""
    sent = Datagram(Endpoint("192.0.2.2", 0), Endpoint("192.0.2.1", 0), b"\1" * 40, protocol)
    with Writer(tmp_path / "c.pcapng", {}) as writer:
        writer.packet(0.0, sent)

    assert read(tmp_path / "c.pcapng").frames[0].datagram == sent


def test_tcp_segment_comes_back_whole(tmp_path: Path) -> None:
    """A TCP datagram is its whole segment, and its ports are the segment's."""
    segment = struct.pack("!HHIIBBHHH", 33000, 4500, 1, 0, 0x50, 2, 1000, 0, 0)
    sent = Datagram(Endpoint("192.0.2.2", 33000), Endpoint("192.0.2.1", 4500), segment, 6)
    with Writer(tmp_path / "c.pcapng", {}) as writer:
        writer.packet(0.0, sent)

    assert read(tmp_path / "c.pcapng").frames[0].datagram == sent


def test_second_tap_is_told_apart(tmp_path: Path) -> None:
    """A frame of another tap, of another link type, names its interface."""
    ethernet = bytes(12) + b"\x08\x06" + bytes(28)
    with Writer(tmp_path / "c.pcapng", {}, interface="link") as writer:
        second = writer.add_interface("eth0", 1)
        writer.packet(0.0, REQUEST)
        writer.frame(0.1, ethernet, interface=second)

    capture = read(tmp_path / "c.pcapng")
    assert (capture.interfaces, [f.interface for f in capture.frames]) == (("link", "eth0"), [0, 1])


@pytest.mark.parametrize(
    "datagram",
    [
        Datagram(ALICE, Endpoint("2001:db8::1", 500), b""),
        Datagram(ALICE, TARGET, bytes(65_508)),
        Datagram(ALICE, TARGET, bytes(65_516), ESP),
        Datagram(Endpoint("2001:db8::2", 0), Endpoint("2001:db8::1", 0), bytes(65_536), ESP),
    ],
    ids=["two families", "long UDP", "long ESP", "long IPv6"],
)
def test_impossible_datagram_is_refused(datagram: Datagram, tmp_path: Path) -> None:
    """What no IP packet can carry is a ValueError, and the file stays as it was."""
    with Writer(tmp_path / "c.pcapng", {}) as writer:
        with pytest.raises(ValueError, match=r"cannot carry|two address families"):
            writer.packet(0.0, datagram)

        assert (writer.frames, read(tmp_path / "c.pcapng").frames) == (0, ())


@given(st.binary(max_size=64))
def test_checksum_is_the_ones_complement_sum(octets: bytes) -> None:
    """The checksum by remainder equals RFC 1071's sum of 16-bit words with the carries put back."""
    padded = octets + b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)

    assert checksum(octets) == 0xFFFF - total
