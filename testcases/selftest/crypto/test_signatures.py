"""Signatures by method: what is chosen, what is refused and why, and that nothing hostile raises."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from harness.codes import AuthMethod, AuthMethodV1, HashAlgorithm
from harness.crypto import UnsupportedAlgorithm
from harness.crypto.algorithm_identifier import read_identifier, write_identifier
from harness.crypto.scheme import (
    ED25519,
    Family,
    PrivateKey,
    Scheme,
    ecdsa,
    load_private_key,
    load_public_key,
    rsa_pss,
    schemes,
)
from harness.crypto.scheme import rsa as rsa_with
from harness.crypto.signature import (
    auth,
    auth_methods,
    auth_objection,
    auth_scheme,
    choose,
    sig,
    sig_objection,
)

ALL_HASHES = (1, 2, 3, 4, 5)
RSA = rsa.generate_private_key(65537, 2048)
SHORT_RSA = rsa.generate_private_key(65537, 1024)
P256 = ec.derive_private_key(2**200 + 1, ec.SECP256R1())
P384 = ec.derive_private_key(2**200 + 1, ec.SECP384R1())
P521 = ec.derive_private_key(2**200 + 1, ec.SECP521R1())
BRAINPOOL = ec.derive_private_key(2**200 + 1, ec.BrainpoolP384R1())
ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ED_448 = Ed448PrivateKey.from_private_bytes(bytes(range(57)))
KEYS: dict[str, PrivateKey] = {
    "rsa": RSA,
    "short-rsa": SHORT_RSA,
    "p256": P256,
    "p384": P384,
    "p521": P521,
    "brainpool": BRAINPOOL,
    "ed25519": ED,
    "ed448": ED_448,
}
SIGNING = [(name, scheme) for name, key in KEYS.items() for scheme in schemes(key)]
OLDER = [
    (AuthMethod.RSA_SIGNATURE, RSA),
    (AuthMethod.ECDSA_SHA256_P256, P256),
    (AuthMethod.ECDSA_SHA384_P384, P384),
    (AuthMethod.ECDSA_SHA512_P521, P521),
]
SIG = [
    (AuthMethodV1.RSA_SIGNATURES, RSA, 16),
    (AuthMethodV1.HYBRID_RESP_RSA, RSA, 20),
    (AuthMethodV1.XAUTH_RESP_RSA, RSA, 64),
    (AuthMethodV1.ECDSA_SHA256_P256, P256, 32),
    (AuthMethodV1.ECDSA_SHA256_P256, P256, 20),
    (AuthMethodV1.ECDSA_SHA384_P384, P384, 48),
    (AuthMethodV1.ECDSA_SHA512_P521, P521, 64),
]


# --- what holds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "scheme"), SIGNING, ids=str)
def test_digital_signatures_hold(name: str, scheme: Scheme) -> None:
    """Every scheme that a key can do holds under its public key, and not over other octets."""
    key, method = KEYS[name], AuthMethod.DIGITAL_SIGNATURE
    data = auth(method, key, b"octets", scheme)

    assert auth_scheme(data) == scheme
    assert auth_objection(method, key.public_key(), b"octets", data) is None
    assert auth_objection(method, key.public_key(), b"octetz", data) == "the signature does not hold"


@pytest.mark.parametrize(("method", "key"), OLDER)
def test_older_methods_hold(method: AuthMethod, key: PrivateKey) -> None:
    """The methods before Digital Signature hold under their public key, and not over other octets."""
    data = auth(method, key, b"octets")

    assert auth_objection(method, key.public_key(), b"octets", data) is None
    assert auth_objection(method, key.public_key(), b"octetz", data) == "the signature does not hold"


@pytest.mark.parametrize("hash_id", [1, 2, 3, 4])
def test_an_rsa_signature_may_use_another_hash(hash_id: int) -> None:
    """Method 1 takes whatever hash the DigestInfo names (RFC 7296 section 3.8)."""
    data = auth(AuthMethod.RSA_SIGNATURE, RSA, b"octets", rsa_with(hash_id))

    assert auth_objection(AuthMethod.RSA_SIGNATURE, RSA.public_key(), b"octets", data) is None


@pytest.mark.parametrize(("method", "key", "size"), SIG)
def test_signatures_of_ikev1_hold(method: AuthMethodV1, key: PrivateKey, size: int) -> None:
    """SIG holds over its HASH, of whatever hash's length, and not over another one."""
    signature = sig(method, key, bytes(size))

    assert sig_objection(method, key.public_key(), bytes(size), signature) is None
    assert sig_objection(method, key.public_key(), b"\x01" * size, signature) == "the signature does not hold"


