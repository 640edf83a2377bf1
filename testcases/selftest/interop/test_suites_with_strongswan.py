"""A real strongSwan starts under one suite after the other, the reference responder answers."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.codes import AuthMethodV1, Encr, EncrV1, Group, HashV1, Integ, Prf, Protocol
from harness.crypto import DIFFIE_HELLMAN
from harness.profile import ChildProposal, Configuration, IkeProposal, IsakmpPolicy
from harness.target.contract import TargetUnavailable
from harness.target.namespaces import Network
from harness.target.strongswan import Strongswan
from testcases.selftest.interop.stage import CONFIGURATION, DEVICE, PEER, Stage

pytestmark = pytest.mark.daemon

AES = (128, 192, 256)
SHA2 = int(Integ.AUTH_HMAC_SHA2_256_128)
WITH_SHA2 = (Encr.ENCR_AES_CBC, Encr.ENCR_AES_CTR, Encr.ENCR_CAMELLIA_CBC)
COMBINED = (14, 15, 16, 18, 19, 20)
IKE = [
    *(
        IkeProposal(encr, bits, SHA2, Prf.PRF_HMAC_SHA2_256, Group.ECP_256)
        for encr in WITH_SHA2
        for bits in AES
    ),
    *(IkeProposal(encr, bits, 0, Prf.PRF_HMAC_SHA2_256, Group.ECP_256) for encr in COMBINED for bits in AES),
    IkeProposal(Encr.ENCR_3DES, None, SHA2, Prf.PRF_HMAC_SHA2_256, Group.ECP_256),
    IkeProposal(Encr.ENCR_CHACHA20_POLY1305, None, 0, Prf.PRF_HMAC_SHA2_256, Group.ECP_256),
    *(
        IkeProposal(Encr.ENCR_AES_CBC, 128, integ, Prf.PRF_HMAC_SHA1, Group.ECP_256)
        for integ in (1, 2, 5, 8, 13, 14)
    ),
    *(IkeProposal(Encr.ENCR_AES_CBC, 128, SHA2, prf, Group.ECP_256) for prf in (1, 2, 4, 6, 7, 8)),
    *(
        IkeProposal(Encr.ENCR_AES_GCM_16, 128, 0, Prf.PRF_HMAC_SHA2_384, group)
        for group in sorted(DIFFIE_HELLMAN - {Group.MODP_6144, Group.MODP_8192})
    ),
]
"""strongSwan has no DES for IKEv2, and its version 5.9 no ML-KEM."""
ESP = [
    *(ChildProposal(Protocol.ESP, encr, bits, SHA2) for encr in WITH_SHA2 for bits in AES),
    *(ChildProposal(Protocol.ESP, encr, bits, 0) for encr in COMBINED for bits in AES),
    ChildProposal(Protocol.ESP, Encr.ENCR_CHACHA20_POLY1305, None, 0),
    ChildProposal(Protocol.ESP, Encr.ENCR_NULL, None, SHA2),
    *(ChildProposal(Protocol.ESP, Encr.ENCR_NULL_AUTH_AES_GMAC, bits, 0) for bits in AES),
    *(ChildProposal(Protocol.ESP, Encr.ENCR_AES_CBC, 128, integ) for integ in (1, 2, 5, 8, 13, 14)),
]
V1 = [
    IsakmpPolicy(encr, bits, hash_id, AuthMethodV1.PRE_SHARED_KEY, group)
    for encr, bits, hash_id, group in (
        *((encr, bits, HashV1.SHA2_256, Group.MODP_2048) for encr in (7, 8) for bits in AES),
        (EncrV1.TRIPLE_DES_CBC, None, HashV1.MD5, Group.MODP_1024),
        *((EncrV1.AES_CBC, 128, hash_id, Group.MODP_1024) for hash_id in HashV1 if hash_id != HashV1.TIGER),
        *((EncrV1.AES_CBC, 128, HashV1.SHA1, group) for group in (5, 14, 19, 20, 21, 22, 23, 24, 28, 29, 30)),
    )
]


KINDS, WORDS = ("encr", "integ", "prf", "dh"), ("alg", "keysize", "group")


class Meeting:
    """A strongSwan that is configured anew for each suite, and a responder that takes them all."""

    def __init__(self, network: Network, stage: Stage, device: Configuration) -> None:
        self._device = stage.responder(network, device)
        self._peer = stage.daemon(Strongswan, network)
        self.negotiated: set[tuple[str | None, ...]] = set()
        """What strongSwan says of the algorithms of IKE SAs and children, each once."""

    def fails(self, way: str, configuration: Configuration) -> str:
        """Why the two do not meet under a configuration; empty if they do."""
        self._peer.prepare(configuration.mirrored())
        self._peer.load()
        try:
            self._peer.initiate(way)
            (ike,) = self._peer.sections()
            self._peer.terminate(way)
        except TargetUnavailable as why:
            return str(why)
        for child in ike["child-sas"].values():
            algorithms = [sa.get(f"{kind}-{word}") for sa in (ike, child) for kind in KINDS for word in WORDS]
            self.negotiated.add(tuple(algorithms))
        return "" if len(ike["child-sas"]) == 1 else "no child came up"


@pytest.fixture
def meet(stage: Stage) -> Iterator[object]:
    """Starts both ends of a meeting."""
    with Network(DEVICE, PEER) as network, stage.ended:
        yield lambda device: Meeting(network, stage, device)


def test_ike_sas_come_up_under_every_suite(meet) -> None:
    """IKE_SA_INIT and IKE_AUTH succeed with strongSwan under every cipher, integrity algorithm, prf and group."""
    meeting = meet(replace(CONFIGURATION, proposals_v2=tuple(IKE)))
    failed = {str(suite): meeting.fails("v2", replace(CONFIGURATION, proposals_v2=(suite,))) for suite in IKE}

    assert {suite: why for suite, why in failed.items() if why} == {}
    assert len(meeting.negotiated) == len(IKE)


def test_child_sas_come_up_under_every_suite(meet) -> None:
    """A child of every ESP suite comes up with strongSwan."""
    meeting = meet(replace(CONFIGURATION, child_proposals=tuple(ESP)))
    failed = {
        str(suite): meeting.fails("v2", replace(CONFIGURATION, child_proposals=(suite,))) for suite in ESP
    }

    assert {suite: why for suite, why in failed.items() if why} == {}
    assert len(meeting.negotiated) == len(ESP)


def test_isakmp_sas_come_up_under_every_suite(meet) -> None:
    """Main Mode and Quick Mode succeed with strongSwan under every cipher, hash and group."""
    meeting = meet(replace(CONFIGURATION, proposals_v1=tuple(V1)))
    failed = {
        str(suite): meeting.fails("v1-main", replace(CONFIGURATION, proposals_v1=(suite,))) for suite in V1
    }

    assert {suite: why for suite, why in failed.items() if why} == {}
    assert len(meeting.negotiated) == len(V1)
