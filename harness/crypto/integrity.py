"""Integrity algorithms by IKEv2 transform id (RFC 7296 section 3.3.2).

HMAC (RFC 2403, RFC 2404, RFC 4595, RFC 4868), AES-XCBC (RFC 3566), AES-CMAC (RFC 4494).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from harness.codes import Integ
from harness.crypto.aes_mac import cmac, xcbc
from harness.crypto.unsupported import UnsupportedAlgorithm


@dataclass(frozen=True, slots=True)
class Integrity:
    """A code cut to its leftmost `icv_size` octets, under a key of `key_size` octets."""

    algorithm: int
    key_size: int
    icv_size: int
    code: Callable[[bytes, bytes], bytes]

    def icv(self, key: bytes, data: bytes) -> bytes:
        """The integrity check value over `data`."""
        return self.code(key, data)[: self.icv_size]

    def holds(self, key: bytes, data: bytes, icv: bytes) -> bool:
        """True when `icv` is the integrity check value over `data`, compared in constant time."""
        return hmac.compare_digest(self.icv(key, data), icv)


def _hmac(hash_name: str) -> Callable[[bytes, bytes], bytes]:
    return partial(hmac.digest, digest=hash_name)


_TABLE = {
    algorithm.algorithm: algorithm
    for algorithm in (
        Integrity(int(Integ.AUTH_HMAC_MD5_96), 16, 12, _hmac("md5")),
        Integrity(int(Integ.AUTH_HMAC_MD5_128), 16, 16, _hmac("md5")),
        Integrity(int(Integ.AUTH_HMAC_SHA1_96), 20, 12, _hmac("sha1")),
        Integrity(int(Integ.AUTH_HMAC_SHA1_160), 20, 20, _hmac("sha1")),
        Integrity(int(Integ.AUTH_HMAC_SHA2_256_128), 32, 16, _hmac("sha256")),
        Integrity(int(Integ.AUTH_HMAC_SHA2_384_192), 48, 24, _hmac("sha384")),
        Integrity(int(Integ.AUTH_HMAC_SHA2_512_256), 64, 32, _hmac("sha512")),
        Integrity(int(Integ.AUTH_AES_XCBC_96), 16, 12, xcbc),
        Integrity(int(Integ.AUTH_AES_CMAC_96), 16, 12, cmac),
    )
}

# Keys can be cut for AH's AES-GMAC too, salt included (RFC 4543 section 5.4), though no ICV is computed here.
_KEY_SIZES = {
    int(Integ.NONE): 0,
    int(Integ.AUTH_AES_128_GMAC): 20,
    int(Integ.AUTH_AES_192_GMAC): 28,
    int(Integ.AUTH_AES_256_GMAC): 36,
} | {number: algorithm.key_size for number, algorithm in _TABLE.items()}

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
