"""RFC 2407 to 2409: what the peer offers and takes in version 1; its own choice, shared with nobody."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from itertools import product

from harness.codes import (
    AhV1,
    AttributeP1,
    AttributeP2,
    Doi,
    Encapsulation,
    Encr,
    EspAuthV1,
    EspV1,
    Group,
    IdTypeV1,
    Integ,
    IsakmpTransform,
    LifeType,
    Protocol,
    Situation,
)
from harness.profile import ChildProposal, IsakmpPolicy
from harness.sa.methods import METHODS
from harness.sa.v1 import Suite
from harness.values import replace as with_fields
from harness.wire import v1

_AUTH = {
    int(Integ.AUTH_HMAC_MD5_96): EspAuthV1.HMAC_MD5,
    int(Integ.AUTH_HMAC_SHA1_96): EspAuthV1.HMAC_SHA1,
    int(Integ.AUTH_HMAC_SHA2_256_128): EspAuthV1.HMAC_SHA2_256,
    int(Integ.AUTH_HMAC_SHA2_384_192): EspAuthV1.HMAC_SHA2_384,
    int(Integ.AUTH_HMAC_SHA2_512_256): EspAuthV1.HMAC_SHA2_512,
    int(Integ.AUTH_AES_XCBC_96): EspAuthV1.AES_XCBC_MAC,
}
_OTHER_NUMBERS: dict[int, int] = {
    Encr.ENCR_CAMELLIA_CBC: EspV1.ESP_CAMELLIA,
    Encr.ENCR_NULL_AUTH_AES_GMAC: EspV1.ESP_NULL_AUTH_AES_GMAC,
}


_AH = {
    int(Integ.AUTH_HMAC_MD5_96): AhV1.AH_MD5,
    int(Integ.AUTH_HMAC_SHA1_96): AhV1.AH_SHA,
    int(Integ.AUTH_HMAC_SHA2_256_128): AhV1.AH_SHA2_256,
    int(Integ.AUTH_HMAC_SHA2_384_192): AhV1.AH_SHA2_384,
    int(Integ.AUTH_HMAC_SHA2_512_256): AhV1.AH_SHA2_512,
}


def isakmp_suite(policy: IsakmpPolicy) -> Suite:
    """The suite that a configured policy names."""
    return Suite(policy.encr, policy.key_bits, policy.hash, policy.auth, policy.group)


def answered_suite(policy: IsakmpPolicy) -> Suite:
    """The suite that a configured policy names when the target begins: XAUTH then asks the responder, not us before it."""
    asks = METHODS[policy.auth].asks_initiator if policy.auth in METHODS else False
    return with_fields(isakmp_suite(policy), auth=policy.auth + 1 if asks else policy.auth)


def _sa(proposals: tuple[v1.Proposal, ...]) -> v1.SecurityAssociation:
    return v1.SecurityAssociation(Doi.IPSEC, Situation.SIT_IDENTITY_ONLY, proposals)


def _duration(kind: int, value: int) -> v1.Attribute:
    """A duration: basic where sixteen bits hold it, four octets otherwise (RFC 2409 appendix A)."""
    return v1.Attribute(kind, value if value < 1 << 16 else value.to_bytes(4, "big"))


def _phase1_attributes(policy: IsakmpPolicy) -> tuple[v1.Attribute, ...]:
    key = () if policy.key_bits is None else (v1.Attribute(AttributeP1.KEY_LENGTH, policy.key_bits),)
    return (
        v1.Attribute(AttributeP1.ENCRYPTION_ALGORITHM, policy.encr),
        *key,
        v1.Attribute(AttributeP1.HASH_ALGORITHM, policy.hash),
        v1.Attribute(AttributeP1.AUTHENTICATION_METHOD, policy.auth),
        v1.Attribute(AttributeP1.GROUP_DESCRIPTION, policy.group),
        v1.Attribute(AttributeP1.LIFE_TYPE, LifeType.SECONDS),
        _duration(AttributeP1.LIFE_DURATION, policy.lifetime),
    )


def phase1_offer(policies: Iterable[IsakmpPolicy]) -> v1.SecurityAssociation:
    """The SA payload that offers these policies: one proposal, a transform for each (RFC 2409 section 5)."""
    transforms = tuple(
        v1.Transform(number, IsakmpTransform.KEY_IKE, _phase1_attributes(policy))
        for number, policy in enumerate(policies, start=1)
    )
    return _sa((v1.Proposal(1, Protocol.IKE, b"", transforms),))


def transforms_of(sa: v1.SecurityAssociation) -> list[tuple[v1.Proposal, v1.Transform]]:
    """Every transform that could be read, with its proposal, in the order of preference."""
    return [(proposal, transform) for proposal in sa.proposals for transform in proposal.transforms]


def value(transform: v1.Transform, kind: int) -> int | None:
    """The number that a transform's attribute holds, however it is written; None when there is none."""
    for attribute in transform.attributes:
        if attribute.type == kind:
            held = attribute.value
            return held if isinstance(held, int) else int.from_bytes(held, "big")
    return None


