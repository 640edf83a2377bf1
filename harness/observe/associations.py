"""Which SAs a capture shows, who made each, and whether its beginning was seen: from headers, and from keys where known.

Who is the original initiator of an SA is a matter of that SA, never of a device: it can change with each rekey of the
IKE SA (RFC 7296 sections 2.2 and 2.18).
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from harness.codes import Exchange, NotifyType, Protocol
from harness.observe.answers import PHASE_1
from harness.observe.header import NO_SPI, Header
from harness.observe.seen import Seen
from harness.wire import v2

REKEY_S = 60.0
"""A new SPI pair this long after a CREATE_CHILD_SA between the same hosts may be that exchange's child."""

_OPENING = frozenset({int(Exchange.IKE_SA_INIT), int(Exchange.IKE_SESSION_RESUME)})

Pair = tuple[bytes, bytes]
"""Both SPIs or cookies, the initiator's first."""


class Birth(StrEnum):
    """How an SA came into being before our eyes."""

    INITIAL = "IKE_SA_INIT"
    RESUMED = "IKE_SESSION_RESUME"
    REKEYED = "a rekey of the IKE SA"
    PHASE_1 = "phase 1"
    UNSEEN = "before the capture"


@dataclass(slots=True, eq=False)
class Association:
    """An IKE SA, finished or not, known by its two SPIs or cookies."""

    version: int
    spi_i: bytes
    spi_r: bytes
    birth: Birth
    by_target: bool | None
    """Whether the target made it; None when nobody saw."""
    first: int
    """The frame that shows the pair for the first time."""
    birth_frames: tuple[int, ...] = ()
    requests: dict[bool, set[int]] = field(default_factory=lambda: {False: set(), True: set()})
    """Message IDs of sealed requests, by whether the target sent them."""
    sealed_by_target: bool = False
    """Whether the target sent something sealed on it: then it holds the SA as well."""
    parent: Pair | None = None
    """The SA that it renews."""

    @property
    def seen_from_birth(self) -> bool:
        """Whether the capture covers the SA from its beginning."""
        return self.birth is not Birth.UNSEEN

    def __str__(self) -> str:
        return f"{self.spi_i.hex()}/{self.spi_r.hex()}"


@dataclass(frozen=True, slots=True)
class Opening:
    """A first message: an initiator's SPI that was offered, and by whom."""

    number: int
    by_target: bool
    birth: Birth


@dataclass(frozen=True, slots=True)
class _Rekey:
    time: float
    number: int
    by_target: bool
    pair: Pair


