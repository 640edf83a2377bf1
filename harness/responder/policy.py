"""What the responder chooses: a proposal, traffic selectors, whether to start something itself.

These are decisions of this end alone; the peer has its own.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Generic, TypeVar

from harness.codes import Group, Integ, Protocol, TransformType, TsType
from harness.profile import MOST_SELECTORS, ChildProposal, IkeProposal, Start
from harness.responder.context import Context, permitted
from harness.responder.state import Selector
from harness.responder.table import TABLE
from harness.values import value
from harness.wire import v2

S = TypeVar("S", bound="IkeProposal | ChildProposal")

KEY_LENGTH = 14
"""The one transform attribute of IKEv2 (RFC 7296 section 3.3.5)."""

KNOWN_TYPES = frozenset(
    int(t)
    for t in (TransformType.ENCR, TransformType.PRF, TransformType.INTEG, TransformType.KE, TransformType.ESN)
)
ADDITIONAL = range(TransformType.ADDKE1, TransformType.ADDKE7 + 1)
"""The transform types of additional key exchanges (RFC 9370 section 2.2.1)."""
Additional = tuple[tuple[int, int], ...]
"""A choice for each type of additional key exchange that was offered: type and method, NONE for no exchange."""


@value
class Chosen(Generic[S]):
    """A proposal taken: what it means here, and the payload that says so to the peer."""

    suite: S
    group: int
    spi: bytes
    number: int
    additional: Additional = ()

    @property
    def methods(self) -> tuple[int, ...]:
        """The methods of the additional key exchanges to be made, in their order."""
        return tuple(method for _, method in self.additional if method != Group.NONE)

    def payload(self, spi: bytes) -> v2.SecurityAssociation:
        """The SA payload that accepts this proposal, with our SPI in it (RFC 7296 section 3.3)."""
        suite = self.suite
        protocol = suite.protocol if isinstance(suite, ChildProposal) else int(Protocol.IKE)
        transforms = [] if protocol == Protocol.AH else [_cipher(suite.encr, suite.key_bits)]
        if isinstance(suite, IkeProposal):
            transforms.append(v2.Transform(type=TransformType.PRF, id=suite.prf))
        if suite.integ != Integ.NONE:
            transforms.append(v2.Transform(type=TransformType.INTEG, id=suite.integ))
        if self.group != Group.NONE:
            transforms.append(v2.Transform(type=TransformType.KE, id=self.group))
        if isinstance(suite, ChildProposal):
            transforms.append(v2.Transform(type=TransformType.ESN, id=suite.esn))
        transforms += [v2.Transform(type=kind, id=method) for kind, method in self.additional]
        proposal = v2.Proposal(number=self.number, protocol=protocol, spi=spi, transforms=tuple(transforms))
        return v2.SecurityAssociation(proposals=(proposal,))


def _cipher(encr: int, key_bits: int | None) -> v2.Transform:
    attributes = () if key_bits is None else (v2.Attribute(type=KEY_LENGTH, value=key_bits),)
    return v2.Transform(type=TransformType.ENCR, id=encr, attributes=attributes)


def _ciphers(proposal: v2.Proposal) -> set[tuple[int, int | None]]:
    """The (cipher, key length) pairs offered; a transform with an unknown attribute is left out (section 3.3.6)."""
    offered: set[tuple[int, int | None]] = set()
    for transform in proposal.transforms:
        if transform.type != TransformType.ENCR:
            continue
        lengths = [a.value for a in transform.attributes if a.type == KEY_LENGTH and isinstance(a.value, int)]
        if len(lengths) == len(transform.attributes) and len(lengths) <= 1:
            offered.add((transform.id, lengths[0] if lengths else None))
    return offered


def _ids(proposal: v2.Proposal, kind: TransformType) -> set[int]:
    return {t.id for t in proposal.transforms if t.type == kind and not t.attributes}


def _understood(proposal: v2.Proposal) -> bool:
    return all(t.type in KNOWN_TYPES or t.type in ADDITIONAL for t in proposal.transforms)


def without_additional(offer: v2.SecurityAssociation) -> v2.SecurityAssociation:
    """The offer as it reads where IKE_INTERMEDIATE is not agreed on: without what it can't serve (RFC 9370 section 2.2.1)."""
    kept = tuple(p for p in offer.proposals if not any(t.type in ADDITIONAL for t in p.transforms))
    return offer if len(kept) == len(offer.proposals) else v2.SecurityAssociation(proposals=kept)