def phase1_suite(transform: v1.Transform) -> Suite | None:
    """The suite of a transform, or None when one of its parts is missing."""
    encr, hashed = (
        value(transform, AttributeP1.ENCRYPTION_ALGORITHM),
        value(transform, AttributeP1.HASH_ALGORITHM),
    )
    auth = value(transform, AttributeP1.AUTHENTICATION_METHOD)
    group = value(transform, AttributeP1.GROUP_DESCRIPTION)
    if encr is None or hashed is None or auth is None or group is None:
        return None
    return Suite(encr, value(transform, AttributeP1.KEY_LENGTH), hashed, auth, group)


def choose_phase1(
    offer: v1.SecurityAssociation, ours: Sequence[Suite]
) -> tuple[v1.SecurityAssociation, Suite] | None:
    """The answer that takes the first transform we can, its attributes as offered, and the suite."""
    for proposal, transform in transforms_of(offer):
        suite = phase1_suite(transform)
        if proposal.protocol == Protocol.IKE and suite is not None and suite in ours:
            return _sa((v1.Proposal(proposal.number, Protocol.IKE, b"", (transform,)),)), suite
    return None


def accepted_phase1(answer: v1.SecurityAssociation) -> Suite | None:
    """The one suite that an answer names."""
    found = transforms_of(answer)
    return phase1_suite(found[0][1]) if found else None


# --- phase 2 --------------------------------------------------------------------------------------------------------


def _phase2_attributes(
    suite: ChildProposal, group: int, seconds: int, kilobytes: int | None, encapsulation: int
) -> tuple[v1.Attribute, ...]:
    attributes = [
        v1.Attribute(AttributeP2.SA_LIFE_TYPE, LifeType.SECONDS),
        _duration(AttributeP2.SA_LIFE_DURATION, seconds),
    ]
    if kilobytes is not None:
        attributes.append(v1.Attribute(AttributeP2.SA_LIFE_TYPE, LifeType.KILOBYTES))
        attributes.append(_duration(AttributeP2.SA_LIFE_DURATION, kilobytes))
    attributes.append(v1.Attribute(AttributeP2.ENCAPSULATION_MODE, encapsulation))
    if suite.integ in _AUTH:
        attributes.append(v1.Attribute(AttributeP2.AUTHENTICATION_ALGORITHM, _AUTH[suite.integ]))
    if suite.key_bits is not None:
        attributes.append(v1.Attribute(AttributeP2.KEY_LENGTH, suite.key_bits))
    if group:
        attributes.append(v1.Attribute(AttributeP2.GROUP_DESCRIPTION, group))
    return tuple(attributes)


