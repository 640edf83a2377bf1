"""What the responder takes of an IKEv1 offer, and how it says so: one transform, exactly as it was offered.

Lifetimes are the only thing in which an offer and our policy may differ: the shorter one counts here
(RFC 2407 section 4.5.4).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_fields

from harness.codes import (
    AhV1,
    AttributeP1,
    AttributeP2,
    Encapsulation,
    Encr,
    Esn,
    EspAuthV1,
    EspV1,
    Group,
    Integ,
    IsakmpTransform,
    LifeType,
    NotifyTypeV1,
    Protocol,
)
from harness.crypto import DIFFIE_HELLMAN, UnsupportedAlgorithm
from harness.crypto.key_exchange import key_exchange
from harness.crypto.scheme import load_private_key
from harness.crypto.signature import sig_serves
from harness.profile import ChildProposal, IsakmpPolicy
from harness.responder.context import Context
from harness.responder.table import TABLE
from harness.responder.v1.state import IsakmpSa
from harness.sa.methods import METHODS, Proof
from harness.wire import replace, v1

DEFAULT_LIFETIME_S = 28_800
"""The lifetime of IPsec SAs whose offer names none (RFC 2407 section 4.5)."""

LIFE_TYPES = frozenset({int(LifeType.SECONDS), int(LifeType.KILOBYTES)})

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


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of a transform: the basic ones by class, the durations by life type."""

    basic: dict[int, int] = field(default_factory=dict)
    durations: dict[int, int] = field(default_factory=dict)


def read_attributes(attributes: Iterable[v1.Attribute], life_type: int, duration: int) -> Attributes | None:
    """The attributes read, or None if they contradict each other or the rules of encoding.

    A basic attribute has the short form, a duration follows its type (RFC 2409 appendix A, RFC 2407 section 4.5).
    """
    read = Attributes()
    counted: int | None = None
    for attribute in attributes:
        number = _number(attribute.value) if attribute.type == duration else attribute.value
        if not isinstance(number, int):
            return None
        if attribute.type == duration:
            if counted is None or not number or read.durations.setdefault(counted, number) != number:
                return None
            counted = None
        elif counted is not None or (attribute.type == life_type and number not in LIFE_TYPES):
            return None
        elif attribute.type == life_type:
            counted = number
        elif read.basic.setdefault(attribute.type, number) != number:
            return None
    return read if counted is None else None


def _number(value: int | bytes) -> int | None:
    """A duration in either form; None if it is longer than any lifetime."""
    if isinstance(value, int):
        return value
    return int.from_bytes(value, "big") if 0 < len(value) <= 8 else None


def shortest(*limits: float | None) -> float | None:
    """The shortest of some lifetimes, where None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)


# Phase 1


@dataclass(frozen=True, slots=True)
class ChosenIsakmp:
    """A phase 1 transform taken: the policy it fits, the SA payload that says so, and the lifetimes in seconds."""

    policy: IsakmpPolicy
    accepted: v1.SecurityAssociation
    offered_lifetime: float | None
    lifetime: float | None


def isakmp_attributes(policy: IsakmpPolicy) -> dict[int, int]:
    """The basic attributes that say what a policy is (RFC 2409 appendix A)."""
    named = {
        int(AttributeP1.ENCRYPTION_ALGORITHM): policy.encr,
        int(AttributeP1.HASH_ALGORITHM): policy.hash,
        int(AttributeP1.AUTHENTICATION_METHOD): policy.auth,
        int(AttributeP1.GROUP_DESCRIPTION): policy.group,
    }
    return named if policy.key_bits is None else {**named, int(AttributeP1.KEY_LENGTH): policy.key_bits}


@TABLE.decision(rfc="2409/5")
def choose_isakmp(
    context: Context, offer: v1.SecurityAssociation, ke_octets: int | None
) -> ChosenIsakmp | None:
    """The first of the peer's transforms that one of our policies fits, or None.

    `ke_octets` is the length of the peer's public value where it came with the offer: in Aggressive Mode the
    group can't be negotiated any more (RFC 2409 section 5).
    """
    proposal = offer.proposals[0]
    if proposal.protocol != Protocol.IKE or len(proposal.spi) > 16:
        return None
    for transform in proposal.transforms:
        read = read_attributes(transform.attributes, AttributeP1.LIFE_TYPE, AttributeP1.LIFE_DURATION)
        if read is None or transform.id != IsakmpTransform.KEY_IKE:
            continue
        for policy in served_policies(context):
            if read.basic == isakmp_attributes(policy) and _group_fits(policy.group, ke_octets):
                offered = read.durations.get(LifeType.SECONDS)
                hard = context.configuration.lifetimes.ike_hard
                return ChosenIsakmp(
                    policy,
                    taken(offer, proposal, transform, b""),
                    offered,
                    shortest(offered, policy.lifetime, hard),
                )
    return None


def served_policies(context: Context) -> tuple[IsakmpPolicy, ...]:
    """The policies whose authentication method can be served; methods by encryption, DSS and hybrid ones can't."""
    return tuple(p for p in context.configuration.proposals_v1 if _method_served(context, p.auth))


