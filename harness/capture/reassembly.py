"""IP fragments put together again (RFC 791 section 3.2, RFC 8200 section 4.5), in bounded memory and linear time."""

from collections.abc import Hashable
from dataclasses import dataclass, field

_AT_ONCE = 64
_LONGEST_WAIT_S = 60.0  # RFC 8200 section 4.5
_LARGEST = 0xFFFF


@dataclass(slots=True)
class _Partial:
    started: float
    parts: dict[int, bytes] = field(default_factory=dict)
    size: int = 0
    total: int | None = None


class Reassembly:
    """At most 64 unfinished datagrams of at most 65,535 octets; the oldest makes room for a new one."""

    def __init__(self) -> None:
        self._partials: dict[Hashable, _Partial] = {}
        self.given_up = 0

    @property
    def unfinished(self) -> int:
        """How many datagrams still lack a fragment or were given up for lack of one."""
        return self.given_up + len(self._partials)

    def add(self, key: Hashable, offset: int, more: bool, data: bytes, time: float) -> bytes | str:
        """The whole content once its last missing fragment is here; until then a sentence that says why not."""
        end = offset + len(data)
        if not data or end > _LARGEST or (more and len(data) % 8):
            return f"no possible IP fragment: {len(data)} octets at {offset}"
        partial = self._partial(key, time)
        if offset in partial.parts:
            if partial.parts[offset] == data:
                return "a copy of an IP fragment"
            return self._overlap(key)
        if not more:
            if partial.total not in (None, end):
                return self._overlap(key)
            partial.total = end
        partial.parts[offset] = data
        partial.size += len(data)
        if partial.total is None or partial.size < partial.total:
            return "an IP fragment; the datagram is in the frame of its last one"
        return self._join(key, partial)

    def _partial(self, key: Hashable, time: float) -> _Partial:
        partial = self._partials.get(key)
        if partial is not None and abs(time - partial.started) <= _LONGEST_WAIT_S:
            return partial
        if partial is not None:
            self._give_up(key)
        elif len(self._partials) >= _AT_ONCE:
            self._give_up(next(iter(self._partials)))
        self._partials[key] = partial = _Partial(time)
        return partial

    def _give_up(self, key: Hashable) -> None:
        del self._partials[key]
        self.given_up += 1

    def _join(self, key: Hashable, partial: _Partial) -> bytes | str:
        """Sorted only here, once for each datagram: then it is finished or given up."""
        position = 0
        for offset in sorted(partial.parts):
            if offset != position:
                return self._overlap(key)
            position += len(partial.parts[offset])
        if position != partial.total:
            return self._overlap(key)
        del self._partials[key]
        return b"".join(partial.parts[offset] for offset in sorted(partial.parts))

    def _overlap(self, key: Hashable) -> str:
        """Overlapping fragments make a datagram that no two receivers read alike (RFC 5722)."""
        self._give_up(key)
        return "IP fragments that overlap"
