"""RFC 2409 sections 5.1 and 5.4: by what the ends of phase 1 prove who they are, a pre-shared key or a signature."""

import hmac
from collections.abc import Callable
from typing import Any

from harness.codes import CertEncoding, NotifyTypeV1
from harness.crypto.certificate import Certificate, read_certificate
from harness.crypto.scheme import load_private_key
from harness.crypto.signature import sig, sig_objection
from harness.profile import Credentials, IsakmpPolicy
from harness.responder.context import Context, Incoming
from harness.responder.table import TABLE
from harness.responder.v1.state import IsakmpSa
from harness.sa.methods import METHODS, Method, Proof
from harness.sa.v1 import Suite, hash_i, hash_r, psk_secrets, signature_secrets
from harness.values import replace
from harness.wire import v1

PHASE_1_PORTS = frozenset({(0, 0), (17, 500), (17, 0)})
"""Protocol and port of a phase 1 identity (RFC 2407 section 4.6.2); with NAT traversal the port is 0 (RFC 3947)."""
PORT_AT, DATA_AT = 2, 4
"""Where in the body of an ID payload the port stands, and the Identification Data."""
NOTHING = Credentials()
MOST_CERTIFICATES, MOST_OCTETS = 8, 16384
"""What a peer may leave here of certificates before it has proved anything."""


def method_of(sa: IsakmpSa) -> Method:
    """What the ends of this SA prove themselves by."""
    assert sa.policy is not None
    return METHODS[sa.policy.auth]


def keyed(context: Context, sa: IsakmpSa, shared: bytes) -> IsakmpSa:
    """The SA with the secrets that follow from everything exchanged, and the first IV."""
    assert sa.policy is not None
    suite, psk = suite_of(sa.policy), context.configuration.psk
    exchanged = (sa.ni, sa.nr, shared, sa.cky_i, sa.cky_r, sa.public_i, sa.public_r)
    by_key = method_of(sa).proof is Proof.PRE_SHARED_KEY
    made = psk_secrets(suite, psk, *exchanged) if by_key else signature_secrets(suite, *exchanged)
    return replace(sa, secrets=made, iv=made.iv0, last_block=made.iv0)


def suite_of(policy: IsakmpPolicy) -> Suite:
    """The algorithms of a policy."""
    return Suite(policy.encr, policy.key_bits, policy.hash, policy.auth, policy.group)


def own_identity(context: Context) -> v1.Identification:
    """Our own identity (RFC 2407 section 4.6.2); protocol and port are zero."""
    identity = context.configuration.local_id
    return v1.Identification(id_type=identity.id_type, data=identity.data)


# Ours


def our_proof(context: Context, sa: IsakmpSa, ours: v1.Identification) -> tuple[Any, ...]:
    """Our HASH over our identity, or our certificates and the signature over that HASH."""
    assert sa.policy is not None
    octets = _hash(sa, ours.body, by_initiator=sa.we_started)
    if method_of(sa).proof is Proof.PRE_SHARED_KEY:
        return (v1.Hash(data=octets),)
    credentials = context.configuration.credentials or NOTHING
    shown = (v1.Certificate(encoding=CertEncoding.X509_SIGNATURE, data=der) for der in credentials.chain)
    return (*shown, v1.Signature(data=sig(sa.policy.auth, load_private_key(credentials.key), octets)))


def _hash(sa: IsakmpSa, id_b: bytes, *, by_initiator: bool) -> bytes:
    """HASH_I or HASH_R; a signature method that has a hash of its own is proved by that one (section 5.1)."""
    assert sa.secrets is not None
    made: Callable[..., bytes] = hash_i if by_initiator else hash_r
    return made(sa.secrets, sa.public_i, sa.public_r, sa.sai_b, id_b, method_of(sa).hash)


def certificate_requests(context: Context, sa: IsakmpSa) -> tuple[v1.CertificateRequest, ...]:
    """A request for each authority that we trust, where the peer has to sign (RFC 2408 section 3.10)."""
    if method_of(sa).proof is Proof.PRE_SHARED_KEY:
        return ()
    credentials = context.configuration.credentials or NOTHING
    trusted = (read_certificate(der) for der in credentials.anchors)
    return tuple(
        v1.CertificateRequest(encoding=CertEncoding.X509_SIGNATURE, data=each.subject)
        for each in trusted
        if isinstance(each, Certificate)
    )