@TABLE.decision(rfc="9370/2.2.1")
def choose_additional(context: Context, proposal: v2.Proposal, wanted: tuple[int, ...]) -> Additional | None:
    """One method for each type of additional key exchange offered, so that all that are `wanted` take place, or None.

    No method is chosen twice, and a type takes NONE only where it is offered (RFC 9370 section 2.2.1).
    """
    kinds = sorted({t.type for t in proposal.transforms if t.type in ADDITIONAL})
    return _assign([(kind, _ids(proposal, TransformType(kind))) for kind in kinds], wanted)


def _assign(offered: list[tuple[int, set[int]]], wanted: tuple[int, ...]) -> Additional | None:
    if not offered:
        return None if wanted else ()
    (kind, methods), *rest = offered
    for method in (*wanted, Group.NONE):
        if method not in methods:
            continue
        following = _assign(rest, tuple(each for each in wanted if each != method))
        if following is not None:
            return ((kind, int(method)), *following)
    return None


def _integrity_fits(proposal: v2.Proposal, wanted: int) -> bool:
    """Whether the integrity offered is what we want; with an AEAD cipher none, or NONE (RFC 5282 section 8)."""
    offered = _ids(proposal, TransformType.INTEG)
    return wanted in offered or (wanted == Integ.NONE and not offered)


def _encryption_fits(proposal: v2.Proposal, suite: ChildProposal) -> bool:
    """Whether the cipher offered is what we want; AH has none (RFC 7296 section 3.3.3)."""
    if suite.protocol == Protocol.AH:
        return all(t.type != TransformType.ENCR for t in proposal.transforms)
    return (suite.encr, suite.key_bits) in _ciphers(proposal)


@TABLE.decision(rfc="7296/2.7")
def choose_ike(context: Context, offer: v2.SecurityAssociation, spi_size: int) -> Chosen[IkeProposal] | None:
    """The first of the peer's proposals that one of our suites fits, or None; `spi_size` is 0 in IKE_SA_INIT."""
    for proposal in offer.proposals:
        if proposal.protocol != Protocol.IKE or len(proposal.spi) != spi_size or not _understood(proposal):
            continue
        ciphers, prfs = _ciphers(proposal), _ids(proposal, TransformType.PRF)
        groups = _ids(proposal, TransformType.KE)
        for suite in context.configuration.proposals_v2:
            if (suite.encr, suite.key_bits) not in ciphers or suite.prf not in prfs:
                continue
            if suite.group not in groups or not _integrity_fits(proposal, suite.integ):
                continue
            additional = context.decide("choose_additional", proposal, suite.additional)
            if additional is not None:
                return Chosen(suite, suite.group, proposal.spi, proposal.number, additional)
    return None


@TABLE.decision(rfc="7296/2.7")
def choose_child(
    context: Context, offer: v2.SecurityAssociation, ke_group: int
) -> Chosen[ChildProposal] | None:
    """The first of the peer's proposals for a child that ours fits, or None.

    `ke_group` is the group of the peer's KE payload, NONE without one (RFC 7296 section 1.3.1). A device
    configured with PFS wants its own group; one without takes the peer's or none.
    """
    pfs = context.configuration.pfs_group
    for proposal in offer.proposals:
        if len(proposal.spi) != 4 or not _understood(proposal):
            continue
        groups = _ids(proposal, TransformType.KE)
        group = _child_group(groups, ke_group, pfs)
        if group is None:
            continue
        taken = _child_suite(context, proposal, group)
        if taken is not None:
            suite, additional = taken
            return Chosen(suite, group, proposal.spi, proposal.number, additional)
    return None


