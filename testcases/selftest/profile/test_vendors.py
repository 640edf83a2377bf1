"""What a person puts on a device, vendor by vendor: the switch, the key, lifetimes, suites, and what can't be said."""

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.codes import Encr, Group, Integ, Prf, ProfileName, Protocol
from harness.profile import DEFAULT, ChildProposal, Configuration, Dpd, Identity, IkeProposal
from harness.profile.ios import read
from harness.profile.vendors import VENDORS, Unsayable
from harness.profile.ways import WAYS, Way
from harness.profile.written import HIDDEN
from testcases.selftest.profile.configurations import configurations

KEY = b"sesame-open"
PLAIN = replace(
    DEFAULT,
    proposals_v2=(
        IkeProposal(
            Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256, Group.MODP_2048
        ),
    ),
    child_proposals=(ChildProposal(Protocol.ESP, Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA1_96),),
).with_lifetimes(ike_hard=7200.0, child_hard=1800.0, child_kilobytes=None)
"""A device of suites and lifetimes that nearly every vendor has words for."""


def text(vendor: str, configuration: Configuration = PLAIN, way: Way = "v2", key: bytes | None = KEY) -> str:
    """What is printed, without its comments."""
    sheet = VENDORS[vendor].sheet(configuration, way, key=key)
    mark = VENDORS[vendor].comment
    return "\n".join(line for line in sheet.text.splitlines() if not line.startswith(f"{mark} "))


def profiled(name: ProfileName) -> Configuration:
    """That device under a profile."""
    return replace(PLAIN, profile=name)


SWITCHES = {
    "cisco-ios": (" responder-only",),
    "cisco-asa": ("set connection-type answer-only",),
    "juniper-srx": ("establish-tunnels responder-only",),
    "fortios": ("set passive-mode enable", "set auto-negotiate disable"),
    "pan-os": ("protocol-common passive-mode yes",),
    "mikrotik": ("passive=yes",),
    "vyos": ("connection-type none",),
    "strongswan": ("start_action = none", "close_action = none", "dpd_action = clear"),
    "libreswan": ("auto=add", "right=%any"),
    "openiked": ("set passive\n", '"v2" passive'),
    "pfsense": ("Child SA Start Action: None (Responder Only)",),
    "opnsense": ("Start action: None", "Close action: None", "DPD action: Clear"),
}
NO_REKEY = {
    "juniper-srx": "establish-tunnels responder-only-no-rekey",
    "fortios": "set rekey disable",
    "vyos": "esp-group ike-harness disable-rekey",
    "strongswan": "rekey_time = 0",
    "libreswan": "rekey=no",
    "openiked": "ikelifetime 0",
    "pfsense": "Rekey Time: 0; Reauth Time: 0",
    "opnsense": "Rekey time: 0; Re-auth time: 0",
}
"""What keeps a device from rekeying, where that is apart from the switch."""


def test_every_vendor_is_looked_at() -> None:
    """The tables here have a row for each vendor."""
    assert set(SWITCHES) == set(VENDORS)
    assert set(NO_REKEY) < set(VENDORS)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("profile", [ProfileName.STRICT, ProfileName.REKEY_OK])
def test_the_switch_is_set(vendor: str, profile: ProfileName) -> None:
    """A device that must not start has its vendor's switch, whether it may rekey or not."""
    printed = text(vendor, profiled(profile))

    assert all(switch in printed for switch in SWITCHES[vendor])


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_two_way_device_has_no_switch(vendor: str) -> None:
    """The positive control starts by itself."""
    printed = text(vendor, profiled(ProfileName.TWO_WAY))

    assert not any(switch in printed for switch in SWITCHES[vendor])


@pytest.mark.parametrize("vendor", NO_REKEY)
def test_rekeys_are_switched_off_for_strict_alone(vendor: str) -> None:
    """Not to start and not to rekey are two settings: the second is made under strict, and not under rekey-ok."""
    assert NO_REKEY[vendor] in text(vendor, profiled(ProfileName.STRICT))
    assert not re.search(
        re.escape(NO_REKEY[vendor]) + r"\b(?!\.)", text(vendor, profiled(ProfileName.REKEY_OK))
    )


@pytest.mark.parametrize("vendor", [name for name, each in VENDORS.items() if not each.stops_rekeys])
def test_a_device_that_goes_on_rekeying_is_not_called_strict(vendor: str) -> None:
    """Where nothing keeps a device from rekeying, it is rekey-ok, and that is remarked."""
    sheet = VENDORS[vendor].sheet(PLAIN, "v2")

    assert sheet.made.profile is ProfileName.REKEY_OK
    assert any("can't be strict" in remark for remark in sheet.remarks)


