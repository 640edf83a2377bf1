"""Cisco IOS texts of several tunnels and keys: who the peers of the device are, and what is remarked."""

import pytest

from harness.codes import ProfileName
from harness.profile import Identity, Peer
from harness.profile.ios import ConfigurationError, read, show

SUITES = """\
crypto isakmp policy 10
 encr aes
 authentication pre-share
 group 14
crypto ikev2 proposal p
 encryption aes-cbc-256
 integrity sha256
 group 14
crypto ikev2 policy q
 proposal p
crypto ipsec transform-set t esp-aes 256 esp-sha-hmac
"""
HUB = f"""\
{SUITES}crypto ikev2 keyring ring
 peer bob
  address 192.0.2.3
  pre-shared-key key-of-bob
 peer carol
  identity fqdn carol.example
  pre-shared-key key-of-carol
 peer others
  address 0.0.0.0 0.0.0.0
  pre-shared-key key-of-all
crypto ikev2 profile spokes
 match identity remote any
 identity local fqdn hub.example
 authentication remote pre-share
 authentication local pre-share
 keyring local ring
crypto ipsec profile dynamic
 set transform-set t
 set ikev2-profile spokes
 responder-only
interface Virtual-Template1 type tunnel
 tunnel source 198.51.100.1
 tunnel mode ipsec ipv4
 tunnel protection ipsec profile dynamic
"""
TWO_TUNNELS = f"""\
{SUITES}crypto keyring ring
 pre-shared-key address 192.0.2.3 key key-of-bob
 pre-shared-key address 192.0.2.4 key key-of-dora
 pre-shared-key hostname emil.example key key-of-emil
crypto isakmp profile clients
 keyring ring
 match identity address 0.0.0.0
crypto isakmp profile dora
 keyring ring
 match identity host dora.example
 keepalive 30 retry 5
crypto ipsec profile strict
 set transform-set t
 set isakmp-profile clients
 responder-only
crypto ipsec profile loose
 set transform-set t
 set isakmp-profile dora
 set pfs group14
 set security-association lifetime seconds 600
ip access-list extended to-dora
 permit ip 10.0.0.0 0.0.0.255 10.4.0.0 0.0.255.255
interface Tunnel0
 tunnel source 198.51.100.1
 tunnel destination 192.0.2.3
 tunnel mode ipsec ipv4
 tunnel protection ipsec profile strict
interface Tunnel1
 tunnel source 198.51.100.9
 tunnel destination 192.0.2.4
 tunnel mode ipsec ipv4
 tunnel protection ipsec policy ipv4 to-dora
 tunnel protection ipsec profile loose
"""
MAP = f"""\
{SUITES}crypto isakmp key key-of-bob address 192.0.2.3
crypto isakmp key key-of-all address 0.0.0.0 0.0.0.0
crypto dynamic-map spokes 10
 set transform-set t
crypto map outside 10 ipsec-isakmp
 set peer 192.0.2.3
 set transform-set t
 set pfs group14
 match address to-bob
crypto map outside 20 ipsec-isakmp dynamic spokes
ip access-list extended to-bob
 permit ip 10.0.0.0 0.0.0.255 10.3.0.0 0.0.255.255
interface Ethernet0/0
 ip address 198.51.100.1 255.255.255.0
 crypto map outside
"""


def dora() -> Peer:
    """The second peer of the two tunnels."""
    (peer,) = read(TWO_TUNNELS).configuration.further_peers
    return peer


def refusal_of(text: str) -> ConfigurationError:
    """How a text is refused."""
    with pytest.raises(ConfigurationError) as caught:
        read(text, "router.cfg")
    return caught.value


# --- keyrings ---------------------------------------------------------------------------------------------


def test_each_key_of_a_dynamic_tunnel_is_a_peer() -> None:
    """A keyring with three peers: one by address, one by name, and whoever else comes."""
    peers = [(view.remote_id, view.peer, view.psk) for view in read(HUB).configuration.each_peer()]

    assert peers == [
        (Identity("ipv4", "192.0.2.3"), "192.0.2.3", b"key-of-bob"),
        (Identity("fqdn", "carol.example"), None, b"key-of-carol"),
        (None, None, b"key-of-all"),
    ]


def test_responder_only_of_the_profile_holds_for_all_of_them() -> None:
    """The switch is the IPsec profile's, and so every peer's of its tunnel."""
    views = read(HUB).configuration.each_peer()

    assert {view.profile for view in views} == {ProfileName.STRICT}


def test_only_matched_identities_are_let_in() -> None:
    """A profile that matches two names has two peers, each with the key that fits it."""
    text = HUB.replace(
        " match identity remote any\n",
        " match identity remote fqdn carol.example\n match identity remote key-id kiosk\n",
    )

    peers = [(view.remote_id, view.psk) for view in read(text).configuration.each_peer()]

    assert peers == [
        (Identity("fqdn", "carol.example"), b"key-of-carol"),
        (Identity("key_id", "kiosk"), b"key-of-all"),
    ]


def test_a_key_by_hostname_is_for_that_name() -> None:
    """Version 1 too has keys by name, for Aggressive Mode."""
    text = TWO_TUNNELS.replace(" tunnel destination 192.0.2.3\n", "").replace("Tunnel0", "Virtual-Template1")

    peers = {view.remote_id: view.psk for view in read(text).configuration.each_peer()}

    assert peers[Identity("fqdn", "emil.example")] == b"key-of-emil"


