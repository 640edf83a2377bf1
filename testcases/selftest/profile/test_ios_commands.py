"""Cisco IOS commands one by one: each that is read is printed again, where it says another thing than the default."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.codes import AuthMethodV1, EncrV1, HashV1, Integ, Prf
from harness.peer.certified import certified
from harness.profile import DEFAULT, Configuration, Dpd, Identity, Ppk
from harness.profile.ios import read, show

IKEV2 = """\
crypto ikev2 proposal p
 encryption aes-cbc-256
 integrity sha256
 group 14
crypto ikev2 policy q
 proposal p
crypto ikev2 keyring ring
 peer bob
  address 192.0.2.9
  pre-shared-key open-sesame
crypto ikev2 profile spokes
 match identity remote address 192.0.2.9 255.255.255.255
 authentication remote pre-share
 authentication local pre-share
 keyring local ring
crypto ipsec transform-set t esp-aes 256 esp-sha-hmac
crypto ipsec profile vti
 set transform-set t
 set ikev2-profile spokes
 responder-only
interface Tunnel0
 tunnel source 192.0.2.1
 tunnel destination 192.0.2.9
 tunnel protection ipsec profile vti
"""
IKEV1 = """\
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
 lifetime 7200
crypto keyring ring
 pre-shared-key address 192.0.2.9 key open-sesame
crypto isakmp profile clients
 keyring ring
 match identity address 192.0.2.9 255.255.255.255
crypto ipsec transform-set t esp-aes 256 esp-sha-hmac
crypto ipsec profile vti
 set transform-set t
 set isakmp-profile clients
 responder-only
interface Tunnel0
 tunnel source 192.0.2.1
 tunnel destination 192.0.2.9
 tunnel protection ipsec profile vti
