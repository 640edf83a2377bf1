"""Keys as plain data: there and back, and what other programs leave out."""

import json

import pytest

from harness.sa import v1, v2
from harness.sa.secrets import from_evidence, to_evidence

KEYS = v2.ike_keys(
    v2.Suite(encr=12, key_bits=256, integ=12, prf=5, group=14),
    b"spi_init",
    b"spi_resp",
    b"ni",
    b"nr",
    b"shared",
)
SECRETS = v1.psk_secrets(
    v1.Suite(encr=5, key_bits=None, hash=2, auth=1, group=2),
    b"secret",
    b"ni",
    b"nr",
    b"shared",
    b"cookie i",
    b"cookie r",
    b"gi",
    b"gr",
)


CCM = v2.ike_keys(
    v2.Suite(encr=14, key_bits=256, integ=0, prf=8, group=36),
    b"spi_init",
    b"spi_resp",
    b"n" * 16,
    b"r" * 16,
    b"shared",
)
CTR = v2.ike_keys(
    v2.Suite(encr=13, key_bits=192, integ=5, prf=4, group=30),
    b"spi_init",
    b"spi_resp",
    b"n" * 16,
    b"r" * 16,
    b"shared",
)


@pytest.mark.parametrize("keys", [KEYS, SECRETS, CCM, CTR])
def test_keys_survive_json(keys: v2.Keys | v1.Secrets) -> None:
    """Keys written as JSON and read again are the same keys."""
    assert from_evidence(json.loads(json.dumps(to_evidence(keys)))) == keys


def test_what_another_program_does_not_know_is_empty() -> None:
    """A table with cipher and integrity keys alone gives keys with the rest empty."""
    known = dict.fromkeys(("sk_ei", "sk_er"), "00" * 16)
    keys = from_evidence({"ike": 2, "spi_i": "aa" * 8, "spi_r": "bb" * 8, "encr": 12, "sk_d": None} | known)

    assert isinstance(keys, v2.Keys)
    assert (keys.sk_d, keys.sk_pi, keys.sk_ei, keys.suite.prf, keys.suite.key_bits) == (
        b"",
        b"",
        bytes(16),
        0,
        None,
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "neither 1 nor 2"),
        ({"ike": 3}, "neither 1 nor 2"),
        ({"ike": 2, "sk_d": "xyz"}, "hexadecimal"),
        ({"ike": 1, "key": 5}, "key is no hexadecimal text"),
        ({"ike": 2, "encr": "x"}, "encr is no number"),
    ],
)
def test_what_is_no_key_is_refused(data: dict[str, object], why: str) -> None:
    """Data that is no key of either version is a ValueError that says so."""
    with pytest.raises(ValueError, match=why):
        from_evidence(data)