def _child_group(offered: set[int], ke_group: int, pfs: int | None) -> int | None:
    """The group for a child, or None if the proposal can't serve; NONE means no key exchange."""
    if pfs is not None and ke_group != Group.NONE:
        return pfs if pfs in offered else None
    if ke_group in offered:
        return ke_group
    if not offered or Group.NONE in offered:
        return Group.NONE
    return None if ke_group == Group.NONE else min(offered)


def _child_suite(
    context: Context, proposal: v2.Proposal, group: int
) -> tuple[ChildProposal, Additional] | None:
    """The suite of ours that a proposal fits; further key exchanges follow only a first one (RFC 9370 section 2.2.4)."""
    esns = _ids(proposal, TransformType.ESN)  # mandatory: section 3.3.3
    for suite in context.configuration.child_proposals:
        if suite.protocol != proposal.protocol or not _encryption_fits(proposal, suite):
            continue
        if suite.esn not in esns or not _integrity_fits(proposal, suite.integ):
            continue
        wanted = () if group == Group.NONE else suite.additional
        additional = context.decide("choose_additional", proposal, wanted)
        if additional is not None:
            return suite, additional
    return None


@lru_cache(maxsize=1024)
def selector(subnet: str) -> Selector:
    """The selector of a subnet in CIDR form, any protocol and port."""
    network = ipaddress.ip_network(subnet)
    return Selector(network.network_address.packed, network.broadcast_address.packed)


def _common(offered: v2.TrafficSelector, ours: Selector) -> Selector | None:
    """What an offered selector and one of ours share (RFC 7296 section 2.9)."""
    family = TsType.TS_IPV4_ADDR_RANGE if len(ours.start) == 4 else TsType.TS_IPV6_ADDR_RANGE
    if offered.ts_type != family or len(offered.start) != len(ours.start) or offered.start > offered.end:
        return None
    start, end = max(offered.start, ours.start), min(offered.end, ours.end)
    if start > end or offered.start_port > offered.end_port:
        return None
    return Selector(start, end, offered.protocol, offered.start_port, offered.end_port)


@TABLE.decision(rfc="7296/2.9")
def narrow(
    context: Context, offered: Sequence[v2.TrafficSelector], subnets: Sequence[str]
) -> tuple[Selector, ...]:
    """The part of the offered selectors that our policy covers, the first ones of many; empty: nothing fits."""
    shared: list[Selector] = []
    for theirs in offered:
        for own in map(selector, subnets):
            common = _common(theirs, own)
            if common is not None and common not in shared:
                shared.append(common)
    return tuple(shared[:MOST_SELECTORS])


def selectors_payload(selectors: Iterable[Selector]) -> tuple[v2.TrafficSelector, ...]:
    """Selectors as they stand in a TS payload (RFC 7296 section 3.13.1)."""
    return tuple(
        v2.TrafficSelector(
            ts_type=TsType.TS_IPV4_ADDR_RANGE if len(s.start) == 4 else TsType.TS_IPV6_ADDR_RANGE,
            protocol=s.protocol,
            start_port=s.start_port,
            end_port=s.end_port,
            start=s.start,
            end=s.end,
        )
        for s in selectors
    )


@TABLE.decision(rfc="7296/1.2")
def may_start(context: Context, start: Start) -> bool:
    """Whether the configured profile lets the device start this; responder-only lives in this one line.

    Renewing phase 1 of version 1 is no rekey but an initiation: a profile that has rekeys has it only on request.
    """
    return permitted(context.profile, start) or _renews_on_request(context, start)


def _renews_on_request(context: Context, start: Start) -> bool:
    asked = start is Start.PHASE1_RENEWAL and context.configuration.version1.renews_phase1
    return asked and permitted(context.profile, Start.CHILD_REKEY)


@TABLE.decision(rfc="7296/2.6")
def demands_cookie(context: Context) -> bool:
    """Whether so many SAs are half-open that an IKE_SA_INIT must bring a cookie first."""
    threshold = context.configuration.cookie_threshold
    return threshold is not None and context.world.half_open_count() >= threshold