# The peer's


def certificates_so_far(sa: IsakmpSa, incoming: Incoming) -> tuple[v1.Certificate, ...]:
    """The peer's certificates, which may come in any message before its proof (RFC 2408 section 3.9)."""
    if method_of(sa).proof is Proof.PRE_SHARED_KEY:
        return ()
    shown = (*sa.certificates, *incoming.all(v1.Certificate))[:MOST_CERTIFICATES]
    return shown if sum(len(each.data) for each in shown) <= MOST_OCTETS else sa.certificates


def disbelieved(context: Context, sa: IsakmpSa, id_b: bytes, message: Incoming) -> NotifyTypeV1 | None:
    """The notify that says why the proof in a message is not that of this identity, or None when it is."""
    if method_of(sa).proof is not Proof.PRE_SHARED_KEY:
        return _unsigned(context, sa, id_b, message)
    proof = message.find(v1.Hash)
    believed = proof is not None and context.decide("isakmp_believes", sa, id_b, proof.data)
    return None if believed else NotifyTypeV1.AUTHENTICATION_FAILED


@TABLE.decision(rfc="2409/5")
def isakmp_believes(context: Context, sa: IsakmpSa, id_b: bytes, proof: bytes) -> bool:
    """Whether the peer's HASH proves the pre-shared key, its identity, the offer and the key exchange."""
    return hmac.compare_digest(_hash(sa, id_b, by_initiator=not sa.we_started), proof)


def _unsigned(context: Context, sa: IsakmpSa, id_b: bytes, message: Incoming) -> NotifyTypeV1 | None:
    """What is wrong with certificates and signature; the peer's own certificate comes first (RFC 4945 section 3.3)."""
    signature = message.find(v1.Signature)
    shown = (*message.all(v1.Certificate), *sa.certificates)
    known = [each.data for each in shown if each.encoding == CertEncoding.X509_SIGNATURE]
    if signature is None:
        return NotifyTypeV1.AUTHENTICATION_FAILED
    if not known:
        return NotifyTypeV1.CERT_TYPE_UNSUPPORTED if shown else NotifyTypeV1.CERTIFICATE_UNAVAILABLE
    end, *others = (read_certificate(der) for der in known)
    if not isinstance(end, Certificate):
        return NotifyTypeV1.INVALID_CERT_ENCODING
    if not context.decide("trusts", end, tuple(each for each in others if isinstance(each, Certificate))):
        return NotifyTypeV1.INVALID_CERT_AUTHORITY
    if not context.decide("certifies", end, identity_of(id_b)):
        return NotifyTypeV1.INVALID_CERTIFICATE
    believed = context.decide("isakmp_signed", sa, end, id_b, signature.data)
    return None if believed else NotifyTypeV1.INVALID_SIGNATURE


@TABLE.decision(rfc="2409/5.1")
def isakmp_signed(context: Context, sa: IsakmpSa, end: Certificate, id_b: bytes, signature: bytes) -> bool:
    """Whether the peer's signature over its HASH was made with the certificate's key."""
    assert sa.policy is not None
    octets = _hash(sa, id_b, by_initiator=not sa.we_started)
    return sig_objection(sa.policy.auth, end.public_key, octets, signature) is None


def identity_of(id_b: bytes) -> v1.Identification:
    """The ID payload with this body."""
    port = int.from_bytes(id_b[PORT_AT:DATA_AT], "big")
    return v1.Identification(id_type=id_b[0], protocol=id_b[1], port=port, data=id_b[DATA_AT:])


@TABLE.decision(rfc="2407/4.6.2")
def isakmp_knows(context: Context, who: v1.Identification) -> bool:
    """Whether the configuration has a peer of this identity; without one configured, every identity will do."""
    if (who.protocol, who.port) not in PHASE_1_PORTS:
        return False
    wanted = context.configuration.remote_id
    return wanted is None or (wanted.id_type, wanted.data) == (who.id_type, who.data)


def right_key(context: Context, sa: IsakmpSa, known: Context) -> bool:
    """Whether the key that the peer's address chose is the one of its identity (RFC 2409 section 5.4)."""
    by_key = method_of(sa).proof is Proof.PRE_SHARED_KEY
    return not by_key or hmac.compare_digest(context.configuration.psk, known.configuration.psk)
