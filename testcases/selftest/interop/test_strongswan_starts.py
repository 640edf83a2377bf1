"""strongSwan as Debian packages it against `ike-harness responder`, each in a network namespace of its own."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from harness.cli import main
from harness.codes import ProfileName
from harness.profile.strongswan import WAYS

DEVICE = "10.9.0.1"
CONFIGURATION_WORDS = ("172.16.2.0/24", "172.16.1.0/24")

pytestmark = pytest.mark.daemon
each_way = pytest.mark.parametrize("way", WAYS)
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


@pytest.fixture
def audited(capsys):
    """Audits a capture by the command line; `status` is what the command is to end with."""

    def audit(capture, *words, status=0):
        assert main(["audit", str(capture), "--device", DEVICE, "--json", *map(str, words)]) == status
        return json.loads(capsys.readouterr().out)

    return audit


def complaints(log):
    """The lines in which strongSwan says that something went amiss."""
    amiss = re.compile(
        r"invalid|fail|unable|mismatch|retransmit|error notify|ignor|unknown|unsupported", re.I
    )
    return [line for line in log.splitlines() if amiss.search(line) and "loaded plugins" not in line]


def decrypted(told, shown, *fields):
    """The fields of the messages that a display filter of tshark takes, opened by the tables of the daemon."""
    wanted = [word for name in fields for word in ("-e", name)]
    done = subprocess.run(
        ["tshark", "-r", told.capture, "-Y", shown, "-T", "fields", *wanted],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "WIRESHARK_CONFIG_DIR": str(told.keys)},
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


@each_way
def test_ike_sa_and_child_come_up(story, way):
    """Phase 1 or IKE_SA_INIT and IKE_AUTH, then the child: both stand in strongSwan's eyes."""
    told = story(way)

    assert told.ike("up")["remote-id"] == DEVICE
    assert (*told.child("up")["local-ts"], *told.child("up")["remote-ts"]) == CONFIGURATION_WORDS


@each_way
def test_child_is_rekeyed(story, way):
    """A child that strongSwan replaces comes back under new SPIs of both ends, in the same IKE SA."""
    told = story(way)
    before, after = told.child("up"), told.child("child rekeyed")

    assert {before["spi-in"], before["spi-out"]}.isdisjoint({after["spi-in"], after["spi-out"]})
    assert told.ike("up")["initiator-spi"] == told.ike("child rekeyed")["initiator-spi"]


@each_way
def test_ike_sa_is_rekeyed(story, way):
    """An IKE SA that strongSwan replaces (in version 1: a new phase 1) comes back with its child."""
    told = story(way)
    before, after = told.ike("child rekeyed"), told.ike("ike rekeyed")

    assert before["responder-spi"] != after["responder-spi"]
    assert told.child("ike rekeyed")["spi-in"] == told.child("child rekeyed")["spi-in"]


@each_way
def test_delete_ends_everything(story, way):
    """After strongSwan's Delete neither end has an IKE SA; the responder's end was waited for."""
    assert story(way).snapshots["deleted"] == []


@each_way
def test_strongswan_has_nothing_to_complain_of(story, way):
    """Its log tells of no refusal, no repetition, nothing invalid and nothing that did not decrypt."""
    assert complaints(story(way).log) == []


@each_way
def test_both_daemons_end_well(story, way):
    """Asked to end, each does, with status 0."""
    assert story(way).statuses == {"strongSwan": 0, "responder": 0}


@each_way
def test_audit_is_clean(story, way, audited):
    """The audit of the capture, without keys, finds the three claims kept."""
    told = audited(story(way).capture)

    assert told["claims"] == {"safety": "PASS", "liveness": "PASS", "protocol": "PASS"}
    assert {finding["verdict"] for finding in told["findings"]} <= {"PASS", "NOT_APPLICABLE", "INCONCLUSIVE"}


@each_way
@pytest.mark.parametrize("files", [("keys.jsonl",), ("ikev1_decryption_table", "ikev2_decryption_table")])
def test_audit_with_keys_is_clean(story, way, files, audited):
    """With the daemon's keys, whole or as Wireshark's tables, the audit finds nothing worse."""
    heard = story(way)
    keys = [word for name in files for word in ("--keys", heard.keys / name)]

    assert audited(heard.capture, *keys)["verdict"] == "PASS"


@each_way
def test_every_message_is_shown_opened(story, way, capsys):
    """`show` opens each sealed message with the keys on file."""
    told = story(way)
    keys = told.keys / "keys.jsonl"
    assert main(["show", str(told.capture), "--device", DEVICE, "--keys", str(keys), "--json"]) == 0
    lines = [row["line"] for row in json.loads(capsys.readouterr().out)["messages"]]
    sealed = [line for line in lines if re.search(r"SK|HDR\*", line)]

    assert len(sealed) > 10
    assert [line for line in sealed if not re.search(r"(SK|HDR\*)\{", line)] == []


@needs_tshark
def test_tshark_reads_ike_auth(story):
    """With the daemon's table Wireshark's dissector sees identities and Traffic Selectors of both IKE_AUTH messages."""
    rows = decrypted(
        story("v2"), "isakmp.exchangetype == 35", "isakmp.id.data.ipv4_addr", "isakmp.ts.start_ipv4"
    )

    assert rows == [
        ["10.9.0.2,10.9.0.1", "172.16.2.0,172.16.1.0"],
        ["10.9.0.1", "172.16.2.0,172.16.1.0"],
    ]


@needs_tshark
@pytest.mark.parametrize("way", ["v1-main", "v1-aggressive"])
def test_tshark_reads_quick_mode(story, way):
    """With the daemon's table Wireshark's dissector sees the subnets in the first two messages of both Quick Modes."""
    rows = decrypted(story(way), "isakmp.exchangetype == 32", "isakmp.id.data.ipv4_addr")

    assert [row[0] for row in rows] == ["172.16.2.0,172.16.1.0", "172.16.2.0,172.16.1.0", ""] * 2


@each_way
def test_keys_are_for_their_owner_alone(story, way):
    """The daemon's key files have mode 0600 and lie in a directory of mode 0700."""
    keys = story(way).keys

    assert keys.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()} == {
        "ikev1_decryption_table": 0o600,
        "ikev2_decryption_table": 0o600,
        "keys.jsonl": 0o600,
    }


@pytest.mark.parametrize(
    ("trigger", "rules"),
    [("soft_expiry", {"INV-02", "INV-03"}), ("operator_initiate", {"INV-01", "INV-03"})],
)
def test_audit_catches_a_device_that_starts(network, stage, configuration, trigger, rules, audited):
    """The same daemon set up two-way starts towards strongSwan when provoked, and the audit says FAIL."""
    dump = stage.dump(network)
    device = stage.responder(network, replace(configuration, profile=ProfileName.TWO_WAY))
    peer = stage.strongswan(network)
    peer.initiate("v2")

    assert device.ask(do="provoke", trigger=trigger)["ok"]
    dump.finish()

    told = audited(stage.place / "conversation.pcap", status=1)
    assert told["claims"]["safety"] == "FAIL"
    broken = {finding["rule"] for finding in told["findings"] if finding["verdict"] == "FAIL"}
    assert broken & rules
