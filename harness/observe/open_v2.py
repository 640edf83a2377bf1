"""Opens what version 2 sealed, with the keys that lie in the evidence (RFC 7296 section 3.14, RFC 7383 section 2.6)."""

from collections.abc import Iterable

from harness.observe.header import Header
from harness.observe.seen import Seen
from harness.sa.opened import Opened, Sealed
from harness.sa.v2 import Keys, OpenedFragment, open_fragment, open_sealed, reassemble

_PENDING = 4096
"""How many unfinished fragmented messages are kept; the oldest goes first."""

_Pending = dict[int, tuple[OpenedFragment, Seen]]


class OpenerV2:
    """Opens messages one after the other; all it keeps are keys and unfinished fragments."""

    def __init__(self, keys: Iterable[Keys]) -> None:
        self._keys: dict[tuple[bytes, bytes], list[Keys]] = {}
        for each in keys:
            self._keys.setdefault((each.spi_i, each.spi_r), []).append(each)
        self._fragments: dict[tuple[Header, int], _Pending] = {}

    def open(self, seen: Seen, header: Header) -> None:
        """Put what the message held into `inner`, or why it does not open into `spoiled`; neither without keys."""
        candidates = self._keys.get(header.pair)
        if not candidates or not seen.sealed:
            return
        if seen.fragment is not None:
            self._open_fragment(seen, header, candidates)
            return
        why = ""
        for keys, by_initiator in _attempts(candidates, header):
            opened = open_sealed(seen.octets, keys, by_initiator=by_initiator)
            if isinstance(opened, Opened):
                _fill(seen, opened)
                _note_direction(seen, header, by_initiator)
                return
            why = why or opened.why
        seen.spoiled = why

    def _open_fragment(self, seen: Seen, header: Header, candidates: list[Keys]) -> None:
        why = ""
        for keys, by_initiator in _attempts(candidates, header):
            piece = open_fragment(seen.octets, keys, by_initiator=by_initiator)
            if isinstance(piece, OpenedFragment):
                _note_direction(seen, header, by_initiator)
                self._join(seen, header, piece)
                return
            why = why or piece.why
        seen.spoiled = why

    def _join(self, seen: Seen, header: Header, piece: OpenedFragment) -> None:
        key = (header._replace(next_payload=0, length=0), piece.total)
        pieces = self._fragments.setdefault(key, {})
        if len(self._fragments) > _PENDING:
            del self._fragments[next(iter(self._fragments))]
        pieces.setdefault(piece.number, (piece, seen))
        whole = reassemble(each for each, _ in pieces.values())
        if isinstance(whole, Sealed):
            seen.spoiled = whole.why
            return
        _fill(seen, whole)
        seen.parts = tuple(sorted(part.number for _, part in pieces.values()))
        for _, part in pieces.values():
            part.spoiled, part.joined_in = None, seen.number
        self._fragments.pop(key, None)


def _attempts(candidates: list[Keys], header: Header) -> Iterable[tuple[Keys, bool]]:
    """The newest keys first, each in the direction that the I flag states before the other one."""
    for by_initiator in (header.from_initiator, not header.from_initiator):
        for keys in reversed(candidates):
            yield keys, by_initiator


def _fill(seen: Seen, opened: Opened) -> None:
    seen.inner = opened.payloads
    if opened.why:
        seen.notes = (*seen.notes, f"its sealed content cannot be read to the end: {opened.why}")


def _note_direction(seen: Seen, header: Header, by_initiator: bool) -> None:
    if by_initiator is not header.from_initiator:
        side = "initiator" if by_initiator else "responder"
        seen.notes = (*seen.notes, f"it opens with the keys of the original {side}, against its I flag")
