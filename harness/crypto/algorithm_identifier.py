"""AlgorithmIdentifier in DER and the scheme it names (RFC 7427 appendix A, RFC 8420 appendix A, RFC 4055 section 3.1)."""

from typing import Annotated, TypeVar

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from harness.codes import HashAlgorithm
from harness.crypto.scheme import ED448, ED25519, Family, Scheme, ecdsa, rsa
from harness.crypto.unsupported import UnsupportedAlgorithm


@asn1.sequence
class _Plain:
    algorithm: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _Mask:
    algorithm: ObjectIdentifier
    parameters: _Plain


@asn1.sequence
class _PssParameters:  # optional rather than of default value: a default is left out by some and said by others
    hash: Annotated[_Plain | None, asn1.Explicit(0)]
    mask: Annotated[_Mask | None, asn1.Explicit(1)]
    salt_size: Annotated[int | None, asn1.Explicit(2)]
    trailer: Annotated[int | None, asn1.Explicit(3)]


@asn1.sequence
class _Pss:
    algorithm: ObjectIdentifier
    parameters: _PssParameters


_PSS = ObjectIdentifier("1.2.840.113549.1.1.10")
_MGF1 = ObjectIdentifier("1.2.840.113549.1.1.8")
_HASHES: dict[int, ObjectIdentifier] = {
    HashAlgorithm.SHA1: ObjectIdentifier("1.3.14.3.2.26"),
    HashAlgorithm.SHA2_256: ObjectIdentifier("2.16.840.1.101.3.4.2.1"),
    HashAlgorithm.SHA2_384: ObjectIdentifier("2.16.840.1.101.3.4.2.2"),
    HashAlgorithm.SHA2_512: ObjectIdentifier("2.16.840.1.101.3.4.2.3"),
}
_PLAIN: dict[Scheme, ObjectIdentifier] = {
    rsa(HashAlgorithm.SHA1): ObjectIdentifier("1.2.840.113549.1.1.5"),
    rsa(HashAlgorithm.SHA2_256): ObjectIdentifier("1.2.840.113549.1.1.11"),
    rsa(HashAlgorithm.SHA2_384): ObjectIdentifier("1.2.840.113549.1.1.12"),
    rsa(HashAlgorithm.SHA2_512): ObjectIdentifier("1.2.840.113549.1.1.13"),
    ecdsa(HashAlgorithm.SHA1): ObjectIdentifier("1.2.840.10045.4.1"),
    ecdsa(HashAlgorithm.SHA2_256): ObjectIdentifier("1.2.840.10045.4.3.2"),
    ecdsa(HashAlgorithm.SHA2_384): ObjectIdentifier("1.2.840.10045.4.3.3"),
    ecdsa(HashAlgorithm.SHA2_512): ObjectIdentifier("1.2.840.10045.4.3.4"),
    ED25519: ObjectIdentifier("1.3.101.112"),
    ED448: ObjectIdentifier("1.3.101.113"),
}
_HASH_IDS = {oid: hash_id for hash_id, oid in _HASHES.items()}
_SCHEMES = {oid: scheme for scheme, oid in _PLAIN.items()}
_LONGEST_SALT = 2048

T = TypeVar("T")


def write_identifier(scheme: Scheme) -> bytes:
    """The AlgorithmIdentifier of a scheme for Digital Signature, as the RFCs' appendices print it but for one field.

    RFC 7427 appendix A.4 prints RSASSA-PSS with a trailerField, which has its default value; DER, as section 3 demands
    it, leaves such a field out (X.690 section 11.5), and receivers that compare octets know it so.
    Raises UnsupportedAlgorithm for a scheme that has none.
    """
    if scheme.family is not Family.RSA_PSS:
        if scheme not in _PLAIN:
            raise UnsupportedAlgorithm(f"{scheme} has no AlgorithmIdentifier")
        null = asn1.Null() if scheme.family is Family.RSA else None
        return asn1.encode_der(_Plain(algorithm=_PLAIN[scheme], parameters=null))
    mask = _Mask(algorithm=_MGF1, parameters=_hash(scheme.mask_hash))
    parameters = _PssParameters(hash=_hash(scheme.hash), mask=mask, salt_size=scheme.salt_size, trailer=None)
    return asn1.encode_der(_Pss(algorithm=_PSS, parameters=parameters))


def read_identifier(der: bytes) -> Scheme | str:
    """The scheme that an AlgorithmIdentifier names, or why there is none. Never raises.

    Parameters that should be NULL may be missing, and the other way round (RFC 7427 section 3).
    """
    pss = _decoded(_Pss, der)
    if pss is not None and pss.algorithm == _PSS:
        return _read_pss(pss.parameters)
    plain = _decoded(_Plain, der)
    if plain is None:
        return "the AlgorithmIdentifier can't be read"
    oid = plain.algorithm
    return _SCHEMES.get(oid, f"the signature algorithm {oid.dotted_string} is not known here")


def _read_pss(parameters: _PssParameters) -> Scheme | str:
    mask, salt_size = parameters.mask, parameters.salt_size
    if parameters.trailer not in (None, 1) or (mask is not None and mask.algorithm != _MGF1):
        return "RSASSA-PSS with such parameters is not known here"
    if salt_size is None:
        salt_size = 20  # SHA-1 and its length are the defaults (RFC 4055 section 3.1)
    hash_id = _hash_id(parameters.hash)
    mask_hash = _hash_id(mask.parameters if mask else None)
    if hash_id is None or mask_hash is None or not 0 <= salt_size <= _LONGEST_SALT:
        return "RSASSA-PSS with such a hash or salt is not known here"
    return Scheme(Family.RSA_PSS, hash_id, salt_size, mask_hash)


def _hash(hash_id: int) -> _Plain:
    return _Plain(algorithm=_HASHES[hash_id], parameters=asn1.Null())


def _hash_id(identifier: _Plain | None) -> int | None:
    return HashAlgorithm.SHA1 if identifier is None else _HASH_IDS.get(identifier.algorithm)


def _decoded(shape: type[T], der: bytes) -> T | None:
    try:
        return asn1.decode_der(shape, der)
    except ValueError:
        return None
