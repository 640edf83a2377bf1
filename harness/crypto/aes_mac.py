"""Message authentication codes made of AES: XCBC (RFC 3566) and CMAC (RFC 4493); both give one block."""

from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

BLOCK = 16


def cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC of `data` under a key of one block."""
    context = CMAC(AES(key))
    context.update(data)
    return context.finalize()


def xcbc(key: bytes, data: bytes) -> bytes:
    """AES-XCBC-MAC of `data`, not cut short, under a key of one block (RFC 3566 section 4): CBC over a marked last block."""
    chaining, whole, padded = _xcbc_keys(key)
    start = max(len(data) - 1, 0) // BLOCK * BLOCK
    head, last = data[:start], data[start:]
    mark = whole
    if len(last) < BLOCK:
        last, mark = (last + b"\x80").ljust(BLOCK, b"\x00"), padded
    marked = int.from_bytes(last, "big") ^ int.from_bytes(mark, "big")
    context = Cipher(AES(chaining), modes.CBC(bytes(BLOCK))).encryptor()
    return context.update(head + marked.to_bytes(BLOCK, "big"))[-BLOCK:]


@lru_cache(maxsize=256)
def _xcbc_keys(key: bytes) -> tuple[bytes, bytes, bytes]:
    """K1, K2 and K3: the key of the chain, and what marks a last block that is whole or padded."""
    # Each derived key is one block encrypted by itself; that's what the mode is for.
    context = Cipher(AES(key), modes.ECB()).encryptor()  # noqa: S305  # one block at a time is what CMAC and XCBC are made of
    derived = context.update(b"".join(bytes((number,)) * BLOCK for number in (1, 2, 3)))
    return derived[:BLOCK], derived[BLOCK : 2 * BLOCK], derived[2 * BLOCK :]
