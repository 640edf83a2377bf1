"""RFC 2409 section 5.5: what the responder takes of a Quick Mode's offer: suites of one protocol or of several, whole.

Lifetimes are the only thing in which an offer and our policy may differ: the shorter one counts here
(RFC 2407 section 4.5.4).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from harness.codes import (
    AhV1,
    AttributeP2,
    Encapsulation,
    Encr,
    Esn,
    EspAuthV1,
    EspV1,
    Group,
    Integ,
    LifeType,
    NotifyTypeV1,
    Protocol,
)
from harness.crypto import DIFFIE_HELLMAN
from harness.profile import ChildProposal
from harness.responder.context import Context
from harness.responder.table import TABLE
from harness.responder.v1.proposals import (
    Attributes,
    life_attributes,
    limit_of,
    read_attributes,
    shortest,
    taken,
)
from harness.responder.v1.state import IsakmpSa
from harness.values import value
from harness.wire import v1

DEFAULT_LIFETIME_S = 28_800
"""The lifetime of IPsec SAs whose offer names none (RFC 2407 section 4.5)."""

LOWEST_SPI = 256
"""Smaller SPIs are reserved (RFC 4303 section 2.1)."""

ESP_TRANSFORMS: dict[int, int] = {
    Encr.ENCR_DES: EspV1.ESP_DES,
    Encr.ENCR_3DES: EspV1.ESP_3DES,
    Encr.ENCR_IDEA: EspV1.ESP_IDEA,
    Encr.ENCR_CAST: EspV1.ESP_CAST,
    Encr.ENCR_BLOWFISH: EspV1.ESP_BLOWFISH,
    Encr.ENCR_NULL: EspV1.ESP_NULL,
    Encr.ENCR_AES_CBC: EspV1.ESP_AES_CBC,
    Encr.ENCR_AES_CTR: EspV1.ESP_AES_CTR,
    Encr.ENCR_AES_CCM_8: EspV1.ESP_AES_CCM_8,
    Encr.ENCR_AES_CCM_12: EspV1.ESP_AES_CCM_12,
    Encr.ENCR_AES_CCM_16: EspV1.ESP_AES_CCM_16,
    Encr.ENCR_AES_GCM_8: EspV1.ESP_AES_GCM_8,
    Encr.ENCR_AES_GCM_12: EspV1.ESP_AES_GCM_12,
    Encr.ENCR_AES_GCM_16: EspV1.ESP_AES_GCM_16,
    Encr.ENCR_CAMELLIA_CBC: EspV1.ESP_CAMELLIA,
    Encr.ENCR_NULL_AUTH_AES_GMAC: EspV1.ESP_NULL_AUTH_AES_GMAC,
}
AUTHENTICATION: dict[int, int] = {
    Integ.AUTH_HMAC_MD5_96: EspAuthV1.HMAC_MD5,
    Integ.AUTH_HMAC_SHA1_96: EspAuthV1.HMAC_SHA1,
    Integ.AUTH_HMAC_SHA2_256_128: EspAuthV1.HMAC_SHA2_256,
    Integ.AUTH_HMAC_SHA2_384_192: EspAuthV1.HMAC_SHA2_384,
    Integ.AUTH_HMAC_SHA2_512_256: EspAuthV1.HMAC_SHA2_512,
    Integ.AUTH_AES_XCBC_96: EspAuthV1.AES_XCBC_MAC,
}
AH_TRANSFORMS: dict[int, int] = {
    Integ.AUTH_HMAC_MD5_96: AhV1.AH_MD5,
    Integ.AUTH_HMAC_SHA1_96: AhV1.AH_SHA,
    Integ.AUTH_HMAC_SHA2_256_128: AhV1.AH_SHA2_256,
    Integ.AUTH_HMAC_SHA2_384_192: AhV1.AH_SHA2_384,
    Integ.AUTH_HMAC_SHA2_512_256: AhV1.AH_SHA2_512,
    Integ.AUTH_AES_XCBC_96: AhV1.AH_AES_XCBC_MAC,
}


@value
class ChosenProtocol:
    """One protocol of a suite that is taken: what its transform means here, and where in the offer it stands."""

    suite: ChildProposal
    mode: int
    group: int
    durations: Mapping[int, int]
    proposal: v1.Proposal
    transform: v1.Transform

    @property
    def spi(self) -> bytes:
        """The SPI on which the peer receives."""
        return self.proposal.spi


@value
class ChosenIpsec:
    """A suite of Quick Mode taken: its protocols, which serve together, and the lifetimes they share."""

    offer: v1.SecurityAssociation
    protocols: tuple[ChosenProtocol, ...]
    offered_lifetime: float
    lifetime: float
    offered_kilobytes: float | None = None

    @property
    def group(self) -> int:
        """The group of the Quick Mode's own key exchange, NONE without one."""
        return self.protocols[0].group

    @property
    def mode(self) -> int:
        """The encapsulation mode."""
        return self.protocols[0].mode

    def payload(self, spis: Sequence[bytes]) -> v1.SecurityAssociation:
        """The SA payload that accepts this, with our SPI for each protocol in it."""
        parts = zip(self.protocols, spis, strict=True)
        return taken(self.offer, *((each.proposal, each.transform, spi) for each, spi in parts))


