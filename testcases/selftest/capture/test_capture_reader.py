"""What the reader makes of files that are whole, of anyone's making."""

import struct
from pathlib import Path

import pytest

from harness.capture import CaptureError, Writer, read, stream
from harness.wire.datagram import Datagram, Endpoint

GOLDEN = sorted((Path(__file__).parents[3] / "pcaps" / "golden").glob("*.pcap*"))
ALICE = Endpoint("192.0.2.2", 500)
TARGET = Endpoint("192.0.2.1", 500)
REQUEST = Datagram(ALICE, TARGET, b"request")


def pcap(
    *records: bytes, order: str = "<", magic: int = 0xA1B2C3D4, link_type: int = 101, fraction: int = 5
) -> bytes:
    """A classic pcap file, a second between its records."""
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)
    for second, record in enumerate(records):
        out += struct.pack(order + "IIII", second, fraction, len(record), len(record)) + record
    return out


def pcapng_block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of pcapng around a body."""
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def pcapng(*blocks: bytes, order: str = "<") -> bytes:
    """A section of pcapng."""
    return pcapng_block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order) + b"".join(
        blocks
    )


def interface(order: str = "<", options: bytes = b"") -> bytes:
    """An Interface Description Block for raw IP."""
    return pcapng_block(1, struct.pack(order + "HHI", 101, 0, 0) + options, order)


def packet(stamp: int, octets: bytes, order: str = "<", number: int = 0) -> bytes:
    """An Enhanced Packet Block."""
    fixed = struct.pack(order + "IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, len(octets), len(octets))
    return pcapng_block(6, fixed + octets, order)


@pytest.fixture
def ip(tmp_path: Path) -> bytes:
    """The IP packet of `REQUEST`."""
    with Writer(tmp_path / "one.pcapng", {}) as writer:
        writer.packet(0.0, REQUEST)
    return read(tmp_path / "one.pcapng").frames[0].octets


def saved(tmp_path: Path, octets: bytes) -> Path:
    """A file of these octets."""
    path = tmp_path / "capture"
    path.write_bytes(octets)
    return path


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_capture_reads(path: Path) -> None:
    """Every frame of a golden capture holds a datagram, and nothing was amiss."""
    capture = read(path)

    assert all(frame.datagram for frame in capture.frames)
    assert (capture.problems, capture.cut_off, capture.drops) == ((), False, None)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "time"), [(0xA1B2C3D4, 0.000005), (0xA1B23C4D, 0.000000005)])
def test_classic_pcap(order: str, magic: int, time: float, ip: bytes, tmp_path: Path) -> None:
    """Classic pcap reads in both byte orders, in micro- and in nanoseconds."""
    (frame,) = read(saved(tmp_path, pcap(ip, order=order, magic=magic))).frames

    assert (frame.datagram, frame.time) == (REQUEST, time)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("form", "option", "stamp", "time"),
    [
        ("", (), 1_500_000, 1.5),
        ("HHB3x", (9, 1, 9), 1_500_000_000, 1.5),
        ("HHB3x", (9, 1, 0x80 | 10), 1536, 1.5),
        ("HHq", (14, 8, 100), 1_500_000, 101.5),
    ],
    ids=["microseconds", "nanoseconds", "binary", "offset"],
)
def test_pcapng_times(
    order: str, form: str, option: tuple[int, ...], stamp: int, time: float, ip: bytes, tmp_path: Path
) -> None:
    """A pcapng time counts in what the interface says, in the section's byte order."""
    described = interface(order, struct.pack(order + form, *option))
    (frame,) = read(saved(tmp_path, pcapng(described, packet(stamp, ip, order), order=order))).frames

    assert (frame.datagram, frame.time) == (REQUEST, time)


def test_each_interface_has_its_clock(ip: bytes, tmp_path: Path) -> None:
    """Interfaces of one section count time each in its own way, and so do those of the next section."""
    nano = interface(options=struct.pack("<HHB3x", 9, 1, 9))
    late = interface(options=struct.pack("<HHq", 14, 8, 100))
    first = pcapng(nano, late, packet(2_000_000_000, ip), packet(3_000_000, ip, number=1))
    second = pcapng(interface(">"), packet(4_000_000, ip, ">"), order=">")
    frames = read(saved(tmp_path, first + second)).frames

    assert [frame.time for frame in frames] == [2.0, 103.0, 4.0]


def test_simple_and_obsolete_packets(ip: bytes, tmp_path: Path) -> None:
    """Packets in blocks that nobody writes any more are read too, and their lack of a time is said."""
    simple = pcapng_block(3, struct.pack("<I", len(ip)) + ip)
    obsolete = pcapng_block(2, struct.pack("<HHIIII", 0, 0, 0, 2_000_000, len(ip), len(ip)) + ip)
    capture = read(saved(tmp_path, pcapng(interface(), obsolete, simple)))

    assert [(frame.datagram, frame.time) for frame in capture.frames] == [(REQUEST, 2.0), (REQUEST, 2.0)]
    assert any("no time" in problem for problem in capture.problems)


