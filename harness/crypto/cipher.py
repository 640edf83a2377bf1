"""CBC ciphers by IKEv2 transform id: DES, 3DES (RFC 2451) and AES (RFC 3602)."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from harness.codes import Encr
from harness.crypto.unsupported import UnsupportedAlgorithm


def _single_des(key: bytes) -> BlockCipherAlgorithm:
    return TripleDES(key * 3)  # three equal keys: encrypt, decrypt, encrypt leaves one encryption


@dataclass(frozen=True, slots=True)
class CbcCipher:
    """A block cipher in CBC mode: key of `key_size`, blocks and IV of `block_size` octets."""

    algorithm: int
    key_size: int
    block_size: int
    block_cipher: Callable[[bytes], BlockCipherAlgorithm]

    def encrypt(self, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
        """The ciphertext; `plaintext` is a whole number of blocks, else ValueError."""
        context = Cipher(self.block_cipher(key), modes.CBC(iv)).encryptor()
        return context.update(plaintext) + context.finalize()

    def decrypt(self, key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
        """The plaintext, padding included; `ciphertext` is a whole number of blocks, else ValueError."""
        context = Cipher(self.block_cipher(key), modes.CBC(iv)).decryptor()
        return context.update(ciphertext) + context.finalize()


_TABLE: dict[tuple[int, int], CbcCipher] = {
    (int(Encr.ENCR_DES), 64): CbcCipher(int(Encr.ENCR_DES), 8, 8, _single_des),
    (int(Encr.ENCR_3DES), 192): CbcCipher(int(Encr.ENCR_3DES), 24, 8, TripleDES),
    (int(Encr.ENCR_AES_CBC), 128): CbcCipher(int(Encr.ENCR_AES_CBC), 16, 16, AES),
    (int(Encr.ENCR_AES_CBC), 192): CbcCipher(int(Encr.ENCR_AES_CBC), 24, 16, AES),
    (int(Encr.ENCR_AES_CBC), 256): CbcCipher(int(Encr.ENCR_AES_CBC), 32, 16, AES),
}
_FIXED_KEYS = {int(Encr.ENCR_DES): 64, int(Encr.ENCR_3DES): 192}

CBC_CIPHERS = frozenset(algorithm for algorithm, _ in _TABLE)


def cbc_cipher(algorithm: int, key_bits: int | None = None) -> CbcCipher:
    """The CBC cipher with this IKEv2 transform id (transform type 1) and Key Length attribute.

    `key_bits` is None for ciphers with one key length, and only for those. Raises UnsupportedAlgorithm.
    """
    found = _TABLE.get((algorithm, key_bits or _FIXED_KEYS.get(algorithm, 0)))
    if found is None:
        raise UnsupportedAlgorithm(f"no CBC cipher {algorithm} with a key of {key_bits} bits here")
    return found