"""

Get = Callable[[Configuration], Any]

IN_GLOBAL: list[tuple[str, Get, object]] = [
    ("crypto isakmp keepalive 20 4 periodic", lambda c: c.dpd, Dpd(20.0, 4.0)),
    ("crypto isakmp aggressive-mode disable", lambda c: c.aggressive, False),
    ("crypto isakmp nat keepalive 30", lambda c: c.packets.nat_keepalive, 30.0),
    ("crypto ikev2 nat keepalive 45", lambda c: c.packets.nat_keepalive, 45.0),
    ("crypto ikev2 dpd 30 5 on-demand", lambda c: c.dpd, Dpd(30.0, 5.0)),
    ("crypto ikev2 cookie-challenge 0", lambda c: c.cookie_threshold, 0),
    ("crypto ikev2 window 8", lambda c: c.exchanges.window, 8),
    ("crypto ikev2 fragmentation", lambda c: c.fragments and c.fragments.size, 576),
    ("crypto ikev2 fragmentation mtu 1400", lambda c: c.fragments and c.fragments.size, 1400),
    (
        "crypto ipsec security-association replay window-size 512",
        lambda c: c.packets.replay_window,
        512,
    ),
    ("crypto ipsec security-association lifetime seconds 900", lambda c: c.lifetimes.child_hard, 900.0),
    (
        "crypto ipsec security-association lifetime kilobytes 9000",
        lambda c: c.lifetimes.child_kilobytes,
        9000,
    ),
    ("crypto ipsec security-association idle-time 120", lambda c: c.lifetimes.idle, 120.0),
]
IN_PROFILE: list[tuple[str, Get, object]] = [
    ("set pfs group19", lambda c: c.pfs_group, 19),
    ("set security-association lifetime seconds 600", lambda c: c.lifetimes.child_hard, 600.0),
    ("set security-association lifetime seconds disable", lambda c: c.lifetimes.child_hard, None),
    ("set security-association lifetime kilobytes 5000", lambda c: c.lifetimes.child_kilobytes, 5000),
    ("set security-association lifetime kilobytes disable", lambda c: c.lifetimes.child_kilobytes, None),
    ("set security-association idle-time 60", lambda c: c.lifetimes.idle, 60.0),
]
IN_IKEV2_PROFILE: list[tuple[str, Get, object]] = [
    ("identity local fqdn hub.example", lambda c: c.local_id, Identity("fqdn", "hub.example")),
    ("identity local email hub@example", lambda c: c.local_id, Identity("user_fqdn", "hub@example")),
    ("identity local key-id hub", lambda c: c.local_id, Identity("key_id", "hub")),
    ("identity local address 192.0.2.77", lambda c: c.local_id, Identity("ipv4", "192.0.2.77")),
    ("lifetime 5000", lambda c: c.lifetimes.ike_hard, 5000.0),
    ("dpd 12 3 periodic", lambda c: c.dpd, Dpd(12.0, 3.0)),
]


def names(rows: list[tuple[str, Get, object]]) -> list[str]:
    """The commands of a table."""
    return [command for command, _, _ in rows]


def stable(configuration: Configuration) -> bool:
    """Whether it is printed in a text that reads back as it, and is printed so again."""
    printed = show(configuration)
    return read(printed).configuration == configuration and show(read(printed).configuration) == printed


@pytest.mark.parametrize(("command", "get", "value"), IN_GLOBAL, ids=names(IN_GLOBAL))
def test_global_command(command: str, get: Get, value: object) -> None:
    """A command of the device as a whole."""
    configuration = read(f"{command}\n{IKEV2}").configuration

    assert get(configuration) == value
    assert stable(configuration)


@pytest.mark.parametrize(("command", "get", "value"), IN_PROFILE, ids=names(IN_PROFILE))
def test_command_of_an_ipsec_profile(command: str, get: Get, value: object) -> None:
    """A command under `crypto ipsec profile`."""
    text = IKEV2.replace(" responder-only", f" {command}\n responder-only")
    configuration = read(text).configuration

    assert get(configuration) == value
    assert stable(configuration)


@pytest.mark.parametrize(("command", "get", "value"), IN_IKEV2_PROFILE, ids=names(IN_IKEV2_PROFILE))
def test_command_of_an_ikev2_profile(command: str, get: Get, value: object) -> None:
    """A command under `crypto ikev2 profile`."""
    text = IKEV2.replace(" keyring local ring\n", f" keyring local ring\n {command}\n")
    configuration = read(text).configuration

    assert get(configuration) == value
    assert stable(configuration)


@pytest.mark.parametrize(
    "command",
    [
        *names([row for row in IN_GLOBAL if row[0].startswith("crypto ikev2") and "dpd" not in row[0]]),
        "crypto isakmp aggressive-mode disable",
    ],
)
def test_what_is_said_in_commands_is_printed_in_commands(command: str) -> None:
    """No comment is needed for what IOS has a command for."""
    tunnel = IKEV1 if "isakmp" in command else IKEV2
    printed = show(read(f"{command}\n{tunnel}").configuration)

    assert command.split()[2] in printed
    assert "ike-harness packets" not in printed


def test_version_1_command_by_command() -> None:
    """Policy, keyring, profile and transform set of a version 1 tunnel."""
    configuration = read(IKEV1).configuration
    (policy,) = configuration.proposals_v1

    assert (policy.encr, policy.key_bits, policy.hash, policy.group, policy.lifetime) == (
        EncrV1.AES_CBC,
        256,
        HashV1.SHA2_256,
        14,
        7200,
    )
    assert policy.auth == AuthMethodV1.PRE_SHARED_KEY
    assert (configuration.psk, configuration.versions) == (b"open-sesame", (1,))
    assert stable(configuration)


def test_version_2_command_by_command() -> None:
    """Proposal, policy, keyring, profile and transform set of a version 2 tunnel."""
    configuration = read(IKEV2).configuration
    (suite,) = configuration.proposals_v2

    assert (suite.key_bits, suite.integ, suite.prf, suite.group) == (
        256,
        Integ.AUTH_HMAC_SHA2_256_128,
        Prf.PRF_HMAC_SHA2_256,
        14,
    )
    assert (configuration.psk, configuration.versions) == (b"open-sesame", (2,))
    assert configuration.remote_id == Identity("ipv4", "192.0.2.9")
    assert stable(configuration)


def test_whole_tunnel_has_nothing_to_remark() -> None:
    """Every line of both texts is read, and means what it says."""
    readings = [read(text) for text in (IKEV1, IKEV2)]

    assert [(reading.warnings, reading.unknown) for reading in readings] == [((), ())] * 2


@pytest.mark.parametrize("required", [True, False])
def test_a_post_quantum_key_stands_in_the_keyring(required: bool) -> None:
    """RFC 8784: `ppk manual id … key …`, without which no IKE SA is made if it is required."""
    line = f"  ppk manual id spoke key open-barley{' required' if required else ''}\n"
    configuration = read(IKEV2.replace("open-sesame\n", f"open-sesame\n{line}")).configuration

    assert configuration.ppk == Ppk(b"spoke", b"open-barley", mandatory=required)
    assert stable(configuration)
    assert "ike-harness ppk" not in show(configuration)


def test_transport_mode_is_the_transform_sets() -> None:
    """`mode transport` asks for it, and is printed again."""
    configuration = read(IKEV2.replace("esp-sha-hmac\n", "esp-sha-hmac\n mode transport\n")).configuration

    assert configuration.children.transport
    assert " mode transport" in show(configuration)
    assert stable(configuration)


@pytest.mark.parametrize(
    ("word", "proof"), [("rsa-sig", "signature"), ("ecdsa-sig", "signature"), ("eap", "eap")]
)
def test_the_peer_may_prove_itself_otherwise(word: str, proof: str) -> None:
    """`authentication remote` names how, and it is printed again."""
    configuration = read(IKEV2.replace("remote pre-share", f"remote {word}")).configuration

    assert configuration.remote_auth == proof
    assert stable(configuration)


def test_signing_needs_what_ios_keeps_elsewhere() -> None:
    """Without a certificate in a comment the pre-shared key is taken, and that is said."""
    reading = read(IKEV2.replace("local pre-share", "local rsa-sig"))

    assert reading.configuration.local_auth == "psk"
    assert "no certificate with its key stands in a comment `credentials`" in str(reading.warnings)


def test_a_device_that_signs_reads_back() -> None:
    """Certificates and key stand in a comment; the way to authenticate in the command."""
    signing = replace(certified(DEFAULT), versions=(2,))

    assert " authentication local rsa-sig" in show(signing)
    assert stable(signing)


def test_a_line_that_nobody_reads_is_reported() -> None:
    """Its number, and no more of it than may be shown."""
    reading = read(IKEV2 + "crypto ikev2 http-url cert\n")

    assert [str(note) for note in reading.unknown] == [
        f"line {IKEV2.count(chr(10)) + 1}: `crypto ikev2 …` is not read"
    ]
