"""Combined-mode ciphers by IKEv2 transform id.

AES-GCM (RFC 4106, RFC 5282), AES-CCM (RFC 4309, RFC 5282), ChaCha20-Poly1305 (RFC 7634), and for ESP alone AES-GMAC
(RFC 4543), which hides nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from harness.codes import Encr
from harness.crypto.unsupported import UnsupportedAlgorithm

IV_SIZE = 8
_WHOLE_TAG = 16


class _Sealer(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _ShortGcm:
    """AES-GCM with a tag cut short, which the library's own has not."""

    key: bytes
    tag_size: int

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        sealed = _sealer(AESGCM, self.key).encrypt(nonce, data, associated_data)
        return sealed[: len(sealed) - _WHOLE_TAG + self.tag_size]

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        ciphertext, tag = data[: -self.tag_size], data[-self.tag_size :]
        mode = modes.GCM(nonce, tag, min_tag_length=self.tag_size)
        context = Cipher(AES(self.key), mode).decryptor()
        context.authenticate_additional_data(associated_data or b"")
        return context.update(ciphertext) + context.finalize()


@dataclass(frozen=True, slots=True)
class _Gmac:
    """AES-GMAC in the form of a cipher: everything is associated data, the IV too (RFC 4543 section 3.3)."""

    key: bytes

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        covered = (associated_data or b"") + nonce[-IV_SIZE:] + data
        return data + _sealer(AESGCM, self.key).encrypt(nonce, b"", covered)

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        clear, tag = data[:-_WHOLE_TAG], data[-_WHOLE_TAG:]
        _sealer(AESGCM, self.key).decrypt(nonce, tag, (associated_data or b"") + nonce[-IV_SIZE:] + clear)
        return clear


@lru_cache(maxsize=256)
def _sealer(make: Callable[[bytes], _Sealer], key: bytes) -> _Sealer:
    """The library's object for a key: an SA's keys serve many messages, and making one costs more than a message."""
    return make(key)


@dataclass(frozen=True, slots=True)
class Aead:
    """A combined-mode cipher; its key is the cipher's key followed by a salt (RFC 5282 section 7.1).

    `key_size` is without the `salt_size` octets of salt.
    """

    algorithm: int
    key_size: int
    salt_size: int
    icv_size: int
    make: Callable[[bytes], _Sealer]

    def seal(self, key: bytes, iv: bytes, aad: bytes, plaintext: bytes) -> bytes:
        """Ciphertext and ICV; `key` ends with the salt, the nonce is salt and `iv` (RFC 5282 section 4)."""
        size = self.key_size
        return _sealer(self.make, key[:size]).encrypt(key[size:] + iv, plaintext, aad)

    def open(self, key: bytes, iv: bytes, aad: bytes, sealed: bytes) -> bytes | None:
        """The plaintext of ciphertext and ICV, or None when the ICV does not hold."""
        if len(sealed) < self.icv_size:
            return None
        size = self.key_size
        try:
            return _sealer(self.make, key[:size]).decrypt(key[size:] + iv, sealed, aad)
        except InvalidTag:
            return None


def _gcm(icv_size: int) -> Callable[[bytes], _Sealer]:
    return AESGCM if icv_size == _WHOLE_TAG else partial(_ShortGcm, tag_size=icv_size)


def _ccm(icv_size: int) -> Callable[[bytes], _Sealer]:
    return partial(AESCCM, tag_length=icv_size)


# Octets of salt and of ICV, and what seals.
_AES: dict[int, tuple[int, int, Callable[[bytes], _Sealer]]] = {
    int(Encr.ENCR_AES_CCM_8): (3, 8, _ccm(8)),
    int(Encr.ENCR_AES_CCM_12): (3, 12, _ccm(12)),
    int(Encr.ENCR_AES_CCM_16): (3, 16, _ccm(16)),
    int(Encr.ENCR_AES_GCM_8): (4, 8, _gcm(8)),
    int(Encr.ENCR_AES_GCM_12): (4, 12, _gcm(12)),
    int(Encr.ENCR_AES_GCM_16): (4, 16, _gcm(16)),
    int(Encr.ENCR_NULL_AUTH_AES_GMAC): (4, 16, _Gmac),
}
_TABLE = {
    (algorithm, bits): Aead(algorithm, bits // 8, *rest)
    for algorithm, rest in _AES.items()
    for bits in (128, 192, 256)
}
_CHACHA = int(Encr.ENCR_CHACHA20_POLY1305)
_TABLE[_CHACHA, 256] = Aead(_CHACHA, 32, 4, 16, ChaCha20Poly1305)

AEADS = frozenset(algorithm for algorithm, _ in _TABLE)


def aead(algorithm: int, key_bits: int | None = None) -> Aead:
    """The combined-mode cipher with this IKEv2 transform id and Key Length attribute (without the salt).

    `key_bits` is None for ChaCha20-Poly1305, and only there. Raises UnsupportedAlgorithm.
    """
    found = _TABLE.get((algorithm, key_bits or (256 if algorithm == _CHACHA else 0)))
    if found is None:
        raise UnsupportedAlgorithm(f"no combined-mode cipher {algorithm} with a key of {key_bits} bits here")
    return found
