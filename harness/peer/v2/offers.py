"""RFC 7296 sections 2.7 and 2.9: what the peer offers, takes and narrows; its own choice, shared with nobody."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_network

from harness.codes import Encr, Esn, Group, Integ, Protocol, TransformAttribute, TransformType, TsType
from harness.crypto import GROUPS
from harness.profile import ChildProposal, IkeProposal
from harness.sa.v2 import ChildSuite, Suite
from harness.wire import v2

Chosen = tuple[v2.Proposal, ChildSuite, int]
"""A proposal, the suite taken from it, and the group of a fresh key exchange or 0."""
KEY_LENGTH = TransformAttribute.KEY_LENGTH
ADDITIONAL = (
    TransformType.ADDKE1,
    TransformType.ADDKE2,
    TransformType.ADDKE3,
    TransformType.ADDKE4,
    TransformType.ADDKE5,
    TransformType.ADDKE6,
    TransformType.ADDKE7,
)
"""The transform types of additional key exchanges, in their order (RFC 9370 section 2.2.1)."""


def ike_suite(proposal: IkeProposal) -> Suite:
    """The suite that a configured proposal names."""
    return Suite(
        proposal.encr, proposal.key_bits, proposal.integ, proposal.prf, proposal.group, proposal.additional
    )


def child_suite(proposal: ChildProposal) -> ChildSuite:
    """The suite of a Child SA that a configured proposal names."""
    return ChildSuite(
        proposal.protocol,
        proposal.encr,
        proposal.key_bits,
        proposal.integ,
        proposal.esn,
        proposal.additional,
    )


def _encryption(encr: int, key_bits: int | None) -> v2.Transform:
    attributes = () if key_bits is None else (v2.Attribute(KEY_LENGTH, key_bits),)
    return v2.Transform(TransformType.ENCR, encr, attributes)


def _integrity(integ: int) -> tuple[v2.Transform, ...]:
    return () if integ == Integ.NONE else (v2.Transform(TransformType.INTEG, integ),)


def _further(additional: tuple[int, ...]) -> tuple[v2.Transform, ...]:
    """Offers of additional key exchanges, the first method as ADDKE1."""
    return tuple(v2.Transform(kind, method) for kind, method in zip(ADDITIONAL, additional, strict=False))


def placed(proposal: v2.Proposal, additional: tuple[int, ...]) -> tuple[v2.Transform, ...] | None:
    """These methods in their order, one for each type of additional key exchange in a proposal, or NONE; None: they don't fit.

    Every type that is offered gets its answer (RFC 9370 section 2.2.1).
    """
    left, answer = list(additional), []
    for kind in ADDITIONAL:
        offered = [number for number, _ in _offered(proposal, kind)]
        if not offered:
            continue
        method = left.pop(0) if left and left[0] in offered else int(Group.NONE)
        if method not in offered:
            return None
        answer.append(v2.Transform(kind, method))
    return None if left else tuple(answer)


def ike_proposal(
    number: int, suite: Suite, spi: bytes = b"", further: tuple[v2.Transform, ...] | None = None
) -> v2.Proposal:
    """One suite of an IKE SA as a proposal; `spi` is given when an IKE SA is rekeyed.

    `further` are the transforms of additional key exchanges in an answer, None in an offer.
    """
    transforms = (
        _encryption(suite.encr, suite.key_bits),
        v2.Transform(TransformType.PRF, suite.prf),
        *_integrity(suite.integ),
        v2.Transform(TransformType.KE, suite.group),
        *(_further(suite.additional) if further is None else further),
    )
    return v2.Proposal(number, Protocol.IKE, spi, transforms)


def child_proposal(
    number: int,
    suite: ChildSuite,
    spi: bytes,
    group: int | None = None,
    further: tuple[v2.Transform, ...] | None = None,
) -> v2.Proposal:
    """One suite of a Child SA as a proposal; `group` is given when a fresh key exchange belongs to it.

    `further` are the transforms of additional key exchanges in an answer, None in an offer.
    """
    transforms = [_encryption(suite.encr, suite.key_bits)] if suite.protocol == Protocol.ESP else []
    transforms.extend(_integrity(suite.integ))
    if group is not None:
        transforms.append(v2.Transform(TransformType.KE, group))
    transforms.append(v2.Transform(TransformType.ESN, suite.esn))
    if further is None:
        further = _further(suite.additional) if group else ()
    transforms.extend(further)
    return v2.Proposal(number, suite.protocol, spi, tuple(transforms))


def ike_offer(suites: Iterable[Suite], spi: bytes = b"") -> v2.SecurityAssociation:
    """The SA payload that offers these suites, the one liked best first."""
    return v2.SecurityAssociation(
        tuple(ike_proposal(number, suite, spi) for number, suite in enumerate(suites, start=1))
    )


def child_offer(suites: Iterable[ChildSuite], spi: bytes, group: int | None) -> v2.SecurityAssociation:
    """The SA payload that offers these suites of a Child SA under the SPI that its receiver chose."""
    return v2.SecurityAssociation(
        tuple(child_proposal(number, suite, spi, group) for number, suite in enumerate(suites, start=1))
    )


def ike_answer(proposal: v2.Proposal, suite: Suite, spi: bytes = b"") -> v2.SecurityAssociation:
    """The SA payload that takes this suite from an offered proposal."""
    further = placed(proposal, suite.additional)
    return v2.SecurityAssociation((ike_proposal(proposal.number, suite, spi, further),))


def child_answer(proposal: v2.Proposal, suite: ChildSuite, spi: bytes, group: int) -> v2.SecurityAssociation:
    """The SA payload that takes this suite of a Child SA from an offered proposal; `group` is 0 without a key exchange."""
    further = placed(proposal, suite.additional if group else ())
    return v2.SecurityAssociation((child_proposal(proposal.number, suite, spi, group or None, further),))


def plain(offer: v2.SecurityAssociation) -> v2.SecurityAssociation:
    """The offer without the proposals that have additional key exchanges in them."""
    kept = [each for each in offer.proposals if all(t.type not in ADDITIONAL for t in each.transforms)]
    return v2.SecurityAssociation(tuple(kept))


def _offered(proposal: v2.Proposal, kind: int) -> list[tuple[int, int | None]]:
    """What a proposal has of one transform type: ids with their key lengths."""
    return [
        (transform.id, _key_bits(transform)) for transform in proposal.transforms if transform.type == kind
    ]


def _key_bits(transform: v2.Transform) -> int | None:
    for attribute in transform.attributes:
        if attribute.type == KEY_LENGTH:
            return attribute.value if isinstance(attribute.value, int) else -1
    return None


def _has(proposal: v2.Proposal, kind: int, wanted: int) -> bool:
    """Whether a proposal offers `wanted`; leaving a type out is an offer of its zero, NONE."""
    offered = [number for number, _ in _offered(proposal, kind)]
    return wanted in offered if offered else wanted == 0


def _fits_ike(proposal: v2.Proposal, suite: Suite) -> bool:
    return (
        proposal.protocol == Protocol.IKE
        and (suite.encr, suite.key_bits) in _offered(proposal, TransformType.ENCR)
        and _has(proposal, TransformType.PRF, suite.prf)
        and _has(proposal, TransformType.INTEG, suite.integ)
        and _has(proposal, TransformType.KE, suite.group)
        and placed(proposal, suite.additional) is not None
    )


def _has_cipher(proposal: v2.Proposal, suite: ChildSuite) -> bool:
    """Whether a proposal offers the suite's cipher, which AH leaves out (RFC 7296 section 3.3.3)."""
    offered = _offered(proposal, TransformType.ENCR)
    return not offered if suite.protocol == Protocol.AH else (suite.encr, suite.key_bits) in offered


