"""Captures packed with gzip and zstd: read as they are, cut off where they are, and never a bomb."""

import gzip
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture import CaptureError, read, stream
from harness.capture.packed import FREELY

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden" / "ls-ro-v2.pcap"
PLAIN = GOLDEN.read_bytes()
Pack = Callable[[bytes], bytes]
PACKERS = pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])


def saved(folder: Path, octets: bytes) -> Path:
    """A file of these octets."""
    path = folder / "capture"
    path.write_bytes(octets)
    return path


@PACKERS
def test_a_packed_capture_is_the_same(pack: Pack, tmp_path: Path) -> None:
    """Every frame of a packed capture is there, and nothing is amiss."""
    found, plain = read(saved(tmp_path, pack(PLAIN))), read(GOLDEN)

    assert (found.frames, found.problems, found.cut_off) == (plain.frames, plain.problems, False)


@PACKERS
def test_packed_in_pieces_it_is_the_same(pack: Pack, tmp_path: Path) -> None:
    """Members of gzip and frames of zstd follow one another, as parallel packers write them."""
    pieces = (PLAIN[:700], b"", PLAIN[700:701], PLAIN[701:])

    assert read(saved(tmp_path, b"".join(map(pack, pieces)))).frames == read(GOLDEN).frames


@PACKERS
def test_a_packed_capture_cut_off_says_so(pack: Pack, tmp_path: Path) -> None:
    """Where the packed file ends too early, the capture is cut off, however whole its last record seems."""
    packed = pack(PLAIN)
    for length in range(30, len(packed), 97):
        try:
            assert read(saved(tmp_path, packed[:length])).cut_off
        except CaptureError as why:
            assert "could not be read" in why.says or "header" in why.says  # noqa: PT017  # only some octets are refused, so no raises()


@PACKERS
def test_what_is_packed_must_be_a_capture(pack: Pack, tmp_path: Path) -> None:
    """A packed text is refused as an unpacked one is."""
    with pytest.raises(CaptureError, match="this is no capture"):
        read(saved(tmp_path, pack(b"not a capture at all")))


@PACKERS
def test_a_bomb_is_left_alone(pack: Pack, tmp_path: Path) -> None:
    """A small file that unpacks to far more than captures do is not read further, in bounded memory."""
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    path = saved(tmp_path, pack(section + struct.pack("<II", 0x77, 1 << 30) + bytes(FREELY)))
    tracemalloc.start()
    with stream(path) as frames:
        for _ in frames:
            pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert frames.notes.cut_off
    assert any("200 times its size" in problem for problem in frames.notes.problems)
    assert most < 40_000_000


@settings(deadline=None)
@given(data=st.data(), pack=st.sampled_from([gzip.compress, zstandard.compress]))
def test_damaged_packing_never_raises(
    data: st.DataObject, pack: Pack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Octets changed anywhere in a packed file give a capture or a CaptureError."""
    octets = bytearray(pack(PLAIN))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read(saved(tmp_path_factory.mktemp("damaged"), bytes(octets)))
    except CaptureError as why:
        assert str(why).isprintable()  # noqa: PT017  # only some octets are refused, so no raises()


def test_without_its_library_zstd_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that reads zstd is named where it lacks."""
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(CaptureError, match=r"zstd -d\), or install ike-harness\[zstd\]"):
        read(saved(tmp_path, zstandard.compress(PLAIN)))
