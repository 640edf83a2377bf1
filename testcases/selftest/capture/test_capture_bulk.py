"""Files read many records at a time: the same frames, and the same datagrams, as one by one."""

import struct
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from harness.capture import CaptureError, Frame, Writer, stream
from harness.capture.columns import datagrams
from harness.capture.runs import Run
from harness.wire.datagram import UDP, Datagram, Endpoint
from harness.wire.packet import ip_packet

GOLDEN = sorted((Path(__file__).parents[3] / "pcaps" / "golden").glob("*.pcap"))
ENDS = some.sampled_from(
    [
        (Endpoint("192.0.2.2", 500), Endpoint("192.0.2.1", 500)),
        (Endpoint("2001:db8::2", 4500), Endpoint("2001:db8::1", 4500)),
    ]
)
PACKETS = some.builds(
    lambda ends, data, protocol, number: ip_packet(Datagram(*ends, data, protocol), number),
    ENDS,
    some.binary(max_size=80),
    some.sampled_from([UDP, UDP, UDP, 50, 6, 1, 89]),
    some.integers(0, 3),
)
TAG = b"\x81\x00\x00\x07"
LINKS = {1: bytes(12), 113: bytes(14), 101: b""}


def framed(link: int, tags: int, packet: bytes) -> bytes:
    """The packet as a link of that type carries it."""
    ethertype = {4: b"\x08\x00", 6: b"\x86\xdd"}.get(packet[0] >> 4 if packet else 0, b"\x08\x06")
    return packet if link == 101 else LINKS[link] + TAG * tags + ethertype + packet


@some.composite
def damaged(draw: some.DrawFn, link: int) -> bytes:
    """A frame, whole or with some of its octets changed or cut off."""
    octets = bytearray(framed(link, draw(some.sampled_from([0, 0, 0, 1, 2, 3])), draw(PACKETS)))
    for _ in range(draw(some.sampled_from([0, 0, 0, 1, 2]))):
        octets[draw(some.integers(0, max(0, len(octets) - 1)))] = draw(some.integers(0, 255))
    return bytes(octets[: draw(some.sampled_from([len(octets), len(octets), len(octets) - 1, 9]))])


@some.composite
def captures(draw: some.DrawFn) -> bytes:
    """A classic file: any byte order and resolution, enough frames for runs, perhaps with a damaged end."""
    order, magic = draw(some.sampled_from([("<", 0xA1B2C3D4), (">", 0xA1B2C3D4), (">", 0xA1B23C4D)]))
    link = draw(some.sampled_from(sorted(LINKS)))
    octets = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 1 << 18, link)
    some_frames = draw(some.lists(damaged(link), min_size=1, max_size=4))
    for number in range(draw(some.integers(1, 40))):
        frame = some_frames[number % len(some_frames)]
        fraction = draw(some.integers(0, 1_000_000))
        octets += (
            struct.pack(order + "IIII", 1_700_000_000 + number, fraction, len(frame), len(frame)) + frame
        )
    return octets[: len(octets) - draw(some.sampled_from([0, 0, 0, 5, 20]))]


def singly(path: Path) -> tuple[list[Frame], tuple[str, ...]]:
    """The frames of a file one by one, and its problems."""
    opened = stream(path)
    frames = list(opened)
    return frames, opened.notes.problems


def in_bulk(path: Path) -> tuple[list[Frame], tuple[str, ...]]:
    """The frames of a file as its runs have them, and its problems."""
    frames: list[Frame] = []
    opened = stream(path)
    for each in opened.bulk():
        frames += [each.frame(index) for index in range(len(each))] if isinstance(each, Run) else [each]
    return frames, opened.notes.problems


def without_tap(frames: list[Frame]) -> list[Frame]:
    """The frames without what runs leave out: which tap saw them, and in which direction."""
    return [frame._replace(interface=0, inbound=None) for frame in frames]