def phase2_offer(
    suites: Sequence[ChildProposal | tuple[ChildProposal, ...]],
    spi: bytes,
    group: int,
    seconds: int,
    kilobytes: int | None,
    encapsulation: int = Encapsulation.TUNNEL,
) -> v1.SecurityAssociation:
    """The SA payload of Quick Mode that offers these suites under the SPI of their receiver (RFC 2407 section 4.5).

    Suites of ESP alone are transforms of one proposal; each suite of several protocols is a proposal number of its own.
    """
    alone = [suite for suite in suites if not isinstance(suite, tuple)]
    several = [suite for suite in suites if isinstance(suite, tuple)]

    def transform(number: int, suite: ChildProposal) -> v1.Transform:
        attributes = _phase2_attributes(suite, group, seconds, kilobytes, encapsulation)
        return v1.Transform(number, _transform_id(suite), attributes)

    of_esp = tuple(transform(number, suite) for number, suite in enumerate(alone, start=1))
    first = (v1.Proposal(1, Protocol.ESP, spi, of_esp),) if of_esp else ()
    others = (
        v1.Proposal(number, suite.protocol, spi, (transform(1, suite),))
        for number, together in enumerate(several, start=len(first) + 1)
        for suite in together
    )
    return _sa((*first, *others))


def _transform_id(suite: ChildProposal) -> int:
    """AH's by its integrity; ESP's identifier is for most ciphers the number of version 2."""
    if suite.protocol == Protocol.AH:
        return int(_AH[suite.integ])
    return _OTHER_NUMBERS.get(suite.encr, suite.encr)


def _fits(proposal: v1.Proposal, transform: v1.Transform, suite: ChildProposal) -> bool:
    auth = _AUTH.get(suite.integ)
    return (
        (proposal.protocol, transform.id) == (suite.protocol, _transform_id(suite))
        and value(transform, AttributeP2.KEY_LENGTH) == suite.key_bits
        and value(transform, AttributeP2.AUTHENTICATION_ALGORITHM) == (None if auth is None else int(auth))
    )


TakenSuite = tuple[v1.Proposal, v1.Transform, ChildProposal, int]
"""A proposal and its transform, what they mean, and the group of a key exchange of their own, or 0."""


def taken_phase2(
    offer: v1.SecurityAssociation, ours: Sequence[ChildProposal | tuple[ChildProposal, ...]]
) -> tuple[TakenSuite, ...]:
    """The first suite that we can take, with a part for each of its protocols; empty if there is none."""
    by_number: dict[int, list[v1.Proposal]] = {}
    for proposal in offer.proposals:
        by_number.setdefault(proposal.number, []).append(proposal)
    suites = [suite if isinstance(suite, tuple) else (suite,) for suite in ours]
    for together in by_number.values():
        for suite in suites:
            parts = [_part(proposal, suite) for proposal in together]
            taken = tuple(part for part in parts if part is not None)
            if len(taken) == len(together) == len(suite):
                return taken
    return ()


def _part(proposal: v1.Proposal, suites: Iterable[ChildProposal]) -> TakenSuite | None:
    if len(proposal.spi) != 4:
        return None
    for transform in proposal.transforms:
        for suite in suites:
            if _fits(proposal, transform, suite):
                group = value(transform, AttributeP2.GROUP_DESCRIPTION) or Group.NONE
                return proposal, transform, suite, group
    return None


def answerable(ours: Sequence[ChildProposal]) -> tuple[ChildProposal | tuple[ChildProposal, ...], ...]:
    """What we take of a target's offer: each suite alone, and one of AH together with one of ESP."""
    by_protocol = [
        [suite for suite in ours if suite.protocol == protocol] for protocol in (Protocol.AH, Protocol.ESP)
    ]
    return (*ours, *product(*by_protocol))


def phase2_answer(taken: Sequence[TakenSuite], spi: bytes) -> v1.SecurityAssociation:
    """The SA payload that takes one transform of each protocol as it was offered, under our SPI."""
    return _sa(
        tuple(
            v1.Proposal(proposal.number, proposal.protocol, spi, (transform,))
            for proposal, transform, _, _ in taken
        )
    )


def subnet_id(subnet: str) -> v1.Identification:
    """A client identity: one subnet in CIDR form (RFC 2407 section 4.6.2)."""
    network = ip_network(subnet)
    kind = IdTypeV1.ID_IPV4_ADDR_SUBNET if network.version == 4 else IdTypeV1.ID_IPV6_ADDR_SUBNET
    return v1.Identification(kind, 0, 0, network.network_address.packed + network.netmask.packed)
