"""Group M of the specification: how responder-only is configured, and what contradicts it; each row by its number."""

from dataclasses import replace

import pytest

from harness.clock import SeededEntropy
from harness.codes import ProfileName, Trigger
from harness.profile import DEFAULT, toml
from harness.profile.ios import ConfigurationError, read, show
from harness.responder import Responder
from harness.wire.datagram import Endpoint

EXAMPLE = "crypto ipsec profile vti set transform-set 3dessha set isakmp-profile clients responder-only\n"
PROFILE = "crypto ipsec profile vti\n set transform-set t\n responder-only\n"
TUNNEL = "interface Tunnel0\n tunnel destination 192.0.2.9\n tunnel protection ipsec profile vti\n"
FLEXVPN = "crypto ikev2 client flexvpn home\n client connect Tunnel0\n"


def refused(text: str) -> tuple[int, str]:
    """The line and the reason of a text's refusal."""
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    return caught.value.line, caught.value.reason


def test_m01_under_a_static_crypto_map_it_is_refused() -> None:
    """The line is named, and that static crypto maps don't support it."""
    line, reason = refused("crypto map outside 10 ipsec-isakmp\n set peer 192.0.2.9\n responder-only\n")

    assert line == 3
    assert "static crypto maps don't support it" in reason


def test_m02_under_a_dynamic_crypto_map_it_is_refused() -> None:
    """The line is named, and that dynamic crypto maps don't support it."""
    line, reason = refused("crypto dynamic-map spokes 10\n set transform-set t\n responder-only\n")

    assert line == 3
    assert "dynamic crypto maps don't support it" in reason


@pytest.mark.parametrize("opener", ["crypto map outside 10 ipsec-isakmp", "crypto dynamic-map spokes 10"])
def test_m01_m02_a_refusal_changes_nothing(opener: str) -> None:
    """Reading gives a device or a refusal, never half of one: what runs is untouched."""
    running = Responder(read(EXAMPLE).configuration, SeededEntropy(1))
    before = running.configuration

    with pytest.raises(ConfigurationError):
        running.reconfigure(read(f"{opener}\n responder-only\n{EXAMPLE}").configuration, 0.0)

    assert running.configuration is before


def test_m03_without_a_tunnel_interface_it_is_accepted_with_a_warning() -> None:
    """The feature is relevant to virtual interfaces only, and that is said."""
    reading = read(EXAMPLE)

    assert reading.configuration.profile is ProfileName.STRICT
    assert "responder-only is relevant to virtual interfaces only" in str(reading.warnings)


def test_m04_a_client_that_connects_by_itself_contradicts() -> None:
    """A FlexVPN client on the tunnel would start it; both lines are named."""
    line, reason = refused(PROFILE + TUNNEL + FLEXVPN)

    assert line == (PROFILE + TUNNEL + FLEXVPN).count("\n")
    assert reason == "a FlexVPN client connects by itself, which `responder-only` on line 3 forbids"


def test_m04_a_crypto_map_on_the_tunnel_contradicts() -> None:
    """Its traffic would start SAs."""
    _, reason = refused(PROFILE + TUNNEL + " crypto map outside\n")

    assert "crypto maps don't support it" in reason


def test_m04_another_profile_contradicts() -> None:
    """A comment that makes the device two-way can't be meant together with the command."""
    _, reason = refused(EXAMPLE + "! ike-harness profile two-way\n")

    assert "contradicts line 1 about responder-only" in reason


def test_m04_a_client_of_another_tunnel_is_none_of_its_business() -> None:
    """What starts a tunnel that is two-way is accepted."""
    text = PROFILE.replace(" responder-only\n", "") + TUNNEL + FLEXVPN

    assert read(text).configuration.profile is ProfileName.TWO_WAY


@pytest.mark.parametrize("command", ["seconds 120", "kilobytes 4608"])
def test_m05_a_lifetime_of_its_own_is_remarked(command: str) -> None:
    """A strict device ends with its lifetime: the peer's has to be shorter."""
    text = PROFILE + f" set security-association lifetime {command}\n" + TUNNEL

    assert "where its peer's lifetime is longer, the tunnel ends here" in str(read(text).warnings)


def test_m06_invalid_spi_recovery_contradicts() -> None:
    """It opens an IKE SA to report an unknown SPI."""
    line, reason = refused("crypto isakmp invalid-spi-recovery\n" + EXAMPLE)

    assert line == 1
    assert "which `responder-only` on line 2 forbids" in reason


@pytest.mark.parametrize("version", [1, 2])
def test_m07_two_responders_stay_silent_for_ever(version: int) -> None:
    """Both ends responder-only: whatever happens to either, neither calls, and the tunnel stays down."""
    strict = replace(DEFAULT, initiate_version=version)
    ends = [
        Responder(each, SeededEntropy(at), local=Endpoint(each.local_address, 500))
        for at, each in enumerate((strict, strict.mirrored()))
    ]

    sent = [end.provoke(trigger, float(at)).send for end in ends for at, trigger in enumerate(Trigger)]

    assert not any(sent)
    assert all(end.next_wake is None for end in ends)


def test_m08_tunnels_that_share_a_profile_change_together() -> None:
    """One command makes both tunnels of a profile responder-only, one `no` makes both two-way."""
    second = TUNNEL.replace("Tunnel0", "Tunnel1").replace("192.0.2.9", "192.0.2.10")

    for text, wanted in (
        (PROFILE, ProfileName.STRICT),
        (PROFILE.replace(" responder", " no responder"), ProfileName.TWO_WAY),
    ):
        views = read(text + TUNNEL + second).configuration.each_peer()

        assert [view.profile for view in views] == [wanted, wanted]


@pytest.mark.parametrize(
    "command", ["Responder-Only", "responder", "responder-only yes", "responder-only\n responder-only"]
)
def test_m09_what_is_nearly_the_command_is_refused(command: str) -> None:
    """Another case, an abbreviation, an argument, the command twice: an error, never a two-way device."""
    with pytest.raises(ConfigurationError):
        read(PROFILE.replace("responder-only", command) + TUNNEL)


@pytest.mark.parametrize("version", [1, 2])
def test_m10_show_tells_role_and_mode(version: int) -> None:
    """What the device may start, and who began an SA, stands beside each SA."""
    two_way = replace(DEFAULT, profile=ProfileName.TWO_WAY, initiate_version=version)
    device = Responder(two_way, SeededEntropy(1), local=Endpoint("192.0.2.1", 500))
    device.provoke(Trigger.BOOT, 0.0)

    assert [(sa["role"], sa["profile"], sa["ike"]) for sa in device.show(0.0)] == [
        ("initiator", "two-way", version)
    ]


def test_m11_two_way_is_the_default_of_both_forms() -> None:
    """Responder-only is said aloud, in IOS text and in TOML."""
    unsaid = PROFILE.replace(" responder-only\n", "") + TUNNEL

    assert read(unsaid).configuration.profile is ProfileName.TWO_WAY
    assert toml.read("").profile is ProfileName.TWO_WAY


@pytest.mark.parametrize("profile", list(ProfileName))
def test_m12_a_printed_device_keeps_its_mode(profile: ProfileName) -> None:
    """The mode is spelled out in what is printed, so no later default can change it."""
    device = replace(DEFAULT, profile=profile)

    assert read(show(device)).configuration.profile is profile
    assert f'profile = "{profile}"' in toml.show(device)


def test_m12_a_form_of_another_version_is_refused() -> None:
    """A text whose words may mean something else is not guessed at."""
    with pytest.raises(toml.TomlError, match="format"):
        toml.read('format = 2\nprofile = "strict"\n')
