"""What the responder takes of an IKEv1 offer, and how it says so: one transform, exactly as it was offered.

Lifetimes are the only thing in which an offer and our policy may differ: the shorter one counts here
(RFC 2407 section 4.5.4).
"""

from collections.abc import Iterable
from dataclasses import field
from dataclasses import replace as with_fields
from math import inf

from harness.codes import (
    AttributeP1,
    IsakmpTransform,
    LifeType,
    Protocol,
)
from harness.crypto import DIFFIE_HELLMAN, UnsupportedAlgorithm
from harness.crypto.key_exchange import key_exchange
from harness.crypto.scheme import load_private_key
from harness.crypto.signature import sig_serves
from harness.profile import IsakmpPolicy
from harness.responder.context import Context
from harness.responder.table import TABLE
from harness.sa.methods import METHODS, Proof
from harness.values import value
from harness.wire import replace, v1

LIFE_TYPES = frozenset({int(LifeType.SECONDS), int(LifeType.KILOBYTES)})


@value
class Attributes:
    """The attributes of a transform: the basic ones by class, the durations by life type."""

    basic: dict[int, int] = field(default_factory=dict)
    durations: dict[int, int] = field(default_factory=dict)


def read_attributes(attributes: Iterable[v1.Attribute], life_type: int, duration: int) -> Attributes | None:
    """The attributes read, or None if they contradict each other or the rules of encoding.

    A basic attribute has the short form, a duration follows its type (RFC 2409 appendix A, RFC 2407 section 4.5).
    A duration of zero is read like any other: neither text forbids it.
    """
    read = Attributes()
    counted: int | None = None
    for attribute in attributes:
        number = _number(attribute.value) if attribute.type == duration else attribute.value
        if not isinstance(number, int):
            return None
        if attribute.type == duration:
            if counted is None or read.durations.setdefault(counted, number) != number:
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


def limit_of(duration: float | None) -> float | None:
    """The limit that a duration sets; zero sets none.

    By the letter such an SA would end as it begins, which nobody can want; who offers it has no limit to offer. So
    ours counts, and the peer is told of it as of any other that is shorter (RFC 2407 section 4.5.4).
    """
    return inf if duration == 0 else duration


def shortest(*limits: float | None) -> float | None:
    """The shortest of some lifetimes, where None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)


# Phase 1


@value
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
                offered = limit_of(read.durations.get(LifeType.SECONDS))
                hard = context.configuration.lifetimes.ike_hard
                return ChosenIsakmp(
                    policy,
                    taken(offer, (proposal, transform, b"")),
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
    offer: v1.SecurityAssociation, *parts: tuple[v1.Proposal, v1.Transform, bytes]
) -> v1.SecurityAssociation:
    """The answer to an offer: the proposals taken with one transform each, numbers and attributes unmodified.

    `parts` are proposal, transform and our SPI (RFC 2408 section 4.2, RFC 2409 section 5).
    """
    answered = tuple(
        replace(
            proposal,
            last=None,
            spi=spi,
            spi_size=None,
            transform_count=None,
            transforms=(replace(transform, last=None),),
        )
        for proposal, transform, spi in parts
    )
    return replace(offer, proposals=answered, next=None)


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


# Answers to our own offers


def accepted_suite(
    offer: v1.SecurityAssociation, answer: v1.SecurityAssociation, life_type: int, duration: int
) -> tuple[tuple[v1.Proposal, v1.Transform], ...]:
    """What of our offer the peer took, the proposals of one number as they came back with our transforms in our order.

    Empty if it altered anything. Attributes added, removed or changed refuse the answer; their encoding and order alone
    may differ (RFC 2409 section 5). `life_type` and `duration` are the classes of a lifetime in this phase.
    """
    theirs = {proposal.protocol: proposal for proposal in answer.proposals}
    numbers = {proposal.number for proposal in answer.proposals}
    ours = [proposal for proposal in offer.proposals if proposal.number in numbers]
    if len(numbers) != 1 or not len(ours) == len(theirs) == len(answer.proposals):
        return ()
    taken = []
    for mine in ours:
        other = theirs.get(mine.protocol)
        transform = None if other is None else _accepted(mine, other, life_type, duration)
        if other is None or transform is None:
            return ()
        taken.append((other, transform))
    return tuple(taken)


def _accepted(ours: v1.Proposal, theirs: v1.Proposal, life_type: int, duration: int) -> v1.Transform | None:
    """The one of our transforms that came back."""
    if len(theirs.transforms) != 1:
        return None
    (chosen,) = theirs.transforms
    read = read_attributes(chosen.attributes, life_type, duration)
    for mine in ours.transforms:
        same = read == read_attributes(mine.attributes, life_type, duration)
        if same and (mine.number, mine.id) == (chosen.number, chosen.id):
            return mine
    return None
