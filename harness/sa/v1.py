"""IKEv1 with a pre-shared key: secrets, hashes, IVs, encryption, Quick Mode keys, NAT-D (RFC 2409, RFC 3947)."""

import hashlib
from dataclasses import field
from typing import NamedTuple

from harness.codes import Encr, EncrV1, HashV1, Prf
from harness.crypto import CbcCipher, PseudorandomFunction, UnsupportedAlgorithm, cbc_cipher, prf
from harness.sa.opened import Opened as Opened
from harness.sa.opened import Sealed as Sealed
from harness.values import value
from harness.wire import Message, decode_chain
from harness.wire.datagram import packed

_HEADER = 28
_ENCRYPTED = 0x01


def _md5(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).digest()


VID_NAT_T = _md5(b"RFC 3947")
VID_NAT_T_02 = _md5(b"draft-ietf-ipsec-nat-t-ike-02")
VID_NAT_T_02_NEWLINE = _md5(b"draft-ietf-ipsec-nat-t-ike-02\n")  # as most implementations hash it
VID_NAT_T_03 = _md5(b"draft-ietf-ipsec-nat-t-ike-03")
VID_FRAGMENTATION = _md5(b"FRAGMENTATION")
BOTH_MODES = bytes.fromhex(
    "c0000000"
)  # after VID_FRAGMENTATION: fragments in Main Mode and in Aggressive Mode
VID_DPD = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")  # RFC 3706 section 5.1, major 1, minor 0
VID_XAUTH = bytes.fromhex("09002689dfd6b712")
VID_UNITY = bytes.fromhex("12f5f28c457168a9702d9fe274cc0100")

_CIPHERS = {
    int(EncrV1.DES_CBC): Encr.ENCR_DES,
    int(EncrV1.IDEA_CBC): Encr.ENCR_IDEA,
    int(EncrV1.BLOWFISH_CBC): Encr.ENCR_BLOWFISH,
    int(EncrV1.TRIPLE_DES_CBC): Encr.ENCR_3DES,
    int(EncrV1.CAST_CBC): Encr.ENCR_CAST,
    int(EncrV1.AES_CBC): Encr.ENCR_AES_CBC,
    int(EncrV1.CAMELLIA_CBC): Encr.ENCR_CAMELLIA_CBC,
}
_UNSAID = {int(EncrV1.BLOWFISH_CBC): 448}  # 56 octets where no key length is negotiated (RFC 2409 appendix B)
_PRFS = {
    int(HashV1.MD5): Prf.PRF_HMAC_MD5,
    int(HashV1.SHA1): Prf.PRF_HMAC_SHA1,
    int(HashV1.SHA2_256): Prf.PRF_HMAC_SHA2_256,
    int(HashV1.SHA2_384): Prf.PRF_HMAC_SHA2_384,
    int(HashV1.SHA2_512): Prf.PRF_HMAC_SHA2_512,
}


@value
class Suite:
    """The algorithms of one ISAKMP SA by their IKEv1 attribute values (RFC 2409 appendix A)."""

    encr: int
    key_bits: int | None
    hash: int
    auth: int
    group: int


@value
class Secrets:
    """What both ends of an ISAKMP SA hold (RFC 2409 section 5, appendix B).

    `key` is the cipher's key, `iv0` the IV of the first encrypted message of phase 1. Unknown values are empty.
    """

    suite: Suite
    cky_i: bytes
    cky_r: bytes
    skeyid: bytes = field(repr=False)
    skeyid_d: bytes = field(repr=False)
    skeyid_a: bytes = field(repr=False)
    skeyid_e: bytes = field(repr=False)
    key: bytes = field(repr=False)
    iv0: bytes


def hash_prf(hash_id: int) -> PseudorandomFunction:
    """The HMAC that stands for prf when none is negotiated (RFC 2409 section 4); its `hash` is the hash itself.

    Raises UnsupportedAlgorithm.
    """
    if hash_id not in _PRFS:
        raise UnsupportedAlgorithm(f"no hash algorithm {hash_id} here")
    return prf(_PRFS[hash_id])


def suite_cipher(suite: Suite) -> CbcCipher:
    """The cipher of phase 1. Raises UnsupportedAlgorithm."""
    if suite.encr not in _CIPHERS:
        raise UnsupportedAlgorithm(f"no encryption algorithm {suite.encr} here")
    return cbc_cipher(_CIPHERS[suite.encr], suite.key_bits or _UNSAID.get(suite.encr))


def psk_secrets(
    suite: Suite,
    psk: bytes,
    ni: bytes,
    nr: bytes,
    shared: bytes,
    cky_i: bytes,
    cky_r: bytes,
    public_i: bytes,
    public_r: bytes,
) -> Secrets:
    """The secrets of an ISAKMP SA under a pre-shared key (RFC 2409 section 5 and 5.4).

    Nonces and public values are payload bodies; `shared` is g^xy. Raises UnsupportedAlgorithm.
    """
    skeyid = psk_skeyid(suite.hash, psk, ni, nr)
    return secrets(suite, skeyid, shared, cky_i, cky_r, first_iv(suite, public_i, public_r))


