"""IKEv1's secrets against NIST's samples for SP 800-135 (IKEv1, SHA-1), and its further formulas by definition."""

import hashlib
import hmac

import pytest

from harness.crypto import UnsupportedAlgorithm, prf
from harness.sa import v1
from harness.sa.v1 import Secrets, Suite

TRIPLE_DES = Suite(encr=5, key_bits=None, hash=2, auth=1, group=2)
AES = Suite(encr=7, key_bits=128, hash=4, auth=1, group=14)
CKY_I, CKY_R = bytes.fromhex("8c3bcd3a69831d7f"), bytes.fromhex("d2d9a7ff4fbe95a7")
SHARED = bytes.fromhex("8ba4cbc73c0187301dc19a975823854dbd641c597f637f8d053a83b9514673eb")
SKEYID = bytes.fromhex("707197817fb2d90cf54d1842606bdea59b9f4823")
NI, NR = b"nonce of initiator", b"nonce of responder"


@pytest.fixture(name="secrets")
def _secrets() -> Secrets:
    return v1.secrets(TRIPLE_DES, SKEYID, SHARED, CKY_I, CKY_R, bytes(8))


def _sha1(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha1")


def test_skeyid_under_a_shared_key_is_the_published_one() -> None:
    """SKEYID from pre-shared key and nonces is NIST's."""
    ni, nr = bytes.fromhex("03a6f25a83c8c2a3"), bytes.fromhex("9d958a6618f77e7f")

    assert v1.psk_skeyid(2, b"\xc0", ni, nr).hex() == "ab3be41bc62f2ef0c41a3076d58768be77fadd2e"


def test_the_secrets_from_skeyid_are_the_published_ones(secrets: Secrets) -> None:
    """SKEYID_d, SKEYID_a and SKEYID_e are NIST's."""
    assert secrets.skeyid_d.hex() == "384be709a8a5e63c3ed160cfe3921c4b37d5b32d"
    assert secrets.skeyid_a.hex() == "48b327575abe3adba0f279849e289022a13e2b47"
    assert secrets.skeyid_e.hex() == "a4a415c8e0c38c0da847c356cc61c24df8025560"


def test_a_long_key_is_stretched_from_skeyid_e(secrets: Secrets) -> None:
    """3DES under SHA-1 needs 24 octets of prf(SKEYID_e, 0) and what follows from it (RFC 2409 appendix B)."""
    first = _sha1(secrets.skeyid_e, b"\x00")
    second = _sha1(secrets.skeyid_e, first)

    assert secrets.key == (first + second)[:24]


def test_a_short_key_is_the_head_of_skeyid_e() -> None:
    """AES-128 under SHA-256 takes the first 16 octets of SKEYID_e as they are (RFC 2409 appendix B)."""
    secrets = v1.psk_secrets(AES, b"secret", NI, NR, SHARED, CKY_I, CKY_R, b"public i", b"public r")

    assert secrets.key == secrets.skeyid_e[:16]


def test_the_first_iv_is_the_hash_of_both_public_values() -> None:
    """Phase 1 encrypts first under hash(g^xi | g^xr), cut to a block (RFC 2409 appendix B)."""
    secrets = v1.psk_secrets(AES, b"secret", NI, NR, SHARED, CKY_I, CKY_R, b"public i", b"public r")

    assert secrets.iv0 == hashlib.sha256(b"public ipublic r").digest()[:16]


def test_the_iv_of_an_exchange_follows_from_its_message_id(secrets: Secrets) -> None:
    """An exchange after phase 1 begins under hash(last block | M-ID), cut to a block (RFC 2409 appendix B)."""
    expected = hashlib.sha1(b"lastone!" + b"\x12\x34\x56\x78").digest()[:8]

    assert v1.exchange_iv(secrets, b"lastone!", 0x12345678) == expected


def test_hash_i_begins_with_the_initiators_values(secrets: Secrets) -> None:
    """HASH_I covers g^xi, g^xr, CKY-I, CKY-R, SAi_b, IDii_b (RFC 2409 section 5)."""
    covered = b"public i" + b"public r" + CKY_I + CKY_R + b"SAi" + b"IDii"

    assert v1.hash_i(secrets, b"public i", b"public r", b"SAi", b"IDii") == _sha1(SKEYID, covered)


def test_hash_r_begins_with_the_responders_values(secrets: Secrets) -> None:
    """HASH_R covers g^xr, g^xi, CKY-R, CKY-I, and again SAi_b, then IDir_b (RFC 2409 section 5)."""
    covered = b"public r" + b"public i" + CKY_R + CKY_I + b"SAi" + b"IDir"

    assert v1.hash_r(secrets, b"public i", b"public r", b"SAi", b"IDir") == _sha1(SKEYID, covered)


def test_quick_mode_hashes_cover_message_id_nonces_and_rest(secrets: Secrets) -> None:
    """HASH(1), HASH(2), HASH(3) are those of RFC 2409 section 5.5, under SKEYID_a."""
    key, message_id = secrets.skeyid_a, b"\x00\x00\x00\x2a"

    assert v1.quick_hash1(secrets, 42, b"rest") == _sha1(key, message_id + b"rest")
    assert v1.quick_hash2(secrets, 42, NI, b"rest") == _sha1(key, message_id + NI + b"rest")
    assert v1.quick_hash3(secrets, 42, NI, NR) == _sha1(key, b"\x00" + message_id + NI + NR)


def test_informational_messages_are_hashed_like_the_first_of_quick_mode(secrets: Secrets) -> None:
    """HASH(1) of an Informational exchange covers M-ID and payload (RFC 2409 section 5.7)."""
    assert v1.informational_hash(secrets, 42, b"rest") == _sha1(secrets.skeyid_a, b"\x00\x00\x00\x2arest")


def test_quick_keys_feed_each_block_with_the_one_before(secrets: Secrets) -> None:
    """KEYMAT is K1 | K2 …, each over the last block and the seed, cipher key first (RFC 2409 section 5.5)."""
    seed = b"\x03" + b"spi!" + NI + NR
    first = _sha1(secrets.skeyid_d, seed)
    second = _sha1(secrets.skeyid_d, first + seed)
    third = _sha1(secrets.skeyid_d, second + seed)
    keymat = first + second + third

    assert v1.quick_keys(secrets, 3, b"spi!", NI, NR, 24, 20) == (keymat[:24], keymat[24:44])


def test_quick_keys_with_pfs_begin_their_seed_with_the_new_secret(secrets: Secrets) -> None:
    """With a key exchange of its own, g(qm)^xy comes first in the seed (RFC 2409 section 5.5)."""
    seed = b"g(qm)^xy" + b"\x03" + b"spi!" + NI + NR

    assert v1.quick_keys(secrets, 3, b"spi!", NI, NR, 0, 20, b"g(qm)^xy").auth == _sha1(
        secrets.skeyid_d, seed
    )


def test_nat_d_is_the_negotiated_hash() -> None:
    """NAT-D covers cookies, address and port with the negotiated hash (RFC 3947 section 3.2)."""
    covered = CKY_I + CKY_R + b"\xc0\x00\x02\x01" + b"\x01\xf4"

    assert v1.nat_d(4, CKY_I, CKY_R, "192.0.2.1", 500) == hashlib.sha256(covered).digest()


def test_vendor_ids_are_the_published_ones() -> None:
    """The vendor IDs of RFC 3947 section 3.1 and of fragmentation are the MD5 of their words."""
    assert v1.VID_NAT_T.hex() == "4a131c81070358455c5728f20e95452f"
    assert v1.VID_FRAGMENTATION.hex() == "4048b7d56ebce88525e7de7f00d6c2d3"


def test_prf_is_the_hmac_of_the_negotiated_hash() -> None:
    """Hash 4 of IKEv1 is the prf 5 of IKEv2."""
    assert v1.hash_prf(4) is prf(5)


@pytest.mark.parametrize(
    "suite", [Suite(99, None, 2, 1, 2), Suite(5, None, 99, 1, 2), Suite(7, None, 2, 1, 2)]
)
def test_an_unknown_suite_has_no_secrets(suite: Suite) -> None:
    """A cipher, hash or key length that is not here is refused."""
    with pytest.raises(UnsupportedAlgorithm):
        v1.psk_secrets(suite, b"secret", NI, NR, SHARED, CKY_I, CKY_R, b"i", b"r")
