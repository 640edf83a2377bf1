"""What AUTH and SIG carry, by authentication method (RFC 7296 section 3.8, RFC 4754, RFC 7427, RFC 2409 section 5.1).

Whoever verifies gets None, or the sentence part that says why the signature is not accepted, whatever octets and key are.
"""

from collections.abc import Collection

from harness.codes import AuthMethod, AuthMethodV1, HashAlgorithm
from harness.crypto.algorithm_identifier import read_identifier, write_identifier
from harness.crypto.scheme import Family, Key, PrivateKey, PublicKey, Scheme, objection, rsa, schemes, sign
from harness.crypto.unsupported import UnsupportedAlgorithm

_ECDSA = {  # RFC 4754 section 4
    AuthMethod.ECDSA_SHA256_P256: Scheme(Family.ECDSA, HashAlgorithm.SHA2_256, curve="secp256r1"),
    AuthMethod.ECDSA_SHA384_P384: Scheme(Family.ECDSA, HashAlgorithm.SHA2_384, curve="secp384r1"),
    AuthMethod.ECDSA_SHA512_P521: Scheme(Family.ECDSA, HashAlgorithm.SHA2_512, curve="secp521r1"),
}

# RFC 7296 section 3.8: SHA-1 by default, another hash where the two know of it; the DigestInfo says which it is.
_RSA_SIGNATURE = tuple(rsa(hash_id) for hash_id in (1, 2, 3, 4))


# --- IKEv2 --------------------------------------------------------------------------------------------------------


def auth_methods(key: Key) -> tuple[AuthMethod, ...]:
    """The authentication methods of IKEv2 that this key serves, Digital Signature first."""
    older = {AuthMethod.RSA_SIGNATURE: _RSA_SIGNATURE[0], **_ECDSA}
    return (
        AuthMethod.DIGITAL_SIGNATURE,
        *(method for method, scheme in older.items() if scheme.fits(key)),
    )


def choose(key: Key, hash_ids: Collection[int], wanted: Collection[Scheme] = ()) -> Scheme | None:
    """The best scheme for Digital Signature with this key and a hash that the peer listed (RFC 7427 section 4).

    `wanted` narrows the choice to some schemes. None when there is none.
    """
    fitting = (scheme for scheme in schemes(key) if not wanted or scheme in wanted)
    return next((scheme for scheme in fitting if scheme.hash in hash_ids), None)


def auth(method: int, key: PrivateKey, signed: bytes, scheme: Scheme | None = None) -> bytes:
    """The data of AUTH over the signer's octets (RFC 7296 section 2.15).

    `scheme` is what `choose` gave for DIGITAL_SIGNATURE; for RSA_SIGNATURE it may be `rsa` with another hash than SHA-1.
    Raises UnsupportedAlgorithm when method, key and scheme do not belong together.
    """
    if method in _ECDSA:
        return sign(_ECDSA[AuthMethod(method)], key, signed)
    if method == AuthMethod.RSA_SIGNATURE:
        return sign(scheme or _RSA_SIGNATURE[0], key, signed)
    if method != AuthMethod.DIGITAL_SIGNATURE or scheme is None:
        raise UnsupportedAlgorithm(f"authentication method {method} does not sign by {scheme}")
    identifier = write_identifier(scheme)
    return bytes((len(identifier),)) + identifier + sign(scheme, key, signed)


def auth_objection(
    method: int, key: PublicKey, signed: bytes, data: bytes, hash_ids: Collection[int] | None = None
) -> str | None:
    """Why the data of AUTH is no signature over the signer's octets, or None when it is one. Never raises.

    `hash_ids` are those that the verifier listed in SIGNATURE_HASH_ALGORITHMS: a Digital Signature with another one is
    not accepted (RFC 7427 section 3). None takes any.
    """
    if method in _ECDSA:
        return objection(_ECDSA[AuthMethod(method)], key, signed, data)
    if method == AuthMethod.RSA_SIGNATURE:
        objections = [objection(scheme, key, signed, data) for scheme in _RSA_SIGNATURE]
        return None if None in objections else objections[0]
    if method != AuthMethod.DIGITAL_SIGNATURE:
        return f"authentication method {method} is no signature that is known here"
    scheme = auth_scheme(data)
    if isinstance(scheme, str):
        return scheme
    if hash_ids is not None and scheme.hash not in hash_ids:
        return f"hash algorithm {scheme.hash} was not offered"
    return objection(scheme, key, signed, data[1 + data[0] :])


def auth_scheme(data: bytes) -> Scheme | str:
    """The scheme that the data of a Digital Signature names, or why there is none (RFC 7427 section 3). Never raises."""
    if not data or len(data) <= data[0]:
        return "the AlgorithmIdentifier goes beyond the data"
    return read_identifier(data[1 : 1 + data[0]])


# --- IKEv1 --------------------------------------------------------------------------------------------------------

_RAW_RSA = Scheme(Family.RSA)
_SIG = dict.fromkeys(
    (
        AuthMethodV1.RSA_SIGNATURES,
        AuthMethodV1.HYBRID_INIT_RSA,
        AuthMethodV1.HYBRID_RESP_RSA,
        AuthMethodV1.XAUTH_INIT_RSA,
        AuthMethodV1.XAUTH_RESP_RSA,
    ),
    _RAW_RSA,
) | {AuthMethodV1(method): Scheme(Family.ECDSA, curve=scheme.curve) for method, scheme in _ECDSA.items()}


def sig_serves(method: int, key: Key) -> bool:
    """Whether a key signs by an authentication method of IKEv1."""
    return method in _SIG and _SIG[AuthMethodV1(method)].fits(key)


def sig(method: int, key: PrivateKey, hash_octets: bytes) -> bytes:
    """The data of SIG over HASH_I or HASH_R by an authentication method of IKEv1 (RFC 2409 section 5.1).

    RSA encrypts HASH itself, without DigestInfo; ECDSA takes it for the digest of the message (RFC 4754).
    Raises UnsupportedAlgorithm when method and key do not belong together.
    """
    if method not in _SIG:
        raise UnsupportedAlgorithm(f"authentication method {method} is no signature that is known here")
    return sign(_SIG[AuthMethodV1(method)], key, hash_octets)


def sig_objection(method: int, key: PublicKey, hash_octets: bytes, signature: bytes) -> str | None:
    """Why the data of SIG is no signature over HASH_I or HASH_R, or None when it is one. Never raises."""
    if method not in _SIG:
        return f"authentication method {method} is no signature that is known here"
    return objection(_SIG[AuthMethodV1(method)], key, hash_octets, signature)