def psk_skeyid(hash_id: int, psk: bytes, ni: bytes, nr: bytes) -> bytes:
    """SKEYID under a pre-shared key: prf(psk, Ni_b | Nr_b) (RFC 2409 section 5)."""
    return hash_prf(hash_id)(psk, ni + nr)


def signature_secrets(
    suite: Suite,
    ni: bytes,
    nr: bytes,
    shared: bytes,
    cky_i: bytes,
    cky_r: bytes,
    public_i: bytes,
    public_r: bytes,
) -> Secrets:
    """The same where ends sign: SKEYID is prf(Ni_b | Nr_b, g^xy) (RFC 2409 section 5). Raises UnsupportedAlgorithm."""
    skeyid = hash_prf(suite.hash)(ni + nr, shared)
    return secrets(suite, skeyid, shared, cky_i, cky_r, first_iv(suite, public_i, public_r))


def secrets(suite: Suite, skeyid: bytes, shared: bytes, cky_i: bytes, cky_r: bytes, iv0: bytes) -> Secrets:
    """Everything that follows from SKEYID, whatever the authentication method (RFC 2409 section 5, appendix B).

    Raises UnsupportedAlgorithm.
    """
    function = hash_prf(suite.hash)
    cookies = shared + cky_i + cky_r
    skeyid_d = function(skeyid, cookies + b"\x00")
    skeyid_a = function(skeyid, skeyid_d + cookies + b"\x01")
    skeyid_e = function(skeyid, skeyid_a + cookies + b"\x02")
    key = cipher_key(function, skeyid_e, suite_cipher(suite).key_size)
    return Secrets(suite, cky_i, cky_r, skeyid, skeyid_d, skeyid_a, skeyid_e, key, iv0)


def cipher_key(function: PseudorandomFunction, skeyid_e: bytes, size: int) -> bytes:
    """The cipher's key: the head of SKEYID_e, or of prf's stream over it when it is too short (RFC 2409 appendix B)."""
    if len(skeyid_e) >= size:
        return skeyid_e[:size]
    block = function(skeyid_e, b"\x00")
    stream = block
    while len(stream) < size:
        block = function(skeyid_e, block)
        stream += block
    return stream[:size]


def hash_i(
    secrets: Secrets, public_i: bytes, public_r: bytes, sai_b: bytes, idii_b: bytes, tied: int | None = None
) -> bytes:
    """HASH_I; `sai_b` is the body of the SA payload as the initiator sent it (RFC 2409 section 5).

    `tied` is the hash of a signature method that has one of its own (section 5.1).
    """
    cookies = secrets.cky_i + secrets.cky_r
    function = hash_prf(secrets.suite.hash if tied is None else tied)
    return function(secrets.skeyid, public_i + public_r + cookies + sai_b + idii_b)


def hash_r(
    secrets: Secrets, public_i: bytes, public_r: bytes, sai_b: bytes, idir_b: bytes, tied: int | None = None
) -> bytes:
    """HASH_R; `sai_b` is the initiator's SA payload body here too (RFC 2409 section 5)."""
    cookies = secrets.cky_r + secrets.cky_i
    function = hash_prf(secrets.suite.hash if tied is None else tied)
    return function(secrets.skeyid, public_r + public_i + cookies + sai_b + idir_b)


# --- IVs and encryption -------------------------------------------------------------------------------------------


def first_iv(suite: Suite, public_i: bytes, public_r: bytes) -> bytes:
    """The IV of the first encrypted message of phase 1, from both public values (RFC 2409 appendix B).

    Raises UnsupportedAlgorithm.
    """
    return hash_prf(suite.hash).hash(public_i + public_r)[: suite_cipher(suite).block_size]


def exchange_iv(secrets: Secrets, last_block: bytes, message_id: int) -> bytes:
    """The IV of the first message of an exchange after phase 1 (RFC 2409 appendix B).

    `last_block` is the last ciphertext block of phase 1, or `secrets.iv0` when nothing of phase 1 was encrypted.
    """
    digest = hash_prf(secrets.suite.hash).hash(last_block + message_id.to_bytes(4, "big"))
    return digest[: suite_cipher(secrets.suite).block_size]


def encrypt(message: Message, secrets: Secrets, iv: bytes, padding: bytes = b"") -> tuple[bytes, bytes]:
    """The message with everything after its header encrypted, and the next IV (RFC 2409 appendix B).

    `padding` goes before the zeros that fill the last block. The flag E is set. The header's Length includes padding,
    unless the message states one.
    """
    cipher = suite_cipher(secrets.suite)
    clear = message.encode()
    content = clear[_HEADER:] + padding
    ciphertext = cipher.encrypt(secrets.key, iv, content + bytes(-len(content) % cipher.block_size))
    length = _HEADER + len(ciphertext) if message.length is None else message.length
    flags = bytes((clear[19] | _ENCRYPTED,))
    header = clear[:19] + flags + clear[20:24] + length.to_bytes(4, "big")
    return header + ciphertext, ciphertext[-cipher.block_size :] or iv