def test_ios_has_nothing_between_strict_and_two_way() -> None:
    """A device of IOS that is to be rekey-ok is strict, and that is remarked."""
    sheet = VENDORS["cisco-ios"].sheet(profiled(ProfileName.REKEY_OK), "v2")

    assert sheet.made.profile is ProfileName.STRICT
    assert sheet.remarks == ("with `responder-only` it never rekeys: it is strict",)


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_head_tells_every_gap(vendor: str) -> None:
    """Whoever reads the text reads what its switch does not cover, in the comments of that vendor."""
    known = VENDORS[vendor]
    lines = known.sheet(PLAIN, "v2").text.splitlines()
    head = " ".join(
        line.removeprefix(f"{known.comment} ") for line in lines if line.startswith(known.comment)
    )

    assert all(f"Known gap: {gap}." in head for gap in known.gaps)
    assert f"Responder-only: {known.switch}." in head


# --- the key ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_key_that_is_not_given_is_not_printed(vendor: str) -> None:
    """The configuration's own key stays there: a placeholder stands in its place, and the head says so."""
    told = VENDORS[vendor].sheet(replace(PLAIN, psk=KEY), "v2").text

    assert KEY.decode() not in told
    assert KEY.hex() not in told
    assert f"{HIDDEN} stands for the pre-shared key" in told
    assert told.count(HIDDEN) >= 2


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_key_that_is_given_is_printed(vendor: str) -> None:
    """It is the text, or its octets where those can't go wrong; no placeholder is left."""
    told = VENDORS[vendor].sheet(PLAIN, "v2", key=KEY).text

    assert KEY.decode() in told or KEY.hex() in told
    assert HIDDEN not in told


@pytest.mark.parametrize("vendor", ["cisco-asa", "juniper-srx", "pan-os", "mikrotik", "vyos"])
@pytest.mark.parametrize("key", [b"with a space", b"a\nline", b"\xff", b"quote'\"?"])
def test_a_key_that_would_be_taken_for_something_else_is_refused(vendor: str, key: bytes) -> None:
    """The refusal does not repeat it."""
    with pytest.raises(Unsayable) as refused:
        VENDORS[vendor].sheet(PLAIN, "v2", key=key)

    assert key.decode("latin-1") not in str(refused.value)


# --- lifetimes --------------------------------------------------------------------------------------------

LIVES = {
    "cisco-ios": (" lifetime 7200", "lifetime seconds 1800"),
    "cisco-asa": ("lifetime seconds 7200", "security-association lifetime seconds 1800"),
    "juniper-srx": ("ike-harness-1 lifetime-seconds 7200", "ike-harness-1 lifetime-seconds 1800"),
    "fortios": ("set keylife 7200", "set keylifeseconds 1800"),
    "pan-os": ("lifetime seconds 7200", "lifetime seconds 1800"),
    "mikrotik": ("lifetime=7200s", "lifetime=1800s"),
    "vyos": ("ike-group ike-harness lifetime 7200", "esp-group ike-harness lifetime 1800"),
    "strongswan": ("over_time = 720s", "life_time = 1800s"),
    "libreswan": ("ikelifetime=7200s", "salifetime=1800s"),
    "openiked": ("ikelifetime 6480", "lifetime 1800"),
    "pfsense": ("Life Time: 7200", "Life Time: 1800"),
    "opnsense": ("Over time: 720", "Rekey time: 1620"),
}
"""The limits in each vendor's words, of a device that may rekey; some say when it rekeys, and how long after that it ends."""


@pytest.mark.parametrize("vendor", VENDORS)
def test_lifetimes_are_the_configured_ones(vendor: str) -> None:
    """An IKE SA of two hours, a child of half an hour."""
    printed = text(vendor, profiled(ProfileName.REKEY_OK))

    assert all(words in printed for words in LIVES[vendor])


def test_a_lifetime_out_of_bounds_is_remarked() -> None:
    """The nearest that the device takes is printed, and the target file will tell that one."""
    sheet = VENDORS["juniper-srx"].sheet(PLAIN.with_lifetimes(child_hard=20.0), "v2")

    assert "a child ends by seconds: 180 instead of 20.0" in sheet.remarks
    assert "lifetime-seconds 180" in sheet.text
    assert sheet.made.lifetimes.child_hard == 180


