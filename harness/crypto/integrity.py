"""Integrity algorithms by IKEv2 transform id (RFC 7296 section 3.3.2, RFC 2403, RFC 2404, RFC 4868)."""

import hmac
from dataclasses import dataclass

from harness.codes import Integ
from harness.crypto.unsupported import UnsupportedAlgorithm


@dataclass(frozen=True, slots=True)
class Integrity:
    """HMAC cut to its leftmost `icv_size` octets, under a key of `key_size` octets."""

    algorithm: int
    hash_name: str
    key_size: int
    icv_size: int

    def icv(self, key: bytes, data: bytes) -> bytes:
        """The integrity check value over `data`."""
        return hmac.digest(key, data, self.hash_name)[: self.icv_size]

    def holds(self, key: bytes, data: bytes, icv: bytes) -> bool:
        """True when `icv` is the integrity check value over `data`, compared in constant time."""
        return hmac.compare_digest(self.icv(key, data), icv)


_TABLE = {
    algorithm.algorithm: algorithm
    for algorithm in (
        Integrity(int(Integ.AUTH_HMAC_MD5_96), "md5", 16, 12),
        Integrity(int(Integ.AUTH_HMAC_SHA1_96), "sha1", 20, 12),
        Integrity(int(Integ.AUTH_HMAC_SHA2_256_128), "sha256", 32, 16),
        Integrity(int(Integ.AUTH_HMAC_SHA2_384_192), "sha384", 48, 24),
        Integrity(int(Integ.AUTH_HMAC_SHA2_512_256), "sha512", 64, 32),
    )
}

# Keys can be cut for these too, though no ICV is computed here: AES-XCBC (RFC 3566), AES-CMAC (RFC 4494).
_KEY_SIZES = {0: 0, 5: 16, 8: 16} | {number: algorithm.key_size for number, algorithm in _TABLE.items()}

INTEGRITIES = frozenset(_TABLE)


def integrity(algorithm: int) -> Integrity:
    """The integrity algorithm with this IKEv2 transform id (transform type 3).

    Raises UnsupportedAlgorithm for an id that is not in `INTEGRITIES`; NONE (0) is not in it.
    """
    found = _TABLE.get(algorithm)
    if found is None:
        raise UnsupportedAlgorithm(f"no integrity algorithm {algorithm} here")
    return found


def integrity_key_size(algorithm: int) -> int:
    """Octets of key that the algorithm with this IKEv2 transform id takes; 0 for NONE.

    Raises UnsupportedAlgorithm for an id whose key length is not known here.
    """
    size = _KEY_SIZES.get(algorithm)
    if size is None:
        raise UnsupportedAlgorithm(f"no key length is known for integrity algorithm {algorithm}")
    return size
