"""RFC 8019 section 4.2: the SAs whose peers have not proved who they are, counted by where they came from."""

from collections import Counter
from functools import lru_cache
from ipaddress import ip_address
from typing import TypeVar

from harness.responder.state import Sa

K = TypeVar("K")
PREFIX_OCTETS = 8
"""An IPv6 source is a /64: its holder has all the addresses in it."""


@lru_cache(maxsize=1024)
def source_of(address: str) -> bytes:
    """What limits count by: an IPv4 address, or the /64 of an IPv6 address."""
    packed = ip_address(address).packed
    return packed if len(packed) == 4 else packed[:PREFIX_OCTETS]


class Unproved:
    """Half-open SAs, oldest first; one that was closed before its peer proved itself stays among them till it is gone."""

    def __init__(self) -> None:
        self._sas: dict[bytes, tuple[int, bytes, tuple[str, bytes]]] = {}
        self._sources: Counter[bytes] = Counter()
        self._began: Counter[tuple[str, bytes]] = Counter()

    def __len__(self) -> int:
        return len(self._sas)

    def note(self, sa: Sa) -> None:
        """Take in the new value of an SA."""
        if sa.up:
            self.forget(sa.ours)
        elif sa.half_open and sa.ours not in self._sas:
            source, began = source_of(sa.remote.address), (sa.remote.address, sa.init_request[:8])
            self._sas[sa.ours] = sa.version, source, began
            self._sources[source] += 1
            self._began[began] += 1

    def forget(self, ours: bytes) -> None:
        """The SA proved itself, or is gone."""
        if ours not in self._sas:
            return
        _, source, began = self._sas.pop(ours)
        _one_less(self._sources, source)
        _one_less(self._began, began)

    def of(self, address: str) -> int:
        """How many come from the source of this address."""
        return self._sources[source_of(address)]

    def oldest(self, version: int) -> bytes | None:
        """Our SPI or cookie of the oldest one of this version."""
        return next((ours for ours, (of, *_) in self._sas.items() if of == version), None)

    def began(self, address: str, spi_i: bytes) -> bool:
        """Whether one was begun from this address with this SPI or cookie."""
        return (address, spi_i) in self._began


def _one_less(counter: Counter[K], key: K) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