def test_foreign_pcapng_without_closing_block_is_whole(ip: bytes, tmp_path: Path) -> None:
    """A file of another program need not end as ours do: it was not cut off, and it cannot tell its drops."""
    capture = read(saved(tmp_path, pcapng(interface(), packet(0, ip))))

    assert (capture.opening, capture.cut_off, capture.drops) == (None, False, None)


def test_unknown_block_is_said(ip: bytes, tmp_path: Path) -> None:
    """A block of a type unknown to us is passed over, and said."""
    capture = read(saved(tmp_path, pcapng(interface(), pcapng_block(0x77, b"what"), packet(0, ip))))

    assert len(capture.frames) == 1
    assert "pcapng block of type 0x00000077 was passed over" in capture.problems


def test_custom_block_counts_as_frame(ip: bytes, tmp_path: Path) -> None:
    """A Custom Block takes a frame number, as it does in Wireshark, and holds no datagram."""
    custom = pcapng_block(0x0BAD, struct.pack("<I", 32473) + b"data")
    first, second = read(saved(tmp_path, pcapng(interface(), custom, packet(0, ip)))).frames

    assert (first.datagram, second.number, second.datagram) == (None, 2, REQUEST)


def test_foreign_protocol_is_counted_and_said(ip: bytes, tmp_path: Path) -> None:
    """Frames of other protocols stay in the count and are named."""
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    capture = read(saved(tmp_path, pcap(arp, arp, bytes(12) + b"\x08\x00" + ip, link_type=1)))

    assert [frame.datagram for frame in capture.frames] == [None, None, REQUEST]
    assert capture.others == {"ARP": 2}
    assert "ARP is not read (2 frames)" in capture.problems


def test_further_section(ip: bytes, tmp_path: Path) -> None:
    """A second section, in another byte order, is read on, and said."""
    octets = pcapng(interface(), packet(0, ip)) + pcapng(interface(">"), packet(0, ip, ">"), order=">")
    capture = read(saved(tmp_path, octets))

    assert [frame.datagram for frame in capture.frames] == [REQUEST, REQUEST]
    assert any("further section" in problem for problem in capture.problems)


def test_secrets_of_others_are_passed_over(tmp_path: Path) -> None:
    """A TLS key log in the file is no key of ours, and it is said that it was passed over."""
    secret = pcapng_block(10, struct.pack("<II", 0x544C534B, 4) + b"keys")
    capture = read(saved(tmp_path, pcapng(interface(), secret)))

    assert capture.secrets == ()
    assert len(capture.problems) == 1


def test_stream_yields_one_frame_at_a_time(tmp_path: Path) -> None:
    """A stream knows the opening before the first frame and the closing after the last."""
    with Writer(tmp_path / "c.pcapng", {"case": "a"}) as writer:
        writer.packet(0.0, REQUEST)
        writer.close({"window_s": 1})
    with stream(tmp_path / "c.pcapng") as frames:
        before = frames.capture(())
        list(frames)
        after = frames.capture(())

    assert (before.opening, before.closing, after.closing) == ({"case": "a"}, None, {"window_s": 1})


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"", "empty"),
        (b"GIF89a", "no capture"),
        (b"BZh9", "bunzip2"),
        (b"\xfd7zXZ\0", "unxz"),
        (b"\x34\xcd\xb2\xa1", "modified pcap"),
        (b"\xa1\xb2\xcd\x34", "modified pcap"),
        (b"\xd4\xc3\xb2", "no capture"),
        (b"\xd4\xc3\xb2\xa1\2\0", "within its header"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0", "within the block"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0abcd", "no byte-order magic"),
    ],
)
def test_no_capture_is_refused(octets: bytes, says: str, tmp_path: Path) -> None:
    """A file that is no capture is refused with a sentence that says what to do."""
    with pytest.raises(CaptureError, match=says):
        read(saved(tmp_path, octets))


@pytest.mark.parametrize("name", ["absent", ".", "nul\0"])
def test_no_file_is_refused(name: str, tmp_path: Path) -> None:
    """A path that is no file is a CaptureError."""
    with pytest.raises(CaptureError, match="name a pcap"):
        read(str(tmp_path / name))


def test_refusal_is_printable(tmp_path: Path) -> None:
    """A path with an escape sequence in it is printed escaped."""
    with pytest.raises(CaptureError) as caught:
        read(tmp_path / "\x1b[2J")

    assert str(caught.value).isprintable()
