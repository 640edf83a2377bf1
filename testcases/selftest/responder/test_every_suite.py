"""Every suite and group between responder and peer, strangers that share the formulas alone."""

from dataclasses import replace

import pytest

from harness.codes import (
    AuthMethodV1,
    Encr,
    EncrV1,
    Group,
    HashV1,
    Integ,
    Prf,
    ProfileName,
    Protocol,
    Trigger,
)
from harness.crypto import DIFFIE_HELLMAN, GROUPS
from harness.profile import DEFAULT, ChildProposal, IkeProposal, IsakmpPolicy
from testcases.selftest.responder.pairing import Pair

AES = (128, 192, 256)
SLOW = {int(group) for group in (Group.MODP_3072, Group.MODP_4096, Group.MODP_6144, Group.MODP_8192)}
SHA2 = int(Integ.AUTH_HMAC_SHA2_256_128)
CIPHERS = [
    *((encr, None, SHA2) for encr in (Encr.ENCR_DES, Encr.ENCR_3DES)),
    *(
        (encr, bits, SHA2)
        for encr in (Encr.ENCR_AES_CBC, Encr.ENCR_AES_CTR, Encr.ENCR_CAMELLIA_CBC)
        for bits in AES
    ),
    *((encr, bits, 0) for encr in (14, 15, 16, 18, 19, 20) for bits in AES),
    (Encr.ENCR_CHACHA20_POLY1305, None, 0),
]
IKE = [
    *(
        IkeProposal(encr, bits, integ, Prf.PRF_HMAC_SHA2_256, Group.CURVE25519)
        for encr, bits, integ in CIPHERS
    ),
    *(
        IkeProposal(Encr.ENCR_AES_CBC, 128, integ, Prf.PRF_HMAC_SHA1, Group.ECP_256)
        for integ in (1, 2, 5, 8, 12, 13, 14)
    ),
    *(IkeProposal(Encr.ENCR_AES_CBC, 128, SHA2, prf, Group.ECP_256) for prf in (1, 2, 4, 5, 6, 7, 8)),
    *(
        IkeProposal(Encr.ENCR_AES_GCM_16, 256, 0, Prf.PRF_HMAC_SHA2_512, group)
        for group in sorted(GROUPS - SLOW)
    ),
]
ESP = [
    *CIPHERS,
    (Encr.ENCR_NULL, None, SHA2),
    *((Encr.ENCR_NULL_AUTH_AES_GMAC, bits, 0) for bits in AES),
    *((Encr.ENCR_AES_CBC, 128, integ) for integ in (1, 2, 5, 8, 12, 13, 14)),
]
V1 = [
    *((EncrV1.AES_CBC, bits, HashV1.SHA2_256, Group.MODP_2048) for bits in AES),
    *((EncrV1.CAMELLIA_CBC, bits, HashV1.SHA2_256, Group.MODP_2048) for bits in AES),
    *((encr, None, HashV1.SHA1, Group.MODP_1024) for encr in (1, 2, 3, 5, 6)),
    *((EncrV1.AES_CBC, 128, hash_id, Group.MODP_1024) for hash_id in (1, 2, 4, 5, 6)),
    *((EncrV1.AES_CBC, 128, HashV1.SHA2_256, group) for group in sorted(DIFFIE_HELLMAN - SLOW)),
]


@pytest.mark.parametrize("suite", IKE, ids=str)
def test_an_ike_sa_comes_up_and_is_rekeyed(suite: IkeProposal) -> None:
    """Under every suite an IKE SA with a child comes up, makes another with its own exchange, and is rekeyed."""
    pair = Pair(replace(DEFAULT, proposals_v2=(suite,)))
    pair.play(pair.peer.connect())
    pair.play(pair.peer.create_child(pfs=True))
    pair.play(pair.peer.rekey_ike())
    pair.play(pair.peer.create_child())
    rekeyed = [sa for sa in pair.responder.all() if sa.ours == pair.peer.ike.spi_r]

    assert [len(sa.children) for sa in rekeyed] == [3]
    assert [child.keys for child in rekeyed[0].children] == [child.keys for child in pair.peer.ike.children]


@pytest.mark.parametrize(("encr", "bits", "integ"), ESP)
def test_a_child_sa_comes_up(encr: int, bits: int | None, integ: int) -> None:
    """Under every ESP suite both ends have the same keys."""
    pair = Pair(replace(DEFAULT, child_proposals=(ChildProposal(Protocol.ESP, encr, bits, integ),)))
    pair.play(pair.peer.connect())
    (sa,) = pair.responder.all()

    assert [child.keys for child in sa.children] == [child.keys for child in pair.peer.ike.children] != []


@pytest.mark.parametrize("device_starts", [False, True])
def test_a_pair_of_ah_comes_up(device_starts: bool) -> None:
    """AH is agreed on without a cipher, whoever starts (RFC 7296 section 3.3.3)."""
    ah = ChildProposal(Protocol.AH, 0, None, SHA2)
    pair = Pair(replace(DEFAULT, profile=ProfileName.TWO_WAY, child_proposals=(ah,)))
    if device_starts:
        pair.provoke(Trigger.BOOT)
    else:
        pair.play(pair.peer.connect())
    (sa,) = pair.responder.all()

    assert [child.proposal.protocol for child in sa.children] == [Protocol.AH]


@pytest.mark.parametrize(("encr", "bits", "hash_id", "group"), V1)
def test_an_isakmp_sa_comes_up(pairs, encr: int, bits: int | None, hash_id: int, group: int) -> None:
    """Under every cipher, hash and group of IKEv1 Main Mode and a Quick Mode with its own exchange succeed."""
    policy = IsakmpPolicy(encr, bits, hash_id, AuthMethodV1.PRE_SHARED_KEY, group)
    pair = pairs(replace(DEFAULT, proposals_v1=(policy,), pfs_group=group))
    pair.connect()

    assert [(sa.up, len(sa.children)) for sa in pair.responder.all()] == [(True, 1)]


# The IPsec DOI has numbers for neither (RFC 2407 section 4.4.4 and its registry).
UNNAMED = {(Encr.ENCR_CHACHA20_POLY1305, None, 0), (Encr.ENCR_AES_CBC, 128, Integ.AUTH_AES_CMAC_96)}


@pytest.mark.parametrize(("encr", "bits", "integ"), [suite for suite in ESP if suite not in UNNAMED])
def test_ipsec_sas_of_ikev1_come_up(pairs, encr: int, bits: int | None, integ: int) -> None:
    """Under every ESP suite that the IPsec DOI has a number for, Quick Mode makes its pair of SAs."""
    pair = pairs(replace(DEFAULT, child_proposals=(ChildProposal(Protocol.ESP, encr, bits, integ),)))
    pair.connect()

    assert [(sa.up, len(sa.children)) for sa in pair.responder.all()] == [(True, 1)]
