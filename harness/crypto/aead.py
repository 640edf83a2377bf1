"""Combined-mode ciphers by IKEv2 transform id: AES-GCM (RFC 4106, RFC 5282) and ChaCha20-Poly1305 (RFC 7634)."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from harness.codes import Encr
from harness.crypto.unsupported import UnsupportedAlgorithm

SALT_SIZE = 4
IV_SIZE = 8
_WHOLE_TAG = 16


@dataclass(frozen=True, slots=True)
class Aead:
    """A combined-mode cipher; its key is the cipher's key followed by a salt of 4 octets (RFC 5282 section 7.1)."""

    algorithm: int
    key_size: int
    icv_size: int

    def seal(self, key: bytes, iv: bytes, aad: bytes, plaintext: bytes) -> bytes:
        """Ciphertext and ICV; `key` ends with the salt, the nonce is salt and `iv` (RFC 5282 section 4)."""
        nonce = key[self.key_size :] + iv
        sealed = self._whole(key).encrypt(nonce, plaintext, aad)
        return sealed[: len(sealed) - _WHOLE_TAG + self.icv_size]

    def open(self, key: bytes, iv: bytes, aad: bytes, sealed: bytes) -> bytes | None:
        """The plaintext of ciphertext and ICV, or None when the ICV does not hold."""
        if len(sealed) < self.icv_size:
            return None
        nonce = key[self.key_size :] + iv
        try:
            if self.icv_size == _WHOLE_TAG:
                return self._whole(key).decrypt(nonce, sealed, aad)
            return self._open_short(key[: self.key_size], nonce, aad, sealed)
        except InvalidTag:
            return None

    def _whole(self, key: bytes) -> AESGCM | ChaCha20Poly1305:
        if self.algorithm == Encr.ENCR_CHACHA20_POLY1305:
            return ChaCha20Poly1305(key[: self.key_size])
        return AESGCM(key[: self.key_size])

    def _open_short(self, key: bytes, nonce: bytes, aad: bytes, sealed: bytes) -> bytes:
        ciphertext, tag = sealed[: -self.icv_size], sealed[-self.icv_size :]
        context = Cipher(AES(key), modes.GCM(nonce, tag, min_tag_length=self.icv_size)).decryptor()
        context.authenticate_additional_data(aad)
        return context.update(ciphertext) + context.finalize()


_ICV_SIZES = {int(Encr.ENCR_AES_GCM_8): 8, int(Encr.ENCR_AES_GCM_12): 12, int(Encr.ENCR_AES_GCM_16): 16}
_TABLE: dict[tuple[int, int], Aead] = {
    (algorithm, bits): Aead(algorithm, bits // 8, icv_size)
    for algorithm, icv_size in _ICV_SIZES.items()
    for bits in (128, 192, 256)
}
_CHACHA = int(Encr.ENCR_CHACHA20_POLY1305)
_TABLE[_CHACHA, 256] = Aead(_CHACHA, 32, 16)

AEADS = frozenset(algorithm for algorithm, _ in _TABLE)


def aead(algorithm: int, key_bits: int | None = None) -> Aead:
    """The combined-mode cipher with this IKEv2 transform id and Key Length attribute (without the salt).

    `key_bits` is None for ChaCha20-Poly1305, and only there. Raises UnsupportedAlgorithm.
    """
    found = _TABLE.get((algorithm, key_bits or (256 if algorithm == _CHACHA else 0)))
    if found is None:
        raise UnsupportedAlgorithm(f"no combined-mode cipher {algorithm} with a key of {key_bits} bits here")
    return found


def encryption_key_size(algorithm: int, key_bits: int | None = None) -> int:
    """Octets of keying material that an encryption transform takes, salt included; 0 for ENCR_NULL.

    Known beyond the ciphers of this package: AES-CTR (RFC 3686), AES-CCM (RFC 4309), AES-GMAC (RFC 4543).
    Raises UnsupportedAlgorithm for an id whose key length is not known here.
    """
    if algorithm in _WITHOUT_KEY_LENGTH:
        return _WITHOUT_KEY_LENGTH[algorithm]
    if key_bits is None or key_bits % 8 or algorithm not in _SALTS:
        raise UnsupportedAlgorithm(
            f"no key length is known for cipher {algorithm} with a key of {key_bits} bits"
        )
    return key_bits // 8 + _SALTS[algorithm]


_WITHOUT_KEY_LENGTH = {
    int(Encr.ENCR_DES): 8,
    int(Encr.ENCR_3DES): 24,
    int(Encr.ENCR_NULL): 0,
    _CHACHA: 32 + SALT_SIZE,
}
_SALTS = {12: 0, 13: 4, 14: 3, 15: 3, 16: 3, 18: 4, 19: 4, 20: 4, 21: 4, 23: 0}
