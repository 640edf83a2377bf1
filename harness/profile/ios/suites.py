"""The suites that an IOS text names, and what is taken where it names none."""

from collections.abc import Sequence
from itertools import product

from harness.codes import AuthMethodV1, Esn, Group, Integ, Prf, Protocol
from harness.profile.configuration import DEFAULT, ChildProposal, IkeProposal, IsakmpPolicy
from harness.profile.ios.commands import Section, Text
from harness.profile.ios.lines import Refused
from harness.profile.ios.words import (
    AEAD,
    AH_INTEGRITY,
    CONVENTIONAL_TRANSFORM_SETS,
    DEFAULT_TRANSFORM_SETS,
    ESP_CIPHERS,
    ESP_INTEGRITY,
    POLICY_CIPHERS,
    POLICY_HASHES,
)
from harness.record import printable


def policies(text: Text) -> tuple[IsakmpPolicy, ...]:
    """The ISAKMP policies by their priority; without any, the default ones."""
    sections = text.of_kind("isakmp-policy")
    for section in sections:
        if not section.name.isdecimal():
            raise Refused(section.line, "an ISAKMP policy is named by its priority, a number")
    if not sections:
        return DEFAULT.proposals_v1
    return tuple(_policy(text, section) for section in sorted(sections, key=lambda each: int(each.name)))


def _policy(text: Text, section: Section) -> IsakmpPolicy:
    """What a policy leaves out is what IOS takes: DES, SHA, RSA signatures, group 1, a day."""
    cipher, bits = section.get("encryption", POLICY_CIPHERS["des",])
    authentication = section.get("authentication", AuthMethodV1.RSA_SIGNATURES)
    if authentication != AuthMethodV1.PRE_SHARED_KEY:
        text.warn(
            section.line_of("authentication"),
            f"ISAKMP policy {section.name} doesn't authenticate by pre-shared key, but by certificates: "
            "they stand in a comment `credentials`",
        )
    return IsakmpPolicy(
        cipher,
        bits,
        section.get("hash", POLICY_HASHES["sha"]),
        authentication,
        Group(section.get("group", 1)),
        section.get("lifetime", 86_400),
    )


def ikev2_proposals(text: Text) -> tuple[IkeProposal, ...]:
    """Those that the first policy names, in its order; without a policy all of them."""
    proposals = text.of_kind("ikev2-proposal")
    policies = text.of_kind("ikev2-policy")
    for policy in policies[1:]:
        text.warn(policy.line, f"IKEv2 policy `{printable(policies[0].name)}` is played, not this one")
    if policies:
        proposals = [
            found
            for name, line in policies[0].listed.get("proposal", [])
            if (found := _named(text, name, line))
        ]
    elif proposals:
        text.warn(proposals[0].line, "no IKEv2 policy names a proposal; all of them are taken")
    suites = [suite for each in proposals for suite in _suites(each)]
    return tuple(suites) or DEFAULT.proposals_v2


def _named(text: Text, name: str, line: int) -> Section | None:
    found = text.find("ikev2-proposal", name)
    if found is None:
        text.warn(line, f"IKEv2 proposal `{printable(name)}` is not defined here and left out")
    return found


def _suites(section: Section) -> list[IkeProposal]:
    """One suite for each combination of what a proposal lists; without `prf` it goes with the integrity."""
    for needed in ("encryption", "group"):
        if needed not in section.said:
            raise Refused(section.line, f"IKEv2 proposal `{printable(section.name)}` has no {needed}")
    suites = []
    for (cipher, bits), group in product(section.get("encryption"), section.get("group")):
        for integrity, prf in _protections(section, aead=cipher in AEAD):
            suites.append(IkeProposal(cipher, bits, integrity, prf, Group(group)))
    return suites


def _protections(section: Section, *, aead: bool) -> list[tuple[int, int]]:
    integrities, prfs = section.get("integrity", []), section.get("prf")
    if aead and prfs is None:
        raise Refused(
            section.line, f"IKEv2 proposal `{printable(section.name)}` has an AEAD cipher and no prf"
        )
    if aead:
        return [(Integ.NONE, prf) for prf in prfs]
    if not integrities:
        raise Refused(section.line, f"IKEv2 proposal `{printable(section.name)}` has no integrity")
    if prfs is None:
        return [(integrity, _PRF_OF[integrity]) for integrity in integrities]
    return list(product(integrities, prfs))


_PRF_OF = {
    Integ.AUTH_HMAC_MD5_96: Prf.PRF_HMAC_MD5,
    Integ.AUTH_HMAC_SHA1_96: Prf.PRF_HMAC_SHA1,
    Integ.AUTH_HMAC_SHA2_256_128: Prf.PRF_HMAC_SHA2_256,
    Integ.AUTH_HMAC_SHA2_384_192: Prf.PRF_HMAC_SHA2_384,
    Integ.AUTH_HMAC_SHA2_512_256: Prf.PRF_HMAC_SHA2_512,
}


def child_proposals(text: Text, profile: Section) -> tuple[ChildProposal, ...]:
    """The transform sets that the IPsec profile names; without any, the default suites."""
    names = profile.get("transform-set", ())
    return (
        tuple(each for name in names for each in _transform_set(text, profile, name))
        or DEFAULT.child_proposals
    )


def transport(text: Text, profile: Section) -> bool:
    """Whether a transform set that the profile names is for transport mode."""
    named = (text.find("transform-set", name) for name in profile.get("transform-set", ()))
    return any(section.get("transport") for section in named if section)


def _transform_set(text: Text, profile: Section, name: str) -> list[ChildProposal]:
    section = text.find("transform-set", name)
    if section is not None:
        return [_child(section.get("transforms"), section.line)]
    sets = (
        (CONVENTIONAL_TRANSFORM_SETS[name],)
        if name in CONVENTIONAL_TRANSFORM_SETS
        else DEFAULT_TRANSFORM_SETS
    )
    taken = ", or ".join(" ".join(each) for each in sets)
    line = profile.line_of("transform-set")
    text.warn(line, f"transform set `{printable(name)}` is not defined here: {taken} is taken")
    return [_child(each, line) for each in sets]


def _child(transforms: Sequence[str], line: int) -> ChildProposal:
    cipher: tuple[int, int | None] | None = None
    esp: int | None = None
    ah: int | None = None
    words = list(transforms)
    while words:
        two, one = tuple(words[:2]), tuple(words[:1])
        if two in ESP_CIPHERS or one in ESP_CIPHERS:
            taken = two if two in ESP_CIPHERS else one
            cipher, words = ESP_CIPHERS[taken], words[len(taken) :]
        elif words[0] in ESP_INTEGRITY:
            esp = ESP_INTEGRITY[words.pop(0)]
        elif words[0] in AH_INTEGRITY:
            ah = AH_INTEGRITY[words.pop(0)]
        else:
            raise Refused(line, f"`{printable(words[0])}` is no transform that is understood")
    return _protected(cipher, esp, ah, line)


def _protected(
    cipher: tuple[int, int | None] | None, esp: int | None, ah: int | None, line: int
) -> ChildProposal:
    if ah is not None and (cipher or esp is not None):
        raise Refused(line, "a transform set of AH and ESP together is not played; take one of them")
    if ah is not None:
        return ChildProposal(Protocol.AH, 0, None, ah, Esn.NO_ESN)
    if cipher is None:
        raise Refused(line, "a transform set has a cipher, if only esp-null, or AH")
    return ChildProposal(Protocol.ESP, *cipher, Integ.NONE if esp is None else esp, Esn.NO_ESN)
