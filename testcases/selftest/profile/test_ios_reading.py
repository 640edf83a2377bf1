"""Cisco IOS text read: what the feature's own example means, what is refused, and what is only remarked."""

import pytest

from harness.codes import Encr, EncrV1, HashV1, Integ, ProfileName
from harness.profile import DEFAULT, ChildProposal, Dpd, Identity, IkeProposal, IsakmpPolicy
from harness.profile.ios import ConfigurationError, Reading, read

EXAMPLE = """\
crypto ipsec profile vti
 set transform-set 3dessha
 set isakmp-profile clients
 responder-only
"""
ONE_LINE = "crypto ipsec profile vti set transform-set 3dessha set isakmp-profile clients responder-only"
FLUSH_LEFT = EXAMPLE.replace("\n ", "\n")
SPELLINGS = pytest.mark.parametrize(
    "text", [EXAMPLE, ONE_LINE, FLUSH_LEFT], ids=["lines", "one-line", "flush-left"]
)
THREE_DES_SHA = ChildProposal(3, Encr.ENCR_3DES, None, Integ.AUTH_HMAC_SHA1_96)

TUNNEL = """\
crypto isakmp policy 10
 encr 3des
 authentication pre-share
 group 2
crypto keyring ring
 pre-shared-key address 192.0.2.9 key 0 sesame-opens
crypto isakmp profile clients
 keyring ring
 match identity host spoke.example
 self-identity fqdn hub.example
crypto ipsec transform-set 3dessha esp-3des esp-sha-hmac
crypto ipsec profile vti
 set transform-set 3dessha
 set isakmp-profile clients
 responder-only
interface Tunnel0
 ip address 10.0.0.1 255.255.255.0
 tunnel source 198.51.100.1
 tunnel destination 192.0.2.9
 tunnel mode ipsec ipv4
 tunnel protection ipsec profile vti
"""


def warnings_of(text: str) -> str:
    """All remarks on a text, a line each."""
    return "\n".join(map(str, read(text).warnings))


def refusal_of(text: str) -> ConfigurationError:
    """How a text is refused."""
    with pytest.raises(ConfigurationError) as caught:
        read(text, "router.cfg")
    return caught.value


# --- the example ------------------------------------------------------------------------------------------


@SPELLINGS
def test_example_is_strict(text: str) -> None:
    """The feature's own example is a valid text and makes a strict device."""
    assert read(text).configuration.profile is ProfileName.STRICT


@SPELLINGS
def test_example_offers_3des_and_sha(text: str) -> None:
    """The example's transform set, which it doesn't define, is what its name says."""
    assert read(text).configuration.child_proposals == (THREE_DES_SHA,)


@SPELLINGS
def test_example_is_remarked_upon(text: str) -> None:
    """Whatever the example leaves undefined is said, and what is taken instead."""
    remarks = warnings_of(text)

    assert "transform set `3dessha` is not defined here: esp-3des esp-sha-hmac is taken" in remarks
    assert "ISAKMP profile `clients` is not defined here" in remarks
    assert "no tunnel interface is protected by IPsec profile `vti`" in remarks


def test_remarks_name_their_lines() -> None:
    """A remark on the second line says line 2."""
    transform_set = next(note for note in read(EXAMPLE).warnings if "transform set" in note.text)

    assert transform_set.line == 2


@SPELLINGS
def test_without_the_command_the_device_is_two_way(text: str) -> None:
    """IOS initiates unless it is told not to."""
    assert read(text.replace("responder-only", "")).configuration.profile is ProfileName.TWO_WAY


def test_negated_command_is_two_way() -> None:
    """`no responder-only` is the default said aloud."""
    assert read(EXAMPLE.replace(" responder", " no responder")).configuration.profile is ProfileName.TWO_WAY


def test_no_profile_at_all_is_two_way() -> None:
    """A text without an IPsec profile can't have made a device responder-only."""
    reading = read("hostname hub\n")

    assert reading.configuration.profile is ProfileName.TWO_WAY
    assert "no `crypto ipsec profile`" in str(reading.warnings)


