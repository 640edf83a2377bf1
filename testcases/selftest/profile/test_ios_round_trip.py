"""Cisco IOS text printed and read again: every configuration survives it, and printing is stable."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.codes import ProfileName
from harness.profile import DEFAULT, Configuration
from harness.profile.ios import ConfigurationError, read, show
from testcases.selftest.profile.configurations import configurations, gateways, hubs

EXAMPLE = (
    "crypto ipsec profile vti\n set transform-set 3dessha\n set isakmp-profile clients\n responder-only\n"
)


@settings(deadline=None, max_examples=150)
@given(configurations)
def test_any_configuration_reads_back(configuration: Configuration) -> None:
    """What is printed reads back as what it was, whatever IOS can say of it."""
    assert read(show(configuration)).configuration == configuration


@settings(deadline=None, max_examples=60)
@given(gateways)
def test_any_gateway_of_many_peers_reads_back(configuration: Configuration) -> None:
    """Several tunnels, and what IOS has no command for, survive it too."""
    assert read(show(configuration)).configuration == configuration


@settings(deadline=None, max_examples=30)
@given(gateways)
def test_printing_again_is_stable(configuration: Configuration) -> None:
    """A text that was printed, read and printed again is the same."""
    printed = show(configuration)

    assert show(read(printed).configuration) == printed


@settings(deadline=None, max_examples=50)
@given(hubs)
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
