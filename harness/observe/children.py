"""Which Child SAs a capture shows in the making, and when the peer ended them: only opened exchanges tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.codes import AttributeP2, Exchange, LifeType, NotifyType, Protocol
from harness.observe.associations import Pair
from harness.observe.observed import number
from harness.observe.seen import Seen
from harness.wire import v1, v2

_IPSEC = frozenset({int(Protocol.AH), int(Protocol.ESP)})


@dataclass(slots=True, eq=False)
class ChildSa:
    """A pair of SAs as its exchange made it; who proposed an SPI is who receives under it."""

    version: int
    inbound: bytes
    """The SPI that the target receives under."""
    outbound: bytes
    """The SPI that the target sends under: the peer proposed it."""
    by_target: bool
    """Whether the target started the exchange."""
    renews: bytes | None
    """The SPI that REKEY_SA named."""
    number: int
    """The frame that agreed to it."""
    time: float
    seconds: float | None = None
    """The lifetime that version 1 agreed on."""
    ended: float | None = None
    """When the peer had deleted it, and the target knew."""
    ended_in: int | None = None


@dataclass(frozen=True, slots=True)
class _Offer:
    proposals: tuple[Any, ...]
    by_target: bool
    renews: bytes | None


@dataclass(slots=True)
class Children:
    """The Child SAs of a trace, in the order of their making."""

    made: list[ChildSa] = field(default_factory=list)
    _by_outbound: dict[bytes, list[ChildSa]] = field(default_factory=dict)
    _by_inbound: dict[bytes, list[ChildSa]] = field(default_factory=dict)
    hidden: int | None = None
    """The first frame that may have made one that nobody sees."""
    _offers: dict[object, list[_Offer]] = field(default_factory=dict)
    _deletes: dict[tuple[Pair, int], tuple[bytes, ...]] = field(default_factory=dict)
    _asked: set[tuple[Pair, int]] = field(default_factory=set)

    @classmethod
    def of(cls, seen: Iterable[Seen]) -> "Children":
        """The Child SAs that these messages show, which come in the capture's order."""
        found = cls()
        for each in seen:
            if each.header is None:
                continue
            if each.exchange in (Exchange.IKE_AUTH, Exchange.CREATE_CHILD_SA, Exchange.QUICK_MODE):
                found._take(each)
            elif each.exchange == Exchange.INFORMATIONAL:
                found._take_deletes(each)
        return found

    def outbound(self, spi: bytes, before: int) -> ChildSa | None:
        """The newest Child SA that the target sends under with this SPI, made before that frame."""
        return _newest(self._by_outbound.get(spi, ()), before)

    def inbound(self, spi: bytes, before: int) -> ChildSa | None:
        """The newest Child SA that the target receives under with this SPI, made before that frame."""
        return _newest(self._by_inbound.get(spi, ()), before)

    def _take(self, seen: Seen) -> None:
        if (
            seen.inner is None
            and seen.sealed
            and seen.joined_in is None
            and (seen.from_target or not seen.spoiled)
        ):
            self.hidden = self.hidden or seen.number
            return
        assert seen.header is not None
        if seen.header.is_v1:
            key: object = (seen.header.pair, seen.header.message_id)
            answers = key in self._offers and self._offers[key][0].by_target is not seen.from_target
        else:
            asker = seen.from_target is seen.header.is_request
            message_id = 0 if seen.exchange == Exchange.IKE_AUTH else seen.header.message_id
            key, answers = (seen.header.pair, seen.exchange, message_id, asker), seen.is_response
        agreed = _proposals(seen)
        if answers:
            for offer, taken in zip(self._offers.get(key, ()), agreed, strict=False):
                self._agree(seen, offer, taken)
        elif agreed:
            renews = _renews(seen)
            self._offers[key] = [_Offer(each, seen.from_target, renews) for each in agreed]

    def _agree(self, seen: Seen, offer: _Offer, taken: tuple[Any, ...]) -> None:
        """One more Child SA, unless the answer only came again."""
        chosen = taken[0]
        offered = next((each for each in offer.proposals if each.number == chosen.number), offer.proposals[0])
        ours, theirs = (offered, chosen) if offer.by_target else (chosen, offered)
        known = self.outbound(theirs.spi, seen.number)
        if known is not None and known.inbound == ours.spi:
            return
        version = 1 if seen.header is not None and seen.header.is_v1 else 2
        seconds = _seconds(chosen) if version == 1 else None
        child = ChildSa(
            version, ours.spi, theirs.spi, offer.by_target, offer.renews, seen.number, seen.time, seconds
        )
        self.made.append(child)
        self._by_inbound.setdefault(child.inbound, []).append(child)
        self._by_outbound.setdefault(child.outbound, []).append(child)

    def _take_deletes(self, seen: Seen) -> None:
        """What the peer deletes counts from the target's answer on, and in the peer's answer at once."""
        assert seen.header is not None
        key = (seen.header.pair, seen.header.message_id)
        if seen.from_target:
            if seen.is_request:
                self._asked.add(key)
            elif not _refuses(seen):
                self._end(seen, self._deletes.get(key, ()))
            return
        spis = tuple(
            spi
            for each in seen.inner or ()
            if isinstance(each, v2.Delete) and each.protocol in _IPSEC
            for spi in each.spis
        )
        if seen.is_request:
            if spis:
                self._deletes.setdefault(key, spis)
        elif key in self._asked:
            self._end(seen, spis)

    def _end(self, seen: Seen, spis: Iterable[bytes]) -> None:
        for spi in spis:
            child = self.outbound(spi, seen.number)
            if child is not None and child.ended is None:
                child.ended, child.ended_in = seen.time, seen.number


def _newest(made: Sequence[ChildSa], before: int) -> ChildSa | None:
    return next((each for each in reversed(made) if each.number < before), None)


def _proposals(seen: Seen) -> list[tuple[Any, ...]]:
    """For each SA payload the proposals of Child SAs in it."""
    kinds = (v1.SecurityAssociation, v2.SecurityAssociation)
    found = (each.proposals for each in seen.payloads if isinstance(each, kinds))
    told = (tuple(each for each in proposals if each.protocol in _IPSEC and each.spi) for proposals in found)
    return [each for each in told if each]


def _renews(seen: Seen) -> bytes | None:
    for each in seen.payloads:
        if isinstance(each, v2.Notify) and each.notify_type == NotifyType.REKEY_SA:
            return bytes(each.spi)
    return None


def _refuses(seen: Seen) -> bool:
    """Whether an answer is an error, or cannot be read."""
    if seen.doubt is not None:
        return True
    return any(isinstance(each, v2.Notify) and each.notify_type < 16384 for each in seen.payloads)


def _seconds(proposal: Any) -> float | None:
    """The lifetime in seconds of a chosen proposal (RFC 2407 section 4.5)."""
    for transform in proposal.transforms:
        counts: int | None = None
        for attribute in transform.attributes:
            value = attribute.value
            count = value if isinstance(value, int) else int.from_bytes(value, "big")
            if attribute.type == AttributeP2.SA_LIFE_TYPE:
                counts = count
            elif attribute.type == AttributeP2.SA_LIFE_DURATION and counts == LifeType.SECONDS:
                return number(count)
    return None
