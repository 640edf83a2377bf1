"""INV-07: every response of the target answers a request that came before it, and no request is answered twice.

A response is sent only because a request arrived, once per copy of it (RFC 7296 section 2.1); of a fragmented
request the copies of fragment 1 count (RFC 7383 section 2.6.1), and the fragments of one answer are one answer.
A path may double datagrams: a surplus answer counts only where the tap excludes that, or where it is a datagram
of its own and comes too late to be a copy.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.codes import Exchange, name_of
from harness.observe import NO_SPI, Header, Matter, Seen, Trace
from harness.oracle.facts import Fact
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    folded,
    held,
    named,
    not_judged,
    noted,
    pair_of,
    tap_at_target,
)
from harness.profile import Profile
from harness.record import ClaimName

_TWIN_S = 0.1
"""A path that doubles a datagram does it within this time."""


@dataclass(slots=True)
class _Exchange:
    """What was asked and answered under one SPIi, Message ID and exchange type."""

    asked: dict[bytes, int] = field(default_factory=dict)
    """Copies of requests by their SPIr; a later fragment alone counts as none."""
    frames: dict[bytes, int] = field(default_factory=dict)
    """Frames of requests by their SPIr: each may get an unprotected notify (RFC 7296 section 2.21.4)."""
    answers: dict[bytes, list[Seen]] = field(default_factory=dict)
    """Answers by their SPIr."""

    def ask(self, request: Seen, spi_r: bytes) -> None:
        """One more frame of a request."""
        self.asked[spi_r] = self.asked.get(spi_r, 0) + _counts(request)
        self.frames[spi_r] = self.frames.get(spi_r, 0) + 1

    def fits(self, spi_r: bytes) -> bool:
        """Whether a request came that a response with this SPIr may answer."""
        return spi_r in self.asked or NO_SPI in self.asked

    def spent(self, answer: Seen, spi_r: bytes) -> bool:
        """Whether every copy that this answer may belong to has had its answer.

        Requests without SPIr may make an SA each, so the answers to them under all SPIr that nobody asked by
        name share their copies.
        """
        copies = self.asked if answer.sealed else self.frames
        exact, first = copies.get(spi_r, 0), copies.get(NO_SPI, 0)
        if spi_r != NO_SPI and exact:
            return len(self.answers.get(spi_r, ())) >= exact + first
        unnamed = (len(a) for spi, a in self.answers.items() if spi == NO_SPI or spi not in self.asked)
        return sum(unnamed) >= first


@dataclass(slots=True)
class _Tally:
    answered: int = 0
    unasked: list[tuple[Seen, Seen | None]] = field(default_factory=list)
    """Each with the peer's last message under its SPIi and Message ID."""
    surplus: list[tuple[Seen, Seen]] = field(default_factory=list)
    """Each with its twin, the answer that came before."""
    doubled: list[tuple[Seen, Seen]] = field(default_factory=list)


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    tally = _count(trace)
    if not tally.answered and not tally.unasked and not trace.holds(Matter.RESPONSES):
        yield not_judged("the target sent no response of version 2")
        return
    yield from folded(_unasked(answer, near) for answer, near in tally.unasked)
    for pair, group in _by_sa(tally.surplus).items():
        frames = tuple(answer.number for answer, _ in group)
        yield failed(
            f"the target answered again without being asked again, on {pair}: {_twins(group)}; a response is sent "
            "once per copy of its request",
            frames,
        )
    for pair, group in _by_sa(tally.doubled).items():
        frames = tuple(answer.number for answer, _ in group)
        yield noted(f"answers doubled on the path or re-sent, on {pair}: {_twins(group)}", frames)
    if not tally.unasked and not tally.surplus:
        yield held(f"each response answers a request of the peer {bounds(trace)}")


