"""Which message answers which: by the direction bit and the Message ID in version 2, by turns in version 1."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from harness.codes import Exchange, NotifyTypeV1
from harness.observe.header import NO_SPI
from harness.observe.seen import Seen
from harness.wire import v1

Key2 = tuple[bytes, int, int]
"""SPIi, Message ID, exchange type."""

INFORMATIONAL = int(Exchange.INFORMATIONAL_V1)
PHASE_1 = frozenset({1, 2, 3, 4})
"""Exchange types of phase 1: Base, Identity Protection, Authentication Only, Aggressive."""


@dataclass(slots=True)
class _Isakmp:
    """What was said under one initiator's cookie, from both sides."""

    messages: list[Seen] = field(default_factory=list)
    first_said: dict[bytes, int] = field(default_factory=dict)
    """The frame in which octets were sent for the first time."""

    def take(self, seen: Seen) -> None:
        """One more message."""
        self.messages.append(seen)
        self.first_said.setdefault(seen.octets, seen.number)

    def after(self, seen: Seen) -> Iterator[Seen]:
        """What was said behind this message."""
        start = bisect_right(self.messages, seen.number, key=lambda each: each.number)
        return islice(self.messages, start, None)


@dataclass(slots=True)
class Answers:
    """The messages of a trace, laid out for the question of what answers what."""

    responses: dict[Key2, list[Seen]] = field(default_factory=dict)
    """Version 2: the target's responses."""
    isakmp: dict[bytes, _Isakmp] = field(default_factory=dict)
    """Version 1: everything, by the initiator's cookie."""

    @classmethod
    def of(cls, seen: Iterable[Seen]) -> "Answers":
        """The layout of these messages, which come in the capture's order."""
        found = cls()
        for each in seen:
            header = each.header
            if header is None:
                continue
            if header.is_v1:
                found.isakmp.setdefault(header.spi_i, _Isakmp()).take(each)
            elif each.from_target and header.is_response:
                key = (header.spi_i, header.message_id, header.exchange)
                found.responses.setdefault(key, []).append(each)
        return found

    def to(self, request: Seen) -> list[Seen]:
        """The target's answers to this message, the first one first; fragments count as the message they make."""
        header = request.header
        if header is None:
            return []
        if not header.is_v1:
            return list(self._responses_to(request))
        return list(self._turns_after(request))

    def _responses_to(self, request: Seen) -> Iterator[Seen]:
        header = request.header
        assert header is not None
        whole: dict[int, Seen] = {}
        for answer in self.responses.get((header.spi_i, header.message_id, header.exchange), ()):
            assert answer.header is not None
            if answer.number <= request.number or header.spi_r not in (NO_SPI, answer.header.spi_r):
                continue
            fragment = answer.fragment
            if fragment is None:
                yield answer
            elif fragment[1] not in whole or (whole[fragment[1]].inner is None and answer.inner is not None):
                whole[fragment[1]] = answer
        yield from whole.values()

    def _turns_after(self, request: Seen) -> Iterator[Seen]:
        header = request.header
        assert header is not None
        said = self.isakmp.get(header.spi_i)
        if said is None:
            return
        if header.exchange != INFORMATIONAL and (in_turn := list(_in_turn(said, request))):
            yield from in_turn
            return
        sequence = liveness_sequence(request, NotifyTypeV1.R_U_THERE)
        if sequence is not None:
            for each in said.after(request):
                if each.from_target and liveness_sequence(each, NotifyTypeV1.R_U_THERE_ACK) == sequence:
                    yield each
            return
        for each in said.after(request):
            if _other_words(each, request):
                return
            if each.from_target and each.exchange == INFORMATIONAL and not _own_probe(each):
                yield each


def _in_turn(said: _Isakmp, request: Seen) -> Iterator[Seen]:
    """The target's messages of the same exchange up to the peer's next one, without repetitions of earlier ones."""
    first_asked = said.first_said[request.octets]
    for each in said.after(request):
        if not _same_exchange(each, request):
            continue
        if _other_words(each, request):
            return
        if each.from_target and said.first_said[each.octets] > first_asked:
            yield each


def liveness_sequence(seen: Seen, notify_type: int) -> bytes | None:
    """The sequence number of a DPD notify of that type in an opened message (RFC 3706 section 5.3)."""
    if seen.exchange != INFORMATIONAL or seen.inner is None:
        return None
    for payload in seen.inner:
        if isinstance(payload, v1.Notify) and payload.notify_type == notify_type:
            return bytes(payload.data)
    return None


def _own_probe(seen: Seen) -> bool:
    return liveness_sequence(seen, NotifyTypeV1.R_U_THERE) is not None


def _same_exchange(one: Seen, other: Seen) -> bool:
    assert one.header is not None
    assert other.header is not None
    mine, theirs = one.header, other.header
    if (mine.exchange, mine.message_id) != (theirs.exchange, theirs.message_id):
        return False
    return NO_SPI in (mine.spi_r, theirs.spi_r) or mine.spi_r == theirs.spi_r


def _other_words(one: Seen, request: Seen) -> bool:
    """A message of the peer that is not this request once more: from here on answers are due to that one."""
    return not one.from_target and one.octets != request.octets
