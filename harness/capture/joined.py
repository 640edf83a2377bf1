"""Several captures of one place, read as one: what a capture that was rotated is put together from."""

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

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
    parts, frames = [], list[Frame]()
    for capture in captures:
        first = len(frames) + 1
        frames += (frame._replace(number=frame.number + first - 1) for frame in capture.frames)
        parts.append(Part(capture.path, first, len(frames)))
    return Joined(_whole(captures, tuple(frames), tuple(parts)), tuple(parts))


def _refuse_evidence(captures: Iterable[Capture]) -> None:
    for capture in captures:
        if capture.opening is not None:
            raise CaptureError(capture.path, "evidence of a run stands for itself; name it alone")


def _whole(captures: Sequence[Capture], frames: tuple[Frame, ...], parts: tuple[Part, ...]) -> Capture:
    first = captures[0]
    problems = first.problems
    if len(captures) > 1:
        problems = tuple(f"{printable(each.path)}: {text}" for each in captures for text in each.problems)
    others: dict[str, int] = {}
    for capture in captures:
        for name, count in capture.others.items():
            others[name] = others.get(name, 0) + count
    return Capture(
        path=", ".join(capture.path for capture in captures),
        format=first.format,
        opening=first.opening,
        frames=frames,
        secrets=tuple(secret for capture in captures for secret in capture.secrets),
        closing=first.closing,
        drops=_drops([capture.drops for capture in captures]),
        problems=(*problems, *_backwards(frames, parts)),
        cut_off=any(capture.cut_off for capture in captures),
        others=others,
        interfaces=first.interfaces,
    )


def _drops(counts: Sequence[int | None]) -> int | None:
    """All that was lost; where a file cannot tell, only a loss that another one tells is known."""
    known = sum(count or 0 for count in counts)
    return known if known or None not in counts else None


def _backwards(frames: Sequence[Frame], parts: Sequence[Part]) -> Iterable[str]:
    """Where a frame is earlier than the one before it: between files, and within them."""
    begins = {part.first: part.path for part in parts[1:] if part.last >= part.first}
    steps = [
        (later.number, earlier.time - later.time)
        for earlier, later in pairwise(frames)
        if later.time < earlier.time
    ]
    for number, back in steps:
        if number in begins:
            yield (
                f"{printable(begins[number])} begins {back:.6f} s before the file before it ends:"
                " name the files in the order in which they were captured"
            )
    within = [step for step in steps if step[0] not in begins]
    if within:
        number, back = max(within, key=lambda step: step[1])
        count = "once" if len(within) == 1 else f"{len(within)} times"
        yield f"time runs backwards {count}, most by {back:.6f} s at frame {number}"
