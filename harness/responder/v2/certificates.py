"""RFC 7296 sections 3.6 to 3.8: certificates shown and asked for, signatures made and weighed."""

from collections.abc import Iterable
from typing import Any

from harness.codes import AuthMethod, CertEncoding, HashAlgorithm, NotifyType
from harness.crypto import UnsupportedAlgorithm
from harness.crypto.certificate import (
    Certificate,
    certification_path,
    identity_objection,
    read_certificate,
    write_authorities,
)
from harness.crypto.scheme import PrivateKey, Scheme, load_private_key
from harness.crypto.signature import auth, auth_methods, auth_objection, choose
from harness.profile import Configuration, Credentials
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa
from harness.responder.table import TABLE
from harness.values import replace
from harness.wire import v2

HASHES = (HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512, HashAlgorithm.IDENTITY)
"""What we take signatures over: those of RFC 8247 section 3.2, and the one of RFC 8420."""
NOTHING = Credentials()


@TABLE.extension("init", rfc="7427/4")
def exchange_hashes(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """SIGNATURE_HASH_ALGORITHMS for who sent its own; then signatures are of method 14."""
    offer = hashes_offered(context.configuration)
    if not offer:
        return sa, ()
    known = with_hashes(sa, request)
    return (known, offer) if known.authenticating.hashes else (sa, ())


@TABLE.extension("init", rfc="7296/3.7")
def ask_for_certificate(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """CERTREQ with our authorities, for a peer that has to sign."""
    return sa, certificate_request(context.configuration)


def hashes_offered(configuration: Configuration) -> tuple[v2.Notify, ...]:
    """Our SIGNATURE_HASH_ALGORITHMS; nothing where no end signs."""
    if "signature" not in (configuration.local_auth, configuration.remote_auth):
        return ()
    data = b"".join(number.to_bytes(2, "big") for number in HASHES)
    return (v2.Notify(notify_type=NotifyType.SIGNATURE_HASH_ALGORITHMS, data=data),)


def with_hashes(sa: IkeSa, message: Incoming) -> IkeSa:
    """The SA with the hash algorithms that the peer names in this IKE_SA_INIT message."""
    notify = message.find(v2.Notify, NotifyType.SIGNATURE_HASH_ALGORITHMS)
    data = b"" if notify is None else notify.data
    numbers = frozenset(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2))
    return replace(sa, authenticating=replace(sa.authenticating, hashes=numbers))


def certificate_request(configuration: Configuration) -> tuple[v2.CertificateRequest, ...]:
    """CERTREQ with the key hashes of our authorities; nothing if the peer need not sign (section 3.7)."""
    if configuration.remote_auth != "signature":
        return ()
    data = write_authorities(_read((configuration.credentials or NOTHING).anchors))
    return (v2.CertificateRequest(encoding=CertEncoding.X509_SIGNATURE, data=data),)


def with_chain(sa: IkeSa, message: Incoming) -> IkeSa:
    """The SA with the certificates that the peer shows in this message (section 3.6)."""
    shown = message.all(v2.Certificate)
    chain = tuple(c.data for c in shown if c.encoding == CertEncoding.X509_SIGNATURE)
    return replace(sa, authenticating=replace(sa.authenticating, chain=chain))


def _read(ders: Iterable[bytes]) -> tuple[Certificate, ...]:
    """The certificates that can be read."""
    return tuple(each for each in map(read_certificate, ders) if isinstance(each, Certificate))


def sign(context: Context, sa: IkeSa, covered: bytes) -> tuple[Any, ...] | None:
    """Our certificates and AUTH; None if the key serves no method that the peer understands (RFC 7427 section 5)."""
    ours = context.configuration.credentials or NOTHING
    shown = tuple(v2.Certificate(encoding=CertEncoding.X509_SIGNATURE, data=der) for der in ours.chain)
    try:
        key = load_private_key(ours.key)
        method, scheme = context.decide("signs_by", sa, key)
        return *shown, v2.Authentication(method=method, data=auth(method, key, covered, scheme))
    except (ValueError, UnsupportedAlgorithm):
        return None


@TABLE.decision(rfc="7427/3")
def signs_by(context: Context, sa: IkeSa, key: PrivateKey) -> tuple[AuthMethod, Scheme | None]:
    """Method 14 with a hash that the peer named, where hash algorithms were exchanged; else what RFC 7296 or 4754 has."""
    hashes = sa.authenticating.hashes
    return (AuthMethod.DIGITAL_SIGNATURE, choose(key, hashes)) if hashes else (auth_methods(key)[-1], None)


def signature_holds(context: Context, sa: IkeSa, who: Any, proof: Any, covered: bytes) -> bool:
    """Whether a certificate that we trust is of the peer's identity, and AUTH was signed with its key."""
    chain = sa.authenticating.chain
    end = read_certificate(chain[0]) if chain else "no certificate came"
    if not isinstance(end, Certificate):
        return False
    others = _read(chain[1:])
    return bool(
        context.decide("trusts", end, others)
        and context.decide("certifies", end, who)
        and context.decide("signed", sa, end, proof, covered)
    )


@TABLE.decision(rfc="5280/6.1")
def trusts(context: Context, end: Certificate, others: tuple[Certificate, ...]) -> bool:
    """Whether a path of certificates, all of them in time, leads to one of our anchors."""
    anchors = _read((context.configuration.credentials or NOTHING).anchors)
    return not isinstance(certification_path(end, others, anchors, context.now), str)


@TABLE.decision(rfc="4945/3.1")
def certifies(context: Context, end: Certificate, who: Any) -> bool:
    """Whether the certificate names the identity that the peer gave."""
    return identity_objection(end, who.id_type, who.data) is None


@TABLE.decision(rfc="7427/3")
def signed(context: Context, sa: IkeSa, end: Certificate, proof: Any, covered: bytes) -> bool:
    """Whether AUTH is a signature of the certificate's key, of method 14 if and only if hash algorithms were exchanged."""
    exchanged = bool(sa.authenticating.hashes)
    if exchanged != (proof.method == AuthMethod.DIGITAL_SIGNATURE):
        return False
    return auth_objection(proof.method, end.public_key, covered, proof.data, HASHES) is None