def test_a_peer_without_a_key_is_remarked() -> None:
    """Nobody is played with a key that the text doesn't hold without a word about it."""
    text = HUB.replace("  pre-shared-key key-of-all\n", "").replace(
        "match identity remote any", "match identity remote key-id kiosk"
    )

    assert "no key is configured for kiosk: the default key is taken" in str(read(text).warnings)


def test_keys_of_a_ring_stay_in_it() -> None:
    """A profile that names a keyring has no key of another one."""
    text = HUB + "crypto ikev2 keyring other\n peer eve\n  address 192.0.2.66\n  pre-shared-key key-of-eve\n"

    assert b"key-of-eve" not in [view.psk for view in read(text).configuration.each_peer()]


# --- several tunnels --------------------------------------------------------------------------------------


def test_each_tunnel_has_its_own_profile() -> None:
    """A device may be responder-only on one tunnel and two-way on the next."""
    configuration = read(TWO_TUNNELS).configuration

    assert (configuration.profile, dora().profile) == (ProfileName.STRICT, ProfileName.TWO_WAY)


def test_each_tunnel_has_its_own_peer() -> None:
    """Identity, address, key and traffic are the tunnel's."""
    assert (dora().remote_id, dora().peer, dora().psk, dora().remote_subnets) == (
        Identity("fqdn", "dora.example"),
        "192.0.2.4",
        b"key-of-dora",
        ("10.4.0.0/16",),
    )


def test_each_tunnel_has_its_own_lifetimes() -> None:
    """So are lifetimes, PFS and liveness checks; what it doesn't say is IOS's default."""
    configuration = read(TWO_TUNNELS).configuration

    assert (configuration.lifetimes.child_hard, dora().lifetimes.child_hard) == (3600.0, 600.0)
    assert (configuration.pfs_group, dora().pfs_group) == (None, 14)
    assert (configuration.dpd, dora().dpd is not None) == (None, True)


def test_each_tunnel_has_its_own_source() -> None:
    """The device is called, and calls, at the address of the tunnel."""
    assert (read(TWO_TUNNELS).configuration.local_address, dora().local_address) == (
        "198.51.100.1",
        "198.51.100.9",
    )


def test_two_tunnels_are_not_remarked() -> None:
    """All of the text is played: there is nothing to say about it but what responder-only means."""
    assert read(TWO_TUNNELS).warnings == ()


def test_two_tunnels_to_one_identity_are_refused() -> None:
    """Nothing could tell their peers apart; the second tunnel's line is named."""
    text = TWO_TUNNELS.replace("match identity host dora.example", "match identity address 0.0.0.0")

    refusal = refusal_of(text)

    assert refusal.line == text.splitlines().index("interface Tunnel1") + 1
    assert refusal.reason == "two peers are anybody; an identity tells peers apart"


@pytest.mark.parametrize("text", [HUB, TWO_TUNNELS, MAP], ids=["keys", "tunnels", "map"])
def test_printing_what_was_read_is_stable(text: str) -> None:
    """Read, printed, and read again it is the same device, printed in the same words."""
    configuration = read(text).configuration
    printed = show(configuration)

    assert read(printed).configuration == configuration
    assert show(read(printed).configuration) == printed


def test_several_peers_are_printed_as_tunnels() -> None:
    """What IOS has commands for is said in them."""
    printed = show(read(TWO_TUNNELS).configuration)

    assert "further-peers" not in printed
    assert "interface Tunnel1\n tunnel source 198.51.100.9\n" in printed


# --- crypto maps ------------------------------------------------------------------------------------------


def test_entries_of_a_map_on_an_interface_are_two_way_tunnels() -> None:
    """A static entry has a peer, a dynamic one whoever there is a key for; neither can be responder-only."""
    views = read(MAP).configuration.each_peer()

    assert [(view.peer, view.psk, view.profile) for view in views] == [
        ("192.0.2.3", b"key-of-bob", ProfileName.TWO_WAY),
        (None, b"key-of-all", ProfileName.TWO_WAY),
    ]


def test_a_map_has_the_address_of_its_interface_and_the_traffic_of_its_list() -> None:
    """The entry says peer, list, transform set and PFS; the interface where the device is."""
    configuration = read(MAP).configuration

    assert configuration.local_address == "198.51.100.1"
    assert (configuration.local_subnets, configuration.remote_subnets) == (("10.0.0.0/24",), ("10.3.0.0/16",))
    assert (configuration.pfs_group, configuration.versions) == (14, (1,))


def test_an_undefined_dynamic_map_is_remarked() -> None:
    """An entry that refers to nothing is left out, and that is said."""
    text = MAP.replace("crypto dynamic-map spokes", "crypto dynamic-map others")

    assert "dynamic crypto map `spokes` is not defined here and left out" in str(read(text).warnings)


def test_an_undefined_profile_of_a_tunnel_is_remarked() -> None:
    """A tunnel protected by nothing that is defined is left out, and that is said."""
    text = TWO_TUNNELS + "interface Tunnel7\n tunnel protection ipsec profile lost\n"

    assert "IPsec profile `lost` is not defined here: the tunnel is left out" in str(read(text).warnings)
