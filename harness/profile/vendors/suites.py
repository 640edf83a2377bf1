"""Suites in one form, whichever version of IKE they are for, and what a vendor calls their algorithms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from operator import attrgetter

from harness.codes import AuthMethodV1, Encr, EncrV1, Esn, Group, HashV1, Integ, Prf, Protocol, name_of
from harness.profile.configuration import ChildProposal, Configuration, IkeProposal, IsakmpPolicy
from harness.profile.vendors.sheet import Remark, Telling, Unsayable
from harness.profile.ways import Way

Cipher = tuple[int, int | None]

_ENCR_OF: Mapping[int, Encr] = {
    EncrV1.DES_CBC: Encr.ENCR_DES,
    EncrV1.TRIPLE_DES_CBC: Encr.ENCR_3DES,
    EncrV1.AES_CBC: Encr.ENCR_AES_CBC,
    EncrV1.CAMELLIA_CBC: Encr.ENCR_CAMELLIA_CBC,
}
_INTEG_OF: Mapping[int, Integ] = {
    HashV1.MD5: Integ.AUTH_HMAC_MD5_96,
    HashV1.SHA1: Integ.AUTH_HMAC_SHA1_96,
    HashV1.SHA2_256: Integ.AUTH_HMAC_SHA2_256_128,
    HashV1.SHA2_384: Integ.AUTH_HMAC_SHA2_384_192,
    HashV1.SHA2_512: Integ.AUTH_HMAC_SHA2_512_256,
}
PRF_OF: Mapping[int, Prf] = {
    Integ.AUTH_HMAC_MD5_96: Prf.PRF_HMAC_MD5,
    Integ.AUTH_HMAC_SHA1_96: Prf.PRF_HMAC_SHA1,
    Integ.AUTH_HMAC_SHA2_256_128: Prf.PRF_HMAC_SHA2_256,
    Integ.AUTH_HMAC_SHA2_384_192: Prf.PRF_HMAC_SHA2_384,
    Integ.AUTH_HMAC_SHA2_512_256: Prf.PRF_HMAC_SHA2_512,
}
"""The prf that goes with an integrity algorithm where a vendor has one word for both."""


@dataclass(frozen=True, slots=True)
class Suite:
    """The algorithms of an SA, by the code points of version 2; a Child SA has no prf, and a group for PFS alone."""

    name: str
    """In the words of the registries, for remarks."""
    cipher: Cipher
    integ: int
    prf: int | None
    group: int | None
    common: bool = True
    """Whether it has nothing that no vendor here is told of: AH, ESN, further key exchanges."""
    by_psk: bool = True
    """Whether the ends prove themselves by a shared key, where a suite says how they do."""


def ike_suites(configuration: Configuration, way: Way) -> list[Suite]:
    """The suites for an IKE SA that is made this way."""
    if way == "v2":
        return [_of_proposal(each) for each in configuration.proposals_v2]
    return [_of_policy(each) for each in configuration.proposals_v1]


def child_suites(configuration: Configuration) -> list[Suite]:
    """The suites for a Child SA or an IPsec SA."""
    return [_of_child(each, configuration.pfs_group) for each in configuration.child_proposals]


def _of_proposal(proposal: IkeProposal) -> Suite:
    return Suite(
        _named(
            _cipher(Encr, proposal.encr, proposal.key_bits),
            name_of(Integ, proposal.integ),
            name_of(Prf, proposal.prf),
            name_of(Group, proposal.group),
        ),
        (proposal.encr, proposal.key_bits),
        proposal.integ,
        proposal.prf,
        proposal.group,
        common=not proposal.additional,
    )


def _of_policy(policy: IsakmpPolicy) -> Suite:
    integ = _INTEG_OF.get(policy.hash, Integ.NONE)
    by_psk = policy.auth == AuthMethodV1.PRE_SHARED_KEY
    return Suite(
        _named(
            _cipher(EncrV1, policy.encr, policy.key_bits),
            name_of(HashV1, policy.hash),
            "" if by_psk else name_of(AuthMethodV1, policy.auth),
            name_of(Group, policy.group),
        ),
        (_ENCR_OF.get(policy.encr, 0), policy.key_bits),
        integ,
        PRF_OF.get(integ),
        policy.group,
        common=integ != Integ.NONE,
        by_psk=by_psk,
    )


def _of_child(proposal: ChildProposal, pfs_group: int | None) -> Suite:
    return Suite(
        _named(
            name_of(Protocol, proposal.protocol),
            _cipher(Encr, proposal.encr, proposal.key_bits),
            name_of(Integ, proposal.integ),
        ),
        (proposal.encr, proposal.key_bits),
        proposal.integ,
        None,
        pfs_group,
        common=proposal.protocol == Protocol.ESP and proposal.esn == Esn.NO_ESN and not proposal.additional,
    )


def _cipher(registry: type[Encr | EncrV1], encr: int, bits: int | None) -> str:
    return name_of(registry, encr) + (f"-{bits}" if bits else "")


def _named(*names: str) -> str:
    return " ".join(name for name in names if name not in ("", Integ.NONE.name))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A suite in a vendor's words; `hash` is empty for a cipher that brings its own integrity, `prf` and `group` where there is none."""

    cipher: str
    hash: str
    prf: str
    group: str


