"""Which SA answers for the children that packets come in on, by the SPIs of those."""

from collections.abc import Iterable

from harness.responder.state import ChildSa


class Receiving:
    """Inbound SPIs, and the SA of each; a child may go over to another SA at any time."""

    def __init__(self) -> None:
        self._owners: dict[bytes, bytes] = {}
        self._spis: dict[bytes, tuple[bytes, ...]] = {}

    def owner(self, spi: bytes) -> bytes | None:
        """The SPI or cookie of the SA that has the child receiving on `spi`."""
        return self._owners.get(spi)

    def keep(self, ours: bytes, children: Iterable[ChildSa]) -> None:
        """These are now the children of this SA."""
        self.forget(ours)
        spis = tuple(child.spi_in for child in children)
        if spis:
            self._spis[ours] = spis
            self._owners.update(dict.fromkeys(spis, ours))

    def forget(self, ours: bytes) -> None:
        """This SA has no children any more; those that another one took over stay that one's."""
        for spi in self._spis.pop(ours, ()):
            if self._owners.get(spi) == ours:
                del self._owners[spi]
