"""Files that are cut off, damaged or hostile: values and sentences, never another exception."""

import json
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture import Capture, CaptureError, Writer, read
from harness.capture.blocks import IKE_SECRETS
from harness.capture.notes import Tally
from harness.wire.datagram import Datagram, Endpoint

REQUEST = Datagram(Endpoint("192.0.2.2", 500), Endpoint("192.0.2.1", 500), b"request")
SIX = Datagram(Endpoint("2001:db8::2", 500), Endpoint("2001:db8::1", 500), b"request")


def small_pcapng(folder: Path) -> bytes:
    """A file of ours with everything in it."""
    with Writer(folder / "small.pcapng", {"case": "a"}) as writer:
        writer.packet(1.0, REQUEST, comments=["mark: probe", "due"], inbound=True)
        writer.secret({"ike": 2})
        writer.packet(2.0, SIX, inbound=False)
        writer.close({"window_s": 5})
    return (folder / "small.pcapng").read_bytes()


def small_pcap(folder: Path) -> bytes:
    """A classic file with two records."""
    small_pcapng(folder)
    packets = [frame.octets for frame in read(folder / "small.pcapng").frames]
    records = [struct.pack("<IIII", 1, 0, len(p), len(p)) + p for p in packets]
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0, 101) + b"".join(records)


def judged(path: Path, octets: bytes) -> Capture | None:
    """The capture in these octets; None if they are said to be none."""
    path.write_bytes(octets)
    try:
        return read(path)
    except CaptureError:
        return None


def block(kind: int, body: bytes) -> bytes:
    """A block of pcapng, in little endian."""
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 101, 0, 0))


def test_pcapng_cut_at_any_octet_says_so(tmp_path: Path) -> None:
    """A file of ours cut at any octet is no capture, or one that says it was cut off."""
    whole = small_pcapng(tmp_path)
    cut = [judged(tmp_path / "cut", whole[:length]) for length in range(len(whole))]

    assert all(capture is None or (capture.cut_off and capture.problems) for capture in cut)


def test_pcapng_cut_at_any_octet_keeps_whole_blocks(tmp_path: Path) -> None:
    """A file of ours cut at any octet gives the frames that stand before that place."""
    whole = small_pcapng(tmp_path)
    frames = read(tmp_path / "small.pcapng").frames
    cut = [judged(tmp_path / "cut", whole[:length]) for length in range(len(whole))]

    assert all(capture.frames == frames[: len(capture.frames)] for capture in cut if capture)
    assert [len(capture.frames) for capture in cut if capture][-1] == len(frames)


def test_pcap_cut_within_a_record_says_so(tmp_path: Path) -> None:
    """A classic file cut within a record says so; cut between two it is a shorter whole file."""
    whole = small_pcap(tmp_path)
    record = 16 + read(tmp_path / "small.pcapng").frames[0].octets.__len__()
    between = {24, 24 + record}
    cut = {length: judged(tmp_path / "cut", whole[:length]) for length in range(24, len(whole))}

    assert {length for length, capture in cut.items() if capture and not capture.cut_off} == between


