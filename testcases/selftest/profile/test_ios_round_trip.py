"""Cisco IOS text printed and read again: every configuration survives it, and printing is stable."""

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.codes import AuthMethodV1, Encr, EncrV1, Esn, Group, HashV1, Integ, Prf, ProfileName, Protocol
from harness.profile import (
    DEFAULT,
    ChildProposal,
    Configuration,
    Dpd,
    Identity,
    IkeProposal,
    IsakmpPolicy,
    Lifetimes,
    Selector,
)
from harness.profile.ios import ConfigurationError, read, show

EXAMPLE = (
    "crypto ipsec profile vti\n set transform-set 3dessha\n set isakmp-profile clients\n responder-only\n"
)

seconds = st.one_of(
    st.integers(1, 10**6).map(float), st.floats(min_value=0.001, max_value=1e15, allow_nan=False)
)
bits = st.sampled_from([None, 128, 192, 256])
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
v4 = st.ip_addresses(v=4).map(str)
addresses = st.ip_addresses().map(str)
identities = st.one_of(
    v4.map(lambda a: Identity("ipv4", a)),
    st.ip_addresses(v=6).map(lambda a: Identity("ipv6", str(a))),
    st.builds(Identity, st.sampled_from(["fqdn", "user_fqdn", "key_id"]), texts),
    st.builds(
        Identity, st.sampled_from(["fqdn", "user_fqdn", "key_id"]), st.sampled_from(["a.example", "domain"])
    ),
)


def subnet(address: object, length: int) -> str:
    """A subnet of that address, its host bits cleared."""
    return str(ip_network((address, length), strict=False))


subnets = st.one_of(
    st.builds(subnet, st.ip_addresses(v=4), st.integers(0, 32)),
    st.builds(subnet, st.ip_addresses(v=6), st.integers(0, 128)),
)
several_subnets = st.lists(subnets, max_size=3).map(tuple)
group = st.sampled_from([*Group, Group(4711)])
additional = st.lists(group.filter(bool), max_size=7, unique=True).map(tuple)

configurations = st.builds(
    Configuration,
    profile=st.sampled_from(ProfileName),
    versions=st.sampled_from([(1,), (2,), (1, 2), (2, 1)]),
    initiate_version=st.sampled_from([1, 2]),
    initiate_mode=st.sampled_from(["main", "aggressive"]),
    aggressive=st.booleans(),
    proposals_v2=st.lists(
        st.builds(
            IkeProposal,
            st.sampled_from([*Encr, Encr(999)]),
            bits,
            st.sampled_from(Integ),
            st.sampled_from(Prf),
            group,
            additional,
        ),
        max_size=3,
    ).map(tuple),
    proposals_v1=st.lists(
        st.builds(
            IsakmpPolicy,
            st.sampled_from(EncrV1),
            bits,
            st.sampled_from(HashV1),
            st.sampled_from(AuthMethodV1),
            group,
            st.integers(-1, 2**40),
        ),
        max_size=3,
    ).map(tuple),
    child_proposals=st.lists(
        st.builds(
            ChildProposal,
            st.sampled_from([Protocol.AH, Protocol.ESP]),
            st.sampled_from([Encr(0), *Encr]),
            bits,
            st.sampled_from(Integ),
            st.sampled_from(Esn),
            additional,
        ),
        max_size=3,
    ).map(tuple),
    pfs_group=st.none() | group,
    local_id=identities,
    remote_id=st.none() | identities,
    psk=st.binary(max_size=40) | st.from_regex(rb"[!-~]{1,40}", fullmatch=True),
    local_address=addresses,
    peer=st.none() | addresses,
    local_subnets=several_subnets,
    remote_subnets=several_subnets,
    second_selector=st.none() | st.builds(Selector, subnets, subnets),
    lifetimes=st.builds(
        Lifetimes,
        ike_soft=st.none() | seconds,
        ike_hard=st.none() | seconds,
        child_soft=st.none() | seconds,
        child_hard=st.none() | seconds,
        child_kilobytes=st.none() | st.integers(1, 10**12),
        half_open=seconds,
        idle=st.none() | seconds,
    ),
    dpd=st.none() | st.builds(Dpd, seconds, seconds, st.integers(1, 99)),
    cookie_threshold=st.none() | st.integers(-1, 10**12),
)


