"""Daemons as Debian packages them against `ike-harness responder`, each in a network namespace of its own."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from harness.capture import read
from harness.capture.wireshark import read_table
from harness.cli import main
from harness.codes import ProfileName
from harness.observe import observe
from harness.target.strongswan import Strongswan
from testcases.selftest.interop.conversation import HOST, child_rekeyed, deleted, ike_rekeyed, pinged
from testcases.selftest.interop.scenes import SCENES, named
from testcases.selftest.interop.stage import CONFIGURATION, DEVICE
from testcases.selftest.observe.classes import in_udp, of_ours, of_tshark

pytestmark = pytest.mark.daemon
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def each(*names):
    """The test is told these stories."""
    return pytest.mark.parametrize("story", names, indirect=True)


@pytest.fixture
def audited(capsys):
    """Audits a capture by the command line; `status` is what the command is to end with."""

    def audit(capture, *words, devices=(DEVICE,), status=0):
        told = [word for device in devices for word in ("--device", device)]
        assert main(["audit", str(capture), *told, "--json", *map(str, words)]) == status
        return json.loads(capsys.readouterr().out)

    return audit


@pytest.fixture
def shown(story, capsys):
    """The messages of the story's capture, a line each with its direction, opened by the keys on file."""
    devices = [word for device in story.devices for word in ("--device", device)]
    keys = [word for place in story.keys for word in ("--keys", str(place / "keys.jsonl"))]
    assert main(["show", str(story.capture), *devices, *keys, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["messages"]
    return [f"{'<-' if row['from_target'] else '->'} {row['line']}" for row in rows]


AMISS = re.compile(
    r"invalid|fail|unable|mismatch|retransmi|error|ignor|unknown|unsupported|unexpected|reject", re.I
)
HARMLESS = {
    "strongswan": (
        r"loaded plugins"
        r"|retransmit 1 of request message ID 0, seq 1"  # an answer to a renewed phase 1 may be too fast for it
        r"|replay state|usage stats"  # what stands in for the kernel's SAs has none
    ),
    "libreswan": (
        r"netlink_expire got message with length"  # its own notice of a reserved SPI, cut short by the kernel
        r"|no corresponding IKE SA"  # it forgets an SA as soon as it has sent the Delete
        r"|INVALID_KE_PAYLOAD response to DH"  # it tries the group that it is told of
        r"|no bare shunt"  # nothing was held back for a child of transport mode
        r"|leak-detective|native\(|seccomp|selinux"
    ),
    "openiked": (
        r"unknown for peer|unknown SA"  # it forgets an SA as soon as it has sent the Delete
        r"|signature hash <UNKNOWN:5>"  # of EdDSA (RFC 8420)
        r"|ikev2_pld_notify: .* type INVALID_KE_PAYLOAD"  # it tries the group that it is told of
    ),
    "vpnc": r"reject offer|DPD capable|\(unknown\)",
}
"""What looks like a complaint in a daemon's log and is none."""


def complaints(story):
    """The lines in which the daemon says that something went amiss."""
    harmless = re.compile(HARMLESS[story.scene.kind.kind])
    return [line for line in story.log.splitlines() if AMISS.search(line) and not harmless.search(line)]


def decrypted(story, shown, *fields):
    """The fields of the messages that a display filter of tshark takes, opened by the tables of the responder."""
    wanted = [word for name in fields for word in ("-e", name)]
    done = subprocess.run(
        [
            "tshark",
            "-r",
            story.capture,
            "-o",
            "esp.enable_encryption_decode:TRUE",
            "-Y",
            shown,
            "-T",
            "fields",
            *wanted,
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "WIRESHARK_CONFIG_DIR": str(story.keys[0])},
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


@each(*SCENES)
def test_ike_sa_and_child_come_up(story):
    """Phase 1 or IKE_SA_INIT and IKE_AUTH, then the child: both stand in the daemon's eyes."""
    assert len(story.moments["up"]) == 1
    assert len(story.ike("up").children) == 1


@each(*named(act=child_rekeyed))
def test_child_is_rekeyed(story):
    """A child that the daemon replaces comes back under new SPIs of both ends, in the same IKE SA."""
    before, after = story.child("up"), story.child("child rekeyed")

    assert {before.spi_in, before.spi_out}.isdisjoint({after.spi_in, after.spi_out})
    assert story.ike("up").name == story.ike("child rekeyed").name


@each(*named(act=ike_rekeyed))
def test_ike_sa_is_rekeyed(story):
    """An IKE SA that the daemon replaces (in version 1: a new phase 1) comes back with its child."""
    assert story.ike("child rekeyed").name != story.ike("ike rekeyed").name
    assert story.child("ike rekeyed") == story.child("child rekeyed")


@each(*named(act=deleted))
def test_delete_ends_everything(story):
    """After the daemon's Delete neither end has an IKE SA; the responder's end was waited for."""
    assert story.moments["deleted"] == []


@each(*(name for name, scene in SCENES.items() if not scene.troubled))
def test_daemon_has_nothing_to_complain_of(story):
    """Its log tells of no refusal, no repetition, nothing invalid and nothing that did not decrypt."""
    assert complaints(story) == []


@each(*SCENES)
def test_both_daemons_end_well(story):
    """Asked to end, each does, with status 0."""
    assert story.statuses == {"the daemon": 0, "the responder": 0}


@each(*SCENES)
def test_audit_is_clean(story, audited):
    """The audit of the capture, without keys, finds the three claims kept."""
    told = audited(story.capture, devices=story.devices)

    assert told["claims"] == {"safety": "PASS", "liveness": "PASS", "protocol": "PASS"}
    assert {finding["verdict"] for finding in told["findings"]} <= {"PASS", "NOT_APPLICABLE", "INCONCLUSIVE"}


@each(*SCENES)
@pytest.mark.parametrize("files", [("keys.jsonl",), ("ikev1_decryption_table", "ikev2_decryption_table")])
def test_audit_with_keys_is_clean(story, files, audited):
    """With the responder's keys, whole or as Wireshark's tables, the audit finds nothing worse."""
    keys = [word for place in story.keys for name in files for word in ("--keys", place / name)]

    assert audited(story.capture, *keys, devices=story.devices)["verdict"] == "PASS"


@each(*SCENES)
def test_every_message_is_shown_opened(shown):
    """`show` opens each sealed message with the keys on file."""
    sealed = [line for line in shown if re.search(r"SK|HDR\*", line)]

    assert len(sealed) > 2
    assert [line for line in sealed if not re.search(r"(SKF?|HDR\*)\{", line)] == []


@each(*(name for name, scene in SCENES.items() if scene.shows))
def test_messages_are_those_that_the_scene_is_about(story, shown):
    """A message meets each of its patterns, and they come in this order."""
    lines = iter(shown)
    missing = [each for each in story.scene.shows if not any(re.search(each, line) for line in lines)]

    assert missing == []


@needs_tshark
@each(*SCENES)
def test_tshark_sees_the_same_messages(story, tmp_path):
    """Exchange, direction, Message ID and SPIs of each message are the same to both readers; over TCP one by one."""
    secrets = [each for place in story.keys for each in read_table(place / "keys.jsonl").secrets]
    seen = observe(read(story.capture), story.devices, secrets).seen
    streamed = [each for each in seen if each.over_tcp]
    told = of_tshark(in_udp(streamed, tmp_path / "in-udp.pcapng")) if streamed else of_tshark(story.capture)

    assert list(told.values()) == list(of_ours(seen).values())


@each("libreswan tcp")
def test_stream_is_that_of_tcp_encapsulation(story):
    """The connection begins with the stream prefix (RFC 9329 section 4), and nothing went over UDP."""
    octets = story.capture.read_bytes()

    assert octets.count(b"IKETCP") == 1
    assert story.log.count("to 10.9.0.1:4500") == 1


@needs_tshark
@each("strongswan v2", "libreswan v2", "openiked v2", "strongswan rsa", "libreswan ecdsa")
def test_tshark_reads_ike_auth(story):
    """With the responder's table Wireshark's dissector sees identities and Traffic Selectors of both IKE_AUTH messages."""
    rows = decrypted(story, "isakmp.exchangetype == 35", "isakmp.id.data.ipv4_addr", "isakmp.ts.start_ipv4")
    request, response = rows

    assert request[0] in ("10.9.0.2", "10.9.0.2,10.9.0.1")
    assert response[0] == "10.9.0.1"
    assert request[1] == response[1] == "172.16.2.0,172.16.1.0"


@needs_tshark
@each(*(name for name in named(act=child_rekeyed) if SCENES[name].way != "v2"))
def test_tshark_reads_quick_mode(story):
    """With the responder's table Wireshark's dissector sees the subnets in the first two messages of both Quick Modes."""
    rows = decrypted(story, "isakmp.exchangetype == 32", "isakmp.id.data.ipv4_addr")

    assert [row[0] for row in rows] == ["172.16.2.0,172.16.1.0", "172.16.2.0,172.16.1.0", ""] * 2


@needs_tshark
@each(*named(act=pinged))
def test_tshark_reads_what_is_in_the_packets(story):
    """With the responder's table of ESP Wireshark's dissector sees each echo and its reply, from host to host."""
    rows = decrypted(story, "icmp", "icmp.type", "ip.src", "ip.dst")
    asked = [row for row in rows if row[0] == "8"]

    assert [row[0] for row in rows] == ["8", "0"] * 3
    assert {row[2] for row in asked} == {f"{DEVICE},{HOST}"}


@each(*SCENES)
def test_keys_are_for_their_owner_alone(story):
    """The responder's key files have mode 0600 and lie in a directory of mode 0700."""
    (keys, *_) = story.keys
    assert keys.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("trigger", "rules"),
    [("soft_expiry", {"INV-02", "INV-03"}), ("operator_initiate", {"INV-01", "INV-03"})],
)
def test_audit_catches_a_device_that_starts(network, stage, trigger, rules, audited):
    """The same daemon set up two-way starts towards strongSwan when provoked, and the audit says FAIL."""
    dump = stage.dump(network)
    device = stage.responder(network, replace(CONFIGURATION, profile=ProfileName.TWO_WAY))
    stage.daemon(Strongswan, network).initiate("v2")

    assert device.ask(do="provoke", trigger=trigger)["ok"]
    dump.finish()

    told = audited(stage.capture, status=1)
    assert told["claims"]["safety"] == "FAIL"
    broken = {finding["rule"] for finding in told["findings"] if finding["verdict"] == "FAIL"}
    assert broken & rules
