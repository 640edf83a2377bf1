"""A capture file read: pcapng or classic pcap, ours or anyone's, whatever is in it."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

from harness.capture.classic import HEADER_REST, MAGICS, PcapFrames
from harness.capture.frame import Capture, CaptureError, Frame
from harness.capture.layers import Dissector
from harness.capture.notes import Notes
from harness.capture.packed import unpacked
from harness.capture.runs import Run
from harness.capture.sections import MAGIC, Damaged, PcapngFrames
from harness.capture.source import Octets, Source

T = TypeVar("T")
_OTHER_MAGICS = {
    b"BZh": "a bzip2 file; unpack it first (bunzip2)",
    b"\xfd7zXZ": "an xz file; unpack it first (unxz)",
    b"\x04\x22\x4d\x18": "an lz4 file; unpack it first (lz4 -d)",
    b"PK\x03\x04": "a zip file; unpack it first",
    b"snoop\0\0\0": "a snoop file; convert it first (editcap -F pcapng)",
    b"\x34\xcd\xb2\xa1": "a modified pcap file; convert it first (editcap -F pcapng)",
    b"\xa1\xb2\xcd\x34": "a modified pcap file; convert it first (editcap -F pcapng)",
}


class Stream:
    """The frames of a file, one at a time; the other attributes are complete once the last frame is out.

    It is a context manager; the file is also let go of after the last frame.
    """

    def __init__(self, path: str | os.PathLike[str], copy: IO[bytes] | None) -> None:
        self.path = os.fspath(path)
        self.notes = Notes()
        self._file = _opened(self.path, copy)
        try:
            self.format, self._frames = self._begin()
        except CaptureError:
            self._file.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        return self._to_the_end(iter(self._frames))

    def bulk(self) -> Iterator[Run | Frame]:
        """The same frames, as many at a time as lie before us; those that need a look of their own come singly."""
        return self._to_the_end(self._frames.bulk())

    def _to_the_end(self, found: Iterator[T]) -> Iterator[T]:
        try:
            yield from found
        finally:
            self._file.close()
        unfinished, self._dissector.reassembly.given_up = self._dissector.reassembly.unfinished, 0
        if unfinished:
            self.notes.problem("an IP datagram lacks fragments, or has fragments that overlap", unfinished)
        if self._source.failed:
            self.notes.cut(f"the file could not be read to its end: {self._source.failed}")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def capture(self, frames: tuple[Frame, ...]) -> Capture:
        """All that was read, with `frames` as its frames."""
        notes = self.notes
        return Capture(
            path=self.path,
            format=self.format,
            opening=notes.opening,
            frames=frames,
            secrets=tuple(notes.secrets),
            closing=notes.closing,
            drops=notes.drops,
            problems=notes.problems,
            cut_off=notes.cut_off,
            others=dict(notes.others.counts),
            interfaces=tuple(notes.interfaces),
        )

    def _begin(self) -> tuple[str, PcapFrames | PcapngFrames]:
        self._source = Source(self._file)
        self._dissector = Dissector(self.notes.others)
        magic = self._source.take(4)
        if magic == MAGIC:
            frames = PcapngFrames(self._source, self.notes, self._dissector)
            try:
                frames.begin()
            except Damaged as damage:
                raise CaptureError(self.path, f"no pcapng file: {damage}; name another") from None
            return "pcapng", frames
        if magic in MAGICS:
            header = self._source.take(HEADER_REST)
            if len(header) < HEADER_REST:
                raise CaptureError(self.path, "the file ends within its header; name another")
            return "pcap", PcapFrames(self._source, self.notes, self._dissector, header, *MAGICS[magic])
        if self._source.failed:
            raise CaptureError(self.path, f"it could not be read: {self._source.failed}; name another")
        raise CaptureError(self.path, _no_capture(magic + self._source.take(4)))


def read(path: str | os.PathLike[str]) -> Capture:
    """A whole capture; a CaptureError says why a file is none.

    A file that is cut off or damaged gives all that stands before that place, `cut_off`, and a problem that says where.
    """
    with stream(path) as opened:
        return opened.capture(tuple(opened))


def stream(path: str | os.PathLike[str], copy: IO[bytes] | None = None) -> Stream:
    """The frames of a file one at a time, in memory that does not grow with the file; a CaptureError as in `read`.

    What a packed file holds is put into `copy` on its way.
    """
    return Stream(path, copy)


def _opened(path: str, copy: IO[bytes] | None) -> Octets:
    try:
        return unpacked(path, Path(path).open("rb", buffering=0), copy)
    except OSError as error:
        why = error.strerror or "it cannot be opened"
        raise CaptureError(path, f"{why}; name a pcap or pcapng file that can be read") from None
    except ValueError:
        raise CaptureError(path, "no file has such a name; name a pcap or pcapng file") from None


def _no_capture(start: bytes) -> str:
    if not start:
        return "the file is empty; name a pcap or pcapng file"
    for magic, says in _OTHER_MAGICS.items():
        if start.startswith(magic):
            return f"this is {says}"
    return "this is no capture; name a pcap or pcapng file"