def _fits_child(proposal: v2.Proposal, suite: ChildSuite, group: int) -> bool:
    return (
        proposal.protocol == suite.protocol
        and len(proposal.spi) == 4
        and _has_cipher(proposal, suite)
        and _has(proposal, TransformType.INTEG, suite.integ)
        and _has(proposal, TransformType.ESN, suite.esn)
        and placed(proposal, suite.additional if group else ()) is not None
    )


def choose_ike(
    offer: v2.SecurityAssociation, ours: Sequence[Suite], preferred_group: int | None = None
) -> tuple[v2.Proposal, Suite] | None:
    """The first offered proposal that we can take, with the suite in it; a suite of `preferred_group` goes first."""
    likes = sorted(ours, key=lambda suite: suite.group != preferred_group)
    for proposal in offer.proposals:
        for suite in likes:
            if _fits_ike(proposal, suite):
                return proposal, suite
    return None


def choose_child(
    offer: v2.SecurityAssociation, ours: Sequence[ChildSuite], preferred_group: int = 0
) -> Chosen | None:
    """The first offered proposal that we can take, its suite, and the group of a fresh key exchange or 0."""
    for proposal in offer.proposals:
        groups = [number for number, _ in _offered(proposal, TransformType.KE)]
        group = next(
            (number for number in (preferred_group, *groups) if number in groups and number in GROUPS), 0
        )
        for suite in ours:
            if _fits_child(proposal, suite, group) and (group or not groups or Group.NONE in groups):
                return proposal, suite, group
    return None


