"""Phase 1 by signatures: certificates shown, wanted and weighed, by both ends and in both modes."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from harness.codes import AuthMethodV1, CertEncoding, Exchange, HashV1, NotifyTypeV1, ProfileName, Trigger
from harness.crypto.authority import LONG_AGO, NOT_YET, Authority
from harness.crypto.certificate import read_certificate
from harness.peer.certified import authority, credentials
from harness.profile import DEFAULT, Configuration, Credentials, Defence, Identity, User, Version1, Xauth
from harness.sa.v1 import Suite, signature_secrets
from harness.wire import Message, decode, v1
from harness.wire import replace as replace_message
from harness.wire.datagram import Datagram

METHODS = {
    AuthMethodV1.RSA_SIGNATURES: "rsa",
    AuthMethodV1.ECDSA_SHA256_P256: "p256",
    AuthMethodV1.ECDSA_SHA384_P384: "p384",
    AuthMethodV1.ECDSA_SHA512_P521: "p521",
}
PEER = Identity("ipv4", "192.0.2.2")


@cache
def signing(auth: int = AuthMethodV1.ECDSA_SHA256_P256, kind: str = "", **how: Any) -> Configuration:
    """Both ends with certificates, and one policy by this method; `how` is about the peer's certificate."""
    kind = kind or METHODS.get(auth, "rsa")
    policy = replace(DEFAULT.proposals_v1[0], auth=auth)
    return replace(
        DEFAULT,
        proposals_v1=(policy,),
        credentials=credentials(DEFAULT.local_id, kind=kind),
        peer_credentials=credentials(how.pop("identity", PEER), kind=kind, **how),
    )


def refused(pair: Any, notify_type: int) -> bool:
    """Whether the device refused by this notify alone, and no ISAKMP SA is up."""
    return pair.notified() == [notify_type] and not any(sa.up for sa in pair.sas)


@pytest.mark.parametrize("mode", ["main_mode", "aggressive_mode"])
@pytest.mark.parametrize("auth", list(METHODS))
def test_every_signature_method_brings_a_tunnel_up(pairs: Any, auth: int, mode: str) -> None:
    """RFC 2409 section 5.1 and RFC 4754: phase 1 by each method ends with the same secrets, and Quick Mode follows."""
    pair = pairs(signing(auth))
    pair.play(getattr(pair.alice, mode)())
    pair.play(pair.alice.quick_mode())

    assert pair.alice.isakmp.established
    assert pair.sas[0].secrets == pair.alice.isakmp.secrets
    assert pair.children == 1


@pytest.mark.parametrize("hash_id", [HashV1.MD5, HashV1.SHA1, HashV1.SHA2_512])
def test_a_curve_is_tied_to_its_hash(pairs: Any, hash_id: int) -> None:
    """RFC 2409 section 5.1: HASH under ECDSA is made with the method's hash, whichever was negotiated for the rest."""
    configuration = signing()
    policy = replace(configuration.proposals_v1[0], hash=hash_id)
    pair = pairs(replace(configuration, proposals_v1=(policy,)))
    pair.play(pair.alice.main_mode())

    assert pair.alice.isakmp.established


def test_skeyid_is_made_of_nonces_and_the_shared_secret() -> None:
    """RFC 2409 section 5: under signatures the pre-shared key takes no part, and g^xy does."""
    suite = Suite(7, 128, HashV1.SHA2_256, AuthMethodV1.RSA_SIGNATURES, 14)
    one, other = (
        signature_secrets(suite, b"n" * 16, b"r" * 16, shared, b"i" * 8, b"s" * 8, b"p", b"q")
        for shared in (b"one", b"other")
    )

    assert len(one.skeyid) == 32
    assert one.skeyid != other.skeyid