def test_two_way_without_ikev2_profile_starts_version_1() -> None:
    """A tunnel with an ISAKMP profile alone is opened by Main Mode."""
    configuration = read(EXAMPLE).configuration

    assert (configuration.initiate_version, configuration.initiate_mode) == (1, "main")


# --- a whole tunnel ---------------------------------------------------------------------------------------


def test_whole_tunnel_has_nothing_to_remark() -> None:
    """A text that defines what it names is read without a remark, but for lines of other matters."""
    assert read(TUNNEL).warnings == ()


def test_whole_tunnel_speaks_the_version_of_its_profile() -> None:
    """An ISAKMP profile that is defined means version 1."""
    assert read(TUNNEL).configuration.versions == (1,)


def test_policy_takes_ios_defaults_for_what_it_leaves_out() -> None:
    """A policy without a hash uses SHA, without a lifetime lasts a day."""
    assert read(TUNNEL).configuration.proposals_v1 == (
        IsakmpPolicy(EncrV1.TRIPLE_DES_CBC, None, HashV1.SHA1, 1, 2, 86_400),
    )


def test_identities_come_from_the_profile() -> None:
    """The ISAKMP profile says who the ends are."""
    configuration = read(TUNNEL).configuration

    assert configuration.local_id == Identity("fqdn", "hub.example")
    assert configuration.remote_id == Identity("fqdn", "spoke.example")


def test_addresses_come_from_the_tunnel() -> None:
    """Source and destination of the tunnel are the ends' addresses."""
    configuration = read(TUNNEL).configuration

    assert (configuration.local_address, configuration.peer) == ("198.51.100.1", "192.0.2.9")


def test_tunnel_without_a_list_protects_anything() -> None:
    """A static virtual interface proposes any to any."""
    configuration = read(TUNNEL).configuration

    assert (configuration.local_subnets, configuration.remote_subnets) == (("0.0.0.0/0",), ("0.0.0.0/0",))


def test_key_comes_from_the_keyring() -> None:
    """The keyring of the profile holds the key."""
    assert read(TUNNEL).configuration.psk == b"sesame-opens"


def test_source_may_be_an_interface() -> None:
    """A tunnel's source that names an interface has that interface's address."""
    text = TUNNEL.replace("source 198.51.100.1", "source Ethernet0/0")

    configuration = read(
        text + "interface Ethernet0/0\n ip address 203.0.113.8 255.255.255.0\n"
    ).configuration

    assert configuration.local_address == "203.0.113.8"


def test_source_interface_without_address_is_remarked() -> None:
    """A source that can't be resolved falls back to the default, and that is said."""
    text = TUNNEL.replace("source 198.51.100.1", "source Ethernet0/0")

    assert "interface `Ethernet0/0` has no address here: 192.0.2.1 is taken" in warnings_of(text)


def test_subnets_come_from_the_policy_list() -> None:
    """A tunnel's access list gives its traffic selectors, wildcard masks inverted."""
    text = TUNNEL + " tunnel protection ipsec policy ipv4 nets\nip access-list extended nets\n"

    configuration = read(text + " permit ip 10.1.0.0 0.0.255.255 host 10.2.0.1\n").configuration

    assert (configuration.local_subnets, configuration.remote_subnets) == (("10.1.0.0/16",), ("10.2.0.1/32",))


def test_narrowest_key_wins() -> None:
    """Of two keys that fit the peer the one for the smaller network is used."""
    text = TUNNEL.replace(
        "crypto keyring ring\n", "crypto keyring ring\n pre-shared-key address 0.0.0.0 0.0.0.0 key any\n"
    )

    assert read(text).configuration.psk == b"sesame-opens"


