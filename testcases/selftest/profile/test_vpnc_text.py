"""vpnc's file printed from a Configuration: pure text, each line in its words."""

from dataclasses import replace

import pytest

from harness.codes import AuthMethodV1, EncrV1, Group, HashV1
from harness.profile import DEFAULT, Identity, IsakmpPolicy
from harness.profile.credentials import User
from harness.profile.vpnc import vpnc_conf

CLIENT = replace(
    DEFAULT.mirrored(), local_id=Identity("key_id", "group"), users=(User("carol", "an-open-secret"),)
)


def lines(**changes: object) -> list[str]:
    """What is printed for a client with changes."""
    return vpnc_conf(replace(CLIENT, **changes)).splitlines()


def test_gateway_group_and_user_are_named() -> None:
    """The group's secret is the pre-shared key."""
    found = lines()

    assert [line for line in found if line.startswith(("IPSec", "Xauth"))] == [
        "IPSec gateway 192.0.2.1",
        "IPSec ID group",
        f"IPSec secret {DEFAULT.psk.decode()}",
        "Xauth username carol",
        "Xauth password an-open-secret",
    ]


def test_group_is_that_of_the_first_policy_that_can_be_offered() -> None:
    """It has no SHA-2, so a policy with that is passed over."""
    assert "IKE DH Group dh5" in lines()


def test_perfect_forward_secrecy_is_as_configured() -> None:
    """Else the server would decide."""
    assert "Perfect Forward Secrecy nopfs" in lines()
    assert "Perfect Forward Secrecy dh14" in lines(pfs_group=Group.MODP_2048)


def test_further_lines_come_last() -> None:
    """Whatever the client knows besides."""
    assert vpnc_conf(CLIENT, further={"client": ["Debug 2"]}).endswith("Debug 2\n")


SHA2 = IsakmpPolicy(EncrV1.AES_CBC, 128, HashV1.SHA2_256, AuthMethodV1.XAUTH_INIT_PRE_SHARED, Group.MODP_2048)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"local_id": Identity("fqdn", "a.example")}, "the name of a group"),
        ({"proposals_v1": (SHA2,)}, "any policy of phase 1"),
        ({"users": (User("two words", "x"),)}, "printable characters"),
        ({"psk": b"\xff"}, "printable characters"),
        ({"pfs_group": Group.ECP_256}, "perfect forward secrecy by group 19"),
    ],
)
def test_what_can_not_be_said_is_refused(changes: dict[str, object], why: str) -> None:
    """Nothing is printed in its place."""
    with pytest.raises(ValueError, match=why):
        lines(**changes)
