"""Wireshark's own tools accept what is written here, and open it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.capture import Writer, read
from harness.capture.wireshark import CIPHERS, INTEGRITY, read_table, tables, tshark_command, write_tables
from harness.codes import Encr, Integ, Prf
from harness.sa.secrets import to_evidence
from harness.sa.v2 import Suite, ike_keys, iv_size, seal
from harness.wire import Message
from harness.wire.datagram import ESP, Datagram, Endpoint
from harness.wire.v2 import Notify

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("tshark", "capinfos", "editcap"))),
    reason="Wireshark's tools are not installed",
)

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
ALICE, TARGET = Endpoint("192.0.2.2", 500), Endpoint("192.0.2.1", 500)
ALICE_6, TARGET_6 = Endpoint("2001:db8::2", 4500), Endpoint("2001:db8::1", 4500)
IKE = bytes.fromhex("0102030405060708000000000000000000202208000000000000001c")
NONE = "NONE [RFC4306]"
PAIRS = [(c, i) for c in CIPHERS for i in INTEGRITY if i == NONE or not CIPHERS[c].combined]
CHECKS = ("-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")


def run(*command: str) -> str:
    """What a tool prints; it must succeed and have nothing to complain about."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("Running as user")]
    assert (done.returncode, complaints) == (0, [])
    return done.stdout