@pytest.mark.parametrize(("name", "scheme"), SIGNING, ids=str)
def test_signing_repeats_but_for_the_salt(name: str, scheme: Scheme) -> None:
    """The same octets have the same signature, RSASSA-PSS apart."""
    once, again = (auth(14, KEYS[name], b"octets", scheme) for _ in range(2))

    assert (once == again) is (scheme.family is not Family.RSA_PSS)


def test_pss_without_salt_repeats() -> None:
    """RSASSA-PSS with no octets of salt has one signature, and its AlgorithmIdentifier says so (RFC 4055 section 3.1)."""
    scheme = Scheme(Family.RSA_PSS, HashAlgorithm.SHA2_256, salt_size=0, mask_hash=HashAlgorithm.SHA2_256)
    once, again = (auth(14, RSA, b"octets", scheme) for _ in range(2))

    assert once == again
    assert auth_objection(14, RSA.public_key(), b"octets", once) is None


# --- what is chosen -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "hash_ids", "chosen"),
    [
        (RSA, ALL_HASHES, rsa_pss(HashAlgorithm.SHA2_256)),
        (RSA, (HashAlgorithm.SHA1, HashAlgorithm.SHA2_512), rsa_pss(HashAlgorithm.SHA2_512)),
        (RSA, (HashAlgorithm.SHA1,), rsa_with(HashAlgorithm.SHA1)),
        (RSA, (HashAlgorithm.IDENTITY,), None),
        (P256, ALL_HASHES, ecdsa(HashAlgorithm.SHA2_256)),
        (P384, ALL_HASHES, ecdsa(HashAlgorithm.SHA2_384)),
        (P521, ALL_HASHES, ecdsa(HashAlgorithm.SHA2_512)),
        (BRAINPOOL, ALL_HASHES, ecdsa(HashAlgorithm.SHA2_384)),
        (P521, (HashAlgorithm.SHA2_256,), ecdsa(HashAlgorithm.SHA2_256)),
        (ED, ALL_HASHES, ED25519),
        (ED, (HashAlgorithm.SHA2_256,), None),  # RFC 8420 section 2
        (ED, (), None),
    ],
)
def test_a_scheme_is_chosen_by_key_and_hashes(
    key: PrivateKey, hash_ids: tuple[int, ...], chosen: Scheme | None
) -> None:
    """The best scheme is taken whose hash the peer listed (RFC 7427 section 4), and none where it listed no such one."""
    assert choose(key, hash_ids) == chosen


def test_a_choice_can_be_narrowed() -> None:
    """Whoever wants PKCS #1 v1.5 gets it although RSASSA-PSS is better."""
    wanted = (rsa_with(HashAlgorithm.SHA2_256), rsa_with(HashAlgorithm.SHA2_512))

    assert choose(RSA, ALL_HASHES, wanted) == wanted[0]


def test_a_short_key_has_no_room_for_long_hashes() -> None:
    """RSASSA-PSS with SHA-512 needs more than 1024 bits (RFC 8017 section 9.1.1)."""
    assert rsa_pss(HashAlgorithm.SHA2_256).fits(SHORT_RSA)
    assert not rsa_pss(HashAlgorithm.SHA2_512).fits(SHORT_RSA)


@pytest.mark.parametrize(
    ("key", "methods"),
    [(RSA, (14, 1)), (P256, (14, 9)), (P384, (14, 10)), (P521, (14, 11)), (BRAINPOOL, (14,)), (ED, (14,))],
)
def test_methods_belong_to_keys(key: PrivateKey, methods: tuple[int, ...]) -> None:
    """A key serves Digital Signature, and the older method of its kind and curve if there is one."""
    assert auth_methods(key) == methods


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "key", "scheme"),
    [
        (AuthMethod.RSA_SIGNATURE, P256, None),
        (AuthMethod.ECDSA_SHA256_P256, P384, None),
        (AuthMethod.ECDSA_SHA256_P256, RSA, None),
        (AuthMethod.DIGITAL_SIGNATURE, RSA, None),
        (AuthMethod.DIGITAL_SIGNATURE, RSA, ED25519),
        (AuthMethod.DIGITAL_SIGNATURE, RSA, Scheme(Family.RSA)),
        (AuthMethod.DIGITAL_SIGNATURE, SHORT_RSA, rsa_pss(HashAlgorithm.SHA2_512)),
        (AuthMethod.SHARED_KEY, RSA, None),
    ],
)
def test_a_key_does_not_sign_by_another_method(method: int, key: PrivateKey, scheme: Scheme | None) -> None:
    """Method, key and scheme have to belong together."""
    with pytest.raises(UnsupportedAlgorithm):
        auth(method, key, b"octets", scheme)


