"""Signatures against RSA Laboratories' and NIST's vectors, RFC 4754 section 8, RFC 6979 appendix A and RFC 8032 section 7."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.codes import AuthMethod, AuthMethodV1, HashAlgorithm
from harness.crypto.algorithm_identifier import read_identifier, write_identifier
from harness.crypto.scheme import ED448, ED25519, Family, Scheme, ecdsa, objection, rsa_pss, sign
from harness.crypto.scheme import rsa as rsa_with
from harness.crypto.signature import auth, auth_objection, sig, sig_objection

CURVES = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
METHODS = {256: 9, 384: 10, 521: 11}
HASHES = {
    "SHA256": HashAlgorithm.SHA2_256,
    "SHA384": HashAlgorithm.SHA2_384,
    "SHA512": HashAlgorithm.SHA2_512,
}


def _vectors() -> dict[str, dict[str, bytes]]:
    text = Path(__file__).with_name("signature_vectors.txt").read_text(encoding="ascii")
    vectors = {}
    for chunk in text.split("\n\n")[1:]:
        title, *lines = chunk.strip().splitlines()
        pairs = (line.split() for line in lines)
        vectors[title] = {
            name: bytes.fromhex(value.zfill(len(value) + len(value) % 2)) for name, value in pairs
        }
    return vectors


VECTORS = _vectors()


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _rsa_public(vector: dict[str, bytes]) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(_number(vector["e"]), _number(vector["n"])).public_key()


def _rsa_private(vector: dict[str, bytes]) -> rsa.RSAPrivateKey:
    p, q, d = (_number(vector[name]) for name in "pqd")
    public = rsa.RSAPublicNumbers(_number(vector["e"]), _number(vector["n"]))
    parts = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    return rsa.RSAPrivateNumbers(p, q, d, *parts, public).private_key()


def _ec_public(bits: int) -> ec.EllipticCurvePublicKey:
    vector = VECTORS[f"rfc4754 {bits}"]
    return ec.EllipticCurvePublicNumbers(
        _number(vector["x"]), _number(vector["y"]), CURVES[bits]
    ).public_key()


def test_rsa_signs_as_published() -> None:
    """RSA Laboratories' example 15.1 is what IKEv2's RSA signature with SHA-1 gives."""
    vector = VECTORS["pkcs1v15 15.1"]

    assert auth(AuthMethod.RSA_SIGNATURE, _rsa_private(vector), vector["message"]) == vector["signature"]


def test_the_published_rsa_signature_is_accepted() -> None:
    """RSA Laboratories' example 15.1 is accepted as IKEv2's RSA signature."""
    vector = VECTORS["pkcs1v15 15.1"]
    method, key = AuthMethod.RSA_SIGNATURE, _rsa_public(vector)

    assert auth_objection(method, key, vector["message"], vector["signature"]) is None


@pytest.mark.parametrize("name", HASHES)
def test_rsa_signatures_with_sha2_are_accepted(name: str) -> None:
    """NIST's RSASSA-PKCS1-v1_5 signatures are accepted, by Digital Signature and by the older method."""
    vector, scheme = VECTORS[f"siggen15 {name}"], rsa_with(HASHES[name])
    key, message, signature = _rsa_public(vector), vector["message"], vector["signature"]
    identifier = write_identifier(scheme)
    data = bytes((len(identifier),)) + identifier + signature

    assert auth_objection(AuthMethod.DIGITAL_SIGNATURE, key, message, data) is None
    assert auth_objection(AuthMethod.RSA_SIGNATURE, key, message, signature) is None


@pytest.mark.parametrize("name", HASHES)
def test_pss_signatures_are_accepted(name: str) -> None:
    """NIST's RSASSA-PSS signatures are accepted."""
    vector, hash_id = VECTORS[f"siggenpss {name}"], HASHES[name]
    scheme = Scheme(Family.RSA_PSS, hash_id, salt_size=0, mask_hash=hash_id)

    assert objection(scheme, _rsa_public(vector), vector["message"], vector["signature"]) is None


def test_pss_by_its_default_parameters_is_sha1_with_20_octets_of_salt() -> None:
    """RSA Laboratories' example 10.1 is accepted by the empty parameters that RFC 7427 appendix A.4.1 prints."""
    vector = VECTORS["pss 10.1"]
    scheme = read_identifier(bytes.fromhex("300d06092a864886f70d01010a3000"))

    assert isinstance(scheme, Scheme)
    assert objection(scheme, _rsa_public(vector), vector["message"], vector["signature"]) is None


@pytest.mark.parametrize("bits", CURVES)
def test_ecdsa_pairs_of_ikev2_are_accepted(bits: int) -> None:
    """RFC 4754 section 8: r and s at the curve's length over the octets "abc"."""
    vector = VECTORS[f"rfc4754 {bits}"]

    assert auth_objection(METHODS[bits], _ec_public(bits), b"abc", vector["r"] + vector["s"]) is None