def test_ikev2_lists_multiply() -> None:
    """An IKEv2 proposal stands for each combination of what it lists; the PRF goes with the integrity."""
    text = "crypto ikev2 proposal p\n encryption aes-cbc-128 3des\n integrity sha1\n group 14 5\n"

    suites = read(text).configuration.proposals_v2

    assert suites == tuple(
        IkeProposal(encr, bits, Integ.AUTH_HMAC_SHA1_96, 2, group)
        for encr, bits in ((Encr.ENCR_AES_CBC, 128), (Encr.ENCR_3DES, None))
        for group in (14, 5)
    )


def test_ikev2_policy_orders_the_proposals() -> None:
    """Proposals are offered in the order in which the policy names them."""
    text = "".join(
        f"crypto ikev2 proposal {name}\n encryption 3des\n integrity sha1\n group {group}\n"
        for name, group in (("a", 2), ("b", 5))
    )

    suites = read(text + "crypto ikev2 policy p\n proposal b\n proposal a\n").configuration.proposals_v2

    assert [suite.group for suite in suites] == [5, 2]


@pytest.mark.parametrize(
    ("command", "seconds"),
    [("crypto ipsec security-association lifetime seconds 120", 120.0), ("hostname hub", 3600.0)],
)
def test_ipsec_lifetime_may_be_global(command: str, seconds: float) -> None:
    """The global IPsec lifetime holds where the profile has none; unsaid it is an hour."""
    assert read(f"{command}\n{EXAMPLE}").configuration.lifetimes.child_hard == seconds


def test_lifetime_of_the_profile_comes_first() -> None:
    """The IPsec profile's lifetime is nearer than the global one."""
    text = "crypto ipsec security-association lifetime seconds 120\n" + EXAMPLE

    text += " set security-association lifetime seconds 600\n"

    assert read(text).configuration.lifetimes.child_hard == 600.0


def test_keepalive_is_dpd() -> None:
    """`crypto isakmp keepalive` asks for liveness checks."""
    assert read("crypto isakmp keepalive 20 4 periodic\n" + EXAMPLE).configuration.dpd == Dpd(20.0, 4.0, 5)


def test_aggressive_mode_can_be_switched_off() -> None:
    """`crypto isakmp aggressive-mode disable` is heard."""
    assert not read("crypto isakmp aggressive-mode disable\n" + EXAMPLE).configuration.aggressive


def test_cookie_challenge_is_the_threshold() -> None:
    """`crypto ikev2 cookie-challenge` counts half-open SAs."""
    assert read("crypto ikev2 cookie-challenge 7\n" + EXAMPLE).configuration.cookie_threshold == 7


def test_pfs_names_a_group() -> None:
    """`set pfs group14` demands a key exchange of group 14."""
    assert read(EXAMPLE + " set pfs group14\n").configuration.pfs_group == 14


def test_bound_profile_is_the_one_meant() -> None:
    """Of two IPsec profiles the one that protects a tunnel is played, and the other is remarked."""
    reading = read("crypto ipsec profile spare\n" + TUNNEL)

    assert reading.configuration.profile is ProfileName.STRICT
    assert "IPsec profile `spare` is not played" in str(reading.warnings)


def test_profile_can_be_asked_for_by_name() -> None:
    """A text with two profiles describes two devices; the caller may choose."""
    assert (
        read("crypto ipsec profile spare\n" + TUNNEL, profile="spare").configuration.profile
        is ProfileName.TWO_WAY
    )


def test_comment_for_the_harness_is_heard() -> None:
    """What IOS can't say stands in a comment that a device skips."""
    text = EXAMPLE.replace(" responder-only\n", "") + "! ike-harness profile rekey-ok\n"

    assert read(text).configuration.profile is ProfileName.REKEY_OK


