"""Several captures of one place, read as one: what a capture that was rotated is put together from."""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.capture.frame import Capture, CaptureError, Frame
from harness.capture.reader import read
from harness.record import printable


class Part(NamedTuple):
    """A file, and the numbers that its frames have in the whole; none where `last` comes before `first`."""

    path: str
    first: int
    last: int


class Joined(NamedTuple):
    """The whole, and its parts in their order."""

    capture: Capture
    parts: tuple[Part, ...]

    def place(self, frame: int) -> tuple[str, int]:
        """The file that holds a frame, and the frame's number there."""
        for part in self.parts:
            if part.first <= frame <= part.last:
                return part.path, frame - part.first + 1
        return self.parts[0].path, frame


def read_in_order(paths: Sequence[str | os.PathLike[str]]) -> Joined:
    """The files in the order in which they are named, frames numbered on from one to the next.

    Where time runs backwards a problem says so. A CaptureError says why a file is none, or does not go with others.
    """
    captures = [read(path) for path in paths]
    if len(captures) > 1:
        _refuse_evidence(captures)
    parts, frames, order = list[Part](), list[Frame](), Order()
    for capture in captures:
        first = len(frames) + 1
        order.enter(capture.path)
        order.take(first, np.array([frame.time for frame in capture.frames]))
        frames += (frame._replace(number=frame.number + first - 1) for frame in capture.frames)
        parts.append(Part(capture.path, first, len(frames)))
    return whole(captures, tuple(frames), parts, order)


class Order:
    """Sees where time runs backwards, between files and within them."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._path, self._begins = "", False
        self._between: list[str] = []
        self._count, self._most, self._number = 0, 0.0, 0

    def enter(self, path: str) -> None:
        """What comes now is in this file."""
        self._path, self._begins = path, self._last > float("-inf")

    def take(self, first: int, times: NDArray[np.float64]) -> None:
        """The times of the frames that come next, the first of which has that number."""
        if not len(times):
            return
        if self._begins and times[0] < self._last:
            self._between.append(
                f"{printable(self._path)} begins {self._last - times[0]:.6f} s before the file before it ends:"
                " name the files in the order in which they were captured"
            )
        back = np.diff(times, prepend=times[0] if self._begins else self._last)
        self._begins, self._last = False, float(times[-1])
        if (back < 0).any():
            self._count += int((back < 0).sum())
            least = int(back.argmin())
            if -back[least] > self._most:
                self._most, self._number = float(-back[least]), first + least

    def problems(self) -> tuple[str, ...]:
        """A sentence for each file that begins too early, and one for all that is within files."""
        if not self._count:
            return tuple(self._between)
        count = "once" if self._count == 1 else f"{self._count} times"
        says = f"time runs backwards {count}, most by {self._most:.6f} s at frame {self._number}"
        return (*self._between, says)


def _refuse_evidence(captures: Iterable[Capture]) -> None:
    for capture in captures:
        if capture.opening is not None:
            raise CaptureError(capture.path, "evidence of a run stands for itself; name it alone")


def whole(
    captures: Sequence[Capture], frames: tuple[Frame, ...], parts: Sequence[Part], order: Order
) -> Joined:
    """These captures as one, which has the frames; `order` has seen all of them."""
    first = captures[0]
    problems = first.problems
    if len(captures) > 1:
        problems = tuple(f"{printable(each.path)}: {text}" for each in captures for text in each.problems)
    others: dict[str, int] = {}
    for capture in captures:
        for name, count in capture.others.items():
            others[name] = others.get(name, 0) + count
    together = Capture(
        path=", ".join(capture.path for capture in captures),
        format=first.format,
        opening=first.opening,
        frames=frames,
        secrets=tuple(secret for capture in captures for secret in capture.secrets),
        closing=first.closing,
        drops=_drops([capture.drops for capture in captures]),
        problems=(*problems, *order.problems()),
        cut_off=any(capture.cut_off for capture in captures),
        others=others,
        interfaces=first.interfaces,
    )
    return Joined(together, tuple(parts))


def _drops(counts: Sequence[int | None]) -> int | None:
    """All that was lost; where a file cannot tell, only a loss that another one tells is known."""
    known = sum(count or 0 for count in counts)
    return known if known or None not in counts else None