def rows_agree(run: Run) -> bool:
    """Whether every row of the run's columns says what the dissector says of that frame."""
    rows, left = datagrams(run)
    for row in rows:
        frame = run.frame(int(row["index"]))
        datagram = frame.datagram
        assert datagram is not None
        data = run.octets[row["data"] : row["data"] + row["size"]].tobytes()
        packet = run.octets[row["packet"] : row["packet"] + row["packet_size"]].tobytes()
        ends = [(row[f"{end}_high"], row[end], row[f"{end}_port"]) for end in ("source", "destination")]
        assert ends == [packed(datagram.source), packed(datagram.destination)]
        assert (data, row["protocol"]) == (datagram.data, datagram.protocol)
        assert (packet, row["ip_id"]) == (frame.octets, frame.ip_id or 0)
    return sorted([*rows["index"].tolist(), *left.tolist()]) == list(range(len(run)))


def packed(end: Endpoint) -> tuple[int, int, int]:
    """An endpoint as a row has it."""
    number = int(ip_address(end.address))
    return number >> 64, number & (1 << 64) - 1, end.port


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_captures_are_the_same_in_bulk(path: Path) -> None:
    """Real captures have the same frames and problems however they are read."""
    assert in_bulk(path) == singly(path)


@settings(deadline=None, max_examples=150)
@given(octets=captures())
def test_classic_files_are_the_same_in_bulk(octets: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Frames of any link, whole, damaged or cut off, are the same in bulk, and so are the problems."""
    path = tmp_path_factory.mktemp("bulk") / "c"
    path.write_bytes(octets)

    assert in_bulk(path) == singly(path)


@settings(deadline=None, max_examples=150)
@given(octets=captures())
def test_columns_say_what_the_dissector_says(octets: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each frame is a row that agrees with the dissector, or is left to it."""
    path = tmp_path_factory.mktemp("columns") / "c"
    path.write_bytes(octets)

    assert all(rows_agree(each) for each in stream(path).bulk() if isinstance(each, Run))


def pcapng(path: Path, frames: int) -> bytes:
    """A file of two interfaces with comments, directions, keys and counters among its packets."""
    with Writer(path, {"case": "a"}, interface="near") as writer:
        writer.add_interface("far", 101)
        for number in range(frames):
            datagram = Datagram(Endpoint("192.0.2.2", 500), Endpoint("192.0.2.1", 500), bytes([number]) * 40)
            comments = ["mark: probe"] if number % 50 == 49 else []
            writer.packet(
                1000 + number / 7, datagram, comments=comments, interface=number % 2, inbound=number % 3 == 0
            )
            if number == 30:
                writer.secret({"ike": 2})
        writer.close({"window_s": 5})
    return path.read_bytes()


@settings(deadline=None, max_examples=150)
@given(data=some.data())
def test_pcapng_files_are_the_same_in_bulk(
    data: some.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A pcapng file, whole or damaged anywhere, has the same frames and problems in bulk."""
    path = tmp_path_factory.mktemp("bulk") / "c"
    octets = bytearray(pcapng(path, 90))
    for _ in range(data.draw(some.sampled_from([0, 1, 3]))):
        octets[data.draw(some.integers(4, len(octets) - 1))] = data.draw(some.integers(0, 255))
    path.write_bytes(octets[: data.draw(some.sampled_from([len(octets), len(octets) - 7, 2000]))])
    try:
        frames, problems = singly(path)
    except CaptureError:
        return

    found, found_problems = in_bulk(path)

    assert without_tap(found) == without_tap(frames)
    assert found_problems == problems


def test_blocks_with_words_are_never_in_a_run(tmp_path: Path) -> None:
    """A packet with a comment is read by itself, so that no mark is lost."""
    path = tmp_path / "c"
    pcapng(path, 100)
    frames, _ = in_bulk(path)

    assert [frame.number for frame in frames if frame.comments] == [50, 100]
    assert sum(isinstance(each, Run) for each in stream(path).bulk()) >= 2