@pytest.mark.parametrize(
    ("method", "key", "size"), [(1, RSA, 20), (3, P256, 20), (9, RSA, 32), (9, P384, 32), (9, P256, 33)]
)
def test_a_key_does_not_sign_by_another_method_of_ikev1(method: int, key: PrivateKey, size: int) -> None:
    """Method and key have to belong together in IKEv1 too, and ECDSA signs what can be a digest."""
    with pytest.raises(UnsupportedAlgorithm):
        sig(method, key, bytes(size))


def test_a_hash_that_was_not_listed_is_refused() -> None:
    """A Digital Signature uses a hash that the verifier listed (RFC 7427 section 3)."""
    data = auth(14, P256, b"octets", ecdsa(HashAlgorithm.SHA2_256))

    why = auth_objection(14, P256.public_key(), b"octets", data, (HashAlgorithm.SHA2_512,))
    assert why == "hash algorithm 2 was not offered"
    assert auth_objection(14, P256.public_key(), b"octets", data, (HashAlgorithm.SHA2_256,)) is None


@pytest.mark.parametrize(("method", "key"), OLDER[1:])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_pair_of_another_length_is_refused(method: AuthMethod, key: PrivateKey, change: int) -> None:
    """R and s have the curve's length, leading zeros and all (RFC 4754 section 7)."""
    signature = auth(method, key, b"octets")
    other = signature[:-1] if change < 0 else b"\x00" + signature

    assert f"has {len(other)} octets" in str(auth_objection(method, key.public_key(), b"octets", other))


@pytest.mark.parametrize(("method", "key"), OLDER[1:])
def test_a_pair_of_zeros_is_refused(method: AuthMethod, key: PrivateKey) -> None:
    """R and s of 0 are no signature of any octets."""
    zeros = bytes(len(auth(method, key, b"octets")))

    assert auth_objection(method, key.public_key(), b"octets", zeros) == "the signature does not hold"


def test_a_digest_info_is_none_of_ikev1s() -> None:
    """A signature of IKEv2 over the octets is none of IKEv1 over their hash (RFC 2409 section 5.1)."""
    signature = auth(AuthMethod.RSA_SIGNATURE, RSA, b"octets")
    why = sig_objection(AuthMethodV1.RSA_SIGNATURES, RSA.public_key(), bytes(20), signature)

    assert why == "the signature does not hold"


@pytest.mark.parametrize("method", [0, 2, 3, 12, 13, 201])
def test_other_methods_are_named(method: int) -> None:
    """A method that is no signature, or none that is known, is refused by its number."""
    assert f"{method}" in str(auth_objection(method, RSA.public_key(), b"", b""))


@pytest.mark.parametrize(
    ("der", "why"),
    [
        ("", "can't be read"),
        ("3000", "can't be read"),
        ("300506032b657000", "can't be read"),
        ("300506032b6572", "1.3.101.114"),
        ("300d06092a864886f70d01010a0500", "1.2.840.113549.1.1.10"),
        ("3012 06092a864886f70d01010a 3005a303020102", "such parameters"),
        ("3012 06092a864886f70d01010a 3005a2030201ff", "hash or salt"),
        ("3016 06092a864886f70d01010a 3009 a007300506032b6570", "hash or salt"),
        ("301a 06092a864886f70d01010a 300d a10b3009 06032b6570 3002 0600", "can't be read"),
    ],
)
def test_identifiers_that_name_nothing_known(der: str, why: str) -> None:
    """What is no AlgorithmIdentifier of a known algorithm says why."""
    assert why in str(read_identifier(bytes.fromhex(der)))


@pytest.mark.parametrize(
    ("der", "scheme"),
    [
        ("300b06092a864886f70d01010b", rsa_with(HashAlgorithm.SHA2_256)),
        ("300c06082a8648ce3d0403020500", ecdsa(HashAlgorithm.SHA2_256)),
        ("300706032b65700500", ED25519),
        (
            (
                "303d06092a864886f70d01010a3030a00d300b0609608648016503040201"
                "a11a301806092a864886f70d010108300b0609608648016503040201a203020120"
            ),
            rsa_pss(HashAlgorithm.SHA2_256),
        ),
    ],
)
def test_both_encodings_of_no_parameters_are_read(der: str, scheme: Scheme) -> None:
    """Parameters may be NULL or missing, and what is default said or left out (RFC 7427 section 3)."""
    assert read_identifier(bytes.fromhex(der)) == scheme