def test_long_lifetimes_of_pan_os_are_hours() -> None:
    """Seconds end at 65,535 there."""
    assert "lifetime hours 24" in text("pan-os", PLAIN.with_lifetimes(ike_hard=86_400.0))


# --- suites -----------------------------------------------------------------------------------------------

SUITES = {
    "cisco-ios": (" encryption aes-cbc-256", " integrity sha256", " group 14", "esp-aes 256 esp-sha-hmac"),
    "cisco-asa": (" encryption aes-256", " integrity sha256", " prf sha256", "esp integrity sha-1"),
    "juniper-srx": ("aes-256-cbc", "authentication-algorithm sha-256", "dh-group group14", "hmac-sha1-96"),
    "fortios": ("set proposal aes256-sha256", "set dhgrp 14", "set proposal aes256-sha1"),
    "pan-os": ("encryption [ aes-256-cbc ]", "hash [ sha256 ]", "[ group14 ]", "authentication [ sha1 ]"),
    "mikrotik": ("hash-algorithm=sha256 enc-algorithm=aes-256 dh-group=modp2048", "auth-algorithms=sha1"),
    "vyos": ("encryption aes256", "hash sha256", "prf prfsha256", "dh-group 14", "hash sha1"),
    "strongswan": ("proposals = aes256-sha256-modp2048", "esp_proposals = aes256-sha1"),
    "libreswan": ("ike=aes256-sha2_256-dh14", "esp=aes256-sha1"),
    "openiked": (
        "enc aes-256 auth hmac-sha2-256 prf hmac-sha2-256 group modp2048",
        "enc aes-256 auth hmac-sha1",
    ),
    "pfsense": ("AES, 256 bits; Hash: SHA256; DH Group: 14", "AES, 256 bits; Hash: SHA1"),
    "opnsense": ("Proposals: aes256-sha256-modp2048",),
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_suites_are_in_the_vendors_words(vendor: str) -> None:
    """AES-256 with SHA-256 in group 14, and a child of AES-256 with SHA-1."""
    printed = text(vendor)

    assert all(words in printed for words in SUITES[vendor])


def test_opnsense_lists_suites_of_children_with_pfs_alone() -> None:
    """Without PFS a child has the suites that strongSwan has by itself."""
    child = ChildProposal(Protocol.ESP, Encr.ENCR_AES_GCM_16, 256, Integ.NONE)
    wanted = replace(PLAIN, child_proposals=(child,), pfs_group=Group.ECP_384)

    assert "ESP proposals: aes256gcm16-ecp384" in text("opnsense", wanted)
    assert "ESP proposals: default" in text("opnsense", replace(wanted, pfs_group=None))


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_suite_without_words_is_remarked_and_not_dropped_silently(vendor: str) -> None:
    """A group that nobody knows: the suite is named in the remark and in the head, and the device is without it."""
    unknown = replace(PLAIN.proposals_v2[0], group=Group(4711))
    wanted = replace(PLAIN, proposals_v2=(*PLAIN.proposals_v2, unknown))
    sheet = VENDORS[vendor].sheet(wanted, "v2")

    if vendor == "cisco-ios":  # it has a comment for what it has no command for
        assert sheet.made == VENDORS[vendor].sheet(wanted, "v2").made
        return
    assert any("4711" in remark for remark in sheet.remarks)
    assert sheet.made.proposals_v2 == PLAIN.proposals_v2


@pytest.mark.parametrize("vendor", set(VENDORS) - {"cisco-ios"})
def test_a_device_that_can_be_told_no_suite_is_refused(vendor: str) -> None:
    """There is no sheet without a suite for the IKE SA."""
    unknown = replace(PLAIN.proposals_v2[0], group=Group(4711))

    with pytest.raises(ValueError, match="word"):
        VENDORS[vendor].sheet(replace(PLAIN, proposals_v2=(unknown,)), "v2")


def test_lists_that_say_more_are_remarked() -> None:
    """FortiOS takes every proposal in every group, so it takes more than was listed."""
    second = replace(PLAIN.proposals_v2[0], key_bits=128, group=Group.ECP_256)
    wanted = replace(PLAIN, proposals_v2=(*PLAIN.proposals_v2, second))

    assert VENDORS["fortios"].sheet(PLAIN, "v2").remarks == ()
    assert VENDORS["fortios"].sheet(wanted, "v2").remarks == (
        "algorithms of an IKE SA are listed apart, so it takes every combination of them",
    )


@pytest.mark.parametrize("vendor", [name for name, each in VENDORS.items() if "v1-main" in each.ways])
@pytest.mark.parametrize("way", ["v1-main", "v1-aggressive"])
def test_version_1_is_told_with_its_policies(vendor: str, way: Way) -> None:
    """The catalogue's policies of phase 1 leave each vendor at least one that it can say."""
    sheet = VENDORS[vendor].sheet(DEFAULT, way)

    assert sheet.made.versions == (1,)
    assert len(sheet.made.proposals_v1) > 0


def test_openiked_has_no_version_1() -> None:
    """It is refused, not turned into something else."""
    with pytest.raises(Unsayable, match="goes by v2 alone, not by v1-main"):
        VENDORS["openiked"].sheet(PLAIN, "v1-main")


# --- everything else --------------------------------------------------------------------------------------


def test_dpd_is_told_where_it_is_wanted() -> None:
    """Liveness checks are a setting apart from the switch, and off unless they are wanted."""
    wanted = replace(PLAIN, dpd=Dpd(30.0))

    assert "set dpd disable" in text("fortios")
    assert "set dpd on-idle" in text("fortios", wanted)
    assert "isakmp keepalive disable" in text("cisco-asa")
    assert "isakmp keepalive threshold 30 retry 2" in text("cisco-asa", wanted)


def test_what_is_no_part_of_a_tunnel_is_remarked() -> None:
    """Further fields of a configuration are named, one remark for each."""
    sheet = VENDORS["vyos"].sheet(replace(PLAIN, cookie_threshold=0, auth_lifetime=60.0), "v2")
    named = [remark.split()[0] for remark in sheet.remarks if "left out" in remark]

    assert named == ["cookie_threshold", "auth_lifetime"]


def test_an_identity_that_would_be_taken_for_something_else_is_not_printed() -> None:
    """A name with a line end or a quote in it stays out of the text."""
    wanted = replace(PLAIN, local_id=Identity("fqdn", 'hub"\nset passive-mode disable'))
    sheet = VENDORS["fortios"].sheet(wanted, "v2")

    assert "localid" not in sheet.text
    assert any("its own identity" in remark for remark in sheet.remarks)


def test_ipv6_is_told() -> None:
    """Addresses and subnets of IPv6 have their own words in FortiOS, and a prefix length elsewhere."""
    wanted = replace(
        PLAIN,
        local_address="2001:db8::1",
        local_id=Identity("ipv6", "2001:db8::1"),
        peer="2001:db8::2",
        remote_id=Identity("ipv6", "2001:db8::2"),
        local_subnets=("2001:db8:1::/48",),
        remote_subnets=("2001:db8:2::/48",),
    )

    assert "set local-gw6 2001:db8::1" in text("fortios", wanted)
    assert "set src-subnet6 2001:db8:1::/48" in text("fortios", wanted)
    assert "address=2001:db8::2/128" in text("mikrotik", wanted)


@pytest.mark.parametrize("way", WAYS)
def test_ios_text_reads_back_as_the_device(way: Way) -> None:
    """What is printed for IOS is the configuration that was asked for, key included."""
    sheet = VENDORS["cisco-ios"].sheet(PLAIN, way, key=KEY)

    assert read(sheet.text).configuration == replace(sheet.made, psk=KEY)


def _lines(printed: str) -> Iterable[str]:
    return (line for line in printed.split("\n") if line)


def _sayable(configuration: Configuration) -> Configuration:
    """The same with a peer, and with suites that have words before those that may have none."""
    return replace(
        configuration,
        peer=configuration.peer or DEFAULT.peer,
        pfs_group=configuration.pfs_group and Group.MODP_2048,
        proposals_v2=(*DEFAULT.proposals_v2, *configuration.proposals_v2),
        proposals_v1=(*DEFAULT.proposals_v1, *configuration.proposals_v1),
        child_proposals=(*DEFAULT.child_proposals, *configuration.child_proposals),
    )


@given(configurations.map(_sayable), st.sampled_from(list(VENDORS)), st.sampled_from(WAYS))
def test_any_configuration_is_told_or_refused(configuration: Configuration, vendor: str, way: Way) -> None:
    """Nothing but a refusal is raised; every line can be printed; what a device became can be told as it is."""
    try:
        sheet = VENDORS[vendor].sheet(configuration, way)
    except ValueError:
        return

    assert all(line.isprintable() for line in _lines(sheet.text))
    assert VENDORS[vendor].sheet(sheet.made, way).made == sheet.made
