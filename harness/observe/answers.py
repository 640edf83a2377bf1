"""Which message answers which: by the direction bit and the Message ID in version 2, by turns in version 1."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

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
class Answers:
    """The messages of a trace, laid out for the question of what answers what."""

    responses: dict[Key2, list[Seen]] = field(default_factory=dict)
    """Version 2: the target's responses."""
    isakmp: dict[bytes, list[Seen]] = field(default_factory=dict)
    """Version 1: everything under an initiator's cookie, from both sides."""

    @classmethod
    def of(cls, seen: Iterable[Seen]) -> "Answers":
        """The layout of these messages, which come in the capture's order."""
        found = cls()
        for each in seen:
            header = each.header
            if header is None:
                continue
            if header.is_v1:
                found.isakmp.setdefault(header.spi_i, []).append(each)
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
        earlier, later = _around(self.isakmp.get(header.spi_i, ()), request)
        first_asked = next((each.number for each in earlier if each.octets == request.octets), request.number)
        stale = {each.octets for each in earlier if each.from_target and each.number < first_asked}
        if header.exchange != INFORMATIONAL:
            mine = [each for each in later if _same_exchange(each, request)]
            in_turn = [
                each for each in _until(mine, lambda each: _other_words(each, request)) if each.from_target
            ]
            if fresh := [each for each in in_turn if each.octets not in stale]:
                yield from fresh
                return
        sequence = liveness_sequence(request, NotifyTypeV1.R_U_THERE)
        if sequence is not None:
            yield from (
                each for each in later if liveness_sequence(each, NotifyTypeV1.R_U_THERE_ACK) == sequence
            )
            return
        for each in _until(later, lambda each: _other_words(each, request)):
            if each.from_target and each.exchange == INFORMATIONAL and not _own_probe(each):
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


def _around(messages: Iterable[Seen], request: Seen) -> tuple[list[Seen], list[Seen]]:
    earlier: list[Seen] = []
    later: list[Seen] = []
    for each in messages:
        if each.number != request.number:
            (earlier if each.number < request.number else later).append(each)
    return earlier, later


def _until(messages: Iterable[Seen], stop: Callable[[Seen], bool]) -> Iterator[Seen]:
    for each in messages:
        if stop(each):
            return
        yield each


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
