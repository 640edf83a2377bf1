"""The keys of an SA as plain data, the form in which they travel with the evidence."""

from collections.abc import Mapping
from typing import Any

from harness.sa import v1, v2
from harness.sa.esp import EspSa

_V2_KEYS = ("sk_d", "sk_ai", "sk_ar", "sk_ei", "sk_er", "sk_pi", "sk_pr")
_V1_KEYS = ("skeyid", "skeyid_d", "skeyid_a", "skeyid_e", "key", "iv0")


Known = v2.Keys | v1.Secrets | EspSa
"""Keys of an IKE SA of either version, or of one direction of a pair of ESP SAs."""


def to_evidence(keys: Known) -> dict[str, Any]:
    """The keys as a dict of numbers and hexadecimal text, with "ike" 1 or 2, or "esp" for the SPI; fit for JSON."""
    if isinstance(keys, EspSa):
        return {
            "esp": keys.spi.hex(),
            "encr": int(keys.encr),
            "key_bits": keys.key_bits,
            "integ": int(keys.integ),
            "esn": int(keys.esn),
            "encr_key": keys.encr_key.hex(),
            "integ_key": keys.integ_key.hex(),
        }
    suite = keys.suite
    if isinstance(keys, v2.Keys):
        assert isinstance(suite, v2.Suite)
        return {
            "ike": 2,
            "spi_i": keys.spi_i.hex(),
            "spi_r": keys.spi_r.hex(),
            "encr": int(suite.encr),
            "key_bits": suite.key_bits,
            "integ": int(suite.integ),
            "prf": int(suite.prf),
            "group": int(suite.group),
        } | {name: getattr(keys, name).hex() for name in _V2_KEYS}
    assert isinstance(suite, v1.Suite)
    return {
        "ike": 1,
        "cky_i": keys.cky_i.hex(),
        "cky_r": keys.cky_r.hex(),
        "encr": int(suite.encr),
        "key_bits": suite.key_bits,
        "hash": int(suite.hash),
        "auth": int(suite.auth),
        "group": int(suite.group),
    } | {name: getattr(keys, name).hex() for name in _V1_KEYS}


def from_evidence(data: Mapping[str, Any]) -> Known:
    """The keys that `to_evidence` gave; what is None or absent, as in keys of other programs, becomes 0 or empty.

    Raises ValueError when they are neither of ESP nor of an "ike" of 1 or 2, or a value is not of its kind.
    """
    if "esp" in data:
        return EspSa(
            _octets(data, "esp"),
            _number(data, "encr"),
            _bits(data),
            _number(data, "integ"),
            bool(_number(data, "esn")),
            _octets(data, "encr_key"),
            _octets(data, "integ_key"),
        )
    if data.get("ike") == 2:
        suite = v2.Suite(
            _number(data, "encr"),
            _bits(data),
            _number(data, "integ"),
            _number(data, "prf"),
            _number(data, "group"),
        )
        keys = (_octets(data, name) for name in _V2_KEYS)
        return v2.Keys(suite, _octets(data, "spi_i"), _octets(data, "spi_r"), *keys)
    if data.get("ike") == 1:
        isakmp = v1.Suite(
            _number(data, "encr"),
            _bits(data),
            _number(data, "hash"),
            _number(data, "auth"),
            _number(data, "group"),
        )
        secrets = (_octets(data, name) for name in _V1_KEYS)
        return v1.Secrets(isakmp, _octets(data, "cky_i"), _octets(data, "cky_r"), *secrets)
    raise ValueError("keys of an IKE version that is neither 1 nor 2")


def _octets(data: Mapping[str, Any], name: str) -> bytes:
    value = data.get(name) or ""
    if not isinstance(value, str):
        raise ValueError(f"{name} is no hexadecimal text")
    return bytes.fromhex(value)


def _number(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name) or 0
    if not isinstance(value, int):
        raise ValueError(f"{name} is no number")
    return value


def _bits(data: Mapping[str, Any]) -> int | None:
    return _number(data, "key_bits") or None
