"""Ciphers that need an integrity algorithm beside them, by IKEv2 transform id (RFC 7296 section 3.3.2).

CBC: DES, 3DES, CAST, IDEA, Blowfish (RFC 2451), AES (RFC 3602), Camellia (RFC 4312, RFC 5529). Counter mode: AES
(RFC 3686, RFC 5930). And none at all: ENCR_NULL (RFC 2410).
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, IDEA, Blowfish, Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from harness.codes import Encr
from harness.crypto.unsupported import UnsupportedAlgorithm

BlockCipher = Callable[[bytes], BlockCipherAlgorithm]


def _single_des(key: bytes) -> BlockCipherAlgorithm:
    return TripleDES(key * 3)  # three equal keys: encrypt, decrypt, encrypt leaves one encryption


@dataclass(frozen=True, slots=True)
class CbcCipher:
    """A block cipher in CBC mode: key of `key_size`, blocks and IV of `block_size` octets."""

    algorithm: int
    key_size: int
    block_size: int
    block_cipher: BlockCipher

    @property
    def iv_size(self) -> int:
        """Octets of the IV that is sent: a block (RFC 3602 section 3)."""
        return self.block_size

    def encrypt(self, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
        """The ciphertext; `plaintext` is a whole number of blocks, else ValueError."""
        context = Cipher(self.block_cipher(key), modes.CBC(iv)).encryptor()
        return context.update(plaintext) + context.finalize()

    def decrypt(self, key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
        """The plaintext, padding included; `ciphertext` is a whole number of blocks, else ValueError."""
        context = Cipher(self.block_cipher(key), modes.CBC(iv)).decryptor()
        return context.update(ciphertext) + context.finalize()


_NONCE_SIZE = 4
_FIRST_BLOCK = (1).to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class CtrCipher:
    """AES in counter mode; the key of `key_size` octets ends with a nonce of four (RFC 3686 section 5.1)."""

    algorithm: int
    key_size: int
    block_size: int = 1
    iv_size: int = 8

    def encrypt(self, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
        """The ciphertext, as long as the plaintext; counter blocks are nonce, IV and a count (RFC 3686 section 4)."""
        counter = modes.CTR(key[-_NONCE_SIZE:] + iv + _FIRST_BLOCK)
        context = Cipher(AES(key[:-_NONCE_SIZE]), counter).encryptor()
        return context.update(plaintext) + context.finalize()

    decrypt = encrypt


@dataclass(frozen=True, slots=True)
class NullCipher:
    """ENCR_NULL: what is to be hidden stays as it is (RFC 2410)."""

    algorithm: int
    key_size: int = 0
    block_size: int = 1
    iv_size: int = 0

    def encrypt(self, key: bytes, iv: bytes, plaintext: bytes) -> bytes:  # noqa: ARG002  # called as a real cipher is; NULL needs no key and no IV
        """The plaintext."""
        return plaintext

    decrypt = encrypt


PlainCipher = CbcCipher | CtrCipher | NullCipher

_AES_BITS = (128, 192, 256)


def _cbc(
    algorithm: Encr, block_size: int, block_cipher: BlockCipher, *bits: int
) -> dict[tuple[int, int], CbcCipher]:
    number = int(algorithm)
    return {(number, each): CbcCipher(number, each // 8, block_size, block_cipher) for each in bits}


_CBC = {
    **_cbc(Encr.ENCR_DES, 8, _single_des, 64),
    **_cbc(Encr.ENCR_3DES, 8, TripleDES, 192),
    **_cbc(Encr.ENCR_IDEA, 8, IDEA, 128),
    **_cbc(Encr.ENCR_CAST, 8, CAST5, *range(40, 129, 8)),
    **_cbc(Encr.ENCR_BLOWFISH, 8, Blowfish, *range(40, 449, 8)),
    **_cbc(Encr.ENCR_AES_CBC, 16, AES, *_AES_BITS),
    **_cbc(Encr.ENCR_CAMELLIA_CBC, 16, Camellia, *_AES_BITS),
}
_CTR = {
    (int(Encr.ENCR_AES_CTR), bits): CtrCipher(int(Encr.ENCR_AES_CTR), bits // 8 + _NONCE_SIZE)
    for bits in _AES_BITS
}
_NULL = {(int(Encr.ENCR_NULL), 0): NullCipher(int(Encr.ENCR_NULL))}
_TABLE: dict[tuple[int, int], PlainCipher] = {**_CBC, **_CTR, **_NULL}
# One key length, or the one that RFC 2451 section 2.2 takes when none is said.
_UNSAID = {
    int(Encr.ENCR_DES): 64,
    int(Encr.ENCR_3DES): 192,
    int(Encr.ENCR_IDEA): 128,
    int(Encr.ENCR_CAST): 128,
    int(Encr.ENCR_BLOWFISH): 128,
}

CBC_CIPHERS = frozenset(algorithm for algorithm, _ in _CBC)
CIPHERS = frozenset(algorithm for algorithm, _ in _TABLE)


def cipher(algorithm: int, key_bits: int | None = None) -> PlainCipher:
    """The cipher with this IKEv2 transform id (transform type 1) and Key Length attribute.

    `key_bits` may be None for DES, 3DES and NULL, and for IDEA, CAST and Blowfish, which then have 128.
    Raises UnsupportedAlgorithm.
    """
    found = _TABLE.get((algorithm, key_bits or _UNSAID.get(algorithm, 0)))
    if found is None:
        raise UnsupportedAlgorithm(f"no cipher {algorithm} with a key of {key_bits} bits here")
    return found


def cbc_cipher(algorithm: int, key_bits: int | None = None) -> CbcCipher:
    """`cipher`, where only CBC will do."""
    found = cipher(algorithm, key_bits)
    if not isinstance(found, CbcCipher):
        raise UnsupportedAlgorithm(f"cipher {algorithm} is none in CBC mode")
    return found
