"""OpenIKED's iked.conf printed from a Configuration: pure text, each word where its grammar wants it."""

import re
from dataclasses import replace

import pytest

from harness.codes import Encr, Group, Integ, ProfileName, Protocol
from harness.profile import DEFAULT, ChildProposal, Dpd, Identity, Lifetimes, Selector
from harness.profile.child_policy import ChildPolicy
from harness.profile.credentials import Credentials, User
from harness.profile.exchanges import Fragments
from harness.profile.extensions import Mobility
from harness.profile.openiked import identity, iked_conf, switches, unfit

INITIATOR = DEFAULT.mirrored()


def printed(**changes: object) -> str:
    """What is printed for the catalogue's initiator with changes, a policy in one line."""
    text = iked_conf(replace(INITIATOR, **changes))
    return re.sub(r" \\\n\s+", " ", text)


def test_policy_waits_unless_it_is_active() -> None:
    """A responder's policy is a passive one."""
    assert 'ikev2 "v2" passive tunnel esp ' in printed()
    assert 'ikev2 "v2" active tunnel esp ' in iked_conf(INITIATOR, active=True)


def test_mirrored_ends_face_the_target() -> None:
    """The initiator's subnet is where the flow comes from."""
    assert "from 203.0.113.0/24 to 198.51.100.0/24 local 192.0.2.2 peer 192.0.2.1 " in printed()
    assert " srcid 192.0.2.2 dstid 192.0.2.1 " in printed()


def test_any_peer_is_left_open() -> None:
    """A responder that knows no address and no identity takes whoever comes."""
    found = printed(peer=None, remote_id=None)

    assert " peer any " in found
    assert "dstid" not in found


def test_several_subnets_are_several_flows() -> None:
    """Each pair is one."""
    found = printed(local_subnets=("10.1.0.0/16", "10.2.0.0/16"))

    assert "from 10.1.0.0/16 to 198.51.100.0/24 from 10.2.0.0/16 to 198.51.100.0/24" in found


def test_suites_of_the_ike_sa() -> None:
    """AEAD has no integrity; the order is that of preference."""
    assert re.findall(r"ikesa [^/]*?(?= ikesa| childsa)", printed()) == [
        "ikesa enc aes-256-gcm prf hmac-sha2-256 group curve25519",
        "ikesa enc aes-256 auth hmac-sha2-256 prf hmac-sha2-256 group modp2048",
        "ikesa enc aes-128 auth hmac-sha2-256 prf hmac-sha2-256 group ecp256",
        "ikesa enc 3des auth hmac-sha1 prf hmac-sha1 group modp1024",
    ]


def test_suites_of_children_are_those_that_can_be_installed() -> None:
    """What Linux has no number for is not offered."""
    assert re.findall(r"childsa .*?(?= childsa| srcid)", printed()) == [
        "childsa enc aes-128 auth hmac-sha1 noesn",
        "childsa enc 3des auth hmac-sha1 noesn",
    ]


def test_children_that_can_not_be_installed_are_refused() -> None:
    """AEAD alone leaves nothing to offer."""
    with pytest.raises(ValueError, match="OpenIKED has no word for any suite of a Child SA"):
        printed(child_proposals=(ChildProposal(Protocol.ESP, Encr.ENCR_AES_GCM_16, 256, Integ.NONE),))


def test_pfs_group_is_in_each_suite_of_a_child() -> None:
    """With PFS every suite carries the group."""
    assert printed(pfs_group=Group.MODP_2048).count(" auth hmac-sha1 group modp2048 noesn") == 2


def test_strict_configuration_never_rekeys() -> None:
    """No lifetime, no liveness checks, no mobility."""
    found = printed()

    assert " ikelifetime 0 lifetime 0 bytes 0 " in found
    assert found.startswith("set dpd_check_interval 0\nset nofragmentation\nset nomobike\n")


def test_limits_are_when_it_rekeys() -> None:
    """The soft one of the IKE SA; of a child it takes its own share of the hard one."""
    lifetimes = Lifetimes(ike_soft=8.0, ike_hard=60.0, child_hard=5.0)

    assert " ikelifetime 8 lifetime 5 bytes 4718592000 " in printed(
        profile=ProfileName.REKEY_OK, lifetimes=lifetimes
    )


def test_liveness_checks_are_printed() -> None:
    """Its interval is one for all policies."""
    assert printed(dpd=Dpd(10.0)).startswith("set dpd_check_interval 10\n")


def test_further_lines_are_added() -> None:
    """Those for everything come before the policy, those for the policy at its end."""
    text = iked_conf(INITIATOR, further={"global": ["set fragmentation"], "policy": ["config address any"]})

    assert "\nset fragmentation\nikev2 " in text
    assert text.endswith("config address any\n")