@pytest.mark.parametrize("mode", ["main", "aggressive"])
@pytest.mark.parametrize("auth", list(METHODS))
def test_a_device_that_begins_signs_as_well(pairs: Any, auth: int, mode: str) -> None:
    """A two-way device starts phase 1 by signatures, and Quick Mode after it."""
    configuration = replace(
        signing(auth), profile=ProfileName.TWO_WAY, initiate_version=1, initiate_mode=mode
    )
    pair = pairs(configuration)
    pair.provoke(Trigger.OPERATOR_INITIATE)

    assert pair.sas[0].we_started
    assert pair.sas[0].up
    assert pair.children == 1


def test_the_authorities_wanted_are_named(pairs: Any) -> None:
    """RFC 2408 section 3.10: a request for a certificate names each authority that is trusted, by its DN in DER."""
    pair = pairs(signing())
    pair.play(pair.alice.main_mode_1())
    answer = pair.play(pair.alice.main_mode_3())
    wanted = [(each.encoding, each.data) for each in answer.all(v1.CertificateRequest)]

    assert wanted == [(CertEncoding.X509_SIGNATURE, read_certificate(authority().certificate).subject)]


def test_without_signatures_no_certificate_is_wanted(pair: Any) -> None:
    """With a pre-shared key nothing is said of certificates."""
    pair.play(pair.alice.main_mode())

    assert not any(
        isinstance(payload, v1.Certificate | v1.CertificateRequest)
        for message in pair.opened
        for payload in message.payloads
    )


def test_a_chain_of_authorities_is_followed(pairs: Any) -> None:
    """Certificates of intermediate authorities come along, in any order behind the end's own."""
    below = Authority("Below", above=authority())
    lowest = Authority("Lowest", above=below)
    theirs = credentials(PEER, by=lowest)
    chain = (*theirs.chain, below.certificate, lowest.certificate)
    pair = pairs(replace(signing(), peer_credentials=replace(theirs, chain=chain)))
    pair.play(pair.alice.main_mode())

    assert pair.sas[0].up


@pytest.mark.parametrize("mode", ["main_mode", "aggressive_mode"])
@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        ({"by": Authority("Somebody Else")}, NotifyTypeV1.INVALID_CERT_AUTHORITY),
        ({"lifetime": LONG_AGO}, NotifyTypeV1.INVALID_CERT_AUTHORITY),
        ({"lifetime": NOT_YET}, NotifyTypeV1.INVALID_CERT_AUTHORITY),
        ({"identity": Identity("ipv4", "192.0.2.77")}, NotifyTypeV1.INVALID_CERTIFICATE),
        ({"identity": Identity("fqdn", "peer.example")}, NotifyTypeV1.INVALID_CERTIFICATE),
    ],
)
def test_certificates_that_prove_nothing_are_refused(
    pairs: Any, how: dict[str, Any], refusal: int, mode: str
) -> None:
    """A stranger's authority, a certificate out of time, or of another identity: the notify says so, and no SA is up."""
    pair = pairs(signing(**how))
    pair.play(getattr(pair.alice, mode)())

    assert refused(pair, refusal)


@pytest.mark.parametrize(("mode", "at"), [("main", 1), ("main", 3), ("aggressive", 1)])
def test_certificates_may_come_before_the_proof(pairs: Any, mode: str, at: int) -> None:
    """RFC 2408 section 3.9: a certificate is accepted in any message, and counts when the signature comes."""
    configuration = signing()
    theirs = configuration.peer_credentials
    assert theirs is not None
    early = v1.Certificate(CertEncoding.X509_SIGNATURE, theirs.chain[0])
    pair = pairs(replace(configuration, peer_credentials=replace(theirs, chain=())))
    pair.play(getattr(pair.alice, f"{mode}_mode")(early, at=at))

    assert pair.sas[0].up
    assert pair.sas[0].certificates == ()


