"""Many records at once: what a million frames have in common is read by the column, not frame by frame."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from harness.capture.frame import Frame
from harness.capture.layers import Dissector
from harness.capture.tables import Integers, Layout, Table

FEWEST = 16
"""Fewer records than these are read one by one: a run would cost more than it saves."""
MARGIN = 128
"""Zero octets behind a run, so that every fixed layout may be looked at behind every place in it."""
_EXACT = 1 << 53


@dataclass(frozen=True, slots=True)
class Run:
    """Packets that follow one another in a file, all of which lie before us."""

    octets: NDArray[np.uint8] = field(repr=False)
    """The stretch of the file that they lie in, and a margin of zeros."""
    base: int
    """Where in the file that stretch begins."""
    first: int
    """The number of the first frame."""
    places: Integers
    """Where in `octets` each packet begins, its link header first."""
    sizes: Integers
    links: Integers
    """The link type of each."""
    times: NDArray[np.float64]
    dissector: Dissector = field(repr=False)

    def __len__(self) -> int:
        return len(self.places)

    def moved(self, frames: int, octets: int) -> "Run":
        """The run in a file before which there were so many frames, and which begins at that place."""
        return replace(self, first=self.first + frames, base=self.base + octets)

    def packet(self, index: int) -> bytes:
        """What was captured of one frame."""
        place = int(self.places[index])
        return self.octets[place : place + int(self.sizes[index])].tobytes()

    def frame(self, index: int) -> Frame:
        """One frame of the run, read like every other; fragments must be asked for in order."""
        time = float(self.times[index])
        found = self.dissector.dissect(int(self.links[index]), self.packet(index), time)
        return Frame(self.first + index, time, found.datagram, (), found.ip_id, found.octets, found.why)


def stretch(octets: bytes, start: int, end: int) -> NDArray[np.uint8]:
    """These octets as an array, with the margin behind them."""
    found = np.zeros(end - start + MARGIN, np.uint8)
    found[: end - start] = np.frombuffer(octets, np.uint8, end - start, start)
    return found


def gathered(octets: NDArray[np.uint8], places: Integers, layout: Layout) -> Table:
    """What stands at each of these places, by a fixed layout of at most the margin's length."""
    overlapping = np.ndarray((len(octets) - layout.itemsize + 1,), f"V{layout.itemsize}", octets, 0, (1,))
    return overlapping[places].view(layout)


def seconds(ticks: NDArray[np.uint64], in_a_second: int) -> NDArray[np.float64]:
    """Ticks as seconds, rounded as a division of whole numbers is, however large they are."""
    if in_a_second < _EXACT and (not len(ticks) or int(ticks.max()) < _EXACT):
        return ticks.astype(np.float64) / in_a_second
    return np.array([each / in_a_second for each in ticks.tolist()], np.float64)