@pytest.mark.parametrize("bits", CURVES)
def test_ecdsa_pairs_of_ikev1_are_accepted(bits: int) -> None:
    """RFC 4754 section 8: in IKEv1 HASH is the digest that is signed."""
    vector = VECTORS[f"rfc4754 {bits}"]
    digest = vector["h"][-min(bits // 8, 64) :]

    assert sig_objection(METHODS[bits], _ec_public(bits), digest, vector["r"] + vector["s"]) is None


RFC_6979_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
RFC_6979_PAIR = (
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
)
SAMPLE_DIGEST = "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf"


def test_ecdsa_signs_as_published() -> None:
    """RFC 6979 appendix A.2.5: P-256, SHA-256, the message "sample"."""
    key = ec.derive_private_key(RFC_6979_KEY, ec.SECP256R1())

    assert auth(AuthMethod.ECDSA_SHA256_P256, key, b"sample").hex() == RFC_6979_PAIR


def test_ikev1_signs_the_digest_itself() -> None:
    """RFC 6979 appendix A.2.5 again: SIG over SHA-256 of "sample" is the signature over "sample"."""
    key = ec.derive_private_key(RFC_6979_KEY, ec.SECP256R1())

    assert sig(AuthMethodV1.ECDSA_SHA256_P256, key, bytes.fromhex(SAMPLE_DIGEST)).hex() == RFC_6979_PAIR


def test_ikev1_rsa_is_a_block_of_type_1_around_the_hash() -> None:
    """RFC 2409 section 5.1: raised to the public exponent, SIG is 00 01 FF … FF 00 and HASH, without DigestInfo."""
    vector, digest = VECTORS["pkcs1v15 15.1"], bytes(range(20))
    signature = sig(AuthMethodV1.RSA_SIGNATURES, _rsa_private(vector), digest)
    block = pow(_number(signature), _number(vector["e"]), _number(vector["n"])).to_bytes(256, "big")

    assert block == b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
    assert sig_objection(AuthMethodV1.RSA_SIGNATURES, _rsa_public(vector), digest, signature) is None


RFC_8032_ED25519 = (  # section 7.1, test 2
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "72",
    (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00"
    ),
)
RFC_8032_ED448 = (  # section 7.4, 1 octet
    (
        "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949e"
        "f8021e954e0a12274e"
    ),
    "03",
    (
        "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de8ccdf633"
        "fc1bf037ab7cd779805e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0f"
        "f3348ab21aa4adafd1d234441cf807c03a00"
    ),
)


@pytest.mark.parametrize(
    ("kind", "scheme", "vector"),
    [(Ed25519PrivateKey, ED25519, RFC_8032_ED25519), (Ed448PrivateKey, ED448, RFC_8032_ED448)],
)
def test_eddsa_signs_as_published(
    kind: type[Ed25519PrivateKey] | type[Ed448PrivateKey], scheme: Scheme, vector: tuple[str, str, str]
) -> None:
    """RFC 8032 sections 7.1 and 7.4: EdDSA is over the octets themselves (RFC 8420 section 2)."""
    secret, message, signature = (bytes.fromhex(text) for text in vector)
    key = kind.from_private_bytes(secret)

    assert sign(scheme, key, message) == signature
    assert objection(scheme, key.public_key(), message, signature) is None


PRINTED = {  # RFC 7427 appendix A and RFC 8420 appendix A
    rsa_with(HashAlgorithm.SHA1): "300d06092a864886f70d0101050500",
    rsa_with(HashAlgorithm.SHA2_256): "300d06092a864886f70d01010b0500",
    rsa_with(HashAlgorithm.SHA2_384): "300d06092a864886f70d01010c0500",
    rsa_with(HashAlgorithm.SHA2_512): "300d06092a864886f70d01010d0500",
    ecdsa(HashAlgorithm.SHA1): "300906072a8648ce3d0401",
    ecdsa(HashAlgorithm.SHA2_256): "300a06082a8648ce3d040302",
    ecdsa(HashAlgorithm.SHA2_384): "300a06082a8648ce3d040303",
    ecdsa(HashAlgorithm.SHA2_512): "300a06082a8648ce3d040304",
    rsa_pss(HashAlgorithm.SHA1): (
        "303e06092a864886f70d01010a3031a00b300906052b0e03021a0500a118301606092a864886f70d010108300906052b"
        "0e03021a0500a203020114a303020101"
    ),
    rsa_pss(HashAlgorithm.SHA2_256): (
        "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d01010830"
        "0d06096086480165030402010500a203020120a303020101"
    ),
    ED25519: "300506032b6570",
    ED448: "300506032b6571",
}


@pytest.mark.parametrize("scheme", PRINTED, ids=lambda scheme: f"{scheme.family}-{scheme.hash}")
def test_identifiers_are_the_printed_ones(scheme: Scheme) -> None:
    """AlgorithmIdentifiers are read as the appendices print them, and written so, RSASSA-PSS apart."""
    printed = bytes.fromhex(PRINTED[scheme])

    assert read_identifier(printed) == scheme
    assert scheme.family is Family.RSA_PSS or write_identifier(scheme) == printed


def test_default_trailer_is_left_out() -> None:
    """DER has no field that holds its default (X.690 section 11.5); without it the identifier reads the same."""
    written = bytes.fromhex(
        "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d01010830"
        "0d06096086480165030402010500a203020120"
    )

    assert write_identifier(rsa_pss(HashAlgorithm.SHA2_256)) == written
    assert read_identifier(written) == rsa_pss(HashAlgorithm.SHA2_256)