# --- hostile octets -----------------------------------------------------------------------------------------------


@given(
    method=st.sampled_from([1, 9, 10, 11, 14]),
    name=st.sampled_from(sorted(KEYS)),
    data=st.binary(max_size=300),
)
def test_no_auth_raises(method: int, name: str, data: bytes) -> None:
    """Whatever AUTH carries, it is refused with a reason."""
    assert auth_objection(method, KEYS[name].public_key(), b"octets", data)


@given(
    scheme=st.sampled_from(sorted({scheme for _, scheme in SIGNING}, key=str)),
    name=st.sampled_from(sorted(KEYS)),
    signature=st.binary(max_size=300),
)
def test_no_signature_raises(scheme: Scheme, name: str, signature: bytes) -> None:
    """Whatever follows a good AlgorithmIdentifier, of whatever key's kind, it is refused with a reason."""
    identifier = write_identifier(scheme)
    data = bytes((len(identifier),)) + identifier + signature

    assert auth_objection(14, KEYS[name].public_key(), b"octets", data)


@given(
    method=st.integers(0, 12) | st.sampled_from([64221, 65006]),
    name=st.sampled_from(sorted(KEYS)),
    digest=st.binary(max_size=70),
    signature=st.binary(max_size=300),
)
def test_no_sig_raises(method: int, name: str, digest: bytes, signature: bytes) -> None:
    """Whatever SIG carries, over whatever HASH, it is refused with a reason."""
    assert sig_objection(method, KEYS[name].public_key(), digest, signature)


@given(place=st.integers(min_value=0), bit=st.integers(0, 7), which=st.sampled_from(SIGNING))
def test_one_changed_bit_never_holds(place: int, bit: int, which: tuple[str, Scheme]) -> None:
    """A bit changed anywhere in the data of AUTH leaves no signature."""
    name, scheme = which
    data = bytearray(auth(14, KEYS[name], b"octets", scheme))
    data[place % len(data)] ^= 1 << bit

    assert auth_objection(14, KEYS[name].public_key(), b"octets", bytes(data))


# --- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
@pytest.mark.parametrize("password", [None, b"secret"])
@pytest.mark.parametrize("name", KEYS)
def test_private_keys_are_read(name: str, password: bytes | None, encoding: serialization.Encoding) -> None:
    """Keys in PEM and in DER, with and without a password, are read."""
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    octets = KEYS[name].private_bytes(encoding, serialization.PrivateFormat.PKCS8, lock)
    read = load_private_key(octets, password)

    assert read.public_key() == KEYS[name].public_key()


@pytest.mark.parametrize("octets", [b"", b"-----BEGIN PRIVATE KEY-----", b"\x30\x00"])
def test_what_is_no_private_key_is_refused(octets: bytes) -> None:
    """Octets that hold no private key are a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        load_private_key(octets)


def test_a_needless_password_is_refused() -> None:
    """A password for a key that has none is a ValueError that does not tell it."""
    octets = ED.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    with pytest.raises(ValueError, match="can't be read") as refused:
        load_private_key(octets, b"hush")
    assert "hush" not in str(refused.value)


def test_a_key_for_something_else_is_refused() -> None:
    """A key that only agrees on secrets signs nothing."""
    key = X25519PrivateKey.from_private_bytes(bytes(range(32)))
    octets = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    with pytest.raises(UnsupportedAlgorithm, match="X25519"):
        load_private_key(octets)


@pytest.mark.parametrize("name", KEYS)
def test_public_keys_are_read(name: str) -> None:
    """A raw public key is a SubjectPublicKeyInfo (RFC 7670)."""
    key = KEYS[name].public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    assert load_public_key(spki) == key


def test_a_public_key_for_something_else_is_refused() -> None:
    """A key that only agrees on secrets verifies nothing."""
    key = X25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    assert "X25519" in str(load_public_key(spki))


@given(octets=st.binary(max_size=120))
def test_no_public_key_raises(octets: bytes) -> None:
    """Octets that hold no public key say so."""
    assert isinstance(load_public_key(octets), str)