# --- refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opener", "reason"),
    [
        ("crypto map outside 10 ipsec-isakmp", "static crypto maps don't support it"),
        ("crypto dynamic-map spokes 10", "dynamic crypto maps don't support it"),
        ("crypto isakmp policy 10", "it stands nowhere else"),
        ("crypto isakmp profile clients", "it stands nowhere else"),
        ("interface Tunnel0", "it stands nowhere else"),
        ("interface Ethernet0/0", "it stands nowhere else"),
        ("crypto ikev2 profile clients", "it stands nowhere else"),
        ("router ospf 1", "it stands nowhere else"),
        ("hostname hub", "it stands nowhere else"),
    ],
)
def test_command_stands_under_an_ipsec_profile_alone(opener: str, reason: str) -> None:
    """`responder-only` in any other place is refused with its line and the reason."""
    refusal = refusal_of(f"{opener}\n set transform-set 3dessha\n responder-only\n")

    assert (
        str(refusal) == f"router.cfg:3: `responder-only` is configured under `crypto ipsec profile`; {reason}"
    )


@pytest.mark.parametrize(
    "word",
    ["Responder-Only", "RESPONDER-ONLY", "responder", "responder-onyl", "reponder-only", "responderonly"],
)
@pytest.mark.parametrize("indent", ["", " "])
def test_misspelt_command_never_means_two_way(word: str, indent: str) -> None:
    """A misspelling, an abbreviation or another case is an error, not an unknown line."""
    refusal = refusal_of(EXAMPLE.replace(" responder-only", indent + word))

    assert (refusal.line, refusal.reason) == (
        4,
        f"`{word}` is no command; write `responder-only` in full and in small letters",
    )


@pytest.mark.parametrize("again", ["responder-only", "no responder-only"])
def test_command_is_said_once(again: str) -> None:
    """The command twice, or with its negation, leaves doubt, and doubt is refused."""
    refusal = refusal_of(f"{EXAMPLE} {again}\n")

    assert str(refusal) == "router.cfg:5: responder-only is said twice; the first time on line 4"


def test_unknown_command_in_the_profile_is_refused() -> None:
    """An IPsec profile with a line that nobody understands isn't played by guesswork."""
    refusal = refusal_of(EXAMPLE + " set responder-mode yes\n")

    assert str(refusal) == "router.cfg:5: `set responder-mode` is no command of an IPsec profile"


def test_invalid_spi_recovery_contradicts() -> None:
    """A device that opens an IKE SA to report a lost SPI is not responder-only."""
    refusal = refusal_of("crypto isakmp invalid-spi-recovery\n" + EXAMPLE)

    assert refusal.line == 1
    assert "which `responder-only` on line 5 forbids" in refusal.reason


def test_invalid_spi_recovery_of_a_two_way_device_is_accepted() -> None:
    """Without the mode the device may start what it likes."""
    text = "crypto isakmp invalid-spi-recovery\n" + EXAMPLE.replace("responder-only", "")

    assert read(text).configuration.profile is ProfileName.TWO_WAY


def test_crypto_map_on_a_responder_only_tunnel_is_refused() -> None:
    """A crypto map beside the profile on one tunnel would bring the traffic trigger back."""
    refusal = refusal_of(TUNNEL + " crypto map outside\n")

    assert refusal.line == TUNNEL.count("\n") + 1
    assert "a crypto map stands on a tunnel whose IPsec profile is responder-only" in refusal.reason


def test_crypto_map_that_uses_the_profile_is_refused() -> None:
    """A crypto map can't borrow a profile that is responder-only."""
    refusal = refusal_of(TUNNEL + "crypto map outside 10 ipsec-isakmp profile vti\n")

    assert "a crypto map uses an IPsec profile that is responder-only" in refusal.reason


def test_crypto_map_for_other_traffic_is_accepted() -> None:
    """A crypto map that stands on no interface is remarked and left alone."""
    reading = read(TUNNEL + "crypto map outside 10 ipsec-isakmp\n set peer 192.0.2.77\n")

    assert reading.configuration.profile is ProfileName.STRICT
    assert [note.text for note in reading.warnings] == [
        "a crypto map that stands on no interface is not played"
    ]