@settings(deadline=None, max_examples=300)
@given(data=st.data(), classic=st.booleans())
def test_damaged_octets_never_raise(
    data: st.DataObject, classic: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Octets changed, taken out or put in give a capture or a CaptureError."""
    folder = tmp_path_factory.mktemp("damaged")
    octets = bytearray(small_pcap(folder) if classic else small_pcapng(folder))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))

    judged(folder / "damaged", bytes(octets))


@settings(deadline=None)
@given(kind=st.sampled_from([1, 2, 3, 4, 5, 6, 9, 10, 0xBAD]), body=st.binary(max_size=80))
def test_any_block_body_is_read(kind: int, body: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever stands in a block, the block after it is still looked at."""
    path = tmp_path_factory.mktemp("block") / "c"
    capture = judged(path, SECTION + INTERFACE + block(kind, body) + block(0x77, b""))

    assert capture is not None
    assert capture.cut_off or any("0x00000077" in problem for problem in capture.problems)


@settings(deadline=None)
@given(
    octets=st.binary(max_size=80),
    link_type=st.sampled_from([0, 1, 9, 12, 50, 51, 101, 104, 108, 113, 127, 204, 228, 229, 239, 276]),
)
def test_any_frame_is_read(octets: bytes, link_type: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever a frame holds, on any link, it has a datagram or a reason."""
    path = tmp_path_factory.mktemp("frame") / "c"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0, link_type)
    capture = judged(path, head + struct.pack("<IIII", 0, 0, len(octets), len(octets)) + octets)

    assert capture is not None
    assert all((frame.datagram is None) != (frame.why is None) for frame in capture.frames)


@pytest.mark.parametrize("length", [0, 8, 11, 13, 0xFFFFFFFC, 0x7FFFFFFC])
def test_impossible_block_length_ends_reading(length: int, tmp_path: Path) -> None:
    """A block that claims what cannot be ends the reading, and takes no memory for its claim."""
    tracemalloc.start()
    capture = judged(tmp_path / "c", SECTION + INTERFACE + struct.pack("<II", 6, length) + bytes(64))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert capture is not None
    assert capture.cut_off
    assert most < 4_000_000


def test_differing_lengths_end_reading(tmp_path: Path) -> None:
    """A block whose two lengths differ ends the reading, and the place is named."""
    damaged = block(0x77, b"")[:-4] + struct.pack("<I", 16)
    capture = judged(tmp_path / "c", SECTION + INTERFACE + damaged)

    assert capture is not None
    assert capture.cut_off
    assert f"octet {len(SECTION + INTERFACE)} " in capture.problems[0]


def test_huge_block_is_passed_over(tmp_path: Path) -> None:
    """A block of more than 16 MiB is passed over, and what follows is read."""
    capture = judged(tmp_path / "c", SECTION + INTERFACE + block(0x77, bytes(17 << 20)) + block(0x78, b""))

    assert capture is not None
    assert [problem[:16] for problem in capture.problems] == ["a block of more ", "pcapng block of "]


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "7", "\xff", '{"a":' * 100_000])
def test_secret_that_is_no_object_is_said(text: str, tmp_path: Path) -> None:
    """A secret of our type that is no JSON object, however deep it nests, is a problem and no key."""
    content = text.encode("latin-1")
    secret = block(10, struct.pack("<II", IKE_SECRETS, len(content)) + content)
    capture = judged(tmp_path / "c", SECTION + INTERFACE + secret)

    assert capture is not None
    assert capture.secrets == ()
    assert len(capture.problems) == 1


def test_problems_stay_bounded(tmp_path: Path) -> None:
    """A file with a thousand kinds of unknown block tells a hundred of them apart."""
    unknown = b"".join(block(0x1000 + n, b"") for n in range(1000))
    capture = judged(tmp_path / "c", SECTION + INTERFACE + unknown)

    assert capture is not None
    assert len(capture.problems) == 101
    assert capture.problems[-1] == "further problems (900 times)"


def test_tally_counts_beyond_its_kinds() -> None:
    """Nothing is lost from the sum when kinds are no longer told apart."""
    tally = Tally("others")
    for name in range(250):
        tally.add(str(name))

    assert sum(tally.counts.values()) == 250


def test_problems_are_printable(tmp_path: Path) -> None:
    """What a hostile file brings into a problem is escaped."""
    capture = judged(
        tmp_path / "c", SECTION + block(10, struct.pack("<II", IKE_SECRETS, 0xFFFFFFFF) + b"\x1b[2J")
    )

    assert capture is not None
    assert all(problem.isprintable() for problem in capture.problems)


def test_rewritten_file_of_ours_says_so(tmp_path: Path) -> None:
    """A file with our opening whose closing comment another program dropped is taken for cut off."""
    opening = json.dumps({"case": "a"}).encode()
    comment = struct.pack("<HH", 1, len(opening)) + opening + bytes(-len(opening) % 4) + bytes(4)
    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + comment)
    statistics = block(5, struct.pack("<III", 0, 0, 0) + struct.pack("<HHQHH", 5, 8, 0, 0, 0))
    capture = judged(tmp_path / "c", section + INTERFACE + statistics)

    assert capture is not None
    assert (capture.cut_off, capture.drops) == (True, 0)