def _count(trace: Trace) -> _Tally:
    exchanges: dict[tuple[bytes, int, int], _Exchange] = {}
    tally = _Tally()
    near: dict[tuple[bytes, int], Seen] = {}
    for each in trace.ike:
        header = each.header
        assert header is not None
        key = (header.spi_i, header.message_id, header.exchange)
        if not each.from_target:
            near[header.spi_i, header.message_id] = each
            if header.is_v1 or not header.is_response:
                exchanges.setdefault(key, _Exchange()).ask(each, header.spi_r)
        elif not header.is_v1 and header.is_response:
            exchange = exchanges.setdefault(key, _Exchange())
            if exchange.fits(header.spi_r):
                _take(trace, tally, exchange, each, header)
            else:
                tally.unasked.append((each, near.get((header.spi_i, header.message_id))))
    return tally


def _take(trace: Trace, tally: _Tally, exchange: _Exchange, answer: Seen, header: Header) -> None:
    if not _counts(answer):
        return
    earlier = exchange.answers.setdefault(header.spi_r, [])
    tally.answered += 1
    if exchange.spent(answer, header.spi_r) and (twin := _twin(exchange, earlier)) is not None:
        # An Identification of 0 is none: the sender numbers no datagrams (RFC 6864 section 4.1).
        own_datagram = not answer.ip_id or answer.ip_id != twin.ip_id
        certain = tap_at_target(trace) or (own_datagram and answer.time - twin.time >= _TWIN_S)
        (tally.surplus if certain else tally.doubled).append((answer, twin))
    earlier.append(answer)


def _twin(exchange: _Exchange, earlier: list[Seen]) -> Seen | None:
    if earlier:
        return earlier[-1]
    return max((answers[-1] for answers in exchange.answers.values() if answers), key=_number, default=None)


def _number(seen: Seen) -> int:
    return seen.number


def _counts(seen: Seen) -> bool:
    """Whether the frame stands for its message: whole, or fragment 1."""
    fragment = seen.fragment
    return fragment is None or fragment[0] == 1


def _unasked(answer: Seen, near: Seen | None) -> Remark:
    """An answer that no request asked for, and the peer's message that comes nearest to one."""
    header = answer.header
    assert header is not None
    said = f"frame {answer.number}: the target sent {name_of(Exchange, header.exchange)} response {header.message_id}"
    if near is None or near.header is None:
        return failed(
            f"{said} on {pair_of(answer)}, which no request of its peer had asked for", answer.frames
        )
    if near.is_response:
        return failed(
            f"{said} in answer to a response (frame {near.number}), which is never answered",
            answer.frames,
            requirement="RFC7296-2.21.4-02",
        )
    if near.exchange != header.exchange:
        asked = name_of(Exchange, near.header.exchange)
        return failed(
            f"{said}, while what had been asked under that Message ID is {asked} (frame {near.number})",
            answer.frames,
        )
    return failed(
        f"{said} under the SPIs {pair_of(answer)}, while frame {near.number} had asked on {pair_of(near)}",
        answer.frames,
    )


def _by_sa(pairs: list[tuple[Seen, Seen]]) -> dict[str, list[tuple[Seen, Seen]]]:
    found: dict[str, list[tuple[Seen, Seen]]] = {}
    for answer, twin in pairs:
        found.setdefault(pair_of(answer), []).append((answer, twin))
    return found


def _twins(group: list[tuple[Seen, Seen]]) -> str:
    told = [
        f"{named((answer.number,))} repeats frame {twin.number} after {answer.time - twin.time:.3f} s"
        for answer, twin in group[:4]
    ]
    return "; ".join(told) + (f"; and {len(group) - 4} more" if len(group) > 4 else "")


RULE = Rule(
    id="INV-07",
    claim=ClaimName.PROTOCOL,
    title="Every response of the target answers a request of its peer, once per copy",
    requirements=("RFC7296-2.1-01", "RFC7296-2.2-05", "RFC7296-2.21.4-02", "RFC7383-2.6.1-02"),
    rfc=("RFC 7296 §2.1", "RFC 7296 §2.2", "RFC 7296 §2.21.4", "RFC 7383 §2.6.1"),
    examine=_examine,
    cleared_by=(Fact.ONE_PEER, Fact.ASKED_FIRST),
)