def test_protection_of_a_plain_interface_is_refused() -> None:
    """An IPsec profile protects tunnel interfaces only."""
    refusal = refusal_of(TUNNEL.replace("interface Tunnel0", "interface Ethernet0/0"))

    assert refusal.reason == "`Ethernet0/0` is no tunnel interface; only those are protected by a profile"


def test_comment_against_the_command_is_refused() -> None:
    """A text that says responder-only and two-way can't mean both."""
    refusal = refusal_of(EXAMPLE + "! ike-harness profile two-way\n")

    assert str(refusal) == "router.cfg:5: profile two-way contradicts line 4 about responder-only"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("! ike-harness colour blue", "this is none of them"),
        ("! ike-harness profile loose", "profile: one of strict, rekey-ok, p1-only, two-way follows"),
        ("! ike-harness idle soon", "idle: a number follows"),
        ("! ike-harness half-open nan", "half-open: a number follows"),
        ("! ike-harness half-open -1", "half-open: a lifetime is positive"),
        ("! ike-harness versions 2 3", "versions: the versions of IKE are 1 and 2"),
        ("! ike-harness proposals-v2 ENCR_AES_CBC", "proposals-v2: 6 words follow: encr, key_bits"),
        ("! ike-harness peer nowhere", "peer: 'nowhere' does not appear to be an IPv4 or IPv6 address"),
        ("! ike-harness remote-id nickname hub", "remote-id: no identity is of kind 'nickname'"),
        ("crypto isakmp policy ten", "an ISAKMP policy is named by its priority"),
        ("crypto isakmp keepalive soon", "`soon` is no number; an interval in seconds should stand here"),
        ("crypto isakmp key x", "a key is one word, and `address` or `hostname` follows it"),
        ("crypto ikev2 proposal p", "IKEv2 proposal `p` has no encryption"),
        ("crypto ipsec transform-set", "`crypto ipsec transform-set` is followed by a name"),
        (
            "crypto ipsec security-association lifetime days 3",
            "a lifetime is given in `seconds` or `kilobytes`",
        ),
        ("crypto ipsec security-association lifetime seconds 0", "a lifetime of 0 is none"),
        ("crypto ipsec profile other drop all", "`drop` doesn't begin a command of an IPsec profile"),
    ],
)
def test_unreadable_value_is_refused_with_line_and_reason(line: str, reason: str) -> None:
    """A command with a value that means nothing is refused, and the refusal says what was wanted."""
    refusal = refusal_of(f"{EXAMPLE}{line}\n")

    assert refusal.line == 5
    assert reason in refusal.reason


def test_ah_and_esp_together_are_refused() -> None:
    """A transform set of two protocols can't be played."""
    refusal = refusal_of("crypto ipsec transform-set 3dessha ah-sha-hmac esp-3des\n" + EXAMPLE)

    assert "AH and ESP together is not played" in refusal.reason


def test_refusal_is_printable() -> None:
    """A text can't send control characters to the terminal of who reads its refusal."""
    refusal = refusal_of("crypto isakmp policy 10\n hash \x1b[31mmd5\n")

    assert "\x1b" not in str(refusal)


def test_two_identities_are_refused() -> None:
    """Two profiles that name the device differently can't be one configuration."""
    text = "crypto isakmp profile a\n self-identity fqdn hub.example\n"
    text += "crypto ikev2 profile b\n identity local fqdn other.example\n"

    refusal = refusal_of(text + "crypto ipsec profile vti\n set isakmp-profile a\n set ikev2-profile b\n")

    assert "line 4" in str(refusal).replace(":4:", " line 4")
    assert "one configuration has one identity for an end" in refusal.reason


# --- remarked ---------------------------------------------------------------------------------------------


def test_unknown_lines_are_reported() -> None:
    """A line that nobody reads is told by its number and its first word."""
    reading = read("snmp-server community wide-open\n" + EXAMPLE)

    assert list(map(str, reading.unknown)) == ["line 1: `snmp-server …` is not read"]