def _method_served(context: Context, auth: int) -> bool:
    """Whether a method is known here, and we have what it takes: a key that signs by it, or users whom XAUTH knows.

    An edge device takes the XAUTH methods that ask the initiator (draft-beaulieu-ike-xauth section 7.2).
    """
    method = METHODS.get(auth)
    if method is None or method.asks_responder:
        return False
    if method.proof is Proof.SIGNATURE and not context.decide("isakmp_signs", auth):
        return False
    return not method.asks_initiator or context.configuration.version1.xauth is not None


@TABLE.decision(rfc="2409/5.1")
def isakmp_signs(context: Context, auth: int) -> bool:
    """Whether our key signs by this method."""
    credentials = context.configuration.credentials
    if credentials is None or not credentials.key:
        return False
    try:
        return sig_serves(auth, load_private_key(credentials.key))
    except (ValueError, UnsupportedAlgorithm):
        return False


def offered_policies(context: Context) -> tuple[IsakmpPolicy, ...]:
    """Our policies as we offer them: XAUTH asks whom we begin with, so its method is the one that names the responder."""
    return tuple(
        with_fields(policy, auth=policy.auth + 1) if METHODS[policy.auth].asks_initiator else policy
        for policy in served_policies(context)
    )


def _group_fits(group: int, ke_octets: int | None) -> bool:
    return group in DIFFIE_HELLMAN and ke_octets in (None, key_exchange(group).public_size)


def taken(
    offer: v1.SecurityAssociation, proposal: v1.Proposal, transform: v1.Transform, spi: bytes
) -> v1.SecurityAssociation:
    """The answer to an offer: one proposal with one transform, their numbers and attributes unmodified.

    RFC 2408 section 4.2, RFC 2409 section 5.
    """
    chosen = replace(transform, last=None)
    answered = replace(
        proposal, last=None, spi=spi, spi_size=None, transform_count=None, transforms=(chosen,)
    )
    return replace(offer, proposals=(answered,), next=None)


def isakmp_offer(policies: Iterable[IsakmpPolicy], lifetime: float | None) -> v1.SecurityAssociation:
    """Our own offer for phase 1: one proposal, a transform for each policy (RFC 2409 section 5)."""
    transforms = []
    for number, policy in enumerate(policies, 1):
        basic = (v1.Attribute(type=kind, value=value) for kind, value in isakmp_attributes(policy).items())
        seconds = int(shortest(policy.lifetime, lifetime) or policy.lifetime)
        life = life_attributes(AttributeP1.LIFE_TYPE, AttributeP1.LIFE_DURATION, seconds)
        transforms.append(v1.Transform(number=number, id=IsakmpTransform.KEY_IKE, attributes=(*basic, *life)))
    proposal = v1.Proposal(number=1, protocol=Protocol.IKE, transforms=tuple(transforms))
    return v1.SecurityAssociation(proposals=(proposal,))


