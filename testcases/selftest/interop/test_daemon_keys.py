"""The keys that a daemon writes, file by file."""

import json

import pytest

from harness.bench.keylog import EVIDENCE, KeyLog
from harness.capture.frame import CaptureError
from harness.capture.wireshark import V1_TABLE, V2_TABLE, read_table

V2_KEY = {
    "ike": 2,
    "spi_i": "01" * 8,
    "spi_r": "02" * 8,
    "encr": 12,
    "key_bits": 128,
    "integ": 12,
    "prf": 5,
    "group": 14,
    "sk_d": "03" * 32,
    "sk_ai": "04" * 32,
    "sk_ar": "05" * 32,
    "sk_ei": "06" * 16,
    "sk_er": "07" * 16,
    "sk_pi": "08" * 32,
    "sk_pr": "09" * 32,
}
V1_KEY = {
    "ike": 1,
    "cky_i": "0a" * 8,
    "cky_r": "0b" * 8,
    "encr": 7,
    "key_bits": 128,
    "hash": 4,
    "auth": 1,
    "group": 14,
    "skeyid": "0c" * 32,
    "skeyid_d": "0d" * 32,
    "skeyid_a": "0e" * 32,
    "skeyid_e": "0f" * 32,
    "key": "10" * 16,
    "iv0": "11" * 16,
}


@pytest.fixture
def written(tmp_path):
    """Writes keys, each list at once; the directory."""

    def write(*batches):
        log = KeyLog(tmp_path / "keys")
        for batch in batches:
            log.write(batch)
        log.close()
        return tmp_path / "keys"

    return write


def test_each_key_stands_in_its_table(written):
    """A key of version 1 is a row of Wireshark's first table, one of version 2 of its second."""
    keys = written([V1_KEY, V2_KEY])

    assert (keys / V1_TABLE).read_text() == f"{'0a' * 8},{'10' * 16}\n"
    assert (keys / V2_TABLE).read_text().startswith(f"{'01' * 8},{'02' * 8},{'06' * 16},{'07' * 16},")


def test_evidence_comes_back_whole(written):
    """What the daemon wrote is what `audit --keys` reads."""
    assert read_table(written([V1_KEY], [V2_KEY]) / EVIDENCE).secrets == (V1_KEY, V2_KEY)


def test_key_is_written_once(written):
    """An SA that changes again has no new keys."""
    keys = written([V1_KEY], [V1_KEY, V2_KEY], [V2_KEY])

    assert len((keys / EVIDENCE).read_text().splitlines()) == 2


def test_keys_of_an_earlier_run_stay(written):
    """A daemon that is started again adds to what is there."""
    written([V1_KEY])

    assert read_table(written([V2_KEY]) / EVIDENCE).secrets == (V1_KEY, V2_KEY)


def test_file_of_another_mode_is_closed_to_others(tmp_path):
    """A file that was there before becomes its owner's alone before a key is in it."""
    (tmp_path / EVIDENCE).touch(0o644)

    KeyLog(tmp_path).close()

    assert (tmp_path / EVIDENCE).stat().st_mode & 0o777 == 0o600


def test_link_is_not_followed(tmp_path):
    """A name that leads elsewhere is refused: keys go nowhere else."""
    (tmp_path / EVIDENCE).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match=EVIDENCE):
        KeyLog(tmp_path)

    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "it is no JSON object"),
        ("{}", "it does not say which version of IKE it is for"),
        (json.dumps({"ike": 3}), "it does not say which version of IKE it is for"),
        ("{" * 100_000, "it is no JSON object"),
    ],
)
def test_line_that_is_no_key_is_told(tmp_path, line, why):
    """A file of such lines alone is refused with what is wrong with the first of them."""
    path = tmp_path / EVIDENCE
    path.write_text(line)

    with pytest.raises(CaptureError, match=why):
        read_table(path)