@TABLE.decision(rfc="2409/5.5")
def choose_ipsec(
    context: Context, sa: IsakmpSa, offer: v1.SecurityAssociation, with_ke: bool
) -> ChosenIpsec | NotifyTypeV1:
    """The first of the peer's suites that ours fit, or the notify that refuses the offer.

    Proposals of one number stand together and are taken together or not at all (RFC 2408 section 4.2): each of their
    protocols has to be one of ours. `with_ke` tells whether the peer wants perfect forward secrecy.
    """
    numbers = [proposal.number for proposal in offer.proposals]
    for number, together in groupby(offer.proposals, key=lambda proposal: proposal.number):
        suite = tuple(together)
        if numbers.count(number) == len(suite):
            chosen = _suite(context, sa, suite, with_ke)
            if chosen:
                return _with_lifetimes(context, offer, chosen)
    contradictory = any(
        _read_phase2(transform) is None for proposal in offer.proposals for transform in proposal.transforms
    )
    return NotifyTypeV1.ATTRIBUTES_NOT_SUPPORTED if contradictory else NotifyTypeV1.NO_PROPOSAL_CHOSEN


def _read_phase2(transform: v1.Transform) -> Attributes | None:
    return read_attributes(transform.attributes, AttributeP2.SA_LIFE_TYPE, AttributeP2.SA_LIFE_DURATION)


def _suite(
    context: Context, sa: IsakmpSa, proposals: Sequence[v1.Proposal], with_ke: bool
) -> tuple[ChosenProtocol, ...]:
    """A transform of each proposal that fits us, all of one mode and group; empty if they don't fit together."""
    chosen = [_protocol(context, sa, proposal, with_ke) for proposal in proposals]
    fitting = tuple(each for each in chosen if each is not None)
    protocols = {proposal.protocol for proposal in proposals}
    alike = len({(each.mode, each.group) for each in fitting}) == 1
    return fitting if alike and len(fitting) == len(protocols) == len(proposals) else ()


def _protocol(context: Context, sa: IsakmpSa, proposal: v1.Proposal, with_ke: bool) -> ChosenProtocol | None:
    """The first transform of a proposal that fits us, or None."""
    if not _spi_fits(proposal):
        return None
    for transform in proposal.transforms:
        read = _read_phase2(transform)
        if read is None:
            continue
        group = _pfs_group(context, sa, read, with_ke)
        mode = read.basic.get(AttributeP2.ENCAPSULATION_MODE, int(Encapsulation.TUNNEL))
        suite = _ipsec_suite(context, proposal.protocol, transform.id, read)
        if group is not None and suite is not None and mode in modes_served(context, sa):
            return ChosenProtocol(suite, mode, group, read.durations, proposal, transform)
    return None


def _with_lifetimes(
    context: Context, offer: v1.SecurityAssociation, protocols: tuple[ChosenProtocol, ...]
) -> ChosenIpsec:
    """The suite with the shortest lifetimes of its protocols and of ours (RFC 2407 section 4.5.4)."""
    seconds = [each.durations.get(LifeType.SECONDS, DEFAULT_LIFETIME_S) for each in protocols]
    offered = shortest(*map(limit_of, seconds))
    lifetime = shortest(offered, context.configuration.lifetimes.child_hard)
    assert offered is not None
    assert lifetime is not None
    kilobytes = shortest(*(limit_of(each.durations.get(LifeType.KILOBYTES)) for each in protocols))
    return ChosenIpsec(offer, protocols, offered, lifetime, kilobytes)


def _spi_fits(proposal: v1.Proposal) -> bool:
    return len(proposal.spi) == 4 and int.from_bytes(proposal.spi, "big") >= LOWEST_SPI