def life_attributes(
    life_type: int, duration: int, amount: int, unit: LifeType = LifeType.SECONDS
) -> tuple[v1.Attribute, v1.Attribute]:
    """A lifetime: its type, then its duration in the long form."""
    return (
        v1.Attribute(type=life_type, value=int(unit)),
        v1.Attribute(type=duration, value=max(1, amount).to_bytes(4, "big")),
    )


# Phase 2


@dataclass(frozen=True, slots=True)
class ChosenIpsec:
    """A Quick Mode transform taken: what it means here, and the offer it stands in."""

    suite: ChildProposal
    group: int
    offer: v1.SecurityAssociation
    proposal: v1.Proposal
    transform: v1.Transform
    offered_lifetime: float
    lifetime: float
    offered_kilobytes: int | None = None

    @property
    def spi(self) -> bytes:
        """The SPI on which the peer receives."""
        return self.proposal.spi

    def payload(self, spi: bytes) -> v1.SecurityAssociation:
        """The SA payload that accepts this, with our SPI in it."""
        return taken(self.offer, self.proposal, self.transform, spi)


@TABLE.decision(rfc="2409/5.5")
def choose_ipsec(
    context: Context, sa: IsakmpSa, offer: v1.SecurityAssociation, with_ke: bool
) -> ChosenIpsec | NotifyTypeV1:
    """The first of the peer's transforms that ours fits, or the notify that refuses the offer.

    Proposals of one number are a suite that is taken whole or not at all (RFC 2408 section 4.2); suites of
    several protocols are not ours. `with_ke` tells whether the peer wants perfect forward secrecy.
    """
    contradictory = False
    numbers = [proposal.number for proposal in offer.proposals]
    for proposal in offer.proposals:
        if numbers.count(proposal.number) > 1 or not _spi_fits(proposal):
            continue
        for transform in proposal.transforms:
            read = read_attributes(
                transform.attributes, AttributeP2.SA_LIFE_TYPE, AttributeP2.SA_LIFE_DURATION
            )
            if read is None:
                contradictory = True
                continue
            group = _pfs_group(context, read, with_ke)
            suite = _ipsec_suite(context, sa, proposal.protocol, transform.id, read)
            if group is not None and suite is not None:
                offered = read.durations.get(LifeType.SECONDS, DEFAULT_LIFETIME_S)
                hard = context.configuration.lifetimes.child_hard
                lifetime = shortest(offered, hard)
                assert lifetime is not None
                kilobytes = read.durations.get(LifeType.KILOBYTES)
                return ChosenIpsec(suite, group, offer, proposal, transform, offered, lifetime, kilobytes)
    return NotifyTypeV1.ATTRIBUTES_NOT_SUPPORTED if contradictory else NotifyTypeV1.NO_PROPOSAL_CHOSEN


def _spi_fits(proposal: v1.Proposal) -> bool:
    return len(proposal.spi) == 4 and int.from_bytes(proposal.spi, "big") >= LOWEST_SPI


def _pfs_group(context: Context, read: Attributes, with_ke: bool) -> int | None:
    """The group of the Quick Mode's own key exchange, NONE without one, or None if the offer can't be served.

    A KE payload and the group attribute come together (RFC 2409 section 5.5).
    """
    wanted = context.configuration.pfs_group
    group = read.basic.get(AttributeP2.GROUP_DESCRIPTION)
    if group is None:
        return None if with_ke or wanted is not None else int(Group.NONE)
    if not with_ke or group not in DIFFIE_HELLMAN or wanted not in (None, group):
        return None
    return group