def test_lines_of_an_unknown_mode_are_reported_each() -> None:
    """Lines inside a mode that nobody reads don't fall into the next one."""
    reading = read("router ospf 1\n network 10.0.0.0\n" + EXAMPLE)

    assert [note.line for note in reading.unknown] == [1, 2]


def test_authentication_by_certificate_is_remarked() -> None:
    """A policy that IOS would play with RSA signatures is pointed out."""
    assert "policy 10 doesn't authenticate by pre-shared key" in warnings_of(
        "crypto isakmp policy 10\n" + EXAMPLE
    )


def test_foreign_group_is_used_and_remarked() -> None:
    """A group that IOS never had is taken with a remark."""
    assert "IOS has no group 31" in warnings_of("crypto isakmp policy 10\n group 31\n" + EXAMPLE)


def test_undefined_keyring_is_remarked() -> None:
    """A keyring that isn't there is said to be missing."""
    assert "keyring `lost` is not defined here" in warnings_of(
        TUNNEL.replace("\n keyring ring", "\n keyring lost")
    )


# --- secrets ----------------------------------------------------------------------------------------------

KEY = "open.sesame"


def told(reading: Reading) -> str:
    """Everything that a reading tells about itself."""
    return repr(reading) + "".join(map(str, reading.warnings + reading.unknown))


@pytest.mark.parametrize(
    "text",
    [
        f"crypto isakmp key {KEY} address 192.0.2.9\n",
        f"crypto keyring r\n pre-shared-key address 192.0.2.9 key {KEY}\n",
        f"crypto ikev2 keyring r\n peer p\n  address 192.0.2.9\n  pre-shared-key local {KEY}\n",
        f"enable secret 5 {KEY}\nkey chain k\n key-string {KEY}\n{KEY} alone\n  {KEY}\n",
        f"username admin password 0 {KEY}\ncrypto isakmp client configuration group {KEY}\n key {KEY}\n",
        f"! ike-harness psk {KEY.encode().hex()}\n",
    ],
)
def test_reading_tells_no_key(text: str) -> None:
    """Neither the representation of a reading nor its remarks hold a key, read or not read."""
    assert KEY not in told(read(text + EXAMPLE))


@pytest.mark.parametrize(
    "text",
    [
        f"crypto isakmp key 6 {KEY} address 192.0.2.9\n",
        f"crypto isakmp key {KEY} {KEY} address 192.0.2.9\n",
        f"crypto isakmp key {KEY} {KEY}\n",
        f"crypto keyring r\n pre-shared-key address 192.0.2.9 key {KEY} {KEY}\n",
        f"crypto ikev2 keyring r\n peer p\n  pre-shared-key hex {KEY}\n",
        f"crypto ikev2 keyring r\n peer p\n  pre-shared-key {KEY} {KEY}\n",
        f"crypto ikev2 keyring r\n pre-shared-key {KEY}\n",
        f"crypto ikev2 keyring r\n peer p\n  pre-shared-key local {KEY}\n  pre-shared-key remote other\n",
        f"crypto ikev2 keyring r\n peer p\n  pre-shared-key {KEY}\n  pre-shared-key {KEY}\n",
        f"! ike-harness psk {KEY}\n",
    ],
)
def test_refusal_tells_no_key(text: str) -> None:
    """A line with a key that can't be read is refused without a word of it."""
    assert KEY not in str(refusal_of(text + EXAMPLE))


def test_keys_that_differ_are_refused() -> None:
    """One configuration has one key for both versions and both directions."""
    text = "crypto ikev2 keyring r\n peer p\n  pre-shared-key local one\n  pre-shared-key remote two\n"

    assert refusal_of(text).reason == "the key differs from that of line 3; one configuration has one key"


def test_default_stands_for_what_is_not_said() -> None:
    """The example's peer is the one that the catalogue plays."""
    configuration = read(EXAMPLE).configuration

    assert (configuration.peer, configuration.psk, configuration.remote_id) == (
        DEFAULT.peer,
        DEFAULT.psk,
        DEFAULT.remote_id,
    )
