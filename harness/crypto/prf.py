"""Pseudorandom functions by IKEv2 transform id, and prf+ (RFC 7296 section 2.13, RFC 4868, RFC 2104)."""

import hashlib
import hmac
from dataclasses import dataclass

from harness.codes import Prf
from harness.crypto.unsupported import UnsupportedAlgorithm


@dataclass(frozen=True, slots=True)
class PseudorandomFunction:
    """HMAC over one hash; key and output have the same preferred length, `size` octets."""

    algorithm: int
    hash_name: str
    size: int

    def __call__(self, key: bytes, data: bytes) -> bytes:
        """prf(key, data), untruncated; a key longer than the hash's block is hashed first (RFC 2104 section 2)."""
        return hmac.digest(key, data, self.hash_name)

    def plus(self, key: bytes, seed: bytes, size: int) -> bytes:
        """The first `size` octets of prf+(key, seed) (RFC 7296 section 2.13).

        Raises ValueError above 255 blocks, where prf+ is not defined.
        """
        blocks = -(-size // self.size)
        if blocks > 255:
            raise ValueError(f"prf+ ends after 255 blocks of {self.size} octets, {size} octets were wanted")
        block, stream = b"", b""
        for number in range(1, blocks + 1):
            block = hmac.digest(key, b"%b%b%c" % (block, seed, number), self.hash_name)
            stream += block
        return stream[:size]

    def hash(self, data: bytes) -> bytes:
        """The plain hash under this HMAC, as IKEv1 uses it for IVs and NAT-D (RFC 2409 section 3.2)."""
        return hashlib.new(self.hash_name, data, usedforsecurity=False).digest()


_TABLE = {
    function.algorithm: function
    for function in (
        PseudorandomFunction(int(Prf.PRF_HMAC_MD5), "md5", 16),
        PseudorandomFunction(int(Prf.PRF_HMAC_SHA1), "sha1", 20),
        PseudorandomFunction(int(Prf.PRF_HMAC_SHA2_256), "sha256", 32),
        PseudorandomFunction(int(Prf.PRF_HMAC_SHA2_384), "sha384", 48),
        PseudorandomFunction(int(Prf.PRF_HMAC_SHA2_512), "sha512", 64),
    )
}

PRFS = frozenset(_TABLE)


def prf(algorithm: int) -> PseudorandomFunction:
    """The pseudorandom function with this IKEv2 transform id (transform type 2).

    Raises UnsupportedAlgorithm for an id that is not in `PRFS`.
    """
    found = _TABLE.get(algorithm)
    if found is None:
        raise UnsupportedAlgorithm(f"no pseudorandom function {algorithm} here")
    return found