@dataclass(frozen=True, slots=True)
class Words:
    """What a vendor calls the algorithms; without `prfs` a prf goes by the word of the hash that it is made of."""

    ciphers: Mapping[Cipher, str]
    hashes: Mapping[int, str]
    groups: Mapping[int, str]
    prfs: Mapping[int, str] | None = None

    def of(self, suite: Suite) -> Spoken | None:
        """The suite in these words; None if one is missing."""
        cipher, group = self.ciphers.get(suite.cipher), self._group(suite.group)
        hashed = "" if suite.integ == Integ.NONE else self.hashes.get(suite.integ)
        prf = self._prf(suite)
        if not suite.common or cipher is None or group is None or hashed is None or prf is None:
            return None
        return Spoken(cipher, hashed, prf, group)

    def _group(self, group: int | None) -> str | None:
        return "" if group is None else self.groups.get(group)

    def _prf(self, suite: Suite) -> str | None:
        if suite.prf is None:
            return ""
        if self.prfs is not None:
            return self.prfs.get(suite.prf)
        if suite.integ != Integ.NONE and PRF_OF.get(suite.integ) != suite.prf:
            return None
        return next((word for integ, word in self.hashes.items() if PRF_OF.get(integ) == suite.prf), None)

    def say(self, suites: Sequence[Suite], what: str, most: int | None = None) -> Telling[list[Spoken]]:
        """The first ones that there are words for; each of the others is remarked."""
        found = [(suite, spoken) for suite in suites if (spoken := self.of(suite))][:most]
        said = [suite for suite, _ in found]
        yield from unsaid((suite for suite in suites if suite not in said), what)
        if not found:
            raise Unsayable(f"it has no words for any suite of {what}")
        return [spoken for _, spoken in found]


def unsaid(suites: Iterable[Suite], what: str) -> Telling[None]:
    """A remark for each suite that a vendor can't be told."""
    for suite in suites:
        yield Remark(f"a suite of {what} can't be said: {suite.name}", partial(without, suite.name))


def without(name: str, wanted: Configuration) -> Configuration:
    """A configuration without the suites of that name."""
    return replace(
        wanted,
        proposals_v2=tuple(each for each in wanted.proposals_v2 if _of_proposal(each).name != name),
        proposals_v1=tuple(each for each in wanted.proposals_v1 if _of_policy(each).name != name),
        child_proposals=tuple(each for each in wanted.child_proposals if _of_child(each, None).name != name),
    )


def widened(spoken: Sequence[Spoken], what: str, *lists: Sequence[str]) -> Telling[None]:
    """A remark if lists of these parts of a suite, each with each, say more than the suites."""
    if prod(len({attrgetter(*parts)(each) for each in spoken}) for parts in lists) == len(spoken):
        return
    yield Remark(f"algorithms of {what} are listed apart, so it takes every combination of them")
    hashes = {each.hash for each in spoken}
    if "" in hashes and len(hashes) > 1 and ("hash",) in lists:
        yield Remark(f"among the combinations for {what} are ciphers without integrity")


def listed(words: Sequence[str]) -> list[str]:
    """Each word once, in its order, without the empty one."""
    return [word for word in dict.fromkeys(words) if word]


def numbered(prefix: str, *groups: int) -> dict[int, str]:
    """Words for groups that are a prefix and the number of the registry."""
    return {group: f"{prefix}{int(group)}" for group in groups}