def _ipsec_suite(
    context: Context, sa: IsakmpSa, protocol: int, transform_id: int, read: Attributes
) -> ChildProposal | None:
    modes = {int(Encapsulation.TUNNEL), *([int(Encapsulation.UDP_TUNNEL)] if sa.peer_nat_t else [])}
    mode = read.basic.get(AttributeP2.ENCAPSULATION_MODE, int(Encapsulation.TUNNEL))
    about = {
        kind: value
        for kind, value in read.basic.items()
        if kind not in (AttributeP2.ENCAPSULATION_MODE, AttributeP2.GROUP_DESCRIPTION)
    }
    if mode not in modes:
        return None
    for suite in context.configuration.child_proposals:
        wanted = ipsec_transform(suite)
        if wanted == (transform_id, about) and suite.protocol == protocol:
            return suite
    return None


def ipsec_transform(suite: ChildProposal) -> tuple[int, dict[int, int]] | None:
    """The transform id of a suite and the attributes that say what it is, or None if version 1 can't name it."""
    integ = AUTHENTICATION.get(suite.integ)
    if suite.esn != Esn.NO_ESN or (integ is None and suite.integ != Integ.NONE):
        return None
    named = {} if integ is None else {int(AttributeP2.AUTHENTICATION_ALGORITHM): int(integ)}
    if suite.protocol == Protocol.AH:
        return None if integ is None else (int(AH_TRANSFORMS[suite.integ]), named)
    if suite.key_bits is not None:
        named[int(AttributeP2.KEY_LENGTH)] = suite.key_bits
    cipher = ESP_TRANSFORMS.get(suite.encr)
    return None if cipher is None else (int(cipher), named)


def ipsec_offer(
    suites: Sequence[ChildProposal], spi: bytes, group: int | None, lifetime: float | None
) -> v1.SecurityAssociation:
    """Our own offer for Quick Mode: a proposal with one transform for each suite that version 1 can name."""
    proposals: list[v1.Proposal] = []
    for suite in suites:
        wanted = ipsec_transform(suite)
        if wanted is None:
            continue
        basic = {int(AttributeP2.ENCAPSULATION_MODE): int(Encapsulation.TUNNEL), **wanted[1]}
        if group is not None:
            basic[int(AttributeP2.GROUP_DESCRIPTION)] = group
        seconds = int(DEFAULT_LIFETIME_S if lifetime is None else lifetime)
        life = life_attributes(AttributeP2.SA_LIFE_TYPE, AttributeP2.SA_LIFE_DURATION, seconds)
        attributes = (*life, *(v1.Attribute(type=kind, value=value) for kind, value in basic.items()))
        transform = v1.Transform(number=1, id=wanted[0], attributes=attributes)
        proposals.append(
            v1.Proposal(number=len(proposals) + 1, protocol=suite.protocol, spi=spi, transforms=(transform,))
        )
    return v1.SecurityAssociation(proposals=tuple(proposals))


# Answers to our own offers


def accepted_transform(
    offer: v1.SecurityAssociation, answer: v1.SecurityAssociation, life_type: int, duration: int
) -> tuple[v1.Proposal, v1.Transform] | None:
    """What of our offer the peer took: the proposal as it came back and our transform, or None if it altered anything.

    Attributes added, removed or changed refuse the answer; their encoding and order alone may differ (RFC 2409
    section 5). `life_type` and `duration` are the classes of a lifetime in this phase.
    """
    if len(answer.proposals) != 1 or len(answer.proposals[0].transforms) != 1:
        return None
    (proposal,) = answer.proposals
    (theirs,) = proposal.transforms
    for ours in offer.proposals:
        if (ours.number, ours.protocol) != (proposal.number, proposal.protocol):
            continue
        for mine in ours.transforms:
            read = read_attributes(theirs.attributes, life_type, duration)
            same = read == read_attributes(mine.attributes, life_type, duration)
            if same and (mine.number, mine.id) == (theirs.number, theirs.id):
                return proposal, mine
    return None