@pytest.mark.parametrize("shown", [(b"",) * 1000, (b"x" * 10000,) * 3])
def test_certificates_left_by_nobody_known_are_bounded(pairs: Any, shown: tuple[bytes, ...]) -> None:
    """Of what comes before the proof a few certificates are kept, and not many octets."""
    pair = pairs(replace(signing(), defence=Defence(first_message=65_535)))
    pair.play(pair.alice.main_mode_1(*(v1.Certificate(CertEncoding.X509_SIGNATURE, each) for each in shown)))
    kept = pair.sas[0].certificates

    assert len(kept) <= 8
    assert sum(len(each.data) for each in kept) <= 16384


def test_the_peer_heeds_early_certificates_too(pairs: Any) -> None:
    """The peer believes a device whose certificate came along with its public value."""
    configuration = signing()
    ours = configuration.credentials
    assert ours is not None
    pair = pairs(replace(configuration, credentials=replace(ours, chain=())))
    pair.play(pair.alice.main_mode_1())
    pair.deaf = True
    pair.play(pair.alice.main_mode_3())
    sent = pair.sent[-1]
    answer = decode(sent.data)
    assert isinstance(answer, Message)
    early = (*answer.payloads, v1.Certificate(CertEncoding.X509_SIGNATURE, ours.chain[0]))
    pair.alice.receive(
        Datagram(sent.source, sent.destination, replace_message(answer, payloads=early).encode()), pair.now
    )
    pair.deaf = False
    pair.play(pair.alice.main_mode_5())

    assert pair.alice.isakmp.established


def _other_signature(message: Message) -> Message:
    bent = (v1.Signature(bytes(len(p.data))) if isinstance(p, v1.Signature) else p for p in message.payloads)
    return replace_message(message, payloads=tuple(bent))


def _without(kind: type) -> Callable[[Message], Message]:
    return lambda m: replace_message(m, payloads=tuple(p for p in m.payloads if not isinstance(p, kind)))


def _certificates(**fields: Any) -> Callable[[Message], Message]:
    def change(message: Message) -> Message:
        bent = (
            replace_message(p, **fields) if isinstance(p, v1.Certificate) else p for p in message.payloads
        )
        return replace_message(message, payloads=tuple(bent))

    return change


@pytest.mark.parametrize("auth", [AuthMethodV1.RSA_SIGNATURES, AuthMethodV1.ECDSA_SHA256_P256])
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (_other_signature, NotifyTypeV1.INVALID_SIGNATURE),
        (_without(v1.Certificate), NotifyTypeV1.CERTIFICATE_UNAVAILABLE),
        (_certificates(encoding=CertEncoding.PGP), NotifyTypeV1.CERT_TYPE_UNSUPPORTED),
        (_certificates(data=b"no certificate"), NotifyTypeV1.INVALID_CERT_ENCODING),
        (_certificates(data=b""), NotifyTypeV1.INVALID_CERT_ENCODING),
    ],
)
def test_a_fifth_message_that_proves_nothing_is_refused(
    pairs: Any, auth: int, change: Callable[[Message], Message], refusal: int
) -> None:
    """RFC 2408 sections 5.9, 5.11 and 5.12: what is wrong with certificate or signature is told by its notify."""
    pair = pairs(signing(auth))
    pair.play(pair.alice.main_mode(at=5, change=change))

    assert refused(pair, refusal)


def test_without_a_signature_nothing_is_answered(pairs: Any) -> None:
    """A fifth message with nothing that could prove anything is dropped, and the good one still counts."""
    pair = pairs(signing())
    pair.play(pair.alice.main_mode(at=5, change=_without(v1.Signature)))
    dropped = pair.drops[-1]
    pair.play(pair.alice.main_mode_5())

    assert dropped == "no identity, or nothing that proves it"
    assert pair.sas[0].up


def test_a_hash_does_not_stand_for_a_signature(pairs: Any) -> None:
    """Where a signature method was agreed the right HASH_I alone proves nothing."""
    pair = pairs(signing())
    pair.play(pair.alice.main_mode_1())
    pair.play(pair.alice.main_mode_3())
    who = v1.Identification(PEER.id_type, 0, 0, PEER.data)
    proof = v1.Hash(pair.alice.proof(pair.alice.isakmp, who.body, True))
    pair.play(pair.alice.main_mode_5(inner=(who, proof)))

    assert refused(pair, NotifyTypeV1.AUTHENTICATION_FAILED)