def accepted_ike(answer: v2.SecurityAssociation) -> tuple[v2.Proposal, Suite] | None:
    """The one suite that an answer names, taken at its word; None when a needed transform is missing."""
    for proposal in answer.proposals:
        encr, prf = _offered(proposal, TransformType.ENCR), _offered(proposal, TransformType.PRF)
        integ = _offered(proposal, TransformType.INTEG) or [(Integ.NONE, None)]
        group = _offered(proposal, TransformType.KE)
        if encr and prf and group:
            return proposal, Suite(*encr[0], integ[0][0], prf[0][0], group[0][0], _methods(proposal))
    return None


def _methods(proposal: v2.Proposal) -> tuple[int, ...]:
    """The methods of additional key exchanges that an answer names, without NONE, in the order of their types."""
    named = sorted((t.type, t.id) for t in proposal.transforms if t.type in ADDITIONAL and t.id != Group.NONE)
    return tuple(method for _, method in named)


def accepted_child(answer: v2.SecurityAssociation) -> Chosen | None:
    """The one suite of a Child SA that an answer names, taken at its word, and its group or 0."""
    proposal = next(iter(answer.proposals), None)
    if proposal is None:
        return None
    encr = _offered(proposal, TransformType.ENCR) or [(Encr.ENCR_NULL, None)]
    integ = _offered(proposal, TransformType.INTEG) or [(Integ.NONE, None)]
    esn = _offered(proposal, TransformType.ESN) or [(Esn.NO_ESN, None)]
    group = _offered(proposal, TransformType.KE) or [(Group.NONE, None)]
    suite = ChildSuite(proposal.protocol, *encr[0], integ[0][0], esn[0][0], _methods(proposal))
    return proposal, suite, group[0][0]


def selector(subnet: str) -> v2.TrafficSelector:
    """All traffic of one subnet in CIDR form."""
    first, last = _ends(subnet)
    kind = TsType.TS_IPV4_ADDR_RANGE if len(first) == 4 else TsType.TS_IPV6_ADDR_RANGE
    return v2.TrafficSelector(kind, 0, 0, 65535, first, last)


@lru_cache(maxsize=1024)
def _ends(subnet: str) -> tuple[bytes, bytes]:
    network = ip_network(subnet)
    return network[0].packed, network[-1].packed


def selectors(subnets: Iterable[str]) -> tuple[v2.TrafficSelector, ...]:
    """All traffic of these subnets."""
    return tuple(selector(subnet) for subnet in subnets)


def narrow(
    asked: Iterable[v2.TrafficSelector], ours: Iterable[v2.TrafficSelector]
) -> tuple[v2.TrafficSelector, ...]:
    """What of the asked selectors lies within ours (RFC 7296 section 2.9); empty: nothing does."""
    allowed = tuple(ours)
    common: list[v2.TrafficSelector] = []
    for one in asked:
        found = (_overlap(one, other) for other in allowed)
        common.extend(overlap for overlap in found if overlap is not None and overlap not in common)
    return tuple(common)


def _overlap(one: v2.TrafficSelector, other: v2.TrafficSelector) -> v2.TrafficSelector | None:
    if one.ts_type != other.ts_type or len(one.start) != len(other.start) or len(one.end) != len(other.end):
        return None
    if 0 not in (one.protocol, other.protocol) and one.protocol != other.protocol:
        return None
    start, end = max(one.start, other.start), min(one.end, other.end)
    first, last = max(one.start_port, other.start_port), min(one.end_port, other.end_port)
    if start > end or first > last:
        return None
    return v2.TrafficSelector(one.ts_type, one.protocol or other.protocol, first, last, start, end)