def decrypt(octets: bytes, secrets: Secrets, iv: bytes) -> tuple[Opened | Sealed, bytes]:
    """What a whole encrypted message holds, or why it does not open, and the next IV of its exchange. Never raises.

    There is no ICV: wrong keys show as a first payload that can't be read. The next IV is the message's last ciphertext
    block, and `iv` itself when the message is Sealed, so that the chain goes on (RFC 2409 section 10).
    """
    opened = _decrypt(octets, secrets, iv)
    if isinstance(opened, Sealed):
        return opened, iv
    return opened, octets[-len(iv) :]


def _decrypt(octets: bytes, secrets: Secrets, iv: bytes) -> Opened | Sealed:
    size = len(octets)
    if size < _HEADER:
        return Sealed(f"{size} octets hold no ISAKMP header")
    if not octets[19] & _ENCRYPTED:
        return Sealed("the encryption flag is not set")
    stated = int.from_bytes(octets[24:28], "big")
    if stated != size:
        return Sealed(f"the header says {stated} octets, there are {size}")
    try:
        cipher = suite_cipher(secrets.suite)
    except UnsupportedAlgorithm as error:
        return Sealed(str(error))
    if len(secrets.key) != cipher.key_size or len(iv) != cipher.block_size:
        return Sealed("the key or the IV is not known")
    if size == _HEADER or (size - _HEADER) % cipher.block_size:
        return Sealed(f"{size - _HEADER} octets of ciphertext are no whole number of blocks")
    plaintext = cipher.decrypt(secrets.key, iv, octets[_HEADER:])
    first = octets[16]
    chain = decode_chain(first, plaintext, 1)
    if first and not chain.payloads:
        return Sealed(f"what was decrypted begins with no payload: {chain.why}")
    # Octets after a chain that ends by itself are padding, and padding may be anything.
    ended = not chain.payloads or chain.payloads[-1].next is None
    return Opened(chain.payloads, chain.trailing, None if ended else chain.why, plaintext, first)


# --- after phase 1 ------------------------------------------------------------------------------------------------


def quick_hash1(secrets: Secrets, message_id: int, rest: bytes) -> bytes:
    """HASH(1) of Quick Mode; `rest` is everything after the HASH payload, headers in, padding out (RFC 2409 5.5)."""
    return hash_prf(secrets.suite.hash)(secrets.skeyid_a, message_id.to_bytes(4, "big") + rest)


def quick_hash2(secrets: Secrets, message_id: int, ni: bytes, rest: bytes) -> bytes:
    """HASH(2) of Quick Mode; `ni` is the initiator's nonce body (RFC 2409 section 5.5)."""
    return hash_prf(secrets.suite.hash)(secrets.skeyid_a, message_id.to_bytes(4, "big") + ni + rest)


def quick_hash3(secrets: Secrets, message_id: int, ni: bytes, nr: bytes) -> bytes:
    """HASH(3) of Quick Mode (RFC 2409 section 5.5)."""
    return hash_prf(secrets.suite.hash)(secrets.skeyid_a, b"\x00" + message_id.to_bytes(4, "big") + ni + nr)


def informational_hash(secrets: Secrets, message_id: int, rest: bytes) -> bytes:
    """HASH(1) of an Informational exchange, over its Notify or Delete payload with header (RFC 2409 section 5.7).

    Transactions hash their Attributes payload, New Group Mode its SA payload, in the same way.
    """
    return quick_hash1(secrets, message_id, rest)


class SaKeys(NamedTuple):
    """The keys of one IPsec SA in one direction; a combined mode's key ends with its salt."""

    encr: bytes
    auth: bytes

    def __repr__(self) -> str:
        return f"SaKeys({len(self.encr)} octets, {len(self.auth)} octets)"


def quick_keys(
    secrets: Secrets,
    protocol: int,
    spi: bytes,
    ni: bytes,
    nr: bytes,
    encr_len: int,
    auth_len: int,
    shared: bytes = b"",
) -> SaKeys:
    """The keys of the IPsec SA with this SPI, which its receiver chose (RFC 2409 section 5.5).

    `protocol` is 2 for AH, 3 for ESP; nonces are those of the Quick Mode; lengths are octets; `shared` is the g^xy of
    the Quick Mode's own key exchange, when there was one.
    """
    function = hash_prf(secrets.suite.hash)
    seed = shared + bytes((protocol,)) + spi + ni + nr
    size = encr_len + auth_len
    block = stream = function(secrets.skeyid_d, seed)
    while len(stream) < size:
        block = function(secrets.skeyid_d, block + seed)
        stream += block
    return SaKeys(stream[:encr_len], stream[encr_len:size])


def nat_d(hash_id: int, cky_i: bytes, cky_r: bytes, address: str, port: int) -> bytes:
    """The data of a NAT-D payload: the negotiated hash over cookies, address and port (RFC 3947 section 3.2).

    Raises UnsupportedAlgorithm.
    """
    place = packed(address) + port.to_bytes(2, "big")
    return hash_prf(hash_id).hash(cky_i + cky_r + place)
