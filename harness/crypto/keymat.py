"""How much keying material encryption transforms take, those too that are not run here."""

from harness.codes import Encr
from harness.crypto.aead import AEADS, aead
from harness.crypto.cipher import CIPHERS, cipher
from harness.crypto.unsupported import UnsupportedAlgorithm

# Ciphers that only ESP has, and that are not run here, by what they take the keying material of.
_LIKE = {
    int(Encr.ENCR_CAMELLIA_CTR): int(Encr.ENCR_AES_CTR),  # RFC 5529 section 5.2
    int(Encr.ENCR_CAMELLIA_CCM_8): int(Encr.ENCR_AES_CCM_8),
    int(Encr.ENCR_CAMELLIA_CCM_12): int(Encr.ENCR_AES_CCM_12),
    int(Encr.ENCR_CAMELLIA_CCM_16): int(Encr.ENCR_AES_CCM_16),
    int(Encr.ENCR_AES_CCM_8_IIV): int(Encr.ENCR_AES_CCM_8),  # RFC 8750 section 5
    int(Encr.ENCR_AES_GCM_16_IIV): int(Encr.ENCR_AES_GCM_16),
    int(Encr.ENCR_CHACHA20_POLY1305_IIV): int(Encr.ENCR_CHACHA20_POLY1305),
}


def encryption_key_size(algorithm: int, key_bits: int | None = None) -> int:
    """Octets of keying material that an encryption transform takes, salt included; 0 for ENCR_NULL.

    Raises UnsupportedAlgorithm for an id whose key length is not known here.
    """
    number = _LIKE.get(algorithm, algorithm)
    if number in AEADS:
        combined = aead(number, key_bits)
        return combined.key_size + combined.salt_size
    if number in CIPHERS:
        return cipher(number, key_bits).key_size
    raise UnsupportedAlgorithm(f"no key length is known for cipher {algorithm}")
