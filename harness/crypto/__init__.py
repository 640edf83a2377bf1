"""Octets in, octets out: the algorithms of IKE by their registry numbers; knows no message, no time, no peer."""

from harness.crypto.aead import AEADS, Aead, aead
from harness.crypto.cipher import CBC_CIPHERS, CIPHERS, CbcCipher, PlainCipher, cbc_cipher, cipher
from harness.crypto.integrity import INTEGRITIES, Integrity, integrity, integrity_key_size
from harness.crypto.key_exchange import (
    DIFFIE_HELLMAN,
    GROUPS,
    InvalidPublicValue,
    KeyExchange,
    Private,
    Response,
    key_exchange,
    modp_prime,
)
from harness.crypto.keymat import encryption_key_size
from harness.crypto.prf import PRFS, PseudorandomFunction, prf
from harness.crypto.unsupported import UnsupportedAlgorithm

__all__ = [
    "AEADS",
    "CBC_CIPHERS",
    "CIPHERS",
    "DIFFIE_HELLMAN",
    "GROUPS",
    "INTEGRITIES",
    "PRFS",
    "Aead",
    "CbcCipher",
    "Integrity",
    "InvalidPublicValue",
    "KeyExchange",
    "PlainCipher",
    "Private",
    "PseudorandomFunction",
    "Response",
    "UnsupportedAlgorithm",
    "aead",
    "cbc_cipher",
    "cipher",
    "encryption_key_size",
    "integrity",
    "integrity_key_size",
    "key_exchange",
    "modp_prime",
    "prf",
]
