"""Wireshark's table of ESP SAs: `"family","source","destination","SPI","cipher","key","integrity","key"`.

The names are Wireshark's, which refuses any other; addresses are left open, as evidence knows SAs by their SPIs.
"""

import re
from collections.abc import Mapping
from typing import Any

from harness.codes import Encr, Integ

ESP_TABLE = "esp_sa"
ESP_SWITCHES = ("esp.enable_encryption_decode:TRUE", "esp.enable_authentication_check:TRUE")
"""What must be on for Wireshark to use the table."""

FAMILIES = ("IPv4", "IPv6")
CIPHERS = {
    int(Encr.ENCR_DES): "DES-CBC [RFC2405]",
    int(Encr.ENCR_3DES): "TripleDES-CBC [RFC2451]",
    int(Encr.ENCR_NULL): "NULL",
    int(Encr.ENCR_AES_CBC): "AES-CBC [RFC3602]",
    int(Encr.ENCR_AES_CTR): "AES-CTR [RFC3686]",
    int(Encr.ENCR_AES_GCM_8): "AES-GCM with 8 octet ICV [RFC4106]",
    int(Encr.ENCR_AES_GCM_12): "AES-GCM with 12 octet ICV [RFC4106]",
    int(Encr.ENCR_AES_GCM_16): "AES-GCM with 16 octet ICV [RFC4106]",
}
INTEGRITY = {
    int(Integ.NONE): "NULL",
    int(Integ.AUTH_HMAC_MD5_96): "HMAC-MD5-96 [RFC2403]",
    int(Integ.AUTH_HMAC_SHA1_96): "HMAC-SHA-1-96 [RFC2404]",
    int(Integ.AUTH_HMAC_SHA2_256_128): "HMAC-SHA-256-128 [RFC4868]",
    int(Integ.AUTH_HMAC_SHA2_384_192): "HMAC-SHA-384-192 [RFC4868]",
    int(Integ.AUTH_HMAC_SHA2_512_256): "HMAC-SHA-512-256 [RFC4868]",
}
_SALTED = frozenset({int(Encr.ENCR_AES_CTR), *(n for n, name in CIPHERS.items() if "GCM" in name)})
_SALT = 4
_KEYED = frozenset({int(Encr.ENCR_AES_CBC), *_SALTED})
"""Ciphers with a Key Length attribute."""
_HEX = re.compile(r"(?:[0-9a-f]{2})*")


def esp_rows(secret: Mapping[str, Any]) -> tuple[str, ...] | str:
    """The rows of one direction of a pair, one a family; or why Wireshark has none for it."""
    cipher, integrity = CIPHERS.get(secret.get("encr") or 0), INTEGRITY.get(secret.get("integ") or 0)
    spi, key, integ_key = (_octets(secret.get(name)) for name in ("esp", "encr_key", "integ_key"))
    if spi is None or key is None or integ_key is None or len(spi) != 8:
        return "keys of ESP that are no hexadecimal text"
    if secret.get("esn"):
        return "Wireshark's table has no column for extended sequence numbers"
    if cipher is None or integrity is None:
        name = Encr(secret.get("encr") or 0).name if cipher is None else Integ(secret.get("integ") or 0).name
        return f"Wireshark's table of ESP SAs has no row for {name}"
    rest = f'"*","*","0x{spi}","{cipher}","{_shown(key)}","{integrity}","{_shown(integ_key)}"'
    return tuple(f'"{family}",{rest}' for family in FAMILIES)


def esp_secret(fields: list[str]) -> dict[str, Any] | str:
    """The keys in a row's fields, quotes taken off; or why it holds none."""
    if len(fields) < 8:
        return f"{len(fields)} columns, where a row of {ESP_TABLE} has 8"
    ciphers, integrities = ({name: n for n, name in table.items()} for table in (CIPHERS, INTEGRITY))
    encr, integ = ciphers.get(fields[4]), integrities.get(fields[6])
    if encr is None:
        return f"the cipher {fields[4]!r} is not known"
    if integ is None:
        return f"the integrity algorithm {fields[6]!r} is not known"
    spi, key, integ_key = (_octets(fields[n].lower().removeprefix("0x")) for n in (3, 5, 7))
    if spi is None or key is None or integ_key is None or len(spi) != 8:
        return "an SPI or a key is no hexadecimal text"
    size = len(key) // 2 - (_SALT if encr in _SALTED else 0)
    bits = 8 * size if encr in _KEYED else None
    told = {"esp": spi, "encr": encr, "key_bits": bits, "integ": integ, "esn": 0}
    return told | {"encr_key": key, "integ_key": integ_key}


def _shown(key: str) -> str:
    return f"0x{key}" if key else ""


def _octets(value: object) -> str | None:
    text = value or ""
    return text.lower() if isinstance(text, str) and _HEX.fullmatch(text.lower()) else None
