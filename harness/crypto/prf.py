"""Pseudorandom functions by IKEv2 transform id, and prf+ (RFC 7296 section 2.13).

HMAC (RFC 2104, RFC 4868), AES-XCBC (RFC 4434), AES-CMAC (RFC 4615).
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from harness.codes import Prf
from harness.crypto.aes_mac import BLOCK, cmac, xcbc
from harness.crypto.unsupported import UnsupportedAlgorithm

_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    kind.name: kind() for kind in (hashes.MD5, hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512)
}


@dataclass(frozen=True, slots=True)
class PseudorandomFunction:
    """A function of a key and data; key and output have the same preferred length, `size` octets."""

    algorithm: int
    size: int
    function: Callable[[bytes, bytes], bytes]
    hash_name: str = ""
    """The hash under an HMAC; empty where there is none."""

    def __call__(self, key: bytes, data: bytes) -> bytes:
        """prf(key, data), untruncated; a key may have any length."""
        return self.function(key, data)

    def plus(self, key: bytes, seed: bytes, size: int) -> bytes:
        """The first `size` octets of prf+(key, seed) (RFC 7296 section 2.13).

        Raises ValueError above 255 blocks, where prf+ is not defined.
        """
        blocks = -(-size // self.size)
        if blocks > 255:
            raise ValueError(f"prf+ ends after 255 blocks of {self.size} octets, {size} octets were wanted")
        if self.hash_name:  # with an HMAC prf+ is HKDF-Expand (RFC 5869 section 2.3), which the library has
            return HKDFExpand(_HASHES[self.hash_name], size, seed).derive(key)
        block, stream = b"", b""
        for number in range(1, blocks + 1):
            block = self.function(key, b"%b%b%c" % (block, seed, number))
            stream += block
        return stream[:size]

    def nonce_key(self, ni: bytes, nr: bytes) -> bytes:
        """The key that two nonces make for SKEYSEED: both, or the first half of a key from each (RFC 7296 2.14)."""
        return ni + nr if self.hash_name else ni[: BLOCK // 2] + nr[: BLOCK // 2]

    def hash(self, data: bytes) -> bytes:
        """The plain hash under an HMAC, as IKEv1 uses it for IVs and NAT-D (RFC 2409 section 3.2)."""
        return hashlib.new(self.hash_name, data, usedforsecurity=False).digest()


def _hmac(hash_name: str) -> Callable[[bytes, bytes], bytes]:
    """A key longer than the hash's block is hashed first (RFC 2104 section 2)."""
    return lambda key, data: hmac.new(key, data, hash_name).digest()


def _xcbc(key: bytes, data: bytes) -> bytes:
    """Shorter keys are filled with zeros, longer ones go through the function first (RFC 4434 section 2)."""
    if len(key) > BLOCK:
        key = xcbc(bytes(BLOCK), key)
    return xcbc(key.ljust(BLOCK, b"\x00"), data)


def _cmac(key: bytes, data: bytes) -> bytes:
    """Keys that are no block go through the function first, shorter ones too (RFC 4615 section 3)."""
    return cmac(key if len(key) == BLOCK else cmac(bytes(BLOCK), key), data)


_TABLE = {
    function.algorithm: function
    for function in (
        PseudorandomFunction(int(Prf.PRF_HMAC_MD5), 16, _hmac("md5"), "md5"),
        PseudorandomFunction(int(Prf.PRF_HMAC_SHA1), 20, _hmac("sha1"), "sha1"),
        PseudorandomFunction(int(Prf.PRF_HMAC_SHA2_256), 32, _hmac("sha256"), "sha256"),
        PseudorandomFunction(int(Prf.PRF_HMAC_SHA2_384), 48, _hmac("sha384"), "sha384"),
        PseudorandomFunction(int(Prf.PRF_HMAC_SHA2_512), 64, _hmac("sha512"), "sha512"),
        PseudorandomFunction(int(Prf.PRF_AES128_XCBC), BLOCK, _xcbc),
        PseudorandomFunction(int(Prf.PRF_AES128_CMAC), BLOCK, _cmac),
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
