"""Wireshark's key tables: rows for keys, keys from rows, and the one command."""

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture import CaptureError
from harness.capture.wireshark import (
    CIPHERS,
    INTEGRITY,
    parse_table,
    read_table,
    tables,
    tables_beside,
    tshark_command,
    write_tables,
)
from harness.codes import Encr, Integ

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
GOLDEN_TABLES = sorted(GOLDEN.glob("*_decryption_table"))
NONE = "NONE [RFC4306]"
PAIRS = [(c, i) for c in CIPHERS for i in INTEGRITY if i == NONE or not CIPHERS[c].combined]
V1 = {"ike": 1, "cky_i": "0102030405060708", "cky_r": "1112131415161718", "key": "ab" * 16}


def v2(
    cipher: str = "AES-CBC-128 [RFC3602]", integrity: str = "HMAC_SHA2_256_128 [RFC4868]"
) -> dict[str, Any]:
    """Keys for two algorithms by Wireshark's names."""
    encr, integ = CIPHERS[cipher], INTEGRITY[integrity]
    keys = {"sk_ei": "01" * encr.octets, "sk_er": "02" * encr.octets}
    keys |= {"sk_ai": "03" * integ.octets, "sk_ar": "04" * integ.octets, "sk_d": "", "sk_pi": "", "sk_pr": ""}
    numbers = {
        "encr": int(encr.encr),
        "key_bits": encr.key_bits,
        "integ": int(integ.integ),
        "prf": None,
        "group": None,
    }
    return {"ike": 2, "spi_i": "0102030405060708", "spi_r": "1112131415161718", **numbers, **keys}


@pytest.mark.parametrize("path", GOLDEN_TABLES, ids=lambda path: path.name)
def test_golden_table_survives(path: Path) -> None:
    """A table that came with a real capture is read, and written again it is the same."""
    found = tables(read_table(path).secrets)

    assert "".join(f"{row}\n" for row in (*found.v1, *found.v2)) == path.read_text()


@pytest.mark.parametrize(("cipher", "integrity"), PAIRS)
def test_every_pair_of_algorithms_survives(cipher: str, integrity: str) -> None:
    """Keys of every pair of algorithms become a row, and the row becomes the keys."""
    (row,) = tables([v2(cipher, integrity)]).v2

    assert parse_table(row).secrets == (v2(cipher, integrity),)


def test_v1_row_keeps_cookie_and_key() -> None:
    """Version 1's row is the initiator's cookie and the key; the rest the row cannot hold."""
    (row,) = tables([V1]).v1
    (secret,) = parse_table(row).secrets

    assert row == f"0102030405060708,{'ab' * 16}"
    assert (secret["cky_i"], secret["cky_r"], secret["key"], secret["encr"]) == (
        V1["cky_i"],
        "",
        V1["key"],
        None,
    )


def test_each_row_stands_once() -> None:
    """Keys that both ends reported make one row."""
    assert len(tables([v2(), v2(), V1, V1]).v2) == 1