@pytest.mark.parametrize(
    "who",
    [Identity("ipv4", "192.0.2.1"), Identity("fqdn", "gw.example"), Identity("user_fqdn", "a@example")],
)
def test_identities_speak_for_themselves(who: Identity) -> None:
    """It tells the kind from the look."""
    assert identity(who) == who.value


@pytest.mark.parametrize("who", [Identity("key_id", "abc"), Identity("fqdn", 'a" psk')])
def test_identity_without_words_is_refused(who: Identity) -> None:
    """Neither opaque octets nor what would end the word can be said."""
    with pytest.raises(ValueError, match="OpenIKED has no words for the identity"):
        identity(who)


def test_secret_is_written_as_octets() -> None:
    """No quoting can go wrong."""
    assert printed(psk=b'"\n').endswith(" psk 0x220a\n")


SIGNS = {"local_auth": "signature", "credentials": Credentials((b"own",), b"key", (b"root",))}


def test_ends_that_sign_need_no_word() -> None:
    """It takes the key that it finds, and any signature of the peer's."""
    found = printed(remote_auth="signature", **SIGNS)

    assert "psk" not in found
    assert "eap" not in found


def test_gateway_asks_users_for_their_passwords() -> None:
    """The users come before the policy."""
    found = printed(remote_auth="eap", users=(User("carol", "so secret"),), **SIGNS)

    assert '\nuser "carol" "so secret"\nikev2 ' in found
    assert found.endswith(' eap "mschap-v2"\n')


@pytest.mark.parametrize(("local", "remote"), [("eap", "psk"), ("psk", "null")])
def test_proof_without_a_word_is_refused(local: str, remote: str) -> None:
    """It is no EAP client, and proves what it is."""
    with pytest.raises(ValueError, match="OpenIKED has no words for ends that prove themselves by"):
        printed(local_auth=local, remote_auth=remote)


def test_password_with_a_quote_is_refused() -> None:
    """It would end the word."""
    with pytest.raises(ValueError, match="OpenIKED has no words for a name or password"):
        printed(users=(User("carol", 'a"b'),))


def test_client_without_subnets_wants_what_it_is_given() -> None:
    """The address that the gateway gives is one end of the flow."""
    assert " from dynamic to 198.51.100.0/24 " in printed(local_subnets=())


def test_mobility_is_of_all_policies() -> None:
    """MOBIKE is off unless it is configured."""
    assert "\nset nomobike\n" in printed()
    assert "\nset mobike\n" in printed(mobility=Mobility())


def test_mode_is_that_of_the_children() -> None:
    """Transport mode is asked for where it is taken."""
    assert " passive transport esp " in printed(children=ChildPolicy(transport=True))


@pytest.mark.parametrize(
    ("profile", "peer"), [(ProfileName.STRICT, "any"), (ProfileName.TWO_WAY, "192.0.2.2")]
)
def test_responder_that_calls_nobody_knows_no_address(profile: ProfileName, peer: str) -> None:
    """Who a peer must be is said by its identity."""
    found = iked_conf(replace(DEFAULT, profile=profile), serves=True)

    assert f"peer {peer} " in found
    assert "dstid 192.0.2.2" in found


def test_one_that_waits_starts_nothing_until_it_is_told() -> None:
    """Its policy is an active one, the whole of it is passive."""
    found = iked_conf(replace(DEFAULT, profile=ProfileName.TWO_WAY), active=True, waits=True)

    assert found.startswith("set passive\n")
    assert 'ikev2 "v2" active ' in found


def test_second_selector_is_another_flow() -> None:
    """It stands beside the pairs of subnets."""
    found = printed(second_selector=Selector("10.1.0.0/16", "10.2.0.0/16"))

    assert "to 198.51.100.0/24 from 10.1.0.0/16 to 10.2.0.0/16" in found


@pytest.mark.parametrize("profile", list(ProfileName))
def test_switches_are_what_is_printed(profile: ProfileName) -> None:
    """Each setting that is told with its reason stands in the file as it is told."""
    configuration = replace(DEFAULT, profile=profile)
    told, text = switches(configuration), iked_conf(configuration)

    assert [each.setting for each in told if each.setting not in text] == []
    assert all(each.why for each in told)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"initiate_version": 1}, "speaks IKEv2 alone"),
        ({"lifetimes": Lifetimes(child_hard=5.0)}, "no lifetimes but those at which it rekeys"),
        ({"profile": ProfileName.REKEY_OK, "lifetimes": Lifetimes(child_hard=5.0)}, ""),
        ({"fragments": Fragments(size=600)}, "no word for the size of fragments"),
        ({"remote_auth": "null"}, "no words for ends that prove themselves by"),
    ],
)
def test_unfit_configuration_is_told(changes: dict[str, object], why: str) -> None:
    """What has no words is named before anything is started."""
    assert why in unfit(replace(DEFAULT, **changes))
    assert bool(why) == bool(unfit(replace(DEFAULT, **changes)))
