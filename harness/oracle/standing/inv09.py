"""INV-09: an answer leaves from the address and port that its request was sent to, and goes back where it came from.

In version 1, which has no direction bit and moves to port 4500 in the middle of phase 1 (RFC 3947 section 4), a
message must at least mirror one that its peer sent on the same SA.
"""

from collections.abc import Iterator

from harness.codes import Exchange, name_of
from harness.observe import NO_SPI, Birth, Header, Matter, Seen, Trace
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
)
from harness.profile import Profile
from harness.record import ClaimName
from harness.wire.datagram import Endpoint

_Way = tuple[Endpoint, Endpoint]
"""Source and destination as the peer used them."""


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    ways = _Ways()
    judged = False
    broken: dict[tuple[str, Endpoint, Endpoint], tuple[list[Seen], set[_Way]]] = {}
    for each in trace.ike:
        header = each.header
        assert header is not None
        if not each.from_target:
            ways.take(each, header)
            continue
        asked = ways.asked(trace, header)
        if not asked:
            continue
        judged = True
        if (each.destination, each.source) not in asked:
            entry = broken.setdefault((pair_of(each), each.source, each.destination), ([], asked))
            entry[0].append(each)
    yield from folded(_broken(*key, *entry) for key, entry in broken.items())
    yield from _from_elsewhere(trace)
    if not judged and not trace.holds(Matter.ANSWERS):
        yield not_judged("the target answered nothing")
    elif not broken:
        yield held(f"the answers took the way of their requests back {bounds(trace)}")


def _broken(
    pair: str, source: Endpoint, destination: Endpoint, answers: list[Seen], asked: set[_Way]
) -> Remark:
    frames = tuple(each.number for each in answers)
    asked_by, asked_at = max(asked)
    return failed(
        f"the target answered on {pair} from {source} to {destination} ({named(frames)}), though it was asked "
        f"at {asked_at} by {asked_by}",
        frames,
        requirement="RFC7296-2.11-03" if source != asked_at else "RFC7296-2.11-02",
    )


class _Ways:
    """The endpoints between which requests came: per exchange in version 2, per SA in version 1."""

    def __init__(self) -> None:
        self._v2: dict[tuple[bytes, int, int], dict[bytes, set[_Way]]] = {}
        self._v1: dict[bytes, set[_Way]] = {}

    def take(self, seen: Seen, header: Header) -> None:
        """A message of the peer."""
        way = (seen.source, seen.destination)
        if header.is_v1:
            self._v1.setdefault(header.spi_i, set()).add(way)
        elif header.is_request:
            key = (header.spi_i, header.message_id, header.exchange)
            self._v2.setdefault(key, {}).setdefault(header.spi_r, set()).add(way)

    def asked(self, trace: Trace, header: Header) -> set[_Way]:
        """The ways of what this message of the target may answer; none: it answers nothing that was seen."""
        if not header.is_v1:
            if not header.is_response:
                return set()
            by_spi = self._v2.get((header.spi_i, header.message_id, header.exchange), {})
            return by_spi.get(header.spi_r, set()) | by_spi.get(NO_SPI, set())
        association = trace.associations.get(header)
        if association is not None and (association.by_target or association.birth is Birth.UNSEEN):
            return set()  # on an SA of its own making the target chooses the way
        return self._v1.get(header.spi_i, set())


def _from_elsewhere(trace: Trace) -> Iterator[Remark]:
    """Answers of the target's SAs from an address that is not known as its own: another node, or the wrong source."""
    if not trace.elsewhere:
        return
    asked: dict[tuple[bytes, int, int], int] = {}
    for each in trace.ike:
        if not each.from_target and each.header is not None and each.is_request:
            asked.setdefault(_exchange_of(each.header), each.number)
    strays: dict[tuple[Endpoint, int], list[Seen]] = {}
    for each in trace.elsewhere:
        header = each.header
        if header is None or not each.is_response or each.destination.address not in trace.speakers:
            continue
        if asked.get(_exchange_of(header), each.number) < each.number:
            strays.setdefault((each.source, header.exchange), []).append(each)
    for (source, exchange), messages in strays.items():
        frames = tuple(each.number for each in messages)
        yield noted(
            f"{source}, no address of the target, answered {name_of(Exchange, exchange)} requests that the "
            f"target was sent ({named(frames)}): name it as the target's too if it is, and this is a wrong source",
            frames,
        )


def _exchange_of(header: Header) -> tuple[bytes, int, int]:
    return header.spi_i, header.message_id, header.exchange


RULE = Rule(
    id="INV-09",
    claim=ClaimName.PROTOCOL,
    title="Answers leave from where their requests went, and go where those came from",
    requirements=("RFC7296-2.11-03", "RFC7296-2.11-02", "RFC3947-4-09"),
    rfc=("RFC 7296 §2.11", "RFC 7296 §2.23", "RFC 3947 §4"),
    examine=_examine,
    cleared_by=(Fact.ONE_PEER, Fact.SAME_WAY),
    outlives_gaps=True,
)
