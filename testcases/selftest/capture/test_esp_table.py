"""Wireshark's table of ESP SAs: tshark opens with it what was sealed here, and the keys come back from it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.capture import Writer
from harness.capture.wireshark import parse_table, tables, tshark_command, write_tables
from harness.clock import SeededEntropy
from harness.codes import Encr, Integ
from harness.sa.esp import EspSa, fresh_iv, protect
from harness.sa.secrets import from_evidence, to_evidence
from harness.wire.datagram import ESP, Datagram, Endpoint
from harness.wire.packet import Echo, echo_datagram, ip_packet

SPI = bytes.fromhex("c0ffee01")
SUITES: dict[str, tuple[int, int | None, int, int, int]] = {
    "gcm-8": (Encr.ENCR_AES_GCM_8, 128, Integ.NONE, 20, 0),
    "gcm-12": (Encr.ENCR_AES_GCM_12, 192, Integ.NONE, 28, 0),
    "gcm-16": (Encr.ENCR_AES_GCM_16, 256, Integ.NONE, 36, 0),
    "cbc-sha1": (Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96, 16, 20),
    "cbc-sha256": (Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA2_256_128, 32, 32),
    "cbc-sha384": (Encr.ENCR_AES_CBC, 192, Integ.AUTH_HMAC_SHA2_384_192, 24, 48),
    "3des-md5": (Encr.ENCR_3DES, None, Integ.AUTH_HMAC_MD5_96, 24, 16),
    "des-sha512": (Encr.ENCR_DES, None, Integ.AUTH_HMAC_SHA2_512_256, 8, 64),
    "null-sha256": (Encr.ENCR_NULL, None, Integ.AUTH_HMAC_SHA2_256_128, 0, 32),
}
PING = ip_packet(echo_datagram("198.51.100.1", "203.0.113.1", Echo(False, 7, 1, bytes(20))))
HERE, THERE = Endpoint("192.0.2.1", 0), Endpoint("192.0.2.2", 0)
FIELDS = ("esp.spi", "esp.icv_good", "icmp.ident")

every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)


def _sa(suite: tuple[int, int | None, int, int, int]) -> EspSa:
    encr, bits, integ, key, integ_key = suite
    return EspSa(SPI, encr, bits, integ, False, bytes(range(1, key + 1)), bytes(range(integ_key)))


def _written(path: Path, sa: EspSa) -> Path:
    with Writer(path, {"case": "a"}) as writer:
        for number, ends in enumerate(((HERE, THERE), (HERE, THERE)), 1):
            packet = protect(sa, number, PING, 4, fresh_iv(sa, number, SeededEntropy(1)))
            in_udp = [end._replace(port=4500) for end in ends]
            writer.packet(float(number), Datagram(*ends, packet, ESP))
            writer.packet(float(number), Datagram(*in_udp, packet))
        writer.close({})
    return path


@every_suite
def test_keys_survive_the_table(suite: tuple[int, int | None, int, int, int]) -> None:
    """What was written as rows reads back as the same keys, once for each family of addresses."""
    sa = _sa(suite)
    rows = tables([to_evidence(sa)]).esp
    read = parse_table("\n".join(rows))

    assert read.problems == ()
    assert {from_evidence(secret) for secret in read.secrets} == {sa}
    assert len(rows) == 2


@pytest.mark.skipif(shutil.which("tshark") is None, reason="Wireshark's tools are not installed")
@every_suite
def test_tshark_opens_esp(suite: tuple[int, int | None, int, int, int], tmp_path: Path) -> None:
    """With the command that is given for it tshark checks the ICV of our packets, in UDP and without, and decrypts them."""
    sa = _sa(suite)
    path = _written(tmp_path / "case.pcapng", sa)
    command = tshark_command(path, [to_evidence(sa)])
    wanted = " ".join(f"-e {field}" for field in FIELDS)
    told = subprocess.run(
        f"{command} -T fields {wanted}", shell=True, capture_output=True, text=True, check=True
    )

    assert [line.split("\t") for line in told.stdout.splitlines()] == [[f"0x{SPI.hex()}", "1", "7"]] * 4


@pytest.mark.skipif(shutil.which("tshark") is None, reason="Wireshark's tools are not installed")
def test_the_table_beside_a_capture_is_taken(tmp_path: Path) -> None:
    """The file beside the evidence is one that Wireshark takes for its own, and for its owner alone."""
    sa = _sa(SUITES["gcm-16"])
    path = _written(tmp_path / "case.pcapng", sa)
    (table,) = write_tables(path, [to_evidence(sa)])
    shutil.copy(table, tmp_path / "esp_sa")
    words = [
        "tshark",
        "-r",
        str(path),
        "-o",
        "esp.enable_encryption_decode:TRUE",
        "-T",
        "fields",
        "-e",
        "icmp.ident",
    ]
    told = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"WIRESHARK_CONFIG_DIR": str(tmp_path)},
    )

    assert table.stat().st_mode & 0o777 == 0o600
    assert told.stdout.split() == ["7"] * 4


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        (
            {"encr": int(Encr.ENCR_CHACHA20_POLY1305), "encr_key": "00" * 36},
            "no row for ENCR_CHACHA20_POLY1305",
        ),
        ({"encr": 12, "integ": 5, "encr_key": "00" * 16}, "no row for AUTH_AES_XCBC_96"),
        ({"encr": 20, "encr_key": "00" * 20, "esn": 1}, "no column for extended sequence numbers"),
        ({"encr": 20, "encr_key": "xyz"}, "no hexadecimal text"),
    ],
)
def test_what_wireshark_has_no_row_for_is_said(secret: dict[str, object], why: str) -> None:
    """Keys that Wireshark can't use are left out, and the reason is told."""
    (told,) = tables([{"esp": SPI.hex(), "integ_key": "", **secret}]).left_out

    assert why in told


@pytest.mark.parametrize(
    "row",
    [
        '"IPv4","*","*"',
        '"IPv4","*","*","0x01","NULL","","NULL",""',
        '"IPv6","*","*","0x01020304","ROT13","","NULL",""',
        '"IPv6","*","*","0x01020304","NULL","","CRC",""',
        '"IPv6","*","*","0x01020304","NULL","0xzz","NULL",""',
    ],
)
def test_a_row_that_is_none_is_a_problem(row: str) -> None:
    """A line that holds no keys is named; nothing raises."""
    read = parse_table(row)

    assert read.secrets == ()
    assert len(read.problems) == 1