def test_keys_renewed_under_the_same_spis_are_remarked_on() -> None:
    """Wireshark knows one set of keys for an IKE SA; that there were more is said (RFC 9370 section 2.2.2)."""
    old = v2()
    new = old | {"sk_ei": "11" * (len(old["sk_ei"]) // 2)}

    (remark,) = tables([old, new]).left_out
    assert remark.startswith("the IKE SA 0102030405060708/1112131415161718 had 2 sets of keys")


def test_combined_cipher_stands_beside_none() -> None:
    """Beside a cipher that is its own integrity algorithm the row says NONE, as Wireshark demands."""
    (row,) = tables([v2("AES-GCM-256 with 16 octet ICV [RFC5282]") | {"sk_ai": "03" * 32}]).v2

    assert row.endswith(f',,,"{NONE}"')
    assert parse_table(row.replace(NONE, "HMAC_MD5_96 [RFC2403]")).secrets == ()


@pytest.mark.parametrize("integ", [Integ.AUTH_AES_XCBC_96, Integ.AUTH_AES_CMAC_96])
def test_integrity_unknown_to_wireshark_goes_unchecked(integ: Integ) -> None:
    """Wireshark opens what it cannot check if the row says so and leaves the keys out."""
    (row,) = tables([v2() | {"integ": int(integ), "sk_ai": "05" * 16, "sk_ar": "06" * 16}]).v2

    assert row.endswith(',,,"ANY 96-bits of Authentication [No Checking]"')


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        (
            v2() | {"encr": int(Encr.ENCR_DES), "sk_ei": "00" * 8, "sk_er": "00" * 8},
            "ENCR_DES with keys of 8 octets",
        ),
        (v2() | {"encr": int(Encr.ENCR_CHACHA20_POLY1305)}, "ENCR_CHACHA20_POLY1305"),
        (v2() | {"sk_er": ""}, "ENCR_AES_CBC with keys of 16 octets"),
        (v2() | {"sk_ar": "00"}, "AUTH_HMAC_SHA2_256_128 with keys of 32 octets"),
        (v2() | {"integ": 99}, "no row for 99"),
        (v2() | {"spi_i": "00"}, "spi_i has 1 octets, not 8"),
        (v2() | {"spi_i": "$(reboot)"}, "spi_i is no hexadecimal text"),
        (v2() | {"encr": "AES"}, "encr is no number"),
        (V1 | {"key": ""}, "key is empty"),
        ({}, "neither 1 nor 2"),
    ],
)
def test_key_without_row_is_said(secret: dict[str, Any], says: str) -> None:
    """Keys that no row can hold are left out with a reason."""
    found = tables([secret])

    assert (found.v1, found.v2) == ((), ())
    assert says in found.left_out[0]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a,b,c", "3 columns"),
        ("0102030405060708,xyz", "key is no hexadecimal text"),
        ("0102,00", "cky_i has 2 octets, not 8"),
        (tables([v2()]).v2[0].replace("AES-CBC-128", "ROT-13"), "the cipher 'ROT-13 [RFC3602]' is not known"),
        (tables([v2()]).v2[0].replace("SHA2", "SHA9"), "the integrity algorithm"),
        (tables([v2()]).v2[0].replace("0101", ""), "sk_ei has 0 octets, not 16"),
    ],
)
def test_line_that_is_no_row_is_said(line: str, says: str) -> None:
    """A line that is no row is left out, with its number and a reason."""
    keys = parse_table(f"# comment\n\n{line}\n")

    assert keys.secrets == ()
    assert keys.problems[0].startswith(f"line 3: {says}")


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    """Any text gives keys and problems that can be printed, never an exception."""
    assert all(problem.isprintable() for problem in parse_table(text).problems)


def test_tables_beside_a_capture_are_private(tmp_path: Path) -> None:
    """The tables lie beside the capture, named as it, of mode 0600."""
    written = write_tables(tmp_path / "case.pcapng", [v2(), V1])

    assert written == tables_beside(tmp_path / "case.pcapng")
    assert [path.name for path in written] == ["case.ikev1_decryption_table", "case.ikev2_decryption_table"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}


def test_golden_tables_lie_beside_their_capture() -> None:
    """The golden captures' tables are found by the same name."""
    assert len(tables_beside(GOLDEN / "keys-ls-ss-v2.pcap")) == 1


def test_tables_lie_beside_a_packed_capture_as_well(tmp_path: Path) -> None:
    """Packing a capture takes no keys from it."""
    written = write_tables(tmp_path / "case.pcap", [V1])

    assert tables_beside(tmp_path / "case.pcap.gz") == written


def test_empty_table_is_not_written(tmp_path: Path) -> None:
    """Without keys there is no table."""
    assert write_tables(tmp_path / "case.pcapng", []) == tables_beside(tmp_path / "case.pcapng") == ()


@pytest.mark.parametrize("name", ["absent", "keys-ls-ss-v2.pcap", "nul\0"])
def test_file_without_rows_is_refused(name: str) -> None:
    """A file that is no table is refused with a sentence that says what to do."""
    with pytest.raises(CaptureError, match="name a file with rows of"):
        read_table(f"{GOLDEN}/{name}")


def test_command_quotes_for_the_shell() -> None:
    """The command can be pasted: paths and rows are quoted, unusual ports are named."""
    command = tshark_command("a case.pcapng", [v2()], ike_ports=(500, 10500), nat_ports=(4500, 14500))

    assert command.startswith(
        "tshark -r 'a case.pcapng' -d udp.port==10500,isakmp -d udp.port==14500,udpencap -o 'uat:ikev2_decryption_table:"
    )


def test_command_for_many_keys_takes_the_files() -> None:
    """With more keys than a command line should hold, the command uses the tables beside the capture."""
    many = [v2() | {"spi_i": f"{number:016x}"} for number in range(30)]
    command = tshark_command("a case.pcapng", many)

    assert command == (
        "d=$(mktemp -d) && cp 'a case.ikev2_decryption_table' $d/ikev2_decryption_table && "
        "WIRESHARK_CONFIG_DIR=$d tshark -r 'a case.pcapng'"
    )