@settings(deadline=None, max_examples=150)
@given(configurations)
def test_any_configuration_reads_back(configuration: Configuration) -> None:
    """What is printed reads back as what it was, whatever IOS can say of it."""
    assert read(show(configuration)).configuration == configuration


@settings(deadline=None, max_examples=50)
@given(configurations)
def test_printed_lines_are_all_read(configuration: Configuration) -> None:
    """The printer writes no line that the reader doesn't know."""
    assert read(show(configuration)).unknown == ()


@settings(deadline=None, max_examples=50)
@given(configurations)
def test_hidden_key_is_not_printed(configuration: Configuration) -> None:
    """A text printed for others holds no key, and can't be played until it has one."""
    configuration = replace(configuration, psk=b"Xyzzy-is-the-key")
    text = show(configuration, hide_secrets=True)

    assert "Xyzzy" not in text
    with pytest.raises(ConfigurationError, match="printed with its keys hidden"):
        read(text)


LINES = [line for line in show(DEFAULT).splitlines() if line]
WORDS = sorted(
    {word for line in LINES for word in line.split()}
    | {"no", "set", "!", "ike-harness", "any", "-1", "\x1b[31m"}
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from(LINES) | st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join), max_size=12)
)
def test_any_text_is_read_or_refused_with_a_line(lines: list[str]) -> None:
    """Whatever stands in a text, reading ends in a configuration or in a refusal that names a line of it."""
    line = 0
    try:
        read("\n".join(lines))
    except ConfigurationError as refusal:
        line = refusal.line

    assert 0 <= line <= len(lines)


def test_default_needs_no_comment() -> None:
    """The catalogue's configuration is said in IOS's own commands."""
    assert "!" not in show(DEFAULT)


def test_printing_what_was_read_is_stable() -> None:
    """The example, read and printed, reads and prints the same again."""
    printed = show(read(EXAMPLE).configuration)

    assert show(read(printed).configuration) == printed


def test_strict_prints_the_command() -> None:
    """A strict device has `responder-only` under its IPsec profile."""
    lines = show(DEFAULT).splitlines()

    assert " responder-only" in lines[lines.index("crypto ipsec profile vti") :]


@pytest.mark.parametrize("profile", [p for p in ProfileName if p is not ProfileName.STRICT])
def test_other_profiles_print_no_command(profile: ProfileName) -> None:
    """A device that may start something isn't printed as one that may not."""
    assert "responder-only" not in show(replace(DEFAULT, profile=profile))


def test_two_way_is_what_a_device_does_unasked() -> None:
    """A two-way device is printed without any word about it."""
    assert "two-way" not in show(replace(DEFAULT, profile=ProfileName.TWO_WAY))


def test_whole_text_of_a_small_device() -> None:
    """The text of a device with one suite, word by word."""
    configuration = read(EXAMPLE).configuration
    configuration = replace(
        configuration,
        versions=(1,),
        proposals_v1=configuration.proposals_v1[2:3],
        psk=b"sesame",
        lifetimes=replace(DEFAULT.lifetimes, half_open=5.0),
    )

    assert (
        show(configuration)
        == """\
crypto isakmp policy 10
 encryption 3des
 hash sha
 authentication pre-share
 group 2
 lifetime 86400
crypto keyring keys
 pre-shared-key address 192.0.2.2 255.255.255.255 key 0 sesame
crypto isakmp profile clients
 keyring keys
 match identity address 192.0.2.2 255.255.255.255
 self-identity address
crypto ipsec transform-set 3dessha esp-3des esp-sha-hmac
 mode tunnel
crypto ipsec profile vti
 set transform-set 3dessha
 set security-association lifetime seconds 3600
 set security-association lifetime kilobytes 4608000
 set isakmp-profile clients
 responder-only
ip access-list extended protected
 permit ip 198.51.100.0 0.0.0.255 203.0.113.0 0.0.0.255
interface Tunnel0
 tunnel source 192.0.2.1
 tunnel mode ipsec ipv4
 tunnel destination 192.0.2.2
 tunnel protection ipsec policy ipv4 protected
 tunnel protection ipsec profile vti
! ike-harness half-open 5.0
end
"""
    )
