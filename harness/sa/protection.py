"""How octets are sealed and opened under a suite: a cipher with its integrity algorithm, or a combined mode.

The Encrypted payload (RFC 7296 section 3.14) and ESP (RFC 4303) lay their octets out alike: a head that is only
authenticated, an IV, a ciphertext, an ICV.
"""

from functools import lru_cache

from harness.crypto import AEADS, Aead, Integrity, PlainCipher, aead, cipher, integrity
from harness.crypto.aead import IV_SIZE
from harness.crypto.cipher import CtrCipher
from harness.sa.opened import Sealed

_SPI = 4


Keys = tuple[bytes, bytes]
"""The cipher's key, with its salt where there is one, and the key of the integrity algorithm."""


class CipherAndIntegrity:
    """Encrypt, then integrity over head, IV and ciphertext (RFC 7296 section 3.14, RFC 4303 section 3.3.2.1)."""

    __slots__ = ("_cipher", "_integrity", "alignment", "counts", "icv_size", "iv_size", "key_sizes")

    def __init__(self, cipher: PlainCipher, check: Integrity) -> None:
        self._cipher = cipher
        self._integrity = check
        self.alignment = cipher.block_size
        self.counts = isinstance(cipher, CtrCipher)
        self.iv_size = cipher.iv_size
        self.icv_size = check.icv_size
        self.key_sizes = cipher.key_size, check.key_size

    def seal(self, keys: Keys, head: bytes, iv: bytes, plaintext: bytes, high: bytes = b"") -> bytes:
        """IV, ciphertext and ICV; what is `high` of a sequence number is covered behind them (RFC 4303 2.2.1)."""
        body = iv + self._cipher.encrypt(keys[0], iv, plaintext)
        return body + self._integrity.icv(keys[1], head + body + high)

    def open(self, keys: Keys, head: bytes, body: bytes, high: bytes = b"") -> bytes | Sealed:
        """The plaintext of IV, ciphertext and ICV, or why there is none."""
        end = len(body) - self.icv_size
        if end < self.iv_size + self.alignment:
            return Sealed(f"{len(body)} octets hold no IV, block and ICV")
        if not self._integrity.holds(keys[1], head + body[:end] + high, body[end:]):
            return Sealed("the ICV does not hold")
        ciphertext = body[self.iv_size : end]
        if len(ciphertext) % self.alignment:
            return Sealed(
                f"{len(ciphertext)} octets of ciphertext are no whole number of blocks", authentic=True
            )
        return self._cipher.decrypt(keys[0], body[: self.iv_size], ciphertext)


class Combined:
    """A combined-mode cipher; the head is associated data (RFC 5282 section 5.1, RFC 4106 section 5)."""

    __slots__ = ("_aead", "alignment", "counts", "icv_size", "iv_size", "key_sizes")

    def __init__(self, cipher: Aead) -> None:
        self._aead = cipher
        self.alignment = 1
        self.counts = True
        self.iv_size = IV_SIZE
        self.icv_size = cipher.icv_size
        self.key_sizes = cipher.key_size + cipher.salt_size, 0

    def seal(self, keys: Keys, head: bytes, iv: bytes, plaintext: bytes, high: bytes = b"") -> bytes:
        """IV, ciphertext and ICV; what is `high` of a sequence number is covered behind the SPI (RFC 4106 section 5)."""
        return iv + self._aead.seal(keys[0], iv, head[:_SPI] + high + head[_SPI:], plaintext)

    def open(self, keys: Keys, head: bytes, body: bytes, high: bytes = b"") -> bytes | Sealed:
        """The plaintext of IV, ciphertext and ICV, or why there is none."""
        if len(body) < self.iv_size + self.icv_size:
            return Sealed(f"{len(body)} octets hold no IV and ICV")
        covered = head[:_SPI] + high + head[_SPI:]
        plaintext = self._aead.open(keys[0], body[: self.iv_size], covered, body[self.iv_size :])
        return Sealed("the ICV does not hold") if plaintext is None else plaintext


Protection = CipherAndIntegrity | Combined


@lru_cache(maxsize=64)
def protection(encr: int, key_bits: int | None, integ: int) -> Protection:
    """The protection of a suite by its IKEv2 transform ids. Raises UnsupportedAlgorithm."""
    if encr in AEADS:
        return Combined(aead(encr, key_bits))
    return CipherAndIntegrity(cipher(encr, key_bits), integrity(integ))