@dataclass(slots=True)
class Associations:
    """Every SA of a trace, by its pair of SPIs."""

    by_pair: dict[Pair, Association] = field(default_factory=dict)
    openings: dict[bytes, Opening] = field(default_factory=dict)
    """The first message that offered an initiator's SPI, by that SPI."""
    _rekeyed: dict[Pair, _Rekey] = field(default_factory=dict)
    _offers: dict[tuple[Pair, int, bool], tuple[bytes, int]] = field(default_factory=dict)
    _recent: deque[_Rekey] = field(default_factory=lambda: deque(maxlen=64))

    @classmethod
    def of(cls, seen: Iterable[Seen]) -> "Associations":
        """The SAs that these messages show, which come in the capture's order."""
        found = cls()
        for each in seen:
            if each.header is not None:
                found._take(each, each.header)
        return found

    def get(self, header: Header) -> Association | None:
        """The SA that a header names, if both its SPIs are set."""
        return self.by_pair.get(header.pair)

    def ancestor(self, header: Header) -> Association | None:
        """The SA that the one of a header goes back to by rekeys: itself when it renews none."""
        association = self.by_pair.get(header.pair)
        met: set[Pair] = set()
        while association is not None and association.parent is not None and association.parent not in met:
            met.add(association.parent)
            association = self.by_pair.get(association.parent)
        return association

    def __iter__(self) -> Iterator[Association]:
        return iter(self.by_pair.values())

    def _take(self, seen: Seen, header: Header) -> None:
        if header.spi_r == NO_SPI:
            self._take_opening(seen, header)
            return
        if header.spi_i == NO_SPI:
            return
        association = self.by_pair.get(header.pair)
        if association is None:
            association = self.by_pair[header.pair] = self._born(seen, header)
        if header.is_v1:
            association.sealed_by_target |= seen.from_target and header.encrypted
            return
        sealed = seen.sealed
        association.sealed_by_target |= sealed and seen.from_target
        if sealed and header.is_request:
            association.requests[seen.from_target].add(header.message_id)
        if header.exchange == Exchange.CREATE_CHILD_SA and sealed:
            self._take_child(seen, header)

    def _take_opening(self, seen: Seen, header: Header) -> None:
        if header.is_v1:
            opens, birth = header.exchange in PHASE_1, Birth.PHASE_1
        else:
            opens = header.is_request and header.exchange in _OPENING
            resumes = header.exchange == Exchange.IKE_SESSION_RESUME
            birth = Birth.RESUMED if resumes else Birth.INITIAL
        if opens:
            self.openings.setdefault(header.spi_i, Opening(seen.number, seen.from_target, birth))

    def _born(self, seen: Seen, header: Header) -> Association:
        version = 1 if header.is_v1 else 2
        opening = self.openings.get(header.spi_i)
        if opening is not None:
            birth, by_target, frames = opening.birth, opening.by_target, (opening.number,)
            return Association(version, *header.pair, birth, by_target, seen.number, frames)
        if header.is_v1:
            return Association(version, *header.pair, Birth.UNSEEN, None, seen.number)
        known = self._rekeyed.get(header.pair)
        if known is not None:
            return _renewed(header.pair, seen.number, known)
        parents = self._possible_parents(seen, header)
        if not parents:
            return Association(version, *header.pair, Birth.UNSEEN, None, seen.number)
        starters = {parent.by_target for parent in parents}
        # Who sends with the I flag says that it started the rekey; one starter alone needs no flag to be known.
        by_target = starters.pop() if len(starters) == 1 else seen.from_target is header.from_initiator
        latest = max((each for each in parents if each.by_target is by_target), key=_frame)
        return _renewed(header.pair, seen.number, latest)

    def _possible_parents(self, seen: Seen, header: Header) -> list[_Rekey]:
        """CREATE_CHILD_SA exchanges that may have made this pair, when it looks like a new one."""
        if header.message_id != 0:
            return []
        return [
            each
            for each in self._recent
            if 0 <= seen.time - each.time <= REKEY_S and each.pair != header.pair
        ]

    def _take_child(self, seen: Seen, header: Header) -> None:
        if header.is_request:
            self._recent.append(_Rekey(seen.time, seen.number, seen.from_target, header.pair))
        spi = new_ike_spi(seen.inner or ())
        if spi is None:
            return
        if header.is_request:
            key = (header.pair, header.message_id, seen.from_target)
            self._offers.setdefault(key, (spi, seen.number))
            return
        offer = self._offers.get((header.pair, header.message_id, not seen.from_target))
        if offer is not None:
            self._rekeyed[offer[0], spi] = _Rekey(seen.time, offer[1], not seen.from_target, header.pair)


def _frame(rekey: _Rekey) -> int:
    return rekey.number


def _renewed(pair: Pair, first: int, rekey: _Rekey) -> Association:
    return Association(2, *pair, Birth.REKEYED, rekey.by_target, first, (rekey.number,), parent=rekey.pair)


def new_ike_spi(payloads: tuple[Any, ...]) -> bytes | None:
    """The SPI of a new IKE SA that a CREATE_CHILD_SA message proposes or accepts (RFC 7296 section 1.3.2)."""
    for payload in payloads:
        if isinstance(payload, v2.SecurityAssociation) and payload.proposals:
            proposal = payload.proposals[0]
            if proposal.protocol == Protocol.IKE and len(proposal.spi) == len(NO_SPI):
                return bytes(proposal.spi)
    return None


class Asks(StrEnum):
    """What a CREATE_CHILD_SA request asks for (RFC 7296 section 1.3)."""

    NEW_CHILD = "a new Child SA"
    CHILD_REKEY = "a rekey of a Child SA"
    IKE_REKEY = "a rekey of the IKE SA"


def asked_for(payloads: tuple[Any, ...]) -> Asks:
    """What an opened CREATE_CHILD_SA request asks for."""
    if new_ike_spi(payloads) is not None:
        return Asks.IKE_REKEY
    for payload in payloads:
        if isinstance(payload, v2.Notify) and payload.notify_type == NotifyType.REKEY_SA:
            return Asks.CHILD_REKEY
    return Asks.NEW_CHILD


def by_message(seen: Iterable[Seen]) -> Mapping[tuple[Pair, int, int], list[Seen]]:
    """Frames of version 2 gathered to messages: one key per SPI pair, exchange type and Message ID."""
    found: dict[tuple[Pair, int, int], list[Seen]] = {}
    for each in seen:
        if each.header is not None:
            found.setdefault((each.header.pair, each.header.exchange, each.header.message_id), []).append(
                each
            )
    return found
