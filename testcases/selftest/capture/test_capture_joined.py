"""Rotated captures: several files read as one."""

import struct
from pathlib import Path

import pytest

from harness.capture import CaptureError, Writer, read
from harness.capture.joined import Part, read_in_order
from harness.wire.datagram import Datagram, Endpoint
from harness.wire.packet import ip_packet

REQUEST = ip_packet(Datagram(Endpoint("192.0.2.2", 500), Endpoint("192.0.2.1", 500), b"request"), 7)


def pcap(path: Path, *times: int, octets: bytes = REQUEST) -> Path:
    """A classic capture with a frame at each of these seconds."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
    records = [struct.pack("<IIII", time, 0, len(octets), len(octets)) + octets for time in times]
    path.write_bytes(head + b"".join(records))
    return path


def test_frames_are_numbered_on(tmp_path: Path) -> None:
    """The frames of the second file follow those of the first, and each can be found in its file."""
    first, second = pcap(tmp_path / "1", 10, 11), pcap(tmp_path / "2", 12)
    whole, parts = found = read_in_order([first, second])

    assert [(frame.number, frame.time) for frame in whole.frames] == [(1, 10.0), (2, 11.0), (3, 12.0)]
    assert parts == (Part(str(first), 1, 2), Part(str(second), 3, 3))
    assert (found.place(2), found.place(3)) == ((str(first), 2), (str(second), 1))
    assert whole.problems == ()


def test_one_file_is_itself(tmp_path: Path) -> None:
    """A single capture is what the reader gives."""
    path = pcap(tmp_path / "1", 10, 11)

    assert read_in_order([path]).capture == read(path)


def test_a_file_without_frames_has_no_part(tmp_path: Path) -> None:
    """An empty file between two others moves no number."""
    paths = [pcap(tmp_path / "1", 10), pcap(tmp_path / "2"), pcap(tmp_path / "3", 11)]
    found = read_in_order(paths)

    assert [(part.first, part.last) for part in found.parts] == [(1, 1), (2, 1), (2, 2)]
    assert found.place(2) == (str(paths[2]), 1)


def test_files_in_the_wrong_order_are_remarked_on(tmp_path: Path) -> None:
    """A file that begins before the one before it ends is named."""
    first, second = pcap(tmp_path / "1", 10, 11), pcap(tmp_path / "2", 12)
    (problem,) = read_in_order([second, first]).capture.problems

    assert problem.startswith(f"{first} begins 2.000000 s before the file before it ends")


def test_time_that_runs_backwards_in_a_file_is_remarked_on(tmp_path: Path) -> None:
    """How often the clock was set back, and where it was most, is said once."""
    (problem,) = read_in_order([pcap(tmp_path / "1", 10, 9, 12, 7)]).capture.problems

    assert problem == "time runs backwards 2 times, most by 5.000000 s at frame 4"


def test_a_problem_names_its_file(tmp_path: Path) -> None:
    """Of several files it is said which one is cut off."""
    first, second = pcap(tmp_path / "1", 10), pcap(tmp_path / "2", 12)
    second.write_bytes(second.read_bytes()[:-1])
    whole = read_in_order([first, second]).capture

    assert whole.cut_off
    assert whole.problems == (f"{second}: the file ends within frame 1",)


def test_foreign_protocols_are_counted_together(tmp_path: Path) -> None:
    """What is not read in any of the files is in the sum."""
    other = REQUEST[:9] + b"\x59" + REQUEST[10:]
    paths = [pcap(tmp_path / name, 10, octets=other) for name in "12"]

    assert read_in_order(paths).capture.others == {"OSPF": 2}


def test_evidence_of_a_run_is_not_joined(tmp_path: Path) -> None:
    """A file of the harness's own stands for itself."""
    with Writer(tmp_path / "own.pcapng", {"case": "a"}) as writer:
        writer.close({})

    with pytest.raises(CaptureError, match="name it alone"):
        read_in_order([pcap(tmp_path / "1", 10), tmp_path / "own.pcapng"])