def fields(path: Path, *names: str) -> list[list[str]]:
    """Some fields of every frame."""
    wanted = [word for name in names for word in ("-e", name)]
    return [
        line.split("\t")
        for line in run("tshark", "-r", str(path), *CHECKS, "-T", "fields", *wanted).splitlines()
    ]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file of ours with everything in it."""
    path = tmp_path / "case.pcapng"
    with Writer(path, {"case": "a", "text": "x" * 100_000}) as writer:
        writer.packet(
            1700000000.25, Datagram(ALICE, TARGET, IKE), comments=["mark: probe", "due"], inbound=True
        )
        writer.secret({"ike": 2, "sk_d": "00"})
        writer.packet(1700000000.5, Datagram(TARGET_6, ALICE_6, bytes(4) + IKE), inbound=False)
        writer.packet(1700000001.0, Datagram(ALICE, TARGET, b"odd" * 101, ESP))
        writer.packet(1700000002.0, Datagram(ALICE, TARGET, b"\xff" * 65_507))
        writer.close({"window_s": 5, "text": "y" * 100_000}, drops=3)
    return path


def test_frames_are_read_as_meant(written: Path) -> None:
    """Wireshark sees the protocols, the nanoseconds and the comments that were written."""
    found = fields(written, "frame.number", "frame.time_epoch", "frame.protocols", "frame.comment")

    assert found[:3] == [
        ["1", "1700000000.250000000", "raw:ip:udp:isakmp", "mark: probe,due"],
        ["2", "1700000000.500000000", "raw:ipv6:udp:udpencap:isakmp", ""],
        ["3", "1700000001.000000000", "raw:ip:esp", ""],
    ]


def test_checksums_are_right(written: Path) -> None:
    """Wireshark finds every IPv4 and UDP checksum good (1), of both families, of odd and of the largest size."""
    found = fields(written, "ip.checksum.status", "udp.checksum.status")

    assert found == [["1", "1"], ["", "1"], ["1", ""], ["1", "1"]]


def test_capinfos_accepts_it(written: Path) -> None:
    """The section comment and the name of the tap are read by capinfos."""
    said = run("capinfos", str(written))

    assert "Name = link" in said
    assert '"case":"a"' in said


def test_editcap_keeps_frames_secrets_and_opening(written: Path, tmp_path: Path) -> None:
    """A copy by editcap keeps the opening, the secrets, marks and frames, and is known for a copy by its end."""
    run("editcap", str(written), str(tmp_path / "copy.pcapng"))
    original, copy = read(written), read(tmp_path / "copy.pcapng")

    assert (copy.opening, copy.secrets, copy.frames) == (original.opening, original.secrets, original.frames)
    assert copy.cut_off


def test_file_cut_off_is_still_read(written: Path, tmp_path: Path) -> None:
    """A file that was never closed is accepted: what was written until then is whole."""
    with Writer(tmp_path / "cut.pcapng", {"case": "a"}) as writer:
        writer.packet(0.0, Datagram(ALICE, TARGET, IKE))

    assert fields(tmp_path / "cut.pcapng", "isakmp.exchangetype") == [["34"]]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.pcap*")), ids=lambda path: path.stem)
def test_golden_capture_reads_as_in_tshark(path: Path) -> None:
    """Ports, IP addresses and UDP sizes of a golden capture are those that tshark sees."""
    ours = [
        [
            d.source.address,
            d.destination.address,
            str(d.source.port),
            str(d.destination.port),
            str(len(d.data) + 8),
        ]
        for frame in read(path).frames
        if (d := frame.datagram)
    ]

    assert fields(path, "ip.src", "ip.dst", "udp.srcport", "udp.dstport", "udp.length") == ours


def test_golden_capture_opens_with_our_command() -> None:
    """The one command opens IKEv2: the AUTH payloads of both ends are readable."""
    path = GOLDEN / "keys-ls-ss-v2.pcap"
    command = tshark_command(path, read_table(path.with_suffix(".ikev2_decryption_table")).secrets)
    shown = run("sh", "-c", f"{command} -T fields -e isakmp.auth.data").split()

    assert len(shown) == 2


def test_golden_capture_of_version_1_opens_with_our_command() -> None:
    """The one command opens IKEv1: the Hash payloads of Main and Quick Mode are readable."""
    path = GOLDEN / "keys-ls-ss-v1main.pcap"
    command = tshark_command(path, read_table(path.with_suffix(".ikev1_decryption_table")).secrets)
    shown = run("sh", "-c", f"{command} -T fields -e isakmp.hash").split()

    assert len(shown) >= 5


def test_many_keys_open_from_the_tables(tmp_path: Path) -> None:
    """With many keys the command takes the tables beside the capture, and opens it as well."""
    path = tmp_path / "many keys.pcap"
    shutil.copy(GOLDEN / "keys-ls-ss-v2.pcap", path)
    (secret,) = read_table(GOLDEN / "keys-ls-ss-v2.ikev2_decryption_table").secrets
    many = [secret, *(secret | {"spi_i": f"{number:016x}"} for number in range(40))]
    write_tables(path, many)
    shown = run("sh", "-c", f"{tshark_command(path, many)} -T fields -e isakmp.auth.data").split()

    assert len(shown) == 2


def test_tshark_knows_every_name_we_write() -> None:
    """Every cipher with every integrity algorithm makes a row that tshark accepts."""
    rows = [row for pair in PAIRS for row in tables([keys(*pair)]).v2]
    uncheckable = keys("AES-CBC-128 [RFC3602]", NONE) | {"integ": 5}
    options = [
        word
        for row in (*rows, *tables([uncheckable]).v2)
        for word in ("-o", f"uat:ikev2_decryption_table:{row}")
    ]
    run("tshark", *options, "-r", str(GOLDEN / "keys-ls-ss-v2.pcap"), "-c", "1")

    assert len(options) == 2 * (len(PAIRS) + 1)


def test_tshark_opens_what_is_sealed_under_every_suite_of_its_table(tmp_path: Path) -> None:
    """Wireshark, another implementation, opens our messages and finds their ICVs good, counter mode and CCM among them."""
    path = tmp_path / "suites.pcapng"
    secrets = []
    with Writer(path, {}) as writer:
        for number, (cipher, integrity) in enumerate(PAIRS, start=1):
            encr, integ = CIPHERS[cipher], INTEGRITY[integrity]
            if encr.encr == Encr.ENCR_NULL or (integ.integ == Integ.NONE) is not encr.combined:
                continue
            suite = Suite(int(encr.encr), encr.key_bits, int(integ.integ), Prf.PRF_HMAC_SHA2_256, 14)
            spi = number.to_bytes(8, "big")
            sealing = ike_keys(suite, spi, spi, b"i" * 16, b"r" * 16, b"shared")
            message = Message(spi, spi, 37, 0x08, 1, (), version=0x20)
            iv = bytes(range(iv_size(suite)))
            octets = seal(
                message, sealing, by_initiator=True, iv=iv, inner=(Notify(notify_type=16385, data=b"w"),)
            )
            writer.packet(float(number), Datagram(ALICE, TARGET, octets))
            secrets.append(to_evidence(sealing))
    write_tables(path, secrets)
    command = tshark_command(path, secrets) + " -T fields -e isakmp.notify.msgtype -e _ws.expert"
    shown = run("sh", "-c", command).splitlines()

    assert len(secrets) > 60
    assert shown == ["16385\t"] * len(secrets)


def test_tshark_refuses_a_name_it_does_not_know() -> None:
    """A wrong name ends tshark with an error, so that accepting one means something."""
    (row,) = tables([keys("AES-CBC-128 [RFC3602]", NONE)]).v2
    wrong = f"uat:ikev2_decryption_table:{row.replace('RFC3602', 'RFC3603')}"
    command = ["tshark", "-o", wrong, "-r", str(GOLDEN / "keys-ls-ss-v2.pcap")]

    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def keys(cipher: str, integrity: str) -> dict[str, Any]:
    """Keys for two algorithms by Wireshark's names, under SPIs of their own."""
    encr, integ = CIPHERS[cipher], INTEGRITY[integrity]
    names = {"sk_ei": encr.octets, "sk_er": encr.octets, "sk_ai": integ.octets, "sk_ar": integ.octets}
    spi_i = (
        (list(CIPHERS).index(cipher) * 100 + list(INTEGRITY).index(integrity) + 1).to_bytes(8, "big").hex()
    )
    secret = {"ike": 2, "spi_i": spi_i, "spi_r": "11" * 8, "encr": int(encr.encr), "integ": int(integ.integ)}
    return secret | {name: "00" * octets for name, octets in names.items()}