def _pfs_group(context: Context, sa: IsakmpSa, read: Attributes, with_ke: bool) -> int | None:
    """The group of the Quick Mode's own key exchange, NONE without one, or None if the offer can't be served.

    A KE payload and the group attribute come together (RFC 2409 section 5.5); the number may be one that New Group
    Mode gave to a group under this SA.
    """
    wanted = context.configuration.pfs_group
    named = read.basic.get(AttributeP2.GROUP_DESCRIPTION)
    if named is None:
        return None if with_ke or wanted is not None else int(Group.NONE)
    group = dict(sa.new_groups).get(named, named)
    if not with_ke or group not in DIFFIE_HELLMAN or wanted not in (None, group):
        return None
    return group


def modes_served(context: Context, sa: IsakmpSa) -> frozenset[int]:
    """The encapsulation modes that are taken: tunnel mode, transport mode where configured, both in UDP with NAT-T."""
    transport = context.configuration.version1.transport
    modes = [int(Encapsulation.TUNNEL)] + [int(Encapsulation.TRANSPORT)] * transport
    if sa.nat_t is not None:
        modes += [sa.nat_t.tunnel] + [sa.nat_t.transport] * transport
    return frozenset(modes)


NO_PART = (AttributeP2.ENCAPSULATION_MODE, AttributeP2.GROUP_DESCRIPTION)
"""Attributes that say nothing of the suite."""


def _ipsec_suite(
    context: Context, protocol: int, transform_id: int, read: Attributes
) -> ChildProposal | None:
    about = {kind: value for kind, value in read.basic.items() if kind not in NO_PART}
    if about.get(AttributeP2.EXTENDED_SEQUENCE_NUMBER) == Esn.NO_ESN:  # RFC 4304: the same as none
        del about[AttributeP2.EXTENDED_SEQUENCE_NUMBER]
    for suite in context.configuration.child_proposals:
        wanted = ipsec_transform(suite)
        if wanted == (transform_id, about) and suite.protocol == protocol:
            return suite
    return None


def ipsec_transform(suite: ChildProposal) -> tuple[int, dict[int, int]] | None:
    """The transform id of a suite and the attributes that say what it is, or None if version 1 can't name it."""
    integ = AUTHENTICATION.get(suite.integ)
    if integ is None and suite.integ != Integ.NONE:
        return None
    named = {} if integ is None else {int(AttributeP2.AUTHENTICATION_ALGORITHM): int(integ)}
    if suite.esn == Esn.ESN:  # RFC 4304
        named[int(AttributeP2.EXTENDED_SEQUENCE_NUMBER)] = int(Esn.ESN)
    if suite.protocol == Protocol.AH:
        return None if integ is None else (int(AH_TRANSFORMS[suite.integ]), named)
    if suite.key_bits is not None:
        named[int(AttributeP2.KEY_LENGTH)] = suite.key_bits
    cipher = ESP_TRANSFORMS.get(suite.encr)
    return None if cipher is None else (int(cipher), named)


def ipsec_offer(
    context: Context, mode: int, alternatives: Iterable[tuple[ChildProposal, ...]], spis: Sequence[bytes]
) -> v1.SecurityAssociation:
    """Our own offer for Quick Mode: a number for each alternative that version 1 can name, a proposal for each protocol.

    `spis` are those of the first protocol of each alternative, of the second one, and so on.
    """
    lifetimes, group = context.configuration.lifetimes, context.configuration.pfs_group
    classes = AttributeP2.SA_LIFE_TYPE, AttributeP2.SA_LIFE_DURATION
    life: tuple[v1.Attribute, ...] = life_attributes(
        *classes, int(lifetimes.child_hard or DEFAULT_LIFETIME_S)
    )
    if lifetimes.child_kilobytes is not None:
        life += life_attributes(*classes, lifetimes.child_kilobytes, LifeType.KILOBYTES)
    basic = {int(AttributeP2.ENCAPSULATION_MODE): mode}
    if group is not None:
        basic[int(AttributeP2.GROUP_DESCRIPTION)] = group
    proposals: list[v1.Proposal] = []
    number = 1
    for suites in alternatives:
        named = [(suite.protocol, ipsec_transform(suite)) for suite in suites]
        together = [(protocol, told) for protocol, told in named if told is not None]
        if len(together) < len(named):
            continue
        for spi, (protocol, (identifier, about)) in zip(spis, together, strict=False):
            said = (v1.Attribute(type=kind, value=value) for kind, value in (basic | about).items())
            transform = v1.Transform(number=1, id=identifier, attributes=(*life, *said))
            proposals.append(v1.Proposal(number=number, protocol=protocol, spi=spi, transforms=(transform,)))
        number += 1
    return v1.SecurityAssociation(proposals=tuple(proposals))