def test_another_key_than_the_certificates_signs_in_vain(pairs: Any) -> None:
    """A certificate of the right identity shown with somebody else's signature is refused."""
    configuration = signing()
    theirs, others = configuration.peer_credentials, credentials(Identity("ipv4", "192.0.2.77"))
    assert theirs is not None
    pair = pairs(replace(configuration, peer_credentials=replace(theirs, key=others.key)))
    pair.play(pair.alice.main_mode())

    assert refused(pair, NotifyTypeV1.INVALID_SIGNATURE)


@pytest.mark.parametrize(
    ("auth", "ours"),
    [
        (AuthMethodV1.RSA_SIGNATURES, None),
        (AuthMethodV1.RSA_SIGNATURES, Credentials()),
        (AuthMethodV1.RSA_SIGNATURES, Credentials(key=b"no key")),
        (AuthMethodV1.RSA_SIGNATURES, credentials(DEFAULT.local_id, kind="p256")),
        (AuthMethodV1.ECDSA_SHA256_P256, credentials(DEFAULT.local_id, kind="p384")),
        (AuthMethodV1.DSS_SIGNATURES, credentials(DEFAULT.local_id, kind="rsa")),
        (AuthMethodV1.HYBRID_INIT_RSA, credentials(DEFAULT.local_id, kind="rsa")),
        (AuthMethodV1.RSA_ENCRYPTION, credentials(DEFAULT.local_id, kind="rsa")),
        (AuthMethodV1.REVISED_RSA_ENCRYPTION, credentials(DEFAULT.local_id, kind="rsa")),
    ],
)
def test_a_method_without_its_key_is_refused(pairs: Any, auth: int, ours: Credentials | None) -> None:
    """A policy that the device has no key for, or whose method is not served, is refused by NO-PROPOSAL-CHOSEN."""
    pair = pairs(replace(signing(auth, kind="rsa"), credentials=ours))
    pair.play(pair.alice.main_mode_1())

    assert refused(pair, NotifyTypeV1.NO_PROPOSAL_CHOSEN)


def test_a_device_that_has_nothing_to_offer_starts_nothing(pairs: Any) -> None:
    """Without a policy that can be served a two-way device does not begin phase 1."""
    configuration = replace(
        signing(AuthMethodV1.RSA_ENCRYPTION), profile=ProfileName.TWO_WAY, initiate_version=1
    )
    pair = pairs(configuration)
    pair.provoke(Trigger.OPERATOR_INITIATE)

    assert pair.sent == []
    assert pair.drops == ["no policy could be served"]


def test_a_device_that_begins_does_not_believe_a_stranger(pairs: Any) -> None:
    """The responder's certificate is weighed as the initiator's is: without trust there is no Quick Mode."""
    configuration = replace(
        signing(by=Authority("Somebody Else")), profile=ProfileName.TWO_WAY, initiate_version=1
    )
    pair = pairs(configuration)
    pair.provoke(Trigger.OPERATOR_INITIATE)

    assert not any(sa.up for sa in pair.sas)
    assert pair.started() == [Exchange.IDENTITY_PROTECTION]


@pytest.mark.parametrize("mode", ["main_mode", "aggressive_mode"])
def test_xauth_follows_signatures_as_well(pairs: Any, mode: str) -> None:
    """XAUTH section 7.2: XAUTHInitRSA is RSA signatures in phase 1, then the user is asked for."""
    configuration = replace(
        signing(AuthMethodV1.XAUTH_INIT_RSA),
        users=(User("joe", "open sesame"),),
        version1=Version1(xauth=Xauth()),
    )
    pair = pairs(configuration)
    pair.play(getattr(pair.alice, mode)())

    assert pair.sas[0].user == "joe"
